// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/database/sqlite.hpp"
#include "usage/call_places.hpp"
#include "usage/report.hpp"
#include "usage/runway.hpp"
#include "usage/series.hpp"
#include "usage/sqlite_store.hpp"
#include "usage/store_contract.hpp"
#include "usage/whatif.hpp"

namespace weir::usage {
namespace {

struct SqlitePlace final : StorePlace {
  SqlitePlace() {
    std::string pattern = testing::TempDir() + "weir-usage-XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  ~SqlitePlace() override { std::filesystem::remove_all(folder); }
  Result<std::unique_ptr<Store>> open() override { return SqliteStore::open(folder + "/usage.db"); }

  std::string folder;
};

std::unique_ptr<StorePlace> make_place() { return std::make_unique<SqlitePlace>(); }

// Earlier versions noted each call in a row of its own.
TEST(SqliteStore, FindsWhatEarlierVersionsNoted) {
  constexpr const char* earlier[] = {
      R"sql(
CREATE TABLE position(id INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE series(id INTEGER PRIMARY KEY, labels BLOB UNIQUE);
CREATE TABLE sums(slot INTEGER, start_ms INTEGER, series INTEGER, figures BLOB,
  PRIMARY KEY(slot, start_ms, series)) WITHOUT ROWID;
CREATE TABLE calls(request_id TEXT PRIMARY KEY, ended_ms INTEGER, segment INTEGER,
  offset INTEGER) WITHOUT ROWID;
)sql",
      R"sql(
CREATE TABLE windows(id TEXT PRIMARY KEY, requests INTEGER, input_tokens INTEGER,
  output_tokens INTEGER, nanousd INTEGER, ended_ms INTEGER) WITHOUT ROWID;
INSERT INTO calls VALUES('req_a', 1, 7, 64);
)sql"};
  SqlitePlace place;
  ASSERT_TRUE(store::SqliteDatabase::open(place.folder + "/usage.db", earlier));
  auto opened = place.open();
  ASSERT_TRUE(opened) << opened.error().message;
  const auto found = (*opened)->find("req_a");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(**found, (ledger::Place{7, 64}));
  ASSERT_TRUE((*opened)->forget(noon));
  EXPECT_FALSE(*(*opened)->find("req_a"));
}

TEST(CallPlaces, ARowGivesBackEachOfItsCallsAndNoOther) {
  std::vector<CallPlace> calls;
  for (std::uint64_t i = 0; i < 300; ++i) {
    calls.push_back({i * 0x00fffffffffffff1ULL, {i * i, i << 40U}});
  }
  calls.resize(256);  // from there on the digests go round
  const std::string bytes = encode_places(calls);
  const auto row = PlacesRow::read(bytes);
  ASSERT_TRUE(row);
  ASSERT_EQ(row->size(), calls.size());
  for (const CallPlace& call : calls) {
    EXPECT_EQ(row->find(call.digest), call.place);
    EXPECT_FALSE(row->find(call.digest + 1));
  }
  EXPECT_FALSE(PlacesRow::read(""));
  EXPECT_FALSE(PlacesRow::read(bytes.substr(0, 100)));
  EXPECT_FALSE(PlacesRow::read(std::string_view(bytes).substr(0, bytes.size() - 1))
                   ->find(calls.back().digest));
}

// Whoever asks for an id looks at one span only.
TEST(CallPlaces, AnIdsSpanIsThatOfItsTime) {
  EXPECT_EQ(span_of(id_of("a", noon)), span_at(noon));
  EXPECT_EQ(span_at(noon + 16'384), span_at(noon) + 1);
  EXPECT_EQ(span_of("made elsewhere"), 0);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, testing::Values(&make_place));

class Reports : public StoreTest {
 protected:
  Reports() : StoreTest(make_place()) {}
};

TEST_F(Reports, TellsOnlyWhatIsAskedFor) {
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

// Sums that earlier versions made stand under labels without what came later.
TEST(Series, LabelsWithoutAnOrganisationAreThoseOfBefore) {
  Labels labels;
  labels[static_cast<std::size_t>(Dimension::provider)] = "p";
  labels[static_cast<std::size_t>(Dimension::outcome)] = "failed";
  const std::string before("\1p\0\0\0\0\0\0\0\6failed", 16);
  EXPECT_EQ(encode_labels(labels), before);
  EXPECT_EQ(decode_labels(before), labels);
  labels[static_cast<std::size_t>(Dimension::organisation)] = "acme";
  EXPECT_EQ(encode_labels(labels), before + "\4acme");
  EXPECT_EQ(decode_labels(encode_labels(labels)), labels);
  EXPECT_FALSE(decode_labels(before.substr(0, 15)));
  EXPECT_FALSE(decode_labels(before + "\4acm"));
}

TEST_F(Reports, ComparesWithWhatItCouldHaveCost) {
  add({call("a", noon, 10)});
  const Figures total = report(Period::all, {}).total;
  EXPECT_EQ(total.cheapest, 5);
  EXPECT_EQ(total.dearest, 20);
  EXPECT_EQ(total.cache_savings, 1);
  EXPECT_EQ(total.latency.count(), 1U);
}

TEST_F(Reports, ASpreadsheetSeesNoFormula) {
  ledger::CallRecord evil = call("a", noon, 10);
  evil.user = "=1+1,\"x\"";
  add({evil});
  const Question question{.by = {Dimension::user}, .before_ms = noon + day_ms};
  const std::string csv = report_csv(question, *ask(*store, question));
  EXPECT_NE(csv.find("\"'=1+1,\"\"x\"\"\",1,"), std::string::npos) << csv;
}

// A week of 7 dollars, and 10 of 30 days left.
TEST_F(Reports, ForecastsTheMonthFromTheWeekBefore) {
  const std::int64_t now = month_of(noon).first + 20 * day_ms;
  add({call("a", now - 7 * day_ms, 3'500), call("b", now - 1, 3'500),
       call("c", now - 15 * day_ms, 50)});
  const auto found = forecast(*store, now);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->spent, 7'050);
  EXPECT_EQ(found->per_day, 1'000);
  EXPECT_EQ(found->expected, 17'050);
}

TEST_F(Reports, TellsHowFarTheFreeTiersGo) {
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
  const auto tier = [](const char* provider, const providers::PlanLimits& limits) {
    return FreeTier{provider,
                    provider,
                    "",
                    limits,
                    *policy::Calendar::make(policy::Period::day, ""),
                    *policy::Calendar::make(policy::Period::month, "")};
  };
  const providers::PlanLimits daily{.basis = "", .requests_per_day = 10, .tokens_per_day = 5'000};
  const providers::PlanLimits monthly{.basis = "", .requests_per_month = 3};
  const auto found = runway(*store, {tier("groq", daily), tier("cohere", monthly)}, now);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->providers[0].requests_today.left(), 9);
  EXPECT_EQ(found->providers[0].tokens_today.left(), 4'000);
  EXPECT_EQ(found->requests_left, 12);
  EXPECT_EQ(found->tokens_left, 4'000);
  EXPECT_EQ(found->tokens_per_hour, 666) << "1000 in an hour and a half";
  EXPECT_EQ(found->minutes_left(), 360) << "the tokens end first";
}

TEST_F(Reports, AFreeTierOfSomeModelsCountsThoseTogetherAndNoOthers) {
  const std::int64_t now = noon + hour_ms / 2;
  const auto used = [&](const char* id, const char* model) {
    ledger::CallRecord record = call(id, now - 1, 0);
    record.provider = record.attempts[0].provider = "or";
    record.model = record.attempts[0].model = model;
    return record;
  };
  add({used("a", "google/gemma-4-31b-it:free"), used("b", "unknown/model:free"),
       used("c", "openai/gpt-4o")});
  const auto tiers = free_tiers("or", *providers::find_provider("openrouter"), "", {});
  const auto found = runway(*store, tiers, now);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->providers.size(), 1U);
  EXPECT_EQ(found->providers[0].model, "*free");
  EXPECT_EQ(found->providers[0].requests_today.left(), 48);
}

// Gemini's day begins at midnight in California; each of its models has a day's requests of its
// own.
TEST_F(Reports, TheFreeTiersCountByTheirOwnDaysAndModels) {
  const std::int64_t now = noon + hour_ms / 2;  // half past four in California, or five
  const auto used = [&](const char* id, const char* model, std::int64_t ended_ms) {
    ledger::CallRecord record = call(id, ended_ms, 0);
    record.provider = record.attempts[0].provider = "g";
    record.model = record.attempts[0].model = model;
    return record;
  };
  add({used("a", "gemini-2.5-flash", now - 1), used("b", "gemini-2.5-flash", now - 3 * hour_ms),
       used("c", "gemini-2.5-flash", now - 6 * hour_ms),
       used("d", "gemini-2.5-flash-lite", now - 1)});
  const auto tiers = free_tiers("g", *providers::find_provider("gemini"), "", {});
  const auto found = runway(*store, tiers, now);
  ASSERT_TRUE(found);
  const auto left = [&](std::string_view model) {
    for (const Runway::Provider& one : found->providers) {
      if (one.model == model) return one.requests_today.left();
    }
    return std::int64_t{-1};
  };
  EXPECT_EQ(left("gemini-2.5-flash"), 18) << "the third was yesterday there";
  EXPECT_EQ(left("gemini-2.5-flash-lite"), 19);
  const auto elsewhere =
      runway(*store, free_tiers("g", *providers::find_provider("gemini"), "UTC", {}), now);
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->requests_left, found->requests_left - 1) << "as its operator says";
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
  ledger::CallRecord record = at("a/x", "1", 100);
  record.price_version = route_.steps[0].targets[0]->prices.version;
  const WhatIfRow sum = replay({record});
  EXPECT_EQ(sum.projected_cost, 7'000);
  EXPECT_EQ(sum.projected_times.quantile(500), sum.times.quantile(500));
}

TEST_F(Replay, OtherPricesOfTheSameTargetCount) {
  offer("a/x", "1");
  ledger::CallRecord record = at("a/x", "1", 100);
  record.price_version = "own+other";
  EXPECT_EQ(replay({record}).projected_cost, 1'020'000);
  record.usage.cost_nanousd = 7'000;
  EXPECT_EQ(replay({record}).projected_cost, 7'000) << "the provider tells what it asks";
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
