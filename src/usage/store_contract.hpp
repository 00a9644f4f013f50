// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/request_id.hpp"
#include "ledger/test_support.hpp"
#include "usage/report.hpp"
#include "usage/store.hpp"

/// What every store of sums does. A test binary that includes this instantiates `StoreContract`
/// with what makes places for its kind of store.
namespace weir::usage {

/// Where one ledger's sums are kept, until the object ends.
struct StorePlace {
  StorePlace() = default;
  StorePlace(const StorePlace&) = delete;
  StorePlace& operator=(const StorePlace&) = delete;
  virtual ~StorePlace() = default;
  /// As often as one likes.
  virtual Result<std::unique_ptr<Store>> open() = 0;
};
using MakePlace = std::unique_ptr<StorePlace> (*)();

inline constexpr std::int64_t noon = 1'795'608'000'000;  // 2026-11-25, 12:00 UTC

/// An id as the gateway makes them, of that time.
inline std::string id_of(std::string_view name, std::int64_t unix_ms) {
  SeededRandom random(hash_of(name));
  return make_request_id(unix_ms, random);
}

/// A call of one attempt that cost `nanousd`.
inline ledger::CallRecord call(std::string_view name, std::int64_t ended_ms, std::int64_t nanousd) {
  ledger::CallRecord record = ledger::full_call();
  record.request_id = id_of(name, ended_ms - 100);
  record.started_ms = ended_ms - 100;
  record.ended_ms = ended_ms;
  record.cost_nanousd = nanousd;
  record.exposure_nanousd = 0;
  record.attempts.resize(1);
  record.attempts[0].cost_nanousd = nanousd;
  record.attempts[0].failure = "ok";
  record.usage = record.attempts[0].usage;
  return record;
}

class StoreTest : public testing::Test {
 protected:
  explicit StoreTest(std::unique_ptr<StorePlace> place)
      : place_(std::move(place)), store(reopened()) {}

