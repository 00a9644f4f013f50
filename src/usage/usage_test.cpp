// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "ledger/test_support.hpp"
#include "usage/report.hpp"
#include "usage/runway.hpp"
#include "usage/store.hpp"
#include "usage/whatif.hpp"

namespace weir::usage {
namespace {

constexpr std::int64_t noon = 1'795'608'000'000;  // 2026-11-25, 12:00 UTC

/// A call of one attempt that cost `nanousd`.
ledger::CallRecord call(const std::string& id, std::int64_t ended_ms, std::int64_t nanousd) {
  ledger::CallRecord record = ledger::full_call();
  record.request_id = id;
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

class UsageStore : public testing::Test {
 protected:
  UsageStore() {
    std::string pattern = testing::TempDir() + "weir-usage-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    store = reopened();
  }
  ~UsageStore() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::unique_ptr<Store> reopened() const {
    auto opened = Store::open(folder_ + "/usage.db");
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  static ledger::Position position(std::uint64_t segments) {
    ledger::Position at;
    at.segments_read = segments;
    return at;
  }
  static Store::Entry entry(const ledger::CallRecord& record, std::uint64_t segment = 1) {
    const std::int64_t cost = record.cost_nanousd;
    return {record, {segment, 16}, {cost / 2, cost * 2, cost + 1}};
  }
  /// Adds behind what is there.
  void add(const std::vector<ledger::CallRecord>& calls) {
    std::vector<Store::Entry> entries;
    for (const auto& record : calls) entries.push_back(entry(record));
    const auto from = store->position();
    ASSERT_TRUE(from);
    const auto added = store->add(entries, *from, position(from->segments_read + 1));
    ASSERT_TRUE(added) << added.error().message;
    ASSERT_TRUE(*added);
  }
  [[nodiscard]] Report report(Period period, std::vector<Dimension> by) const {
    auto found = ask(*store, {.period = period,
                              .by = std::move(by),
                              .from_ms = 0,
                              .before_ms = noon - noon % day_ms + 100 * day_ms});
    EXPECT_TRUE(found);
    return *std::move(found);
  }

  std::unique_ptr<Store> store;

 private:
  std::string folder_;
};

// I-3: however it is grouped, it is what the ledger says.
TEST_F(UsageStore, EverySumEqualsTheLedger) {
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

TEST_F(UsageStore, WhatTheAttemptsDoNotExplainStaysWithTheCall) {
  ledger::CallRecord cut = call("a", noon, 3);
  cut.cost_nanousd = 10;
  cut.exposure_nanousd = 4;
  add({cut});
  EXPECT_EQ(report(Period::all, {}).total.cost, 10);
  EXPECT_EQ(report(Period::all, {}).total.exposure, 4);
}

TEST_F(UsageStore, PeriodsAreCutInUtc) {
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
TEST_F(UsageStore, ACallCountsOnce) {
  add({call("a", noon, 3), call("a", noon, 3)});
  add({call("a", noon, 3)});
  EXPECT_EQ(report(Period::all, {}).total.requests, 1);
  EXPECT_EQ(report(Period::all, {}).total.cost, 3);
}

// Sums and position change together: whoever comes second with the same records adds nothing.
TEST_F(UsageStore, OneReaderOfSeveralGoesOn) {
  const auto other = reopened();
  const auto from = other->position();
  ASSERT_TRUE(from);
  add({call("a", noon, 3)});
  const auto added = other->add({entry(call("b", noon, 5))}, *from, position(9));
  ASSERT_TRUE(added);
  EXPECT_FALSE(*added);
  EXPECT_EQ(report(Period::all, {}).total.cost, 3);
  EXPECT_EQ(store->position()->segments_read, 1U);
  EXPECT_EQ(reopened()->position()->segments_read, 1U);
}

// U-1: what a window has spent is the sum over all that carry its id. S-11.9: the client's side
// counts what is charged to it, the whole and the providers count exposure, too.
TEST_F(UsageStore, AddsUpWhatWasTakenOfEachWindow) {
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
    auto found = store->used(id);
    EXPECT_TRUE(found);
    return (*found).value_or(policy::WindowUse());
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

TEST_F(UsageStore, FindsACallByItsId) {
  ASSERT_TRUE(store->add({entry(call("a", noon, 3), 7)}, {}, position(8)));
  const auto place = store->find("a");
  ASSERT_TRUE(place && *place);
  EXPECT_EQ((*place)->segment, 7U);
  EXPECT_FALSE(*store->find("b"));
}

TEST_F(UsageStore, CanBeMadeAnew) {
  add({call("a", noon, 3)});
  ASSERT_TRUE(store->clear());
  EXPECT_EQ(report(Period::all, {}).total.cost, 0);
  EXPECT_EQ(*store->position(), ledger::Position{});
  add({call("a", noon, 3)});
  EXPECT_EQ(report(Period::all, {Dimension::model}).total.cost, 3);
}

TEST_F(UsageStore, ForgetsHoursAndKeepsDays) {
  add({call("a", noon, 3), call("b", noon + 10 * day_ms, 5)});
  const auto more = store->forget(noon + day_ms);
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
  EXPECT_EQ(report(Period::hour, {}).total.cost, 5);
  EXPECT_EQ(report(Period::day, {}).total.cost, 8);
  EXPECT_FALSE(*store->find("a"));
  EXPECT_TRUE(*store->find("b"));
}

TEST_F(UsageStore, TellsOnlyWhatIsAskedFor) {
  ledger::CallRecord other = call("b", noon, 5);
  other.tags = {"b"};
  other.user = "bob";
  add({call("a", noon, 3), other});
  const auto with = [&](Dimension dimension, const std::string& value) {
    return ask(*store, {.only = {{dimension, value}}, .before_ms = noon + day_ms})->total.cost;
  };
  EXPECT_EQ(with(Dimension::tag, "a"), 3);
  EXPECT_EQ(with(Dimension::tag, "b"), 8);
  EXPECT_EQ(with(Dimension::user, "bob"), 5);
  EXPECT_EQ(with(Dimension::user, "eve"), 0);
}

TEST_F(UsageStore, ComparesWithWhatItCouldHaveCost) {
  add({call("a", noon, 10)});
  const Figures total = report(Period::all, {}).total;
  EXPECT_EQ(total.cheapest, 5);
  EXPECT_EQ(total.dearest, 20);
  EXPECT_EQ(total.cache_savings, 1);
  EXPECT_EQ(total.latency.count(), 1U);
}

TEST_F(UsageStore, ASpreadsheetSeesNoFormula) {
  ledger::CallRecord evil = call("a", noon, 10);
  evil.user = "=1+1,\"x\"";
  add({evil});
  const Question question{.by = {Dimension::user}, .before_ms = noon + day_ms};
  const std::string csv = report_csv(question, *ask(*store, question));
  EXPECT_NE(csv.find("\"'=1+1,\"\"x\"\"\",1,"), std::string::npos) << csv;
}

// A week of 7 dollars, and 10 of 30 days left.
TEST_F(UsageStore, ForecastsTheMonthFromTheWeekBefore) {
  const std::int64_t now = month_of(noon).first + 20 * day_ms;
  add({call("a", now - 7 * day_ms, 3'500), call("b", now - 1, 3'500),
       call("c", now - 15 * day_ms, 50)});
  const auto found = forecast(*store, now);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->spent, 7'050);
  EXPECT_EQ(found->per_day, 1'000);
  EXPECT_EQ(found->expected, 17'050);
}

TEST_F(UsageStore, TellsHowFarTheFreeTiersGo) {
  const std::int64_t now = noon + hour_ms / 2;
  ledger::CallRecord used = call("a", now - 1, 0);
  used.provider = used.attempts[0].provider = "groq";
  used.attempts[0].usage = {};
  used.attempts[0].usage.input = 900;
  used.attempts[0].usage.output = 100;
  used.usage = used.attempts[0].usage;
  ledger::CallRecord before = used;
  before.request_id = "b";
  before.ended_ms = now - day_ms;
  add({used, before, call("c", now, 5)});
  const providers::PlanLimits daily{.basis = "", .requests_per_day = 10, .tokens_per_day = 5'000};
  const providers::PlanLimits monthly{.basis = "", .requests_per_month = 3};
  const auto found = runway(*store, {{"groq", daily}, {"cohere", monthly}}, now);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->providers[0].requests_today.left(), 9);
  EXPECT_EQ(found->providers[0].tokens_today.left(), 4'000);
  EXPECT_EQ(found->requests_left, 12);
  EXPECT_EQ(found->tokens_left, 4'000);
  EXPECT_EQ(found->tokens_per_hour, 666) << "1000 in an hour and a half";
  EXPECT_EQ(found->minutes_left(), 360) << "the tokens end first";
}

// ---- what if ------------------------------------------------------------------------------------

class Replay : public testing::Test {
 protected:
  Replay() { route_.steps.emplace_back(); }

  void offer(const std::string& name, const char* dollars, std::int64_t context = 0) {
    auto target = std::make_shared<pipeline::Target>();
    target->name = name;
    target->context_tokens = context;
    providers::OwnPrices own;
    own.prices.set(providers::PriceKind::input, *TokenPrice::parse_usd_per_million(dollars));
    own.prices.set(providers::PriceKind::output, *TokenPrice::parse_usd_per_million(dollars));
    target->prices = providers::price_book(nullptr, own);
    route_.steps.back().targets.push_back(std::move(target));
  }
  [[nodiscard]] WhatIfRow replay(const std::vector<ledger::CallRecord>& calls) const {
    RecordedTimes times;
    for (const auto& record : calls) times.add(record);
    WhatIf whatif([&](const std::string&) { return &route_; }, times);
    for (const auto& record : calls) whatif.add(record);
    return whatif.total();
  }
  /// 1,000 tokens in, 20 out, at `target`.
  static ledger::CallRecord at(const std::string& target, const std::string& id, std::int64_t ms) {
    ledger::CallRecord record = call(id, noon, 7'000);
    record.target = record.attempts[0].target = target;
    record.attempts[0].started_ms = noon - ms;
    record.attempts[0].ended_ms = noon;
    return record;
  }

  pipeline::Route route_;
};

TEST_F(Replay, ComputesTheCostFromEachCallsOwnTokens) {
  offer("b/cheap", "1");
  const WhatIfRow sum = replay({at("a/x", "1", 100), at("a/x", "2", 100)});
  EXPECT_EQ(sum.requests, 2);
  EXPECT_EQ(sum.cost, 14'000);
  EXPECT_EQ(sum.projected_cost, 2 * 1'020'000);
  EXPECT_EQ(sum.untimed, 2) << "b/cheap never answered";
}

TEST_F(Replay, WhereNothingChangesTheCostIsTheRecordedOne) {
  offer("a/x", "1");
  const WhatIfRow sum = replay({at("a/x", "1", 100)});
  EXPECT_EQ(sum.projected_cost, 7'000);
  EXPECT_EQ(sum.projected_times.quantile(500), sum.times.quantile(500));
}

TEST_F(Replay, ChoosesAsTheStrategyWould) {
  offer("a/x", "5");
  offer("b/cheap", "1");
  offer("c/small", "0.5", 500);
  const std::vector<ledger::CallRecord> calls{at("a/x", "1", 100), at("b/cheap", "2", 9'000)};
  const auto chosen = [&](pipeline::Strategy strategy) {
    route_.steps[0].strategy = strategy;
    return replay(calls).targets;
  };
  using Targets = std::map<std::string, std::int64_t>;
  EXPECT_EQ(chosen(pipeline::Strategy::priority), (Targets{{"a/x", 2}}));
  EXPECT_EQ(chosen(pipeline::Strategy::least_cost), (Targets{{"b/cheap", 2}}))
      << "the cheapest that the call fits into";
  EXPECT_EQ(chosen(pipeline::Strategy::least_latency), (Targets{{"a/x", 2}}));
}

TEST_F(Replay, DrawsByWeightAndAlwaysTheSame) {
  offer("a/x", "5");
  offer("b/y", "1");
  route_.steps[0].strategy = pipeline::Strategy::round_robin;
  std::vector<ledger::CallRecord> calls;
  for (int i = 0; i < 1'000; ++i) calls.push_back(at("a/x", std::to_string(i), 100));
  const WhatIfRow sum = replay(calls);
  EXPECT_NEAR(static_cast<double>(sum.targets.at("a/x")), 500, 60);
  EXPECT_EQ(sum.targets, replay(calls).targets);
}

TEST_F(Replay, SaysWhatNoTargetCouldTake) {
  offer("c/small", "0.5", 500);
  EXPECT_EQ(replay({at("a/x", "1", 100)}).unserved, 1);
}

TEST(Figures, SurviveTheirFile) {
  Figures figures;
  for (std::size_t i = 0; i < figure_rows.size(); ++i) {
    figures.*figure_rows[i].member = static_cast<std::int64_t>(i) * 1'000'003 - 5;
  }
  figures.failures = {{"cut", 3}, {"rate_limited", 9}};
  figures.latency.add(17, 4);
  std::string bytes;
  figures.encode(bytes);
  Figures read;
  ASSERT_TRUE(read.decode(bytes, true));
  for (const FigureRow& row : figure_rows) EXPECT_EQ(read.*row.member, figures.*row.member);
  EXPECT_EQ(read.failures, figures.failures);
  EXPECT_EQ(read.latency.count(), 4U);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Figures().decode(std::string_view(bytes).substr(0, size), true)) << size;
  }
}

}  // namespace
}  // namespace weir::usage
