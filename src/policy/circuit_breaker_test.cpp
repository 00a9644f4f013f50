// SPDX-License-Identifier: Apache-2.0
#include "policy/circuit_breaker.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using State = CircuitBreaker::State;
using Cause = CircuitBreaker::Cause;
using Permit = CircuitBreaker::Permit;
using Transition = CircuitBreaker::Transition;

constexpr TimePoint start(100h);

BreakerOptions without_jitter(BreakerOptions options = target_breaker()) {
  options.open_jitter_permille = 0;
  return options;
}

/// A breaker with its clock and chance in hand.
class Bench {
 public:
  explicit Bench(BreakerOptions options = without_jitter(), State state = State::closed)
      : breaker(options, state) {}

  CircuitBreaker::Decision ask() { return breaker.permit(now, random); }
  void end(const CircuitBreaker::Decision& decision, BreakerEffect effect) {
    breaker.report(*decision.permit, effect, now, random);
  }
  /// One attempt that begins and ends now; false when it was refused.
  bool call(BreakerEffect effect) {
    const auto decision = ask();
    if (decision.permit) end(decision, effect);
    return decision.permit.has_value();
  }
  bool fail() { return call(BreakerEffect::failure); }
  bool succeed() { return call(BreakerEffect::success); }
  /// Opens a breaker of the standard options.
  void open() {
    for (int i = 0; i < 5; ++i) fail();
    ASSERT_EQ(breaker.state(), State::open);
  }
  std::vector<Transition> changes() const {
    return {breaker.transitions().begin(), breaker.transitions().end()};
  }

  CircuitBreaker breaker;
  SeededRandom random{1};
  TimePoint now = start;
};

TEST(CircuitBreaker, B1OpensAtTheFifthFailureInARow) {
  Bench bench;
  for (int i = 0; i < 4; ++i) bench.fail();
  EXPECT_EQ(bench.breaker.state(), State::closed);
  bench.fail();
  EXPECT_EQ(bench.breaker.state(), State::open);
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::closed, State::open, Cause::consecutive_failures}}));
}

TEST(CircuitBreaker, B1OneSuccessBreaksTheRow) {
  Bench bench;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i) bench.fail();
    bench.succeed();
  }
  // Eight of ten failed, so the rate opens it; the row did not.
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::closed, State::open, Cause::failure_rate}}));
}

TEST(CircuitBreaker, B1TheRateNeverFiresBelowMinCalls) {
  Bench bench;
  for (int i = 0; i < 4; ++i) bench.fail();
  bench.succeed();
  for (int i = 0; i < 4; ++i) bench.fail();
  EXPECT_EQ(bench.breaker.state(), State::closed);  // 8 of 9
  bench.succeed();
  EXPECT_EQ(bench.breaker.state(), State::open);  // 8 of 10: the call that makes it ten decides
}

TEST(CircuitBreaker, B1TheRateOpensAtHalfAndNotBelow) {
  Bench at_half;
  Bench below;
  for (int i = 0; i < 5; ++i) {
    at_half.succeed();
    at_half.fail();
  }
  EXPECT_EQ(at_half.breaker.state(), State::open);
  below.succeed();
  for (int i = 0; i < 30; ++i) {
    below.fail();
    below.succeed();
    below.succeed();
  }
  EXPECT_EQ(below.breaker.state(), State::closed);
}

TEST(CircuitBreaker, B1CountsTheWindowOnly) {
  Bench bench;
  for (int i = 0; i < 4; ++i) bench.fail();
  bench.succeed();
  for (int i = 0; i < 4; ++i) bench.fail();
  bench.now += 30s;
  bench.succeed();
  EXPECT_EQ(bench.breaker.state(), State::closed);
}

TEST(CircuitBreaker, B1SlowCallsOpenWhenTheSettingIsOn) {
  auto options = without_jitter();
  const auto run = [](const BreakerOptions& chosen) {
    Bench bench(chosen);
    for (int i = 0; i < 10; ++i) {
      const auto decision = bench.ask();
      const Duration first_content = i < 8 ? Duration(30s + 1ms) : Duration(30s);
      bench.breaker.report(*decision.permit, BreakerEffect::success, bench.now, bench.random,
                           first_content);
    }
    return bench.breaker.state();
  };
  EXPECT_EQ(run(options), State::closed);
  options.slow_call = 30s;
  EXPECT_EQ(run(options), State::open);
  options.slow_permille = 801;
  EXPECT_EQ(run(options), State::closed);
}

TEST(CircuitBreaker, IgnoredEndsCountAsNeither) {
  Bench bench;
  for (int i = 0; i < 4; ++i) bench.fail();
  for (int i = 0; i < 50; ++i) bench.call(BreakerEffect::ignored);
  bench.fail();
  EXPECT_EQ(bench.breaker.state(), State::open);
}

