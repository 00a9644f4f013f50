// SPDX-License-Identifier: Apache-2.0
#include "policy/limiters.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;

/// Far from the clock's beginning, and at the start of a minute.
constexpr TimePoint start{std::chrono::hours(1'000)};

Moment at(Duration after) {
  return {start + after, std::chrono::duration_cast<std::chrono::milliseconds>(after).count()};
}

/// Takes when it fits. True: it did.
template <class Kind>
bool offer(Kind& limiter, std::int64_t cost, const Moment& now) {
  if (limiter.wait(cost, now) != Duration::zero()) return false;
  limiter.take(cost, now);
  return true;
}

template <class Kind>
std::int64_t admitted_of(Kind& limiter, std::int64_t offered, const Moment& now) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < offered; ++i) count += offer(limiter, 1, now) ? 1 : 0;
  return count;
}

// A refusal must say exactly when the same request would pass: clients sleep on that number.
template <class Kind>
void expect_exact_wait(Kind limiter, std::int64_t cost, const Moment& now) {
  const Duration wait = limiter.wait(cost, now);
  ASSERT_GT(wait, Duration::zero());
  ASSERT_NE(wait, never);
  const auto later = [&](Duration more) {
    return Moment{now.steady + more, now.unix_ms + more / 1ms};
  };
  Kind early = limiter;
  EXPECT_GT(early.wait(cost, later(wait - 1ns)), Duration::zero());
  EXPECT_EQ(limiter.wait(cost, later(wait)), Duration::zero());
}

RateRule per_minute(std::int64_t limit, Algorithm algorithm, std::int64_t burst = 0) {
  RateRule rule;
  rule.limit = limit;
  rule.window = 60s;
  rule.algorithm = algorithm;
  rule.burst = burst;
  return rule;
}

constexpr std::array windowed{Algorithm::fixed_window, Algorithm::sliding_window,
                              Algorithm::sliding_log, Algorithm::token_bucket};

// ---- all ----------------------------------------------------------------------------------------

TEST(Limiters, AdmitExactlyTheLimitWhenNoTimePasses) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(100, algorithm));
    EXPECT_EQ(admitted_of(limiter, 1'000, at(0s)), 100) << name(algorithm);
    EXPECT_EQ(limiter.used(at(0s)), 100) << name(algorithm);
  }
}

TEST(Limiters, L10TheWaitEndsAtTheEarliestMomentThatAdmits) {
  std::mt19937 random(7);
  for (const Algorithm algorithm : windowed) {
    for (int round = 0; round < 200; ++round) {
      Limiter limiter(per_minute(97, algorithm, algorithm == Algorithm::token_bucket ? 13 : 0));
      Duration now{};
      std::int64_t cost = 1;
      for (int i = 0; i < 60; ++i) {
        now += std::chrono::milliseconds(random() % 2'000);
        cost = 1 + static_cast<std::int64_t>(random() % 13);
        if (!offer(limiter, cost, at(now))) break;
      }
      if (limiter.wait(cost, at(now)) == Duration::zero()) continue;
      SCOPED_TRACE(name(algorithm));
      expect_exact_wait(limiter, cost, at(now));
    }
  }
}

TEST(Limiters, L10WhatIsMoreThanTheLimitNeverFits) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(10, algorithm));
    EXPECT_EQ(limiter.wait(11, at(0s)), never);
    EXPECT_EQ(limiter.wait(10, at(0s)), Duration::zero());
  }
}

TEST(Limiters, L8WhatWasTooMuchIsReturnedAndWhatWasTooLittleIsTaken) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(1'000, algorithm));
    limiter.take(500, at(1s));
    limiter.correct(-300, at(1s), at(5s));
    const std::int64_t after_return = limiter.used(at(5s));
    limiter.correct(+100, at(1s), at(5s));
    if (algorithm == Algorithm::token_bucket) continue;  // it fills all the time
    EXPECT_EQ(after_return, 200) << name(algorithm);
    EXPECT_EQ(limiter.used(at(5s)), 300) << name(algorithm);
  }
}

