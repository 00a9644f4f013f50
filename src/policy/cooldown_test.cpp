// SPDX-License-Identifier: Apache-2.0
#include "policy/cooldown.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// The defaults, but for the jitter of rate limits.
constexpr CooldownOptions even = [] {
  CooldownOptions options;
  options.rate_limit.jitter_permille = 0;
  return options;
}();
constexpr auto rate = CooldownLength::rate_limit;
constexpr auto auth = CooldownLength::auth;

class Bench {
 public:
  std::optional<Cooldown::Permit> ask() { return cooldown.permit(options, now).permit; }
  /// An attempt that begins and is refused now.
  void refuse(std::optional<milliseconds> wait = std::nullopt, CooldownLength length = rate) {
    cooldown.begin(*ask(), wait, options, length, now, random);
  }
  Duration remaining() const { return cooldown.remaining(now); }
  /// Leaves the cooldown behind and passes its end.
  void wait_out() { now += remaining(); }

  CooldownOptions options = even;
  Cooldown cooldown;
  SeededRandom random{1};
  TimePoint now{100h};
};

TEST(Cooldown, K2LastsAsLongAsTheProviderSays) {
  Bench bench;
  bench.refuse(7s);
  EXPECT_FALSE(bench.ask());
  EXPECT_EQ(bench.cooldown.permit(even, bench.now + 2s).remaining, 5s);
  EXPECT_FALSE(bench.cooldown.permit(even, bench.now + 7s - 1ns).permit);
  EXPECT_TRUE(bench.cooldown.permit(even, bench.now + 7s).permit);
}

TEST(Cooldown, K2IsClampedToOneSecondAndOneDay) {
  Bench shortest;
  shortest.refuse(0ms);
  EXPECT_EQ(shortest.remaining(), 1s);
  Bench longest;
  longest.refuse(milliseconds::max());
  EXPECT_EQ(longest.remaining(), 24h);
}

TEST(Cooldown, K2GrowsWithinAnHourWhenTheProviderSaysNothing) {
  Bench bench;
  for (const auto expected : {5s, 30s, 120s, 600s, 600s}) {
    bench.refuse();
    EXPECT_EQ(bench.remaining(), expected);
    bench.wait_out();
  }
}

TEST(Cooldown, K2ForgetsWhatIsAnHourAgo) {
  Bench bench;
  bench.refuse();
  bench.now += 1h - 1ns;
  bench.refuse();
  EXPECT_EQ(bench.remaining(), 30s);
  bench.now += 1h;  // both are forgotten
  bench.refuse();
  EXPECT_EQ(bench.remaining(), 5s);
}

TEST(Cooldown, K2AKeysHourDoesNotForgetItself) {
  Bench bench;
  for (const auto expected : {60s, 300s, 3'600s, 3'600s}) {
    bench.refuse(std::nullopt, auth);
    EXPECT_EQ(bench.remaining(), expected);
    bench.wait_out();
  }
}

TEST(Cooldown, K2EachKindOfRefusalLastsAsLongAsIsSet) {
  CooldownOptions options;
  options.rate_limit = {{2s, 3s, 4s, 5s}};
  options.quota = {{6s, 6s, 6s, 6s}};
  options.auth = {{7s, 7s, 7s, 7s}};
  options.forbidden = {{8s, 8s, 8s, 8s}};
  options.not_found = {{9s, 9s, 9s, 9s}};
  const auto length = [&options](CooldownLength kind) {
    Bench bench;
    bench.options = options;
    bench.refuse(std::nullopt, kind);
    return bench.remaining();
  };
  EXPECT_EQ(length(CooldownLength::rate_limit), 2s);
  EXPECT_EQ(length(CooldownLength::quota), 6s);
  EXPECT_EQ(length(CooldownLength::auth), 7s);
  EXPECT_EQ(length(CooldownLength::forbidden), 8s);
  EXPECT_EQ(length(CooldownLength::not_found), 9s);
}

TEST(Cooldown, K2IsAsLongAtMostAsIsSetWhateverTheProviderNames) {
  Bench bench;
  bench.options.length_max = 2min;
  bench.refuse(1h);
  EXPECT_EQ(bench.remaining(), 2min);
  Bench restarted;
  restarted.cooldown.resume(1h, bench.options, restarted.now);
  EXPECT_EQ(restarted.remaining(), 2min);
}

TEST(Cooldown, K2ForgetsAfterTheTimeThatIsSet) {
  Bench bench;
  bench.options.rate_limit = {{1s, 2s, 3s, 4s}};
  bench.options.row_max = 1min;
  bench.refuse();
  bench.now += 1min - 1ns;
  bench.refuse();
  EXPECT_EQ(bench.remaining(), 2s);
  bench.now += 1min;
  bench.refuse();
  EXPECT_EQ(bench.remaining(), 1s);
}

