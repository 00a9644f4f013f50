// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postgres/server.hpp"

namespace weir::store {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class Postgres : public testing::Test {
 protected:
  Postgres() { test::drop_tables(); }

  PostgresDatabase database = test::open_database();
};

TEST_F(Postgres, NumbersAndBytesComeBackAsTheyWent) {
  const auto numbers = database.run("SELECT $1::bigint, $2::bigint, -7::int, 300::smallint, NULL",
                                    {std::to_string(std::numeric_limits<std::int64_t>::min()),
                                     std::to_string(std::numeric_limits<std::int64_t>::max())});
  ASSERT_TRUE(numbers) << numbers.error().message;
  EXPECT_EQ(numbers->integer(0, 0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(numbers->integer(0, 1), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(numbers->integer(0, 2), -7);
  EXPECT_EQ(numbers->integer(0, 3), 300);
  EXPECT_EQ(numbers->integer(0, 4), 0);
  const auto bytes = database.run("SELECT decode($1, 'base64'), $2", {"AP8K", "ä'\"\\"});
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->text(0, 0), std::string_view("\0\xff\n", 3));
  EXPECT_EQ(bytes->text(0, 1), "ä'\"\\");
}

TEST_F(Postgres, WhatIsNotCommittedIsUndone) {
  ASSERT_TRUE(database.run_all("CREATE SCHEMA weir; CREATE TABLE weir.t(n bigint)"));
  {
    auto transaction = PostgresTransaction::begin(database);
    ASSERT_TRUE(transaction);
    const auto inserted = database.run("INSERT INTO weir.t VALUES(1), (2)");
    ASSERT_TRUE(inserted);
    EXPECT_EQ(inserted->changes(), 2);
  }
  EXPECT_EQ(database.run("SELECT * FROM weir.t")->size(), 0);
  auto transaction = PostgresTransaction::begin(database);
  ASSERT_TRUE(database.run("INSERT INTO weir.t VALUES(1)"));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(test::open_database().run("SELECT * FROM weir.t")->size(), 1);
}

//
TEST_F(Postgres, ACommitSurvivesThePowerOfTheServer) {
  EXPECT_EQ(database.run("SHOW synchronous_commit")->text(0, 0), "on");
}

// A message may come into a log, and a row has what clients sent.
TEST_F(Postgres, AnErrorTellsNoRow) {
  ASSERT_TRUE(database.run_all("CREATE SCHEMA weir; CREATE TABLE weir.t(n text PRIMARY KEY)"));
  ASSERT_TRUE(database.run("INSERT INTO weir.t VALUES($1)", {"canary-row"}));
  const auto again = database.run("INSERT INTO weir.t VALUES($1)", {"canary-row"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::store_unavailable);
  EXPECT_EQ(again.error().message.find("canary-row"), std::string::npos) << again.error().message;
  EXPECT_NE(again.error().message.find("duplicate key"), std::string::npos);
  EXPECT_TRUE(database.run("SELECT 1")) << "the connection goes on";
}

TEST(PostgresUrl, NoMessageTellsIt) {
  for (const std::string url :
       {"postgres://u:canary-pw@127.0.0.1:1/weir", "postgres://u:canary-pw@/x?nonsense=canary-pw",
        "canary-pw", "postgres://u:canary-pw@127.0.0.1:canary-pw/weir", "",
        "postgres://u:canary-pw/x@127.0.0.1/weir", "postgres://u:x@canary-pw@127.0.0.1/weir",
        "postgres://u:canary-pw@127.0.0.1:1/%zz"}) {
    const auto opened = PostgresDatabase::open(url);
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, ErrorCode::store_unavailable);
    EXPECT_EQ(opened.error().message.find("canary-pw"), std::string::npos)
        << opened.error().message;
  }
}

TEST_F(Postgres, AWrongPasswordIsSaidWithoutTheRightOne) {
  std::string url = test::postgres_url();
  const auto password = url.find(':', url.find("//")) + 1;
  url.replace(password, url.rfind('@') - password, "canary-wrong");
  const auto opened = PostgresDatabase::open(url);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("password authentication failed"), std::string::npos);
  EXPECT_EQ(opened.error().message.find("canary"), std::string::npos) << opened.error().message;
}

// X-5, D-1.
TEST_F(Postgres, AStatementThatTakesTooLongIsEndedByTheServer) {
  EXPECT_EQ(database.run("SHOW statement_timeout")->text(0, 0), "2s");
  ASSERT_TRUE(database.set_time_max(50ms));
  const auto slept = database.run("SELECT pg_sleep(600)");
  ASSERT_FALSE(slept);
  EXPECT_NE(slept.error().message.find("statement timeout"), std::string::npos);
  EXPECT_TRUE(database.run("SELECT 1"));
}

// D-1: a server that takes connections and never says a word.
TEST(PostgresServer, OneThatNeverAnswersIsGivenUp) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener, any, size), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  ASSERT_EQ(::getsockname(listener, any, &size), 0);
  const auto begin = steady_clock::now();
  const auto opened = PostgresDatabase::open(
      "postgres://u@127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/weir");
  EXPECT_FALSE(opened);
  EXPECT_GE(steady_clock::now() - begin, 1'900ms);
  EXPECT_LT(steady_clock::now() - begin, 10s);
  ::close(listener);
}

constexpr const char* first_version[] = {"CREATE TABLE weir.t(a bigint)"};
constexpr const char* second_version[] = {"CREATE TABLE weir.t(a bigint)",
                                          "ALTER TABLE weir.t ADD b bigint DEFAULT 5"};
constexpr const char* broken_version[] = {"CREATE TABLE weir.t(a bigint)",
                                          "ALTER TABLE weir.t ADD b bigint DEFAULT 5",
                                          "CREATE TABLE weir.u(c bigint); SELECT 1 / 0"};

//
TEST_F(Postgres, TablesAreBroughtToTheNewestVersion) {
  ASSERT_TRUE(database.migrate("part", first_version));
  ASSERT_TRUE(database.run("INSERT INTO weir.t VALUES(1)"));
  ASSERT_TRUE(database.migrate("part", second_version));
  ASSERT_TRUE(database.migrate("part", second_version)) << "once";
  EXPECT_EQ(database.run("SELECT b FROM weir.t")->integer(0, 0), 5);
  EXPECT_FALSE(database.migrate("part", broken_version));
  EXPECT_EQ(database.run("SELECT to_regclass('weir.u') IS NULL, version FROM weir.versions")
                ->integer(0, 1),
            2)
      << "or they stay as they were";
  const auto older = database.migrate("part", first_version);
  ASSERT_FALSE(older);
  EXPECT_NE(older.error().message.find("later version"), std::string::npos);
}

}  // namespace
}  // namespace weir::store