TEST(Limiters, L8NothingIsSettledInAWindowThatIsOver) {
  for (const Algorithm algorithm :
       {Algorithm::fixed_window, Algorithm::sliding_window, Algorithm::sliding_log}) {
    Limiter limiter(per_minute(1'000, algorithm));
    limiter.take(500, at(1s));
    limiter.take(100, at(130s));
    limiter.correct(-300, at(1s), at(130s));
    limiter.correct(+300, at(1s), at(130s));
    EXPECT_EQ(limiter.used(at(130s)), 100) << name(algorithm);
  }
}

TEST(Limiters, L8EachOfSeveralThatWereTakenAtOneMomentIsGivenBack) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(100, algorithm));
    for (int i = 0; i < 5; ++i) limiter.take(1, at(0s));
    for (int i = 0; i < 3; ++i) limiter.correct(-1, at(0s), at(0s));
    EXPECT_EQ(limiter.used(at(0s)), 2) << name(algorithm);
  }
}

TEST(Limiters, I4CountsNeverGoBelowZero) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(10, algorithm));
    limiter.take(3, at(0s));
    limiter.correct(-8, at(0s), at(0s));
    EXPECT_EQ(limiter.used(at(0s)), 0) << name(algorithm);
    EXPECT_EQ(admitted_of(limiter, 30, at(0s)), 10) << name(algorithm);
  }
}

// Threads read their clocks before they queue for the lock.
TEST(Limiters, W2TimeThatGoesBackwardsAdmitsNothingMore) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(10, algorithm));
    EXPECT_EQ(admitted_of(limiter, 20, at(61s)), 10);
    EXPECT_EQ(admitted_of(limiter, 20, at(59s)), 0) << name(algorithm);
  }
}

TEST(Limiters, L13W1TheWallClockDecidesNothingBelowADay) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(10, algorithm));
    Moment now = at(0s);
    EXPECT_EQ(admitted_of(limiter, 20, now), 10);
    now.unix_ms += 3'600'000;
    EXPECT_EQ(admitted_of(limiter, 20, now), 0) << name(algorithm);
    now.unix_ms -= 7'200'000;
    EXPECT_EQ(admitted_of(limiter, 20, now), 0) << name(algorithm);
  }
}

TEST(Limiters, ALimitThatIsChangedHoldsAtOnce) {
  for (const Algorithm algorithm : windowed) {
    Limiter limiter(per_minute(10, algorithm));
    EXPECT_EQ(admitted_of(limiter, 20, at(0s)), 10);
    limiter.set_limit(15, at(0s));
    EXPECT_EQ(admitted_of(limiter, 20, at(0s)), 5) << name(algorithm);
    limiter.set_limit(5, at(0s));
    EXPECT_EQ(admitted_of(limiter, 20, at(0s)), 0) << name(algorithm);
  }
}

// ---- fixed window -------------------------------------------------------------------------------

TEST(FixedWindow, L1UpToTwiceTheLimitPassesAcrossABoundary) {
  FixedWindow limiter(100, 60s);
  EXPECT_EQ(admitted_of(limiter, 500, at(59s)), 100);
  EXPECT_EQ(admitted_of(limiter, 500, at(60s)), 100);
  EXPECT_EQ(admitted_of(limiter, 500, at(119s)), 0);
}

// ---- sliding window counter ---------------------------------------------------------------------

