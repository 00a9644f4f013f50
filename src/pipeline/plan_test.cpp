// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/loop_test_support.hpp"

namespace weir::pipeline {
namespace {

class PlanTest : public testing::Test {
 protected:
  PlanTest() { rig.add("a/m"), rig.add("b/m"), rig.add("c/m"); }

  Call call(Strategy strategy) {
    rig.route().steps.front().strategy = strategy;
    return {.loop = rig.loop,
            .cancellation = rig.cancellation,
            .request_id = "req_1",
            .route = std::shared_ptr<const Route>(std::shared_ptr<void>(), &rig.route()),
            .options = {}};
  }
  std::vector<std::string> order(Strategy strategy) {
    const Call asked = call(strategy);
    Plan plan(asked, rig.operation, random, 1'000'000);
    std::vector<std::string> names;
    for (const Candidate& candidate : plan.all()) names.push_back(candidate.target->name);
    return names;
  }
  TrafficCounters& counters(std::size_t index) {
    return *rig.route().steps.front().targets[index]->counters;
  }
  void set_weight(std::size_t index, std::int64_t weight) {
    const_cast<Target&>(*rig.route().steps.front().targets[index]).weight = weight;
  }

  void set_price(std::size_t index, std::int64_t input, std::int64_t output) {
    auto& prices = const_cast<Target&>(*rig.route().steps.front().targets[index]).prices.base;
    prices.set(providers::PriceKind::input, TokenPrice::from_nano_per_million(input).value());
    prices.set(providers::PriceKind::output, TokenPrice::from_nano_per_million(output).value());
  }

  Rig rig;
  SeededRandom random{7};
};

// Of a route of a thousand targets nearly every request needs one.
TEST_F(PlanTest, LooksAtATargetWhenItsTurnHasCome) {
  const Call asked = call(Strategy::priority);
  Plan plan(asked, rig.operation, random, 1'000'000);
  const Candidate* const first = plan.at(0);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->target->name, "a/m");
  EXPECT_EQ(plan.seen().size(), 1U);
  EXPECT_EQ(plan.at(2)->target->name, "c/m");
  EXPECT_EQ(plan.at(3), nullptr);
  EXPECT_EQ(plan.at(0), first) << "it stays where it is";
}

// F-1: whatever the strategy finds first, the others follow it, each once.
TEST_F(PlanTest, EveryStrategyComesToEachTargetOnce) {
  for (int i = 0; i < 20; ++i) rig.add("more" + std::to_string(i) + "/m");
  for (std::size_t i = 0; i < 23; ++i) {
    counters(i).in_flight = static_cast<std::int32_t>(i * 7 % 5);
    counters(i).first_content_us = static_cast<std::int64_t>(i * 11 % 7);
    set_weight(i, static_cast<std::int64_t>(i % 4));
  }
  for (int strategy = 0; strategy <= static_cast<int>(Strategy::sticky); ++strategy) {
    const auto names = order(static_cast<Strategy>(strategy));
    EXPECT_EQ(names.size(), 23U) << strategy;
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 23U) << strategy;
  }
}

// F-3
TEST_F(PlanTest, WhoMayLackSomethingComesAfterTheOthers) {
  rig.operation.uncertain = "a/m";
  EXPECT_EQ(order(Strategy::priority), (std::vector<std::string>{"b/m", "c/m", "a/m"}));
  const Call asked = call(Strategy::priority);
  Plan plan(asked, rig.operation, random, 1'000'000);
  EXPECT_EQ(plan.at(0)->target->name, "b/m");
}

