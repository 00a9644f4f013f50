// SPDX-License-Identifier: Apache-2.0
#include "store/database/response_store.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/database/memory_response_store.hpp"
#include "store/database/sqlite_response_store.hpp"

namespace weir::store {
namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::size_t plenty = 1 << 20;

StoredResponse turn(std::string id, std::string previous_id = {}, std::string tenant = "a") {
  StoredResponse response;
  response.id = std::move(id);
  response.tenant = std::move(tenant);
  response.previous_id = std::move(previous_id);
  response.target = "mock/m";
  response.input = R"([{"role":"user","content":"question of )" + response.id + R"("}])";
  response.response = R"({"id":")" + response.id + R"("})";
  response.created_ms = 7;
  return response;
}

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    path_ = testing::TempDir() + "/weir-responses-XXXXXX";
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Sqlite {
  std::unique_ptr<ResponseStore> make(std::size_t bytes_max) {
    auto opened = SqliteResponseStore::open(folder.file("responses.db"), keys, bytes_max);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  Folder folder;
  FileDataKeys keys{folder.file("data-key")};
};

struct Memory {
  static std::unique_ptr<ResponseStore> make(std::size_t bytes_max) {
    return std::make_unique<MemoryResponseStore>(bytes_max);
  }
};

/// What every implementation promises.
template <class Kind>
class ResponseStoreContract : public testing::Test {
 protected:
  ResponseStore& with_room_for(std::size_t bytes_max) {
    store_ = kind_.make(bytes_max);
    return *store_;
  }
  [[nodiscard]] ErrorCode code_of_get(std::string_view id, std::string_view tenant = "a",
                                      std::int64_t now_ms = 0) {
    const auto got = store_->get(tenant, id, now_ms);
    return got ? ErrorCode::internal_error : got.error().code;
  }
  [[nodiscard]] bool has(std::string_view id) { return store_->get("a", id, 0).has_value(); }

  Kind kind_;
  std::unique_ptr<ResponseStore> store_;
};
using Kinds = testing::Types<Memory, Sqlite>;
TYPED_TEST_SUITE(ResponseStoreContract, Kinds);

TYPED_TEST(ResponseStoreContract, GivesBackWhatItWasGiven) {
  ResponseStore& store = this->with_room_for(plenty);
  StoredResponse response = turn("resp_1");
  response.is_kept_upstream = true;
  response.input = std::string("\0\xff binary", 9);
  ASSERT_TRUE(store.put(response, day_ms));
  const auto got = store.get("a", "resp_1", 0);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, response);
}

TYPED_TEST(ResponseStoreContract, KeepsEmptyContent) {
  ResponseStore& store = this->with_room_for(plenty);
  StoredResponse response = turn("resp_1", {}, "");
  response.input.clear();
  response.response.clear();
  ASSERT_TRUE(store.put(response, day_ms));
  const auto got = store.get("", "resp_1", 0);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, response);
}

// Nobody may learn even that another's response exists.
TYPED_TEST(ResponseStoreContract, AnothersResponseDoesNotExist) {
  ResponseStore& store = this->with_room_for(plenty);
  ASSERT_TRUE(store.put(turn("resp_1"), day_ms));
  EXPECT_EQ(this->code_of_get("resp_1", "b"), ErrorCode::route_unknown);
  EXPECT_EQ(store.remove("b", "resp_1", 0).error().code, ErrorCode::route_unknown);
  EXPECT_EQ(read_conversation(store, "b", "resp_1", plenty, 0).error().code,
            ErrorCode::route_unknown);
  EXPECT_TRUE(this->has("resp_1"));
}

// J-3: what is kept of one client, also what nobody else would be shown any more.
TYPED_TEST(ResponseStoreContract, AllOfOneTenantIsFound) {
  ResponseStore& store = this->with_room_for(plenty);
  ASSERT_TRUE(store.put(turn("resp_2"), 1));
  ASSERT_TRUE(store.put(turn("resp_1", {}, "aa"), day_ms));
  ASSERT_TRUE(store.put(turn("resp_1"), day_ms));
  EXPECT_EQ(*store.ids_of("a"), (std::vector<std::string>{"resp_1", "resp_2"}));
  EXPECT_EQ(*store.ids_of("aa"), (std::vector<std::string>{"resp_1"}));
  EXPECT_EQ(*store.ids_of("b"), std::vector<std::string>());
  EXPECT_EQ(*store.tenant_of("resp_2"), "a");
  EXPECT_EQ(store.tenant_of("resp_3").error().code, ErrorCode::route_unknown);
}

