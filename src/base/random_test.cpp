// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

namespace weir {
namespace {

// Pins the generator: a seed written down in a bug report must mean the same run next year.
TEST(SeededRandom, IsXoshiro256StarStarFilledBySplitmix64) {
  SeededRandom random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4U);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452aU);
}

TEST(SeededRandom, RepeatsUnderTheSameSeedOnly) {
  SeededRandom a(7);
  SeededRandom b(7);
  SeededRandom other(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = a.next();
    EXPECT_EQ(value, b.next());
    differs = differs || value != other.next();
  }
  EXPECT_TRUE(differs);
}

TEST(RandomUniform, ReachesBothEndsAndEveryValueAboutEquallyOften) {
  SeededRandom random(1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 60'000; ++i) ++seen.at(static_cast<std::size_t>(random.uniform(-3, 2) + 3));
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 500);
}

// Two thirds of 2^64 is the range where a plain remainder is most unfair: its lower half would
// come up twice as often as its upper half.
TEST(RandomUniform, IsFairOverHugeRanges) {
  SeededRandom random(2);
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t high = low / 3 * -1;
  int lower_half = 0;
  for (int i = 0; i < 10'000; ++i) lower_half += random.uniform(low, high) < low / 3 ? 1 : 0;
  EXPECT_NEAR(lower_half, 5'000, 250);
}

TEST(RandomUniform, TakesTheWholeRangeAndSingleValues) {
  SeededRandom random(3);
  EXPECT_EQ(random.uniform(5, 5), 5);
  bool saw_negative = false;
  bool saw_positive = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = random.uniform(std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max());
    saw_negative = saw_negative || value < 0;
    saw_positive = saw_positive || value > 0;
  }
  EXPECT_TRUE(saw_negative);
  EXPECT_TRUE(saw_positive);
}

}  // namespace
}  // namespace weir