TEST(CircuitBreaker, B2RefusesForExactlyTheOpenTime) {
  Bench bench;
  bench.open();
  bench.now = start + 4s;
  const auto refused = bench.ask();
  EXPECT_FALSE(refused.permit);
  EXPECT_EQ(refused.remaining, 6s);
  bench.now = start + 10s - 1ns;
  EXPECT_FALSE(bench.ask().permit);
  bench.now = start + 10s;
  EXPECT_TRUE(bench.ask().permit);
}

TEST(CircuitBreaker, B2EachOpeningDoublesTheTimeUpToTheCap) {
  Bench bench;
  bench.open();
  for (const auto expected : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    EXPECT_EQ(bench.breaker.remaining(bench.now), expected);
    bench.now += expected;
    EXPECT_TRUE(bench.fail());
  }
}

TEST(CircuitBreaker, B2JitterStaysWithinAFifthEitherWay) {
  Duration shortest = 1h;
  Duration longest = 0s;
  SeededRandom random(5);
  for (int i = 0; i < 2'000; ++i) {
    CircuitBreaker breaker(target_breaker());
    for (int failure = 0; failure < 5; ++failure) {
      breaker.report(*breaker.permit(start, random).permit, BreakerEffect::failure, start, random);
    }
    shortest = std::min(shortest, breaker.remaining(start));
    longest = std::max(longest, breaker.remaining(start));
  }
  EXPECT_GE(shortest, 8s);
  EXPECT_LE(shortest, 8'050ms);
  EXPECT_LE(longest, 12s);
  EXPECT_GE(longest, 11'950ms);
}

TEST(CircuitBreaker, B2OpeningsAreForgottenAfter300SecondsInClosed) {
  const auto second_opening = [](Duration in_closed) {
    Bench bench;
    bench.open();
    bench.now += 10s;
    bench.succeed();
    bench.succeed();
    EXPECT_EQ(bench.breaker.state(), State::closed);
    bench.now += in_closed;
    bench.open();
    return bench.breaker.remaining(bench.now);
  };
  EXPECT_EQ(second_opening(300s - 1ns), 20s);
  EXPECT_EQ(second_opening(300s), 10s);
}

TEST(CircuitBreaker, B3StaysOpenUntilALiveRequestWantsTheTarget) {
  Bench bench;
  bench.open();
  bench.now += 1h;
  EXPECT_EQ(bench.breaker.state(), State::open);
  EXPECT_TRUE(bench.ask().permit->is_probe);
  EXPECT_EQ(bench.breaker.state(), State::half_open);
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::open, State::half_open, Cause::open_time_over}}));
}

TEST(CircuitBreaker, B4Of64SimultaneousRequestsExactlyOneReachesTheTarget) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  int granted = 0;
  for (int i = 0; i < 64; ++i) granted += bench.ask().permit ? 1 : 0;
  EXPECT_EQ(granted, 1);
  EXPECT_EQ(bench.breaker.probes(), 1);
}

TEST(CircuitBreaker, B5TwoSuccessesInARowClose) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  EXPECT_TRUE(bench.succeed());
  EXPECT_EQ(bench.breaker.state(), State::half_open);
  EXPECT_TRUE(bench.succeed());
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::half_open, State::closed, Cause::probes_succeeded}}));
  // The window is empty: nine calls, eight of them failures, are still too few for the rate.
  for (int i = 0; i < 4; ++i) bench.fail();
  bench.succeed();
  for (int i = 0; i < 4; ++i) bench.fail();
  EXPECT_EQ(bench.breaker.state(), State::closed);
}

TEST(CircuitBreaker, B5OneFailureOpensAgainForTwiceTheTime) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  bench.succeed();
  bench.fail();
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::half_open, State::open, Cause::probe_failed}}));
  EXPECT_EQ(bench.breaker.remaining(bench.now), 20s);
}

TEST(CircuitBreaker, B5AnIgnoredProbeGivesItsPermitBackAndCountsAsNeither) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  bench.succeed();
  EXPECT_TRUE(bench.call(BreakerEffect::ignored));
  EXPECT_EQ(bench.breaker.state(), State::half_open);
  EXPECT_EQ(bench.breaker.probes(), 0);
  bench.succeed();
  EXPECT_EQ(bench.breaker.state(), State::closed);
}

TEST(CircuitBreaker, B5WithoutAVerdictItOpensAgainForTheSameTime) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  const auto probe = bench.ask();
  bench.now += 60s - 1ns;
  EXPECT_FALSE(bench.ask().permit);
  EXPECT_EQ(bench.breaker.state(), State::half_open);
  bench.now += 1ns;
  EXPECT_EQ(bench.ask().remaining, 10s);
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::half_open, State::open, Cause::probes_timed_out}}));
  bench.end(probe, BreakerEffect::failure);  // too late to matter
  EXPECT_EQ(bench.breaker.remaining(bench.now), 10s);
}