TYPED_TEST(ResponseStoreContract, OneIdMayBelongToTwoTenants) {
  ResponseStore& store = this->with_room_for(plenty);
  ASSERT_TRUE(store.put(turn("resp_1", {}, "a"), day_ms));
  StoredResponse other = turn("resp_1", {}, "b");
  other.response = "other";
  ASSERT_TRUE(store.put(other, day_ms));
  ASSERT_TRUE(store.remove("a", "resp_1", 0));
  const auto got = store.get("b", "resp_1", 0);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->response, "other");
}

TYPED_TEST(ResponseStoreContract, AConversationIsReadFromItsBeginning) {
  ResponseStore& store = this->with_room_for(plenty);
  ASSERT_TRUE(store.put(turn("resp_1"), day_ms));
  ASSERT_TRUE(store.put(turn("resp_2", "resp_1"), day_ms));
  ASSERT_TRUE(store.put(turn("resp_3", "resp_2"), day_ms));
  ASSERT_TRUE(store.put(turn("resp_other", "resp_1"), day_ms));
  const auto turns = read_conversation(store, "a", "resp_3", plenty, 0);
  ASSERT_TRUE(turns) << turns.error().message;
  ASSERT_EQ(turns->size(), 3u);
  EXPECT_EQ((*turns)[0].id, "resp_1");
  EXPECT_EQ((*turns)[2].id, "resp_3");
}

TYPED_TEST(ResponseStoreContract, AConversationOverTheLimitIsRefused) {
  ResponseStore& store = this->with_room_for(plenty);
  ASSERT_TRUE(store.put(turn("resp_1"), day_ms));
  ASSERT_TRUE(store.put(turn("resp_2", "resp_1"), day_ms));
  const std::size_t bytes = stored_bytes(turn("resp_1")) + stored_bytes(turn("resp_2", "resp_1"));
  EXPECT_TRUE(read_conversation(store, "a", "resp_2", bytes, 0));
  EXPECT_EQ(read_conversation(store, "a", "resp_2", bytes - 1, 0).error().code,
            ErrorCode::too_large);
}