TEST(Cooldown, K2JitterStaysWithinAFifthEitherWay) {
  Duration shortest = 1h;
  Duration longest = 0s;
  SeededRandom random(3);
  for (int i = 0; i < 2'000; ++i) {
    Cooldown cooldown;
    const TimePoint now(1h);
    cooldown.begin(*cooldown.permit({}, now).permit, std::nullopt, {}, rate, now, random);
    shortest = std::min(shortest, cooldown.remaining(now));
    longest = std::max(longest, cooldown.remaining(now));
  }
  EXPECT_GE(shortest, 4s);
  EXPECT_LE(shortest, 4'020ms);
  EXPECT_LE(longest, 6s);
  EXPECT_GE(longest, 5'980ms);
}

// Fifty requests in flight run into the same limit: one event, not fifty steps of the ladder.
TEST(Cooldown, K2AttemptsThatMetTheSameLimitCountOnce) {
  Bench bench;
  std::vector<Cooldown::Permit> permits;
  for (int i = 0; i < 50; ++i) permits.push_back(*bench.ask());
  for (const auto permit : permits) {
    bench.cooldown.begin(permit, std::nullopt, even, rate, bench.now, bench.random);
    bench.now += 10ms;
  }
  EXPECT_EQ(bench.remaining(), 5s - 500ms);
  bench.wait_out();
  bench.refuse();
  EXPECT_EQ(bench.remaining(), 30s);
}

TEST(Cooldown, K2ALaterAndLongerWaitExtendsAndAShorterOneDoesNotCut) {
  Bench bench;
  const auto second = *bench.ask();
  const auto third = *bench.ask();
  bench.refuse(20s);
  bench.cooldown.begin(second, 60s, even, rate, bench.now, bench.random);
  EXPECT_EQ(bench.remaining(), 60s);
  bench.cooldown.begin(third, 2s, even, rate, bench.now, bench.random);
  EXPECT_EQ(bench.remaining(), 60s);
}

TEST(Cooldown, K3FiveHundredWaitingRequestsProduceOneAttempt) {
  Bench bench;
  bench.refuse();
  bench.wait_out();
  int granted = 0;
  for (int i = 0; i < 500; ++i) granted += bench.ask() ? 1 : 0;
  EXPECT_EQ(granted, 1);
  // However long the crowd came after the end.
  bench.now += 1h;
  EXPECT_FALSE(bench.ask());
}

TEST(Cooldown, K3TheNumberInFlightDoublesPerSuccessUpTo64) {
  Bench bench;
  bench.refuse();
  bench.wait_out();
  for (const std::size_t allowed : {1U, 2U, 4U, 8U, 16U, 32U}) {
    std::vector<Cooldown::Permit> permits;
    while (permits.size() < 1'000) {
      const auto permit = bench.ask();
      if (!permit) break;
      permits.push_back(*permit);
    }
    EXPECT_EQ(permits.size(), allowed);
    bench.cooldown.succeed(permits.back(), even, bench.now);
    permits.pop_back();
    for (const auto permit : permits) bench.cooldown.give_back(permit);
  }
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(bench.ask());
}

TEST(Cooldown, K3ProbationEndsTenSecondsAfterTheFirstSuccess) {
  Bench bench;
  bench.refuse();
  bench.wait_out();
  bench.now += 1min;
  bench.cooldown.succeed(*bench.ask(), even, bench.now);
  EXPECT_TRUE(bench.ask());
  EXPECT_TRUE(bench.ask());
  bench.now += 10s - 1ns;
  EXPECT_FALSE(bench.ask());
  bench.now += 1ns;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(bench.ask());
}

TEST(Cooldown, K3ProbationEndsWithTheNumberAndTheTimeThatAreSet) {
  Bench bench;
  bench.options.probation_in_flight_max = 2;
  bench.options.probation_max = 3s;
  bench.refuse();
  bench.wait_out();
  bench.cooldown.succeed(*bench.ask(), bench.options, bench.now);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(bench.ask()) << "two at once are all that is asked";

  Bench slow;
  slow.options.probation_max = 3s;
  slow.refuse();
  slow.wait_out();
  slow.cooldown.succeed(*slow.ask(), slow.options, slow.now);
  EXPECT_TRUE(slow.ask());
  EXPECT_TRUE(slow.ask());
  slow.now += 3s - 1ns;
  EXPECT_FALSE(slow.ask());
  slow.now += 1ns;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(slow.ask());
}

TEST(Cooldown, K3AnEndThatSaysNothingGivesThePermitBackAndProvesNothing) {
  Bench bench;
  bench.refuse();
  bench.wait_out();
  for (int i = 0; i < 3; ++i) {
    const auto permit = bench.ask();
    ASSERT_TRUE(permit);
    EXPECT_FALSE(bench.ask());
    bench.cooldown.give_back(*permit);
  }
}

TEST(Cooldown, K3ARefusalInProbationCoolsDownAgain) {
  Bench bench;
  bench.refuse();
  bench.wait_out();
  bench.refuse();
  EXPECT_EQ(bench.remaining(), 30s);
  bench.wait_out();
  EXPECT_TRUE(bench.ask());
  EXPECT_FALSE(bench.ask());
}

TEST(Cooldown, K4ASuccessClearsTheEscalation) {
  Bench bench;
  bench.refuse();
  bench.wait_out();
  bench.cooldown.succeed(*bench.ask(), even, bench.now);
  bench.refuse();
  EXPECT_EQ(bench.remaining(), 5s);
}

TEST(Cooldown, K4ASuccessFromBeforeTheCooldownProvesNothing) {
  Bench bench;
  const auto old = *bench.ask();
  bench.refuse();
  bench.cooldown.succeed(old, even, bench.now);
  EXPECT_EQ(bench.remaining(), 5s);
  bench.wait_out();
  EXPECT_TRUE(bench.ask());
  bench.cooldown.succeed(old, even, bench.now);
  EXPECT_FALSE(bench.ask());
}

TEST(Cooldown, K4GoesOnAfterARestart) {
  Bench bench;
  bench.cooldown.resume(90s, even, bench.now);
  EXPECT_FALSE(bench.ask());
  bench.now += 90s;
  EXPECT_TRUE(bench.ask());
  EXPECT_FALSE(bench.ask());
}

TEST(Cooldown, ClearingItMakesItUsableAtOnce) {
  Bench bench;
  const auto old = *bench.ask();
  bench.refuse(1h);
  bench.cooldown.clear();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(bench.ask());
  // The old secret's refusals are no news about the new one.
  bench.cooldown.begin(old, std::nullopt, even, auth, bench.now, bench.random);
  EXPECT_TRUE(bench.ask());
}

}  // namespace
}  // namespace weir::policy