TEST(CircuitBreaker, B5TwoChangesAtOnceAreBothTold) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  EXPECT_TRUE(bench.ask().permit);
  bench.now += 1h;
  EXPECT_TRUE(bench.ask().permit);
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::half_open, State::open, Cause::probes_timed_out},
                                     {State::open, State::half_open, Cause::open_time_over}}));
}

TEST(CircuitBreaker, B6AStreamThatBreaksOffAfterItsSuccessAddsOneFailure) {
  Bench bench;
  std::vector<CircuitBreaker::Decision> streams;
  for (int i = 0; i < 5; ++i) streams.push_back(bench.ask());
  for (const auto& stream : streams) bench.end(stream, BreakerEffect::success);
  for (const auto& stream : streams) {
    EXPECT_EQ(bench.breaker.state(), State::closed);
    bench.breaker.report_late_failure(*stream.permit, bench.now, bench.random);
  }
  EXPECT_EQ(bench.breaker.state(), State::open);
}

TEST(CircuitBreaker, B6AProbesLateFailureOpensAgainAndGivesNoSecondPermitBack) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  const auto first = bench.ask();
  bench.end(first, BreakerEffect::success);
  const auto second = bench.ask();
  EXPECT_EQ(bench.breaker.probes(), 1);
  bench.breaker.report_late_failure(*first.permit, bench.now, bench.random);
  EXPECT_EQ(bench.breaker.state(), State::open);
  bench.end(second, BreakerEffect::success);
  EXPECT_EQ(bench.breaker.state(), State::open);
}

TEST(CircuitBreaker, B6ResultsAreBookedWhenTheyBecomeKnown) {
  Bench bench;
  std::vector<CircuitBreaker::Decision> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(bench.ask());
  bench.now += 10min;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    bench.end(calls[i], i % 2 == 0 ? BreakerEffect::success : BreakerEffect::failure);
  }
  EXPECT_EQ(bench.breaker.state(), State::open);
}

TEST(CircuitBreaker, B7ResultsFromBeforeTheCurrentStateChangeNothing) {
  Bench bench;
  const auto old_success = bench.ask();
  const auto old_failure = bench.ask();
  bench.open();
  bench.end(old_success, BreakerEffect::success);
  EXPECT_EQ(bench.breaker.state(), State::open);
  bench.now += 10s;
  const auto probe = bench.ask();
  bench.end(old_failure, BreakerEffect::failure);
  EXPECT_EQ(bench.breaker.state(), State::half_open);
  EXPECT_EQ(bench.breaker.probes(), 1);
  bench.end(probe, BreakerEffect::success);
  bench.succeed();
  EXPECT_EQ(bench.breaker.state(), State::closed);
}

TEST(CircuitBreaker, B8AnAdministratorsWordHoldsUntilReleased) {
  Bench forced;
  forced.breaker.force_open();
  EXPECT_EQ(forced.changes(),
            (std::vector<Transition>{{State::closed, State::forced_open, Cause::administrator}}));
  forced.now += 24h;
  EXPECT_FALSE(forced.ask().permit);
  EXPECT_EQ(forced.ask().remaining, 0s);
  forced.breaker.release(forced.now);
  EXPECT_TRUE(forced.ask().permit);

  Bench disabled;
  disabled.breaker.disable();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(disabled.fail());
  disabled.breaker.release(disabled.now);
  EXPECT_EQ(disabled.breaker.state(), State::closed);
  for (int i = 0; i < 4; ++i) disabled.fail();
  EXPECT_EQ(disabled.breaker.state(), State::closed);
}

TEST(CircuitBreaker, B8StartsAsTheAdministratorLeftIt) {
  EXPECT_FALSE(Bench({}, State::forced_open).ask().permit);
  EXPECT_TRUE(Bench({}, State::disabled).ask().permit);
}

TEST(CircuitBreaker, B9APeersOpeningLowersMinCallsFor30SecondsAndOpensNothingItself) {
  const auto after = [](Duration waited) {
    Bench bench;
    bench.succeed();
    bench.fail();
    bench.breaker.heed_peer(bench.now);
    EXPECT_EQ(bench.breaker.state(), State::closed);
    bench.now += waited;
    bench.fail();
    return bench.breaker.state();
  };
  EXPECT_EQ(after(1s), State::open);
  BreakerOptions options = without_jitter();
  options.window = 10min;
  Bench late(options);
  late.succeed();
  late.fail();
  late.breaker.heed_peer(late.now);
  late.now += 30s;
  late.fail();
  EXPECT_EQ(late.breaker.state(), State::closed);
}

