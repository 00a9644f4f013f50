// SPDX-License-Identifier: Apache-2.0
#include "policy/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr BackoffOptions standard;

TEST(Backoff, R1TheWaitIsUniformUpToADoublingBound) {
  SeededRandom random(1);
  for (const auto& [failures, bound] :
       {std::pair{1, 250ms}, {2, 500ms}, {3, 1'000ms}, {5, 4'000ms}}) {
    milliseconds longest{0};
    milliseconds sum{0};
    constexpr int draws = 4'000;
    for (int i = 0; i < draws; ++i) {
      const auto wait = wait_for_same_target(standard, failures, std::nullopt, 1h, random);
      ASSERT_TRUE(wait.has_value());
      ASSERT_GE(*wait, 0ms);
      longest = std::max(longest, *wait);
      sum += *wait;
    }
    EXPECT_LE(longest, bound);
    EXPECT_GE(longest, bound * 99 / 100);
    EXPECT_NEAR(static_cast<double>((sum / draws).count()), static_cast<double>(bound.count()) / 2,
                static_cast<double>(bound.count()) / 20);
  }
}

TEST(Backoff, R1TheBoundStopsAtTheCapHoweverOftenItFailed) {
  SeededRandom random(2);
  BackoffOptions options = standard;
  options.inline_wait_max = 1h;
  milliseconds longest{0};
  for (int i = 0; i < 2'000; ++i) {
    longest =
        std::max(longest, *wait_for_same_target(options, 2'000'000'000, std::nullopt, 1h, random));
  }
  EXPECT_LE(longest, options.cap);
  EXPECT_GE(longest, options.cap * 99 / 100);
}

TEST(Backoff, R1BeforeADifferentTargetTheWaitIsAtMost50Ms) {
  SeededRandom random(3);
  milliseconds longest{0};
  for (int i = 0; i < 2'000; ++i)
    longest = std::max(longest, *wait_for_other_target(standard, 1h, random));
  EXPECT_EQ(longest, 50ms);
}

TEST(Backoff, R2TheProvidersWaitIsAFloor) {
  SeededRandom random(4);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(wait_for_same_target(standard, 1, 3'000ms, 1h, random), 3'000ms);
    EXPECT_GE(wait_for_same_target(standard, 5, 100ms, 1h, random), 100ms);
  }
}

TEST(Backoff, R2AFloorAboveTheInlineMaximumIsNotWaitedFor) {
  SeededRandom random(5);
  EXPECT_EQ(wait_for_same_target(standard, 1, 5'000ms, 1h, random), 5'000ms);
  EXPECT_EQ(wait_for_same_target(standard, 1, 5'001ms, 1h, random), std::nullopt);
}

TEST(Backoff, T23NoWaitLeavesLessThanAnAttemptNeeds) {
  SeededRandom random(6);
  EXPECT_EQ(wait_for_same_target(standard, 1, 3'000ms, 4'000ms, random), 3'000ms);
  EXPECT_EQ(wait_for_same_target(standard, 1, 3'000ms, 3'999ms, random), std::nullopt);
  EXPECT_TRUE(wait_for_other_target(standard, 1'050ms, random).has_value());
  EXPECT_EQ(wait_for_other_target(standard, 999ms, random), std::nullopt);
  EXPECT_EQ(wait_for_other_target(standard, -5ms, random), std::nullopt);
}

TEST(Backoff, R6TheSameSeedGivesTheSameWaits) {
  const auto waits = [](std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<milliseconds> result;
    for (int failures = 1; failures <= 8; ++failures) {
      result.push_back(*wait_for_same_target(standard, failures, std::nullopt, 1h, random));
    }
    return result;
  };
  EXPECT_EQ(waits(42), waits(42));
  EXPECT_NE(waits(42), waits(43));
}

TEST(Backoff, R9ClassicWaits1248SecondsWithoutJitter) {
  SeededRandom random(7);
  std::vector<milliseconds> waits;
  for (int failures = 1; failures <= 5; ++failures) {
    waits.push_back(*wait_for_same_target(classic_backoff(), failures, std::nullopt, 1h, random));
  }
  EXPECT_EQ(waits, (std::vector<milliseconds>{1s, 2s, 4s, 8s, 8s}));
}

TEST(Backoff, OfZeroNeverWaits) {
  SeededRandom random(8);
  BackoffOptions options = standard;
  options.base = 0ms;
  EXPECT_EQ(wait_for_same_target(options, 1'000'000, std::nullopt, 1h, random), 0ms);
}

}  // namespace
}  // namespace weir::policy
