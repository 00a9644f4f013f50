// SPDX-License-Identifier: Apache-2.0
#include "store/database/idempotency_store.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/instance.hpp"

namespace weir::store {
namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t plenty = 1 << 20;

OnceRequest request(std::string scope, std::string fingerprint = "what was asked") {
  return {std::move(scope), "key:a", "ada", std::move(fingerprint)};
}

OnceAnswer answer(std::string body) {
  return {200, false, "content-type: application/json\r\n", std::move(body)};
}

/// A data directory with a running program's folder in it, which go with the test.
class Place {
 public:
  Place() = default;
  ~Place() { std::filesystem::remove_all(path_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// The folder of another running program.
  Instance run() {
    auto opened = Instance::open(path_, true);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *std::move(opened) : Instance();
  }
  std::unique_ptr<IdempotencyStore> open(const std::string& instance,
                                         std::int64_t bytes_max = plenty) {
    auto opened = IdempotencyStore::open(
        file("idempotency.db"),
        {.keys = &keys_, .bytes_max = bytes_max, .instance = instance, .is_power_safe = true});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *std::move(opened) : nullptr;
  }
  /// Everything that was written, as it lies on the disk.
  [[nodiscard]] std::string content() const {
    std::string all;
    for (const auto& each : std::filesystem::directory_iterator(path_)) {
      if (each.path().filename().string().starts_with("idempotency.db")) {
        std::ifstream in(each.path(), std::ios::binary);
        all.append(std::istreambuf_iterator<char>(in), {});
      }
    }
    return all;
  }

 private:
  static std::string make_folder() {
    std::string path = testing::TempDir() + "/weir-once-XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    return path;
  }

  std::string path_ = make_folder();
  FileDataKeys keys_{file("data-key")};
};

// M-2, and a restart in between.
TEST(IdempotencyStore, GivesTheSameAnswerAgainAlsoAfterARestart) {
  Place place;
  const OnceRequest once = request("s1");
  {
    const Instance instance = place.run();
    auto store = place.open(instance.folder());
    const auto first = store->begin(once, 0, day_ms);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_FALSE(*first) << "it is to be made";
    ASSERT_TRUE(store->keep(once, answer("pong")));
    EXPECT_EQ(**store->begin(once, 1, day_ms), answer("pong"));
  }
  const Instance instance = place.run();
  const auto again = place.open(instance.folder())->begin(once, 1, day_ms);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(**again, answer("pong"));
}

// M-3.
TEST(IdempotencyStore, RefusesWhatIsBeingMadeAndWhatIsAnotherRequest) {
  Place place;
  const Instance instance = place.run();
  auto store = place.open(instance.folder());
  ASSERT_TRUE(store->begin(request("s1"), 0, day_ms));
  const auto second = store->begin(request("s1"), 0, day_ms);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::idempotency_in_progress);
  EXPECT_EQ(second.error().retry_after, std::chrono::seconds(1));
  for (const bool is_kept : {false, true}) {
    if (is_kept) ASSERT_TRUE(store->keep(request("s1"), answer("pong")));
    const auto other = store->begin(request("s1", "something else"), 0, day_ms);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::idempotency_mismatch);
  }
  EXPECT_TRUE(store->begin(request("s2", "something else"), 0, day_ms)) << "another key";
}

// M-4: what was not stored may be tried again with the same key.
TEST(IdempotencyStore, LetsBeMadeAgainWhatWasForgotten) {
  Place place;
  const Instance instance = place.run();
  auto store = place.open(instance.folder());
  ASSERT_TRUE(store->begin(request("s1"), 0, day_ms));
  ASSERT_TRUE(store->forget(request("s1")));
  const auto again = store->begin(request("s1", "even another"), 0, day_ms);
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again);
}

