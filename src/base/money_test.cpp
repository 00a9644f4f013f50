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

}  // namespace
}  // namespace weir