TEST_F(PlanTest, F1WeightsAreKeptWithinTwoPointsOverTenThousandPicks) {
  set_weight(0, 70);
  set_weight(1, 20);
  set_weight(2, 10);
  std::map<std::string, int> picked;
  for (int i = 0; i < 10'000; ++i) ++picked[order(Strategy::weighted).front()];
  EXPECT_NEAR(picked["a/m"], 7'000, 200);
  EXPECT_NEAR(picked["b/m"], 2'000, 200);
  EXPECT_NEAR(picked["c/m"], 1'000, 200);
}

TEST_F(PlanTest, F1WhoComesNextIsDrawnByWeightAmongThoseLeft) {
  set_weight(0, 70);
  set_weight(1, 20);
  set_weight(2, 10);
  std::map<std::string, int> second;
  for (int i = 0; i < 10'000; ++i) {
    const auto names = order(Strategy::weighted);
    if (names.front() == "a/m") ++second[names[1]];
  }
  const double firsts = second["b/m"] + second["c/m"];
  EXPECT_NEAR(second["b/m"] / firsts, 2.0 / 3, 0.02);
  EXPECT_EQ(second["a/m"], 0);
}

// A weight of 0: only when all others have failed.
TEST_F(PlanTest, WeightZeroComesLast) {
  set_weight(0, 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order(Strategy::weighted).back(), "a/m");
  set_weight(1, 0);
  set_weight(2, 0);
  EXPECT_EQ(order(Strategy::weighted), (std::vector<std::string>{"a/m", "b/m", "c/m"}));
}

TEST_F(PlanTest, LeastRecentlyUsedBeginsWithTheOneThatRestedLongest) {
  counters(0).last_used_ms = 1'790'000'000'002;
  counters(1).last_used_ms = 1'790'000'000'003;
  counters(2).last_used_ms = 1'790'000'000'001;
  EXPECT_EQ(order(Strategy::least_recently_used), (std::vector<std::string>{"c/m", "a/m", "b/m"}));
}

// What costs nothing is cheapest, what has no price may cost anything.
TEST_F(PlanTest, LeastCostGoesByThePriceOfThisRequest) {
  set_price(0, 1'000, 9'000);
  set_price(2, 5'000, 1'000);
  const_cast<Upstream&>(*rig.add("near/m").upstream).is_local = true;
  rig.operation.output_wanted = 10;
  EXPECT_EQ(order(Strategy::least_cost), (std::vector<std::string>{"near/m", "a/m", "c/m", "b/m"}));
  rig.operation.output_wanted = 100;
  EXPECT_EQ(order(Strategy::least_cost), (std::vector<std::string>{"near/m", "c/m", "a/m", "b/m"}));
}

TEST_F(PlanTest, LeastBusyCountsWhoWaitsAtTheServerAndLetsEqualsTakeTurns) {
  counters(0).in_flight = 1;
  rig.upstream(1).counters->queued = 2;
  EXPECT_EQ(order(Strategy::least_busy), (std::vector<std::string>{"c/m", "a/m", "b/m"}));
  rig.upstream(1).counters->queued = 0;
  std::map<std::string, int> picked;
  for (int i = 0; i < 3'000; ++i) ++picked[order(Strategy::least_busy).front()];
  EXPECT_EQ(picked["a/m"], 0);
  EXPECT_GT(picked["b/m"], 900);
  EXPECT_GT(picked["c/m"], 900);
  rig.upstream(1).counters->cache_permille = 1;
  EXPECT_EQ(order(Strategy::least_busy).front(), "c/m");
}

TEST_F(PlanTest, StickySendsEqualBeginningsToOneTargetAndSpreadsDifferentOnes) {
  std::map<std::string, int> picked;
  for (std::uint64_t prefix = 0; prefix < 3'000; ++prefix) {
    rig.operation.prefix = prefix;
    const auto first = order(Strategy::sticky);
    EXPECT_EQ(order(Strategy::sticky), first);
    ++picked[first.front()];
  }
  for (const auto& [name, count] : picked) EXPECT_NEAR(count, 1'000, 150) << name;
}

// A beginning that everyone uses must not drown the one target it belongs to.
TEST_F(PlanTest, StickyPassesOverATargetWithMoreThanItsShare) {
  rig.operation.prefix = 5;
  const std::string home = order(Strategy::sticky).front();
  for (std::size_t i = 0; i < 3; ++i) {
    const bool is_home = rig.route().steps.front().targets[i]->name == home;
    counters(i).in_flight = is_home ? 10 : 1;
  }
  EXPECT_EQ(order(Strategy::sticky).back(), home);
}

TEST_F(PlanTest, WhoCanNotServeComesLastHoweverIdleItIs) {
  rig.upstream(0).counters->is_unwell = true;
  for (const Strategy strategy : {Strategy::least_busy, Strategy::health}) {
    EXPECT_EQ(order(strategy).back(), "a/m");
  }
}

TEST_F(PlanTest, LeastBusyTakesTheOneWithTheFewestRequests) {
  counters(0).in_flight = 3;
  counters(1).in_flight = 1;
  counters(2).in_flight = 2;
  EXPECT_EQ(order(Strategy::least_busy), (std::vector<std::string>{"b/m", "c/m", "a/m"}));
}

// Two are drawn: the slowest never wins, the fastest does not get everything.
TEST_F(PlanTest, LeastLatencyDrawsTheFasterOfTwo) {
  counters(0).first_content_us = 100;
  counters(1).first_content_us = 200;
  counters(2).first_content_us = 300;
  std::map<std::string, int> picked;
  for (int i = 0; i < 3'000; ++i) ++picked[order(Strategy::least_latency).front()];
  EXPECT_NEAR(picked["a/m"], 2'000, 150);
  EXPECT_NEAR(picked["b/m"], 1'000, 150);
  EXPECT_EQ(picked["c/m"], 0);
}

TEST_F(PlanTest, HealthPutsAFailingTargetLastUntilThatIsLongAgo) {
  counters(0).failing_permille = 900;
  counters(0).last_failure_ms = 1'000'000;
  for (std::size_t i = 0; i < 3; ++i) counters(i).first_content_us = i == 0 ? 1'000 : 400'000;
  EXPECT_EQ(order(Strategy::health).back(), "a/m");
  counters(0).last_failure_ms = 1'000'000 - 600'000;
  EXPECT_EQ(order(Strategy::health).front(), "a/m");
}

TEST_F(PlanTest, StepsFollowEachOther) {
  rig.route().steps.emplace_back();
  rig.add("d/m");
  EXPECT_EQ(order(Strategy::round_robin).back(), "d/m");
  EXPECT_EQ(order(Strategy::weighted).back(), "d/m");
}

}  // namespace
}  // namespace weir::pipeline