// M-5: nobody knows what became of it, so nobody makes it again.
TEST(IdempotencyStore, SaysAfterACrashThatTheEndIsNotKnown) {
  Place place;
  {
    const Instance instance = place.run();
    ASSERT_TRUE(place.open(instance.folder())->begin(request("s1"), 0, day_ms));
  }
  const Instance instance = place.run();
  auto store = place.open(instance.folder());
  for (const std::int64_t now : {std::int64_t{1}, day_ms - 1}) {
    const auto again = store->begin(request("s1"), now, now + day_ms);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::idempotency_unknown);
  }
  EXPECT_TRUE(store->begin(request("s1"), day_ms, 2 * day_ms)) << "its time is over";
}

TEST(IdempotencyStore, TellsARunningProcessFromOneThatEnded) {
  Place place;
  const Instance here = place.run();
  auto store = place.open(here.folder());
  {
    const Instance there = place.run();
    auto other = place.open(there.folder());
    ASSERT_TRUE(other->begin(request("s1"), 0, day_ms));
    EXPECT_EQ(store->begin(request("s1"), 0, day_ms).error().code,
              ErrorCode::idempotency_in_progress);
  }
  EXPECT_EQ(store->begin(request("s1"), 0, day_ms).error().code, ErrorCode::idempotency_unknown);
}

TEST(IdempotencyStore, ForgetsAtTheEndOfTheirTime) {
  Place place;
  const Instance instance = place.run();
  auto store = place.open(instance.folder());
  for (const char* scope : {"s1", "s2", "running"}) {
    ASSERT_TRUE(store->begin(request(scope), 0, day_ms));
  }
  ASSERT_TRUE(store->keep(request("s1"), answer("pong")));
  ASSERT_TRUE(store->lose(request("s2")));
  EXPECT_EQ(*store->remove_expired(day_ms - 1, 100), 0U);
  EXPECT_EQ(*store->remove_expired(day_ms, 1), 1U);
  EXPECT_EQ(*store->remove_expired(day_ms, 100), 1U);
  EXPECT_EQ(store->begin(request("running"), 2 * day_ms, 3 * day_ms).error().code,
            ErrorCode::idempotency_in_progress)
      << "it is still being made";
}