TEST(CircuitBreaker, B9WhatAPeersOpeningChangesCanBeSet) {
  BreakerOptions options = without_jitter();
  options.window = 10min;
  options.peer_min_calls = 2;
  options.peer_window = 2min;
  const auto after = [&options](Duration waited) {
    Bench bench(options);
    bench.fail();
    bench.breaker.heed_peer(bench.now);
    bench.now += waited;
    bench.fail();
    return bench.breaker.state();
  };
  EXPECT_EQ(after(2min - 1ns), State::open);
  EXPECT_EQ(after(2min), State::closed);
}

TEST(CircuitBreakerPresets, TheProvidersIsSlowerToJudge) {
  Bench row(without_jitter(provider_breaker()));
  for (int i = 0; i < 9; ++i) row.fail();
  EXPECT_EQ(row.breaker.state(), State::closed);
  row.fail();
  EXPECT_EQ(row.breaker.state(), State::open);

  Bench rate(without_jitter(provider_breaker()));
  for (int i = 0; i < 19; ++i)
    rate.call(i % 5 == 0 ? BreakerEffect::success : BreakerEffect::failure);
  EXPECT_EQ(rate.breaker.state(), State::closed);
  rate.fail();  // 16 of 20
  EXPECT_EQ(rate.breaker.state(), State::open);
}

TEST(CircuitBreakerPresets, ByCountFiveFailuresWithin60SecondsOpenFor30) {
  Bench bench(breaker_by_count());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(bench.breaker.state(), State::closed);
    bench.now += 10s;
    for (int good = 0; good < 20; ++good) bench.succeed();
    bench.fail();
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bench.breaker.state(), State::open);
    EXPECT_EQ(bench.breaker.remaining(bench.now), 30s);
    bench.now += 30s;
    bench.fail();
  }
}

TEST(CircuitBreakerPresets, ByThresholdFiveInARowOpenFor300Seconds) {
  Bench bench(breaker_by_threshold());
  for (int i = 0; i < 100; ++i) {
    for (int failure = 0; failure < 4; ++failure) bench.fail();
    bench.succeed();
  }
  EXPECT_EQ(bench.breaker.state(), State::closed);
  bench.open();
  EXPECT_EQ(bench.breaker.remaining(bench.now), 300s);
  bench.now += 300s;
  bench.succeed();
  EXPECT_EQ(bench.breaker.state(), State::closed);
}

// H-3: who changes a number does not let the failing back in.
TEST(CircuitBreakerOptions, NewOnesHoldFromNowOnAndChangeNoState) {
  Bench bench;
  bench.open();
  BreakerOptions other = without_jitter();
  other.consecutive_failures = 2;
  bench.breaker.set_options(other, bench.now);
  EXPECT_EQ(bench.breaker.state(), State::open);
  EXPECT_EQ(bench.breaker.remaining(bench.now), 10s);
  bench.now += 10s;
  bench.succeed();
  bench.succeed();
  ASSERT_EQ(bench.breaker.state(), State::closed);
  bench.fail();
  EXPECT_EQ(bench.breaker.state(), State::closed);
  bench.fail();
  EXPECT_EQ(bench.breaker.state(), State::open);
  EXPECT_EQ(bench.breaker.remaining(bench.now), 20s) << "it is its second opening";
}

TEST(CircuitBreakerOptions, AProbeUnderWayIsJudgedByTheNewOnes) {
  Bench bench;
  bench.open();
  bench.now += 10s;
  const auto probe = bench.ask();
  ASSERT_TRUE(probe.permit);
  BreakerOptions other = without_jitter();
  other.half_open_successes = 1;
  bench.breaker.set_options(other, bench.now);
  bench.end(probe, BreakerEffect::success);
  EXPECT_EQ(bench.breaker.state(), State::closed);
}

TEST(CircuitBreakerOptions, OneThatCanNotOpenAnyMoreIsClosed) {
  Bench bench;
  bench.open();
  bench.breaker.set_options(breaker_that_never_opens(), bench.now);
  EXPECT_EQ(bench.changes(),
            (std::vector<Transition>{{State::open, State::closed, Cause::administrator}}));
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(bench.fail());
  EXPECT_EQ(bench.breaker.state(), State::closed);
}

TEST(CircuitBreakerOptions, WhatAnAdministratorSaidHolds) {
  Bench bench;
  bench.breaker.force_open();
  bench.breaker.set_options(breaker_that_never_opens(), bench.now);
  EXPECT_EQ(bench.breaker.state(), State::forced_open);
}

}  // namespace
}  // namespace weir::policy
