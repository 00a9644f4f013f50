// SPDX-License-Identifier: Apache-2.0
#include "cli/times.hpp"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

constexpr std::int64_t now = 1'796'000'000'000;

TEST(Times, ADayAMinuteAnInstantOrATimeBeforeNow) {
  const auto read = [](const std::string& text) { return read_time("--since", text, now); };
  EXPECT_EQ(*read("2026-12-01"), 1'796'083'200'000);
  EXPECT_EQ(*read("2026-12-01T16:30"), 1'796'083'200'000 + 59'400'000);
  EXPECT_EQ(*read("2026-12-01T16:30:05Z"), 1'796'083'200'000 + 59'405'000);
  EXPECT_EQ(*read("2026-12-01T16:30:05+02:00"), 1'796'083'200'000 + 52'205'000);
  EXPECT_EQ(*read("90m"), now - 5'400'000);
  EXPECT_EQ(*read("7d"), now - 7 * 86'400'000LL);
}

TEST(Times, AnythingElseIsToldWithWhatItShouldLookLike) {
  for (const char* text : {"yesterday", "2026-13-45", "1x", "", "2026-12-01T25:00"}) {
    const auto read = read_time("--since", text, now);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find("--since: '"), std::string::npos);
    EXPECT_NE(read.error().message.find("7d before now"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::cli