// For want of room an answer is lost, but nothing is made twice.
TEST(IdempotencyStore, GivesUpOldAnswersBeforeItGivesUpThatTheyWereGiven) {
  Place place;
  const Instance instance = place.run();
  auto store = place.open(instance.folder(), 10'000);
  const std::string body(4'000, 'x');
  for (const char* scope : {"s1", "s2", "s3"}) {
    ASSERT_TRUE(store->begin(request(scope), 0, day_ms + scope[1]));
    ASSERT_TRUE(store->keep(request(scope), answer(body)));
  }
  EXPECT_EQ(store->begin(request("s1"), 1, day_ms).error().code, ErrorCode::idempotency_unknown);
  EXPECT_EQ(**store->begin(request("s3"), 1, day_ms), answer(body));
  int taken = 0;
  while (taken < 100 && store->begin(request("n" + std::to_string(taken)), 1, day_ms)) ++taken;
  EXPECT_GT(taken, 5);
  const auto full = store->begin(request("one more"), 1, day_ms);
  ASSERT_FALSE(full) << "rather none than one that might be made twice";
  EXPECT_EQ(full.error().code, ErrorCode::store_unavailable);
  EXPECT_EQ(store->begin(request("s1"), 1, day_ms).error().code, ErrorCode::idempotency_unknown);
}

TEST(IdempotencyStore, TakesAnAnswerThatIsTooLongForNotKnown) {
  Place place;
  const Instance instance = place.run();
  auto store = place.open(instance.folder(), 5'000);
  ASSERT_TRUE(store->begin(request("s1"), 0, day_ms));
  ASSERT_TRUE(store->keep(request("s1"), answer(std::string(6'000, 'x'))));
  EXPECT_EQ(store->begin(request("s1"), 1, day_ms).error().code, ErrorCode::idempotency_unknown);
}

// I-8: neither what was asked, not even as a digest, nor what was answered.
TEST(IdempotencyStore, WritesNothingThatCanBeReadWithoutTheKey) {
  Place place;
  const Instance instance = place.run();
  auto store = place.open(instance.folder());
  ASSERT_TRUE(store->begin(request("s1", "the digest of it"), 0, day_ms));
  ASSERT_TRUE(store->keep(request("s1", "the digest of it"), answer("the answer to it")));
  const std::string content = place.content();
  EXPECT_NE(content.find("key:a"), std::string::npos) << "this is the file";
  EXPECT_EQ(content.find("the digest"), std::string::npos);
  EXPECT_EQ(content.find("the answer"), std::string::npos);
}

// Y-5: an answer that somebody moved to another's row can't be read there.
TEST(IdempotencyStore, DoesNotOpenWhatWasMoved) {
  Place place;
  const Instance instance = place.run();
  {
    auto store = place.open(instance.folder());
    for (const char* scope : {"s1", "s2"}) {
      ASSERT_TRUE(store->begin(request(scope), 0, day_ms));
      ASSERT_TRUE(store->keep(request(scope), answer(scope)));
    }
  }
  auto database = SqliteDatabase::open(place.file("idempotency.db"));
  ASSERT_TRUE(database);
  ASSERT_TRUE(
      database->run("UPDATE requests SET answer = (SELECT answer FROM requests WHERE scope = 's2') "
                    "WHERE scope = 's1'"));
  const auto moved = place.open(instance.folder())->begin(request("s1"), 1, day_ms);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, ErrorCode::store_unavailable);
}

TEST(IdempotencyStore, KeepsThemInMemoryWhereNothingMayBeWritten) {
  auto store = IdempotencyStore::open_in_memory({.bytes_max = plenty});
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->begin(request("s1"), 0, day_ms));
  ASSERT_TRUE((*store)->keep(request("s1"), answer("pong")));
  EXPECT_EQ(**(*store)->begin(request("s1"), 1, day_ms), answer("pong"));
}

// J-3.
TEST(IdempotencyStore, ShowsAndRemovesWhatBelongsToOnePerson) {
  Place place;
  const Instance instance = place.run();
  auto store = place.open(instance.folder());
  const OnceRequest hers{"s1", "key:a", "ada", "x"};
  const OnceRequest of_her_old_key{"s2", "key:b", "ada", "x"};
  const OnceRequest nameless{"s3", "key:c", "", "x"};
  const OnceRequest running{"s4", "key:a", "ada", "x"};
  for (const OnceRequest& each : {hers, of_her_old_key, nameless, running}) {
    ASSERT_TRUE(store->begin(each, 0, day_ms));
  }
  ASSERT_TRUE(store->keep(hers, answer("hers")));
  ASSERT_TRUE(store->lose(of_her_old_key));
  ASSERT_TRUE(store->keep(nameless, answer("another's")));
  std::vector<std::string> seen;
  const auto see = [&](std::int64_t expires_ms, const std::optional<OnceAnswer>& found) {
    EXPECT_EQ(expires_ms, day_ms);
    seen.push_back(found ? found->body : "not known");
  };
  ASSERT_TRUE(store->for_each_of({"", "ada"}, see));
  EXPECT_EQ(seen, (std::vector<std::string>{"hers", "not known"}));
  EXPECT_EQ(*store->remove_of({"key:a", ""}), 1U) << "of that key alone";
  EXPECT_EQ(*store->remove_of({"", "ada"}), 1U);
  EXPECT_EQ(*store->remove_of({"", ""}), 0U) << "nobody is not everybody without a name";
  EXPECT_EQ(**store->begin(nameless, 1, day_ms), answer("another's"));
}

TEST(IdempotencyStore, RefusesAFileOfALaterVersion) {
  Place place;
  {
    auto database = SqliteDatabase::open(place.file("idempotency.db"));
    ASSERT_TRUE(database && database->run("PRAGMA user_version=99"));
  }
  FileDataKeys keys(place.file("data-key"));
  EXPECT_FALSE(IdempotencyStore::open(place.file("idempotency.db"),
                                      {.keys = &keys, .bytes_max = plenty, .instance = "i"}));
}

}  // namespace
}  // namespace weir::store