TEST(SlidingCounter, L2UnderSteadyOverloadNoWindowHoldsMoreThanATwentiethTooMuch) {
  constexpr std::int64_t limit = 1'000;
  SlidingCounter limiter(limit, 60s);
  std::vector<Duration> admitted;
  for (Duration now{}; now < 600s; now += 10ms) {
    for (int i = 0; i < 3; ++i) {
      if (offer(limiter, 1, at(now))) admitted.push_back(now);
    }
  }
  std::size_t first = 0;
  std::size_t most = 0;
  for (std::size_t last = 0; last < admitted.size(); ++last) {
    // The first window has none before it to weigh.
    if (admitted[last] < 120s) continue;
    while (admitted[last] - admitted[first] >= 60s) ++first;
    most = std::max(most, last - first + 1);
  }
  EXPECT_LE(most, limit * 105 / 100);
  EXPECT_GE(most, limit * 95 / 100);
}

TEST(SlidingCounter, L2TheWorstArrivalStaysBelowTwiceTheLimit) {
  SlidingCounter limiter(100, 60s);
  std::vector<Duration> admitted;
  const auto come = [&](Duration now, int times) {
    for (int i = 0; i < times; ++i) {
      if (offer(limiter, 1, at(now))) admitted.push_back(now);
    }
  };
  come(59'999ms, 200);
  for (Duration now = 60s; now < 180s; now += 100ms) come(now, 5);
  std::size_t first = 0;
  std::size_t most = 0;
  for (std::size_t last = 0; last < admitted.size(); ++last) {
    while (admitted[last] - admitted[first] >= 60s) ++first;
    most = std::max(most, last - first + 1);
  }
  EXPECT_LT(most, 200U);
}

TEST(SlidingCounter, L8WhatStillCountsFromTheWindowBeforeIsSettledThere) {
  SlidingCounter limiter(1'000, 60s);
  limiter.take(600, at(50s));
  limiter.correct(-600, at(50s), at(70s));
  EXPECT_EQ(limiter.used(at(70s)), 0);
}

// ---- sliding log --------------------------------------------------------------------------------

TEST(SlidingLog, L3NoStretchOfTheWindowsLengthEverHoldsMoreThanTheLimit) {
  constexpr std::size_t limit = 50;
  SlidingLog limiter(limit, 60s);
  std::mt19937 random(3);
  std::vector<Duration> admitted;
  Duration now{};
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(random() % 300);
    if (offer(limiter, 1, at(now))) admitted.push_back(now);
  }
  std::size_t first = 0;
  for (std::size_t last = 0; last < admitted.size(); ++last) {
    while (admitted[last] - admitted[first] >= 60s) ++first;
    ASSERT_LE(last - first + 1, limit);
  }
  EXPECT_GT(admitted.size(), limit * static_cast<std::size_t>(now / 60s) * 9 / 10);
}

// ---- token bucket -------------------------------------------------------------------------------

TEST(TokenBucket, L4NoIntervalAdmitsMoreThanBurstAndRate) {
  constexpr std::int64_t burst = 20;
  TokenBucket limiter(70, 60s, burst);
  std::mt19937 random(5);
  std::vector<Duration> admitted;
  Duration now{};
  for (int i = 0; i < 5'000; ++i) {
    now += std::chrono::milliseconds(random() % 700);
    if (offer(limiter, 1, at(now))) admitted.push_back(now);
  }
  for (std::size_t from = 0; from < admitted.size(); from += 7) {
    for (std::size_t to = from; to < std::min(from + 100, admitted.size()); ++to) {
      const Duration length = admitted[to] - admitted[from];
      const std::int64_t most = burst + length / 1ns * 70 / (60s / 1ns) + 1;
      ASSERT_LE(static_cast<std::int64_t>(to - from + 1), most);
    }
  }
}

TEST(TokenBucket, L4AfterAnIdleTimeExactlyTheBurstIsThere) {
  TokenBucket limiter(7, 1s, 14);
  EXPECT_EQ(admitted_of(limiter, 100, at(0s)), 14);
  EXPECT_EQ(admitted_of(limiter, 100, at(2s)), 14) << "2 s are a burst's worth";
  EXPECT_EQ(admitted_of(limiter, 100, at(100s)), 14);
}

// 60 s are not a multiple of 7: a bucket of rounded intervals would drift by one in some hours.
TEST(TokenBucket, L4NoTimeIsLostToRounding) {
  TokenBucket limiter(7, 60s, 1);
  std::int64_t admitted = 0;
  for (Duration now{}; now < 24h; now += 100ms) admitted += offer(limiter, 1, at(now)) ? 1 : 0;
  const std::int64_t ideal = 7LL * 60 * 24;
  EXPECT_LE(admitted, ideal + 1);
  EXPECT_GE(admitted, ideal * 98 / 100);
}

TEST(TokenBucket, L8WhatWasTooLittleIsOwedAndBlocks) {
  TokenBucket limiter(60, 60s, 60);
  limiter.take(60, at(0s));
  limiter.correct(+30, at(0s), at(1s));
  EXPECT_EQ(limiter.wait(1, at(1s)), 30s);
}

// ---- quota --------------------------------------------------------------------------------------

constexpr std::int64_t day_ms = 86'400'000;

Quota daily(std::int64_t limit) { return {limit, *Calendar::make(Period::day, "UTC")}; }

Moment on_day(std::int64_t day, std::int64_t ms = 0) { return {start, day * day_ms + ms}; }

TEST(Quota, L6CountsByTheDayOfItsZone) {
  Quota quota = daily(10);
  EXPECT_EQ(admitted_of(quota, 20, on_day(100)), 10);
  EXPECT_EQ(quota.wait(1, on_day(100, day_ms - 5'000)), 5s);
  EXPECT_EQ(admitted_of(quota, 20, on_day(101)), 10);
}

TEST(Quota, W2AClockThatIsSetBackOpensNoPastWindow) {
  Quota quota = daily(10);
  EXPECT_EQ(admitted_of(quota, 20, on_day(100)), 10);
  EXPECT_EQ(admitted_of(quota, 20, on_day(99, 1'000)), 0);
  EXPECT_EQ(admitted_of(quota, 20, on_day(100, 1'000)), 0);
  EXPECT_EQ(admitted_of(quota, 20, on_day(101)), 10);
}

TEST(Quota, W3AClockThatJumpsADayBeginsOneWindow) {
  Quota quota = daily(10);
  EXPECT_EQ(admitted_of(quota, 20, on_day(100)), 10);
  EXPECT_EQ(admitted_of(quota, 20, on_day(101)), 10);
  EXPECT_EQ(admitted_of(quota, 20, on_day(100)), 0) << "and back again";
  EXPECT_EQ(admitted_of(quota, 20, on_day(101, 5)), 0);
}

TEST(Quota, L8AReturnToADayThatIsOverIsLostAndADebtIsKept) {
  Quota quota = daily(100);
  quota.take(50, on_day(100));
  quota.take(10, on_day(101));
  quota.correct(-30, on_day(100), on_day(101));
  EXPECT_EQ(quota.used(on_day(101)), 10);
  quota.correct(+30, on_day(100), on_day(101));
  EXPECT_EQ(quota.used(on_day(101)), 40);
}

TEST(Quota, ATotalIsNeverReset) {
  Quota quota(10, *Calendar::make(Period::total, ""));
  EXPECT_EQ(admitted_of(quota, 20, on_day(100)), 10);
  EXPECT_EQ(admitted_of(quota, 20, on_day(40'000)), 0);
}

// ---- concurrency --------------------------------------------------------------------------------

TEST(Concurrency, L5AdmitsSoManyAtOnce) {
  Concurrency limiter(2);
  limiter.enter();
  EXPECT_TRUE(limiter.may_enter());
  limiter.enter();
  EXPECT_FALSE(limiter.may_enter());
  limiter.leave();
  EXPECT_TRUE(limiter.may_enter());
  limiter.set_limit(1);
  EXPECT_FALSE(limiter.may_enter()) << "who is inside stays";
  limiter.set_limit(0);
  EXPECT_TRUE(limiter.may_enter()) << "no limit";
}

}  // namespace
}  // namespace weir::policy
