// SPDX-License-Identifier: Apache-2.0
#include "store/database/sqlite.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

namespace weir::store {
namespace {

constexpr const char* first = "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES(7);";
constexpr const char* second = "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 8;";

class SqliteSchemaTest : public ::testing::Test {
 protected:
  SqliteSchemaTest() { std::filesystem::create_directory(folder_); }
  ~SqliteSchemaTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] Result<SqliteDatabase> open(SqliteSchema schema) const {
    return SqliteDatabase::open(folder_ + "/file.db", schema);
  }
  /// Forgets the file.
  void clear() const {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  static std::int64_t number(Result<SqliteDatabase>& database, std::string_view sql) {
    if (!database) return -1;
    const auto number = database->number(sql);
    return number ? *number : -1;
  }

 private:
  std::string folder_ = ::testing::TempDir() + "weir_sqlite_" + std::to_string(::getpid());
};

TEST_F(SqliteSchemaTest, AnOlderFileIsBroughtToTheNewestVersionWithWhatItHolds) {
  constexpr std::array one = {first};
  constexpr std::array both = {first, second};
  {
    auto old = open(one);
    EXPECT_EQ(number(old, "PRAGMA user_version"), 1);
  }
  auto now = open(both);
  EXPECT_EQ(number(now, "PRAGMA user_version"), 2);
  EXPECT_EQ(number(now, "SELECT a + b FROM t"), 15);
  auto again = open(both);
  EXPECT_EQ(number(again, "SELECT count(*) FROM t"), 1) << "no step is taken twice";
}

//
TEST_F(SqliteSchemaTest, AStepThatFailsLeavesTheFileAsItWas) {
  constexpr std::array one = {first};
  constexpr std::array broken = {first, second, "INSERT INTO missing VALUES(1);"};
  ASSERT_TRUE(open(one));
  const auto failed = open(broken);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::store_unavailable);
  auto after = open(one);
  EXPECT_EQ(number(after, "PRAGMA user_version"), 1);
  EXPECT_EQ(number(after, "SELECT count(*) FROM pragma_table_info('t')"), 1);
}

void end_process(sqlite3_context*, int, sqlite3_value**) { ::raise(SIGKILL); }

int teach(sqlite3* database, char**, const sqlite3_api_routines*) {
  return sqlite3_create_function(database, "end_process", 0, SQLITE_UTF8, nullptr, end_process,
                                 nullptr, nullptr);
}

// the old schema or the new one, never a mix, wherever in between the process ends.
TEST_F(SqliteSchemaTest, AKillBetweenTheStepsLeavesTheFileAsItWas) {
  constexpr const char* kill = "SELECT end_process();";
  constexpr std::array one = {first};
  constexpr std::array<std::array<const char*, 4>, 2> killed = {
      {{first, kill, second, second}, {first, second, kill, second}}};
  ASSERT_TRUE(open(one));
  for (const auto& steps : killed) {
    EXPECT_EXIT(
        {
          using Entry = void (*)();
          sqlite3_auto_extension(reinterpret_cast<Entry>(teach));
          static_cast<void>(open(steps));
        },
        ::testing::KilledBySignal(SIGKILL), "");
    auto after = open(one);
    EXPECT_EQ(number(after, "PRAGMA user_version"), 1);
    EXPECT_EQ(number(after, "SELECT count(*) FROM pragma_table_info('t')"), 1);
    EXPECT_EQ(number(after, "SELECT a FROM t"), 7);
  }
  constexpr std::array both = {first, second};
  auto now = open(both);
  EXPECT_EQ(number(now, "SELECT a + b FROM t"), 15);
}

//
TEST_F(SqliteSchemaTest, WhatIsCommittedSurvivesPowerAndOneWriterWaitsForTheOther) {
  constexpr std::array one = {first};
  auto database = open(one);
  ASSERT_TRUE(database);
  auto mode = database->prepare("PRAGMA journal_mode");
  ASSERT_TRUE(mode && *mode->step());
  EXPECT_EQ(mode->text(0), "wal");
  constexpr std::int64_t full = 2;
  constexpr std::int64_t normal = 1;
  EXPECT_EQ(number(database, "PRAGMA synchronous"), full);
  EXPECT_EQ(number(database, "PRAGMA busy_timeout"), 5'000);
  EXPECT_EQ(number(database, "PRAGMA foreign_keys"), 1);
  ASSERT_TRUE(database->sync_later());
  EXPECT_EQ(number(database, "PRAGMA synchronous"), normal);
}

// BEGIN IMMEDIATE. A transaction that has begun can't find out later that it may not write.
TEST_F(SqliteSchemaTest, ATransactionTakesTheRightToWriteAtItsBeginning) {
  constexpr std::array one = {first};
  auto database = open(one);
  auto other = open(one);
  ASSERT_TRUE(database && other);
  ASSERT_TRUE(other->run("PRAGMA busy_timeout=0"));
  {
    const auto transaction = SqliteTransaction::begin(*database);
    ASSERT_TRUE(transaction);
    EXPECT_FALSE(SqliteTransaction::begin(*other));
  }
  EXPECT_TRUE(SqliteTransaction::begin(*other));
}

//
TEST_F(SqliteSchemaTest, AFileOfALaterVersionIsRefused) {
  constexpr std::array one = {first};
  constexpr std::array both = {first, second};
  ASSERT_TRUE(open(both));
  const auto refused = open(one);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("later version"), std::string::npos);
}

// What asks and what writes open a new database at the same time.
TEST_F(SqliteSchemaTest, SeveralMayBeTheFirstToOpenIt) {
  constexpr std::array one = {first};
  for (int round = 0; round < 30; ++round) {
    clear();
    std::latch together(4);
    std::array<std::optional<Error>, 4> errors;
    std::vector<std::thread> threads;
    for (std::optional<Error>& error : errors) {
      threads.emplace_back([&] {
        together.arrive_and_wait();
        if (auto opened = open(one); !opened) error = opened.error();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& error : errors) EXPECT_FALSE(error) << error->message;
  }
}

}  // namespace
}  // namespace weir::store