  [[nodiscard]] std::unique_ptr<Store> reopened() const {
    auto opened = place_->open();
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  static ledger::Position position(std::uint64_t segments) {
    ledger::Position at;
    at.segments_read = segments;
    return at;
  }
  /// Has `store` take calls of one segment, one behind the other, and commit them; from the
  /// beginning again where it says so.
  static Result<Store::Added> add_to(Store& store, const std::vector<ledger::CallRecord>& calls,
                                     const ledger::Position& from, std::uint64_t segment) {
    constexpr std::uint64_t record_bytes = 512;
    for (;;) {
      store.begin(from);
      std::uint64_t offset = 16;
      for (const auto& record : calls) {
        const std::int64_t cost = record.cost_nanousd;
        store.take(record, {segment, offset}, {cost / 2, cost * 2, cost + 1});
        offset += record_bytes;
      }
      const auto added = store.commit(position(segment + 1));
      if (!added || *added != Store::Added::none_yet) return added;
    }
  }
  /// Adds behind what is there.
  void add(const std::vector<ledger::CallRecord>& calls) { add_to(*store, calls); }
  static void add_to(Store& store, const std::vector<ledger::CallRecord>& calls) {
    const auto from = store.position();
    ASSERT_TRUE(from);
    const auto added = add_to(store, calls, *from, from->segments_read);
    ASSERT_TRUE(added) << added.error().message;
    ASSERT_EQ(*added, Store::Added::all);
  }
  [[nodiscard]] Report report(Period period, std::vector<Dimension> by) const {
    auto found = ask(*store, {.period = period,
                              .by = std::move(by),
                              .from_ms = 0,
                              .before_ms = noon - noon % day_ms + 100 * day_ms});
    EXPECT_TRUE(found) << found.error().message;
    return *std::move(found);
  }

 private:
  std::unique_ptr<StorePlace> place_;

 protected:
  std::unique_ptr<Store> store;
};

class StoreContract : public StoreTest, public testing::WithParamInterface<MakePlace> {
 protected:
  StoreContract() : StoreTest(GetParam()()) {}
};

// I-3: however it is grouped, it is what the ledger says.
TEST_P(StoreContract, EverySumEqualsTheLedger) {
  ledger::CallRecord several = ledger::full_call();
  several.ended_ms = noon;
  several.attempts[1].provider = "anthropic";
  several.attempts[1].model = "claude";
  several.attempts[0].cost_nanousd = 7;
  several.attempts[1].cost_nanousd = 11;
  several.attempts[0].exposure_nanousd = 0;
  several.cost_nanousd = 18;
  several.exposure_nanousd = 5;
  add({several, call("a", noon, 3), call("b", noon + hour_ms, 5),
       call("c", noon + 40 * day_ms, 1)});
  for (const Period period : {Period::all, Period::hour, Period::day, Period::month}) {
    for (std::size_t i = 0; i < dimension_count; ++i) {
      const auto dimension = static_cast<Dimension>(i);
      const Report found = report(period, {dimension});
      EXPECT_EQ(found.total.cost, 27);
      EXPECT_EQ(found.total.exposure, 5);
      EXPECT_EQ(found.total.requests, 4);
      EXPECT_EQ(found.total.attempts, 5);
      std::int64_t sum = 0;
      for (const ReportRow& row : found.rows) sum += row.figures.cost;
      // Each of these calls has two tags, and counts with each.
      EXPECT_EQ(sum, dimension == Dimension::tag ? 54 : 27) << dimension_names[i];
    }
  }
  const Report bills = report(Period::all, {Dimension::provider});
  ASSERT_EQ(bills.rows.size(), 2U);
  EXPECT_EQ(bills.rows[0].labels[0], "anthropic");
  EXPECT_EQ(bills.rows[0].figures.cost, 11) << "each provider's own bill";
  EXPECT_EQ(bills.rows[1].figures.cost, 16);
}

TEST_P(StoreContract, WhatTheAttemptsDoNotExplainStaysWithTheCall) {
  ledger::CallRecord cut = call("a", noon, 3);
  cut.cost_nanousd = 10;
  cut.exposure_nanousd = 4;
  add({cut});
  EXPECT_EQ(report(Period::all, {}).total.cost, 10);
  EXPECT_EQ(report(Period::all, {}).total.exposure, 4);
}

TEST_P(StoreContract, PeriodsAreCutInUtc) {
  add({call("a", noon, 1), call("b", noon + hour_ms, 2), call("c", noon + 40 * day_ms, 4)});
  const Report days = report(Period::day, {Dimension::model});
  ASSERT_EQ(days.rows.size(), 2U);
  EXPECT_EQ(period_text(Period::day, days.rows[0].start_ms), "2026-11-25");
  EXPECT_EQ(days.rows[0].figures.cost, 3);
  const Report hours = report(Period::hour, {});
  ASSERT_EQ(hours.rows.size(), 3U);
  EXPECT_EQ(period_text(Period::hour, hours.rows[1].start_ms), "2026-11-25T13:00");
  const Report months = report(Period::month, {});
  ASSERT_EQ(months.rows.size(), 2U);
  EXPECT_EQ(period_text(Period::month, months.rows[1].start_ms), "2027-01");
}

// S-11.4: a record that comes again changes nothing.
TEST_P(StoreContract, ACallCountsOnce) {
  add({call("a", noon, 3), call("a", noon, 3)});
  add({call("a", noon, 3)});
  EXPECT_EQ(report(Period::all, {}).total.requests, 1);
  EXPECT_EQ(report(Period::all, {}).total.cost, 3);
  add({call("b", noon, 5), call("a", noon, 3), call("c", noon + 30'000, 7), call("b", noon, 5)});
  EXPECT_EQ(report(Period::all, {}).total.requests, 3);
  EXPECT_EQ(report(Period::all, {}).total.cost, 15);
  EXPECT_EQ(**store->find(call("a", noon, 3).request_id), (ledger::Place{0, 16}));
  EXPECT_EQ(**store->find(call("b", noon, 5).request_id), (ledger::Place{2, 16}));
}

// Sums and position change together: whoever comes second with the same records adds nothing.
TEST_P(StoreContract, OneReaderOfSeveralGoesOn) {
  const auto other = reopened();
  const auto from = other->position();
  ASSERT_TRUE(from);
  add({call("a", noon, 3)});
  const auto added = add_to(*other, {call("b", noon, 5)}, *from, 8);
  ASSERT_TRUE(added);
  EXPECT_EQ(*added, Store::Added::none);
  EXPECT_EQ(report(Period::all, {}).total.cost, 3);
  EXPECT_EQ(store->position()->segments_read, 1U);
  EXPECT_EQ(reopened()->position()->segments_read, 1U);
}

// U-1: what a window has spent is the sum over all that carry its id. S-11.9: the client's side
// counts what is charged to it, the whole and the providers count exposure, too.
TEST_P(StoreContract, AddsUpWhatWasTakenOfEachWindow) {
  ledger::CallRecord two = ledger::full_call();
  two.ended_ms = noon;
  two.windows = {"key:k1:day:2026-11-21", "global:total"};
  two.attempts[0].windows = {"provider:openai:month:2026-11"};
  two.attempts[0].failure = "local";  // it was never sent
  two.attempts[0].usage = {};
  two.attempts[0].cost_nanousd = two.attempts[0].exposure_nanousd = 0;
  ledger::CallRecord one = call("a", noon, 3);
  one.windows = {"key:k1:day:2026-11-21"};
  add({two, one});
  add({one});  // again
  const auto used = [this](std::string_view id) {
    // Among others: one that nobody knows, and one that is asked for twice.
    const std::string name(id);
    auto found = store->used({"nobody:day:2026-11-21", name, "global:total", name});
    EXPECT_TRUE(found);
    EXPECT_FALSE(found->contains("nobody:day:2026-11-21"));
    return found->contains(name) ? found->at(name) : policy::WindowUse();
  };
  const ledger::CallRecord& a = two;
  EXPECT_EQ(
      used("key:k1:day:2026-11-21"),
      (policy::WindowUse{2, a.usage.input_total() + one.usage.input_total(),
                         a.usage.output_total() + one.usage.output_total(), a.cost_nanousd + 3}));
  EXPECT_EQ(used("global:total").nanousd, a.cost_nanousd + a.exposure_nanousd);
  const policy::WindowUse bill = used("provider:openai:month:2026-11");
  EXPECT_EQ(bill.requests, 1);
  EXPECT_EQ(bill.nanousd, a.attempts[1].cost_nanousd + a.attempts[1].exposure_nanousd);
  EXPECT_EQ(used("key:k1:day:2026-11-20"), policy::WindowUse());
  ASSERT_TRUE(store->forget(noon + 1));
  EXPECT_EQ(used("key:k1:day:2026-11-21"), policy::WindowUse());
  EXPECT_NE(used("global:total"), policy::WindowUse()) << "it has no end";
}

TEST_P(StoreContract, FindsACallByItsId) {
  const ledger::CallRecord a = call("a", noon, 3);
  const ledger::CallRecord b = call("b", noon, 3);
  ASSERT_TRUE(add_to(*store, {a}, {}, 7));
  const auto place = store->find(a.request_id);
  ASSERT_TRUE(place && *place);
  EXPECT_EQ(**place, (ledger::Place{7, 16}));
  EXPECT_FALSE(*store->find(b.request_id));
}

// However many came at one time, and in however many pieces.
TEST_P(StoreContract, FindsEachOfMany) {
  constexpr int at_once = 300;
  for (int piece = 0; piece < 5; ++piece) {
    std::vector<ledger::CallRecord> calls;
    for (int i = 0; i < at_once; ++i) {
      calls.push_back(call(std::to_string(piece * at_once + i), noon + i * 100, 1));
    }
    add(calls);
  }
  for (int number = 0; number < 5 * at_once; ++number) {
    const std::int64_t ended_ms = noon + number % at_once * 100;
    const auto place = store->find(call(std::to_string(number), ended_ms, 1).request_id);
    ASSERT_TRUE(place && *place) << number;
    EXPECT_EQ((*place)->segment, static_cast<std::uint64_t>(number / at_once));
    EXPECT_EQ((*place)->offset, static_cast<std::uint64_t>(16 + number % at_once * 512));
  }
  EXPECT_EQ(report(Period::all, {}).total.requests, 5 * at_once);
}

TEST_P(StoreContract, CanBeMadeAnew) {
  add({call("a", noon, 3)});
  ASSERT_TRUE(store->clear());
  EXPECT_EQ(report(Period::all, {}).total.cost, 0);
  EXPECT_EQ(*store->position(), ledger::Position{});
  add({call("a", noon, 3)});
  EXPECT_EQ(report(Period::all, {Dimension::model}).total.cost, 3);
}

TEST_P(StoreContract, ForgetsHoursAndKeepsDays) {
  const ledger::CallRecord a = call("a", noon, 3);
  const ledger::CallRecord b = call("b", noon + 10 * day_ms, 5);
  add({a, b});
  const auto forgotten = store->forget(noon + day_ms);
  ASSERT_TRUE(forgotten);
  EXPECT_FALSE(forgotten->may_be_more);
  EXPECT_GT(forgotten->rows, 0);
  EXPECT_EQ(report(Period::hour, {}).total.cost, 5);
  EXPECT_EQ(report(Period::day, {}).total.cost, 8);
  EXPECT_FALSE(*store->find(a.request_id));
  EXPECT_TRUE(*store->find(b.request_id));
  EXPECT_EQ(store->forget(noon + day_ms)->rows, 0) << "it was told of once";
}

// S-11.4: what comes again after the answer was lost changes nothing, also together with more.
TEST_P(StoreContract, WhatIsAddedAgainWithMoreAddsOnlyThat) {
  add({call("a", noon, 3), call("b", noon, 4)});
  add({call("b", noon, 4), call("c", noon, 5)});
  EXPECT_EQ(report(Period::all, {}).total.cost, 12);
  EXPECT_EQ(report(Period::all, {}).total.requests, 3);
}

// Clients choose their own names of users and tags.
TEST_P(StoreContract, TakesEveryTextThatAClientCanSend) {
  ledger::CallRecord odd = call("a", noon, 3);
  odd.user = std::string("a\0b\"\\{},\n\x01\xff\xed\xa0\x80", 14);
  odd.tags = {"\xf0\x9f\x8c\x8a", std::string(5'000, 'x')};
  odd.windows = {"user:" + odd.user + ":total"};
  add({odd});
  const Report found = report(Period::all, {Dimension::user});
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_EQ(found.rows[0].labels[0], odd.user);
  EXPECT_EQ(found.total.cost, 3);
  const auto used = store->used(odd.windows);
  ASSERT_TRUE(used && used->contains(odd.windows[0]));
  EXPECT_EQ(used->at(odd.windows[0]).nanousd, 3);
}

}  // namespace weir::usage
