// SPDX-License-Identifier: Apache-2.0
#include "server/clock_watch.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t noon = 1'700'000'000'000;

TEST(ClockWatch, W2AStepOfFiveSecondsIsToldOnceInEitherDirection) {
  ClockWatch clock(noon, 100s);
  EXPECT_EQ(clock.look(noon + 10'000, 110s), std::nullopt);
  EXPECT_EQ(clock.look(noon + 25'000, 120s), 5s);
  EXPECT_EQ(clock.look(noon + 35'000, 130s), std::nullopt) << "the same step";
  EXPECT_EQ(clock.look(noon + 40'000 - 3'600'000, 135s), -1h);
  EXPECT_EQ(clock.look(noon + 45'000 - 3'600'000, 140s), std::nullopt);
}

// A time service that moves the clock by little parts sets it nowhere.
TEST(ClockWatch, W2WhatIsBelowFiveSecondsIsNoStepHoweverOften) {
  ClockWatch clock(noon, 0s);
  for (int i = 1; i <= 1'000; ++i) {
    EXPECT_EQ(clock.look(noon + i * (10'000 + 4'999), i * 10s), std::nullopt);
  }
}

}  // namespace
}  // namespace weir::server
