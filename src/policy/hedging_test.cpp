// SPDX-License-Identifier: Apache-2.0
#include "policy/hedging.hpp"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr TimePoint start{1h};

TEST(HedgeDelay, F7IsFixedUntilTwentyAnswersAreKnown) {
  LatencyWindow window;
  for (int i = 0; i < 19; ++i) window.add(10s, start);
  EXPECT_EQ(hedge_delay({}, window, false, start), 8s);
  EXPECT_EQ(hedge_delay({}, window, true, start), 45s);
  window.add(10s, start);
  EXPECT_GE(hedge_delay({}, window, false, start), 20s);
  EXPECT_LE(hedge_delay({}, window, false, start), 23s) << "a bucket is 15 % wide";
}

TEST(HedgeDelay, F7GoesByTheSlowestTwentiethWithinTwoAndSixtySeconds) {
  LatencyWindow window;
  for (int i = 0; i < 94; ++i) window.add(100ms, start);
  EXPECT_EQ(hedge_delay({}, window, false, start), 2s);
  for (int i = 0; i < 6; ++i) window.add(5min, start);
  EXPECT_EQ(hedge_delay({}, window, false, start), 60s);
}

TEST(HedgeDelay, F7GoesByWhatIsSet) {
  const HedgeOptions options{.p95_permille = 500,
                             .delay_min = 1s,
                             .delay_max = 4s,
                             .samples_min = 2,
                             .unknown = 3s,
                             .unknown_reasoning = 5s};
  LatencyWindow window;
  window.add(6s, start);
  EXPECT_EQ(hedge_delay(options, window, false, start), 3s);
  EXPECT_EQ(hedge_delay(options, window, true, start), 5s);
  window.add(6s, start);
  EXPECT_GE(hedge_delay(options, window, false, start), 3s);
  EXPECT_LT(hedge_delay(options, window, false, start), 4s) << "a bucket is 15 % wide";
  for (int i = 0; i < 10; ++i) window.add(1min, start);
  EXPECT_EQ(hedge_delay(options, window, false, start), 4s);
}

TEST(HedgeDelay, F7ForgetsAfterFiveMinutes) {
  LatencyWindow window;
  for (int i = 0; i < 100; ++i) window.add(10s, start);
  EXPECT_GE(hedge_delay({}, window, false, start + 4min), 20s);
  EXPECT_EQ(hedge_delay({}, window, false, start + 5min), 8s);
}

TEST(HedgeQuota, F7AllowsOneInTwentyAndOnePerTenSeconds) {
  HedgeQuota quota;
  const auto hedge = [&](TimePoint now) {
    const bool may = quota.may_hedge(50, now);
    if (may) quota.count_hedge(now);
    return may;
  };
  EXPECT_TRUE(hedge(start)) << "one per ten seconds in any case";
  EXPECT_FALSE(hedge(start));
  for (int i = 0; i < 40; ++i) quota.count_request(start);
  EXPECT_TRUE(hedge(start));
  EXPECT_FALSE(hedge(start));
  EXPECT_TRUE(hedge(start + 10s));
  EXPECT_FALSE(hedge(start + 11s));
}

TEST(HedgeQuota, F7AllowsTheShareThatIsSet) {
  HedgeQuota quota;
  for (int i = 0; i < 10; ++i) quota.count_request(start);
  int hedges = 0;
  for (; quota.may_hedge(400, start); ++hedges) quota.count_hedge(start);
  EXPECT_EQ(hedges, 4);
  EXPECT_FALSE(quota.may_hedge(0, start));
  EXPECT_TRUE(quota.may_hedge(0, start + 10s)) << "one per ten seconds in any case";
}

}  // namespace
}  // namespace weir::policy
