// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite.hpp"

#include <array>
#include <filesystem>

#include <gtest/gtest.h>
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

TEST_F(SqliteSchemaTest, AFileOfALaterVersionIsRefused) {
  constexpr std::array one = {first};
  constexpr std::array both = {first, second};
  ASSERT_TRUE(open(both));
  const auto refused = open(one);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("later version"), std::string::npos);
}

}  // namespace
}  // namespace weir::store