TYPED_TEST(ResponseStoreContract, TheTimeOfTheLastAnswerIsTheTimeOfAll) {
  ResponseStore& store = this->with_room_for(plenty);
  ASSERT_TRUE(store.put(turn("resp_1"), 1'000));
  EXPECT_EQ(this->code_of_get("resp_1", "a", 1'000), ErrorCode::route_unknown);
  ASSERT_TRUE(store.put(turn("resp_2", "resp_1"), 2'000));
  EXPECT_TRUE(store.get("a", "resp_1", 1'999));
  EXPECT_EQ(this->code_of_get("resp_1", "a", 2'000), ErrorCode::route_unknown);
}

TYPED_TEST(ResponseStoreContract, WhatIsOverIsRemovedInPortions) {
  ResponseStore& store = this->with_room_for(plenty);
  for (const char* id : {"resp_1", "resp_2", "resp_3"}) ASSERT_TRUE(store.put(turn(id), 1'000));
  ASSERT_TRUE(store.put(turn("resp_4"), 2'000));
  EXPECT_EQ(*store.remove_expired(999, 10), 0u);
  EXPECT_EQ(*store.remove_expired(1'000, 2), 2u);
  EXPECT_EQ(*store.remove_expired(1'000, 10), 1u);
  EXPECT_FALSE(this->has("resp_3"));
  EXPECT_TRUE(this->has("resp_4"));
}

TYPED_TEST(ResponseStoreContract, ARemovedResponseIsGoneAndBreaksWhatContinuesIt) {
  ResponseStore& store = this->with_room_for(plenty);
  ASSERT_TRUE(store.put(turn("resp_1"), day_ms));
  ASSERT_TRUE(store.put(turn("resp_2", "resp_1"), day_ms));
  ASSERT_TRUE(store.remove("a", "resp_1", 0));
  EXPECT_EQ(store.remove("a", "resp_1", 0).error().code, ErrorCode::route_unknown);
  EXPECT_TRUE(this->has("resp_2"));
  EXPECT_EQ(read_conversation(store, "a", "resp_2", plenty, 0).error().code,
            ErrorCode::route_unknown);
}

TYPED_TEST(ResponseStoreContract, TheSameResponseAgainTakesThePlaceOfTheFirst) {
  const std::size_t room = 2 * stored_bytes(turn("resp_1"));
  ResponseStore& store = this->with_room_for(room);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store.put(turn("resp_1"), day_ms));
  ASSERT_TRUE(store.put(turn("resp_2"), day_ms));
  EXPECT_TRUE(this->has("resp_1")) << "it was counted more than once";
}

TYPED_TEST(ResponseStoreContract, WhereRoomIsNeededTheOldestConversationGoesAsAWhole) {
  const std::size_t room = 3 * stored_bytes(turn("resp_1", "resp_0"));
  ResponseStore& store = this->with_room_for(room);
  ASSERT_TRUE(store.put(turn("resp_1"), 1'000));
  ASSERT_TRUE(store.put(turn("resp_2", "resp_1"), 1'000));
  ASSERT_TRUE(store.put(turn("resp_3"), 3'000));
  ASSERT_TRUE(store.put(turn("resp_4"), 500)) << "the newest is kept, whatever its time";
  EXPECT_FALSE(this->has("resp_1"));
  EXPECT_FALSE(this->has("resp_2"));
  EXPECT_TRUE(this->has("resp_3"));
  EXPECT_TRUE(this->has("resp_4"));
}

TYPED_TEST(ResponseStoreContract, WhatCanNeverFitIsRefusedAndNothingElseGoes) {
  const std::size_t room = 2 * stored_bytes(turn("resp_1"));
  ResponseStore& store = this->with_room_for(room);
  ASSERT_TRUE(store.put(turn("resp_1"), day_ms));
  StoredResponse large = turn("resp_2");
  large.input.assign(room, 'x');
  EXPECT_EQ(store.put(large, day_ms).error().code, ErrorCode::too_large);
  large.previous_id = "resp_1";
  EXPECT_EQ(store.put(large, day_ms).error().code, ErrorCode::too_large);
  EXPECT_TRUE(this->has("resp_1"));
  EXPECT_FALSE(this->has("resp_2"));
}

class SqliteFile : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return kind_.folder.file("responses.db"); }
  Sqlite kind_;
};

TEST_F(SqliteFile, WhatWasStoredIsThereAfterARestartAndStillCounts) {
  const std::size_t room = 2 * stored_bytes(turn("resp_1"));
  ASSERT_TRUE(kind_.make(room)->put(turn("resp_1"), day_ms));
  const auto store = kind_.make(room);
  EXPECT_EQ(*store->get("a", "resp_1", 0), turn("resp_1"));
  ASSERT_TRUE(store->put(turn("resp_2"), 2 * day_ms));
  ASSERT_TRUE(store->put(turn("resp_3"), 3 * day_ms));
  EXPECT_FALSE(store->get("a", "resp_1", 0));
}

TEST_F(SqliteFile, NothingThatWasSaidStandsInItAndOthersCannotReadIt) {
  const auto store = kind_.make(plenty);
  ASSERT_TRUE(store->put(turn("resp_1"), day_ms));
  for (const std::string& file : {path(), path() + "-wal"}) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_FALSE(bytes.empty()) << file;
    EXPECT_EQ(bytes.find("question"), std::string::npos) << file;
    struct stat found{};
    ASSERT_EQ(::stat(file.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, 0600u) << file;
  }
}

// Y-5: writing to the database is not enough to read another's conversation.
TEST_F(SqliteFile, ContentMovedToAnotherTenantIsUnreadable) {
  const auto store = kind_.make(plenty);
  ASSERT_TRUE(store->put(turn("resp_1"), day_ms));
  auto database = SqliteDatabase::open(path());
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->run("UPDATE responses SET tenant = 'b'"));
  EXPECT_EQ(store->get("b", "resp_1", 0).error().code, ErrorCode::store_unavailable);
}

TEST_F(SqliteFile, AnotherKeyOpensNothing) {
  ASSERT_TRUE(kind_.make(plenty)->put(turn("resp_1"), day_ms));
  std::filesystem::remove(kind_.folder.file("data-key"));
  FileDataKeys other(kind_.folder.file("data-key"));
  const auto store = SqliteResponseStore::open(path(), other, plenty);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->get("a", "resp_1", 0).error().code, ErrorCode::store_unavailable);
  EXPECT_TRUE((*store)->put(turn("resp_2"), day_ms));
}

TEST_F(SqliteFile, AFileThatIsNoDatabaseOrOfALaterVersionIsLeftAlone) {
  const auto code = [&] {
    const auto opened = SqliteResponseStore::open(path(), kind_.keys, plenty);
    return opened ? ErrorCode::internal_error : opened.error().code;
  };
  {
    std::ofstream(path()) << "this is no database, but a text that someone put here";
    EXPECT_EQ(code(), ErrorCode::store_unavailable);
    std::filesystem::remove(path());
  }
  auto database = SqliteDatabase::open(path());
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->run("PRAGMA user_version=2"));
  EXPECT_EQ(code(), ErrorCode::store_unavailable);
}

// A writer that is killed leaves what it had not committed undone.
TEST_F(SqliteFile, ATransactionThatWasNotCommittedIsUndone) {
  auto database = SqliteDatabase::open(path());
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->run("CREATE TABLE t(x)"));
  {
    auto transaction = SqliteTransaction::begin(*database);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(database->run("INSERT INTO t VALUES(1)"));
  }
  auto count = database->prepare("SELECT count(*) FROM t");
  ASSERT_TRUE(count);
  ASSERT_TRUE(*count->step());
  EXPECT_EQ(count->integer(0), 0);
}

}  // namespace
}  // namespace weir::store
