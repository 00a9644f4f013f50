// SPDX-License-Identifier: Apache-2.0
#include "base/moment.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Moment, IsADateOrATimeOfIt) {
  EXPECT_EQ(parse_moment("1970-01-02"), std::chrono::sys_seconds(std::chrono::hours(24)));
  EXPECT_EQ(parse_moment("1970-01-01T00:01:02"),
            std::chrono::sys_seconds(std::chrono::seconds(62)));
  for (const std::string_view text : {"", "2026-02-30", "2026-1-1", "2026-01-01T25:00",
                                      "x026-01-01", "2026-01-01 10:00", "2026-01-01Z"}) {
    EXPECT_FALSE(parse_moment(text)) << text;
  }
}

}  // namespace
}  // namespace weir
