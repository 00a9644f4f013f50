// SPDX-License-Identifier: Apache-2.0
#include "policy/retry_budget.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/random.hpp"

namespace weir::policy {
namespace {

using namespace std::chrono_literals;

/// Attempts of `requests` requests that all fail, each tried as often as the budget lets it, at
/// most `attempts_max` times, spread evenly over `span` from `start` on.
int attempts_of(RetryBudget& budget, int requests, int attempts_max, Duration span,
                TimePoint start) {
  int attempts = 0;
  for (int i = 0; i < requests; ++i) {
    const TimePoint now = start + span * i / requests;
    budget.count_first_visit(now);
    ++attempts;
    for (int retry = 1; retry < attempts_max && budget.try_retry(now); ++retry) ++attempts;
  }
  return attempts;
}

// The buckets of a run that starts within one are eleven, not ten: every offset must hold.
TEST(RetryBudget, R4AThousandRequestsInTenSecondsGiveAtMost1210Attempts) {
  for (auto offset = 0ms; offset < 1'000ms; offset += 37ms) {
    RetryBudget budget({});
    const int attempts = attempts_of(budget, 1'000, 3, 10s, TimePoint(5h + offset));
    EXPECT_LE(attempts, 1'210);
    EXPECT_GE(attempts, 1'150);
  }
}

TEST(RetryBudget, R4TheFloorServesAQuietProvider) {
  RetryBudget budget({.ratio_permille = 200, .floor = 3});
  const TimePoint now(1h);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.try_retry(now));
  EXPECT_FALSE(budget.try_retry(now));
}

TEST(RetryBudget, R4EveryFifthFirstVisitAddsARetry) {
  RetryBudget budget({.ratio_permille = 200, .floor = 0});
  const TimePoint now(1h);
  for (int i = 0; i < 4; ++i) budget.count_first_visit(now);
  EXPECT_FALSE(budget.try_retry(now));
  budget.count_first_visit(now);
  EXPECT_TRUE(budget.try_retry(now));
  EXPECT_FALSE(budget.try_retry(now));
}

TEST(RetryBudget, R4ComesBackWhenTheWindowHasPassedAndNotBefore) {
  RetryBudget budget({.ratio_permille = 0, .floor = 1});
  const TimePoint start(1h + 990ms);
  EXPECT_TRUE(budget.try_retry(start));
  EXPECT_FALSE(budget.try_retry(start + 10s - 1ns));
  EXPECT_TRUE(budget.try_retry(start + 11s));
}

// "Any sliding window" taken at its word, against a list of all instants.
TEST(RetryBudget, R4HoldsInEveryWindowOfARandomRun) {
  SeededRandom random(11);
  RetryBudget budget({});
  std::vector<TimePoint> visits;
  std::vector<TimePoint> retries;
  TimePoint now(1h);
  const auto within = [&now](const std::vector<TimePoint>& instants) {
    return instants.end() - std::upper_bound(instants.begin(), instants.end(), now - 10s);
  };
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(random.uniform(0, random.uniform(0, 40) == 0 ? 3'000 : 40));
    if (random.uniform(0, 2) == 0) {
      budget.count_first_visit(now);
      visits.push_back(now);
    } else if (budget.try_retry(now)) {
      retries.push_back(now);
      ASSERT_LE(within(retries) * 1'000, 10'000 + 200 * within(visits)) << "step " << i;
    }
  }
  EXPECT_GT(retries.size(), 1'000u);
}

TEST(RetryBudget, TakesAClockThatStepsBackForTheLatestTimeSeen) {
  RetryBudget budget({.ratio_permille = 0, .floor = 1});
  const TimePoint now(1h);
  EXPECT_TRUE(budget.try_retry(now));
  EXPECT_FALSE(budget.try_retry(now - 30min));
}

}  // namespace
}  // namespace weir::policy
