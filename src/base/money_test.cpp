// SPDX-License-Identifier: Apache-2.0
#include "base/money.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace weir {
namespace {

TokenPrice price(std::string_view text) { return TokenPrice::parse_usd_per_million(text).value(); }

TEST(Money, ReadsDollarsExactly) {
  EXPECT_EQ(parse_usd("2"), NanoUsd(2'000'000'000));
  EXPECT_EQ(parse_usd("0.0028"), NanoUsd(2'800'000));
  EXPECT_EQ(parse_usd("-1.5"), NanoUsd(-1'500'000'000));
  EXPECT_EQ(parse_usd("0.000000001"), NanoUsd(1));
  EXPECT_EQ(parse_usd("1.0000000000"), NanoUsd(1'000'000'000));
}

TEST(Money, RefusesWhatIsNotAPlainDecimal) {
  for (const auto* text : {"", "-", ".", "1.", ".5", "1e3", "+1", " 1", "1 ", "1,5", "0x1", "--1",
                           "0.0000000001", "99999999999", "9300000000"}) {
    EXPECT_FALSE(parse_usd(text)) << text;
  }
}

TEST(Money, WritesDollarsTheWayItReadsThem) {
  for (const auto* text : {"0", "2", "0.0028", "-1.5", "0.000000001", "9223372036.854775807"}) {
    EXPECT_EQ(to_usd_text(parse_usd(text).value()), text);
  }
  EXPECT_EQ(to_usd_text(NanoUsd(std::numeric_limits<std::int64_t>::min())),
            "-9223372036.854775808");
}

TEST(Money, PricesAreBoundedSoThatSumsCannotOverflow) {
  EXPECT_TRUE(TokenPrice::parse_usd_per_million("1000000"));
  EXPECT_FALSE(TokenPrice::parse_usd_per_million("1000000.000000001"));
  EXPECT_FALSE(TokenPrice::parse_usd_per_million("-0.1"));
}

// S-11.3: the products are summed first; rounding each would lose the half nano-dollars.
TEST(Money, RoundsOnceOverTheWholeSum) {
  CostSum sum;
  sum.add(1, price("0.0005"));  // 0.5 n$
  sum.add(1, price("0.0005"));
  EXPECT_EQ(sum.total(), NanoUsd(1));
}

TEST(Money, RoundsHalfToEven) {
  EXPECT_EQ(cost(1, price("0.0005")), NanoUsd(0));
  EXPECT_EQ(cost(3, price("0.0005")), NanoUsd(2));
  EXPECT_EQ(cost(5, price("0.0005")), NanoUsd(2));
  EXPECT_EQ(cost(1, price("0.000500001")), NanoUsd(1));
}

TEST(Money, BillsAnOrdinaryRequest) {
  CostSum sum;
  sum.add(1'200, price("2.5"));
  sum.add(300, price("10"));
  sum.add(800, price("0.25"));
  EXPECT_EQ(sum.total(), NanoUsd(3'000'000 + 3'000'000 + 200'000));
}

TEST(Money, ATotalBeyondTheBoundIsNoNumber) {
  const auto tokens = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(cost(tokens, price("1000000")));
  EXPECT_EQ(cost(-5, price("1")), NanoUsd(0));
  // 2^62 - 1 nano-dollars are still a total, one more is not.
  EXPECT_EQ(cost((std::int64_t{1} << 62) - 1, price("0.001")),
            NanoUsd((std::int64_t{1} << 62) - 1));
  EXPECT_FALSE(cost(std::int64_t{1} << 62, price("0.001")));
}

// What providers tell of a request's price comes in every writing that JSON has.
TEST(Money, RoundsAToldPriceExactlyToTheNanoDollar) {
  const struct {
    std::string_view number;
    int exponent;
    std::int64_t nano;
  } cases[] = {
      {"0", 0, 0},
      {"0.0028", 0, 2'800'000},
      {"1.5e-06", 0, 1'500},
      {"1E+2", 0, 100'000'000'000},
      {"12", 0, 12'000'000'000},
      {"0.0000000005", 0, 0},  // half to even
      {"0.0000000015", 0, 2},
      {"0.0000000025", 0, 2},
      {"0.00000000250000001", 0, 3},
      {"0.00000000249999999", 0, 2},
      {"0.123456789", 0, 123'456'789},
      {"158500", -10, 15'850},  // ticks of 10^-10 dollars
      {"15", -10, 2},
      {"25", -10, 2},
      {"4e-10", 0, 0},
      {"9e-1000", 0, 0},
      {"999999.999999999", 0, 999'999'999'999'999},
  };
  for (const auto& row : cases) {
    EXPECT_EQ(round_usd(row.number, row.exponent), NanoUsd(row.nano)) << row.number;
  }
}

TEST(Money, AToldPriceThatIsNoneIsRefused) {
  for (const char* text : {"", "-1", "1e", "1e9999", "1e300", "1000001", "1.2.3", "nan", ".", "e5",
                           "1e99999999999999"}) {
    EXPECT_FALSE(round_usd(text)) << text;
  }
}

TEST(Money, SoundIsBilledByItsLength) {
  CostSum sum;
  sum.add_sound(60'000, price("6000"));  // a minute at 0.006 dollars
  EXPECT_EQ(sum.total(), NanoUsd(6'000'000));
  sum.add_sound(1, price("6000"));  // 100 n$ for each millisecond
  EXPECT_EQ(sum.total(), NanoUsd(6'000'100));
}

}  // namespace
}  // namespace weir
