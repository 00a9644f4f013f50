// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "postgres/server.hpp"
#include "usage/postgres_store.hpp"
#include "usage/store_contract.hpp"

namespace weir::usage {
namespace {

struct PostgresPlace final : StorePlace {
  PostgresPlace() { test::drop_tables(); }
  Result<std::unique_ptr<Store>> open() override {
    return PostgresStore::open(test::postgres_url(), "ledger-1");
  }
};

std::unique_ptr<StorePlace> make_place() { return std::make_unique<PostgresPlace>(); }

INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract, testing::Values(&make_place));

class PostgresUsage : public StoreTest {
 protected:
  PostgresUsage() : StoreTest(make_place()) {}

  [[nodiscard]] static std::unique_ptr<Store> open_other() {
    auto opened = PostgresStore::open(test::postgres_url(), "ledger-2");
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  static std::int64_t number(const char* sql) {
    const auto rows = test::open_database().run(sql);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && rows->size() > 0 ? rows->integer(0, 0) : -1;
  }
};

TEST_F(PostgresUsage, SeveralLedgersAddUpAndEachKeepsItsPlace) {
  const auto other = open_other();
  ledger::CallRecord mine = call("a", noon, 3);
  ledger::CallRecord theirs = call("b", noon, 5);
  mine.windows = theirs.windows = {"global:total"};
  add({mine});
  add_to(*other, {theirs});
  add_to(*other, {call("c", noon, 7)});
  EXPECT_EQ(report(Period::all, {}).total.cost, 15);
  EXPECT_EQ(report(Period::day, {Dimension::model}).rows.size(), 1U);
  EXPECT_EQ(store->used({"global:total"})->at("global:total").nanousd, 8);
  EXPECT_EQ(store->position()->segments_read, 1U);
  EXPECT_EQ(other->position()->segments_read, 2U);
  EXPECT_TRUE(*store->find(mine.request_id));
  EXPECT_FALSE(*store->find(theirs.request_id)) << "it stands in another's files";
}

TEST_F(PostgresUsage, OneLedgerIsMadeAnewAndTheOthersStay) {
  const auto other = open_other();
  add({call("a", noon, 3)});
  add_to(*other, {call("b", noon, 5)});
  ASSERT_TRUE(store->clear());
  EXPECT_EQ(report(Period::all, {}).total.cost, 5);
  EXPECT_EQ(other->position()->segments_read, 1U);
  add({call("a", noon, 3)});
  EXPECT_EQ(report(Period::all, {}).total.cost, 8);
}

TEST_F(PostgresUsage, CallsAndAttemptsCanBeAskedForBySql) {
  ledger::CallRecord two = ledger::full_call();
  two.ended_ms = two.started_ms + 2'000;
  add({two, call("a", noon, 3)});
  add({two});
  EXPECT_EQ(number("SELECT count(*) FROM weir.calls"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM weir.attempts"), 3);
  EXPECT_EQ(number("SELECT sum(cost_nanousd)::bigint FROM weir.calls"), two.cost_nanousd + 3);
  EXPECT_EQ(
      number("SELECT count(*) FROM weir.calls WHERE request_id = 'req-0123456789' "
             "AND client_key = 'k1' AND user_name = 'ann' AND team = 'blue' AND 'b' = ANY(tags) "
             "AND route = 'smart' AND target = 'openai/gpt-5' AND outcome = 'completed' "
             "AND duration_ms = 2000 AND ended_at - started_at = interval '2 seconds' "
             "AND extract(epoch FROM started_at)::bigint = 1790000000 "
             "AND input_tokens = 2000 AND cache_read_tokens = 3 AND output_tokens = 40 "
             "AND reasoning_tokens = 7 AND exposure_nanousd = 5 AND attempts = 2"),
      1);
  EXPECT_EQ(number("SELECT sum(cost_nanousd)::bigint FROM weir.attempts "
                   "WHERE request_id = 'req-0123456789'"),
            two.attempts[0].cost_nanousd + two.attempts[1].cost_nanousd);
}

TEST_F(PostgresUsage, ForgettingACallTakesItsAttempts) {
  add({call("a", noon, 3)});
  ASSERT_TRUE(store->forget(noon + 1));
  EXPECT_EQ(number("SELECT count(*) FROM weir.attempts"), 0);
}

// D-2: a commit whose answer was lost is found by the position, and nothing is added twice.
TEST_F(PostgresUsage, AnAddThatFailsInTheMiddleLeavesEverythingAsItWas) {
  add({call("a", noon, 3)});
  auto database = test::open_database();
  ASSERT_TRUE(database.run_all("ALTER TABLE weir.windows RENAME TO away"));
  EXPECT_FALSE(add_to(*store, {call("b", noon, 5)}, position(1), 1));
  EXPECT_EQ(report(Period::all, {}).total.cost, 3);
  EXPECT_EQ(number("SELECT count(*) FROM weir.calls"), 1);
  ASSERT_TRUE(database.run_all("ALTER TABLE weir.away RENAME TO windows"));
  add({call("b", noon, 5)});
  EXPECT_EQ(report(Period::all, {}).total.cost, 8);
}

TEST_F(PostgresUsage, ReadsMoreThanOnePage) {
  constexpr int count = 10'500;
  std::vector<ledger::CallRecord> calls;
  for (int i = 0; i < count; ++i) {
    calls.push_back(call("r" + std::to_string(i), noon, 1));
    calls.back().user = "u" + std::to_string(i);
    calls.back().windows.clear();
    if (calls.size() == 3'500) {
      add(calls);
      calls.clear();
    }
  }
  const Report found = report(Period::all, {Dimension::user});
  EXPECT_EQ(found.rows.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(found.total.cost, count);
}

}  // namespace
}  // namespace weir::usage
