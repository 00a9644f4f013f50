// SPDX-License-Identifier: Apache-2.0
#include "config/values.hpp"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

template <class T>
T read(std::string_view text) {
  T value{};
  const Mismatch mismatch = read_value(text, value, {});
  EXPECT_FALSE(mismatch) << text << " must be " << mismatch.value_or("");
  return value;
}

template <class T>
std::string refusal(std::string_view text, Range range = {}) {
  T value{};
  return read_value(text, value, range).value_or("accepted");
}

TEST(Values, DurationsHaveAUnit) {
  EXPECT_EQ(read<milliseconds>("250ms"), milliseconds(250));
  EXPECT_EQ(read<milliseconds>("30s"), milliseconds(30'000));
  EXPECT_EQ(read<milliseconds>("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(read<milliseconds>("2d"), milliseconds(172'800'000));
  EXPECT_EQ(read<milliseconds>("0"), milliseconds(0));
  for (const auto* text : {"", "30", "s", "-5s", "5 s", "1.5s", "5s3", "99999999999999999999s",
                           "9007199254740993s", "5x", "off"}) {
    EXPECT_NE(refusal<milliseconds>(text), "accepted") << text;
  }
}

TEST(Values, SizesHaveAUnit) {
  EXPECT_EQ(read<ByteSize>("64MiB").bytes, 64 << 20);
  EXPECT_EQ(read<ByteSize>("8kib").bytes, 8 << 10);
  EXPECT_EQ(read<ByteSize>("1MB").bytes, 1'000'000);
  EXPECT_EQ(read<ByteSize>("512B").bytes, 512);
  for (const auto* text : {"", "64", "64M", "1GiB1MiB", "-1KiB", "9999999999GiB"}) {
    EXPECT_NE(refusal<ByteSize>(text), "accepted") << text;
  }
}

TEST(Values, SharesArePercentOrFraction) {
  EXPECT_EQ(read<Ratio>("20%").permille, 200);
  EXPECT_EQ(read<Ratio>("0.2").permille, 200);
  EXPECT_EQ(read<Ratio>("1").permille, 1'000);
  EXPECT_EQ(read<Ratio>("0.5%").permille, 5);
  for (const auto* text : {"", "%", "101%", "1.1", "-1%", "0.0001", "20 %"}) {
    EXPECT_NE(refusal<Ratio>(text), "accepted") << text;
  }
}

TEST(Values, BoundsHoldOnBothSides) {
  EXPECT_EQ(refusal<std::int64_t>("0", {1, 10}), "at least 1");
  EXPECT_EQ(refusal<std::int64_t>("1", {1, 10}), "accepted");
  EXPECT_EQ(refusal<std::int64_t>("10", {1, 10}), "accepted");
  EXPECT_EQ(refusal<std::int64_t>("11", {1, 10}), "at most 10");
  EXPECT_EQ(refusal<milliseconds>("0", {1, 60'000}), "at least 1ms");
  EXPECT_EQ(refusal<milliseconds>("61s", {1, 60'000}), "at most 1m");
  EXPECT_EQ(refusal<std::int64_t>("1.5"), "a whole number");
  EXPECT_EQ(refusal<std::int64_t>("0x10"), "a whole number");
}

TEST(Values, WordsNameTheChoices) {
  EXPECT_EQ(read<Strategy>("least_cost"), Strategy::least_cost);
  EXPECT_EQ(read<bool>("Off"), false);
  EXPECT_EQ(refusal<Prefer>("cheap"), "one of default, free");
}

TEST(Values, AHedgeIsAWordOrADuration) {
  EXPECT_EQ(read<Hedge>("auto"), (Hedge{Choice::automatic, milliseconds(0)}));
  EXPECT_EQ(read<Hedge>("off").mode, Choice::off);
  EXPECT_EQ(read<Hedge>("3s"), (Hedge{Choice::on, milliseconds(3'000)}));
  EXPECT_NE(refusal<Hedge>("on"), "accepted");
  EXPECT_EQ(read<WaitOrOff>("off").after, std::nullopt);
  EXPECT_EQ(read<WaitOrOff>("0").after, milliseconds(0));
}

TEST(Values, AreShownAsTheyAreRead) {
  EXPECT_EQ(show_value(read<milliseconds>("90s")), "90s");
  EXPECT_EQ(show_value(read<milliseconds>("120s")), "2m");
  EXPECT_EQ(show_value(read<ByteSize>("64MiB")), "64MiB");
  EXPECT_EQ(show_value(read<Ratio>("0.125")), "12.5%");
  EXPECT_EQ(show_value(read<Hedge>("3s")), "3s");
  EXPECT_EQ(show_value(read<WaitOrOff>("off")), "off");
}

TEST(Secret, ShowsOnlyItsEnds) {
  EXPECT_EQ(Secret("sk-proj-0123456789abcdef").to_display(), "sk-pr…cdef");
  EXPECT_EQ(Secret("short-secret").to_display(), "…");
  EXPECT_EQ(Secret().to_display(), "");
}

// A line break in a key would let it forge headers of the requests that carry it.
TEST(Secret, HasNoControlCharacters) {
  EXPECT_NE(refusal<Secret>("sk-1\r\nx-evil: 1"), "accepted");
}

TEST(Proxy, IsShownWithoutUserAndPassword) {
  EXPECT_EQ(hide_login("http://ann:se@cret@proxy:3128"), "http://…@proxy:3128");
  EXPECT_EQ(hide_login("ann:secret@proxy:3128"), "…@proxy:3128");
  EXPECT_EQ(hide_login("http://proxy:3128"), "http://proxy:3128");
  EXPECT_EQ(hide_login("none"), "none");
  EXPECT_EQ(without_login("http://ann:p://w@proxy:3128"), "http://proxy:3128");
}

}  // namespace
}  // namespace weir::config
