// SPDX-License-Identifier: Apache-2.0
#include "cli/text.hpp"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

TEST(Text, PutsColumnsSideBySide) {
  EXPECT_EQ(table({{"a", "bbb", "c"}, {"aaa", "ü", "dd"}, {"x", "", ""}}, 1),
            " a    bbb  c\n"
            " aaa  ü    dd\n"
            " x\n");
}

TEST(Text, KeepsTheDigitsOfMoneyThatCount) {
  EXPECT_EQ(dollars(0), "$0");
  EXPECT_EQ(dollars(1), "$0.000000001");
  EXPECT_EQ(dollars(1'234), "$0.0000012");
  EXPECT_EQ(dollars(12'345'678), "$0.0123");
  EXPECT_EQ(dollars(1'500'000'000), "$1.5");
  EXPECT_EQ(dollars(123'456'789'012), "$123.4568");
}

TEST(Text, WritesTimesAsPeopleSayThem) {
  EXPECT_EQ(duration(milliseconds(0)), "0 ms");
  EXPECT_EQ(duration(milliseconds(999)), "999 ms");
  EXPECT_EQ(duration(milliseconds(1'000)), "1 s");
  EXPECT_EQ(duration(milliseconds(1'249)), "1.2 s");
  EXPECT_EQ(duration(milliseconds(125'000)), "2 min 5 s");
  EXPECT_EQ(duration(milliseconds(60'000)), "1 min");
  EXPECT_EQ(duration(milliseconds(3'599'999)), "59 min 59 s");
  EXPECT_EQ(duration(milliseconds(3'600'000)), "1 h");
  EXPECT_EQ(duration(milliseconds(34'411'000)), "9 h 33 min");
  EXPECT_EQ(duration(milliseconds(726'691'000)), "8 d 9 h");
}

TEST(Text, ShortensRoundNumbersOfTokensOnly) {
  EXPECT_EQ(token_count(512), "512");
  EXPECT_EQ(token_count(128'000), "128k");
  EXPECT_EQ(token_count(131'072), "131,072");
  EXPECT_EQ(token_count(1'000'000), "1M");
  EXPECT_EQ(token_count(1'048'576), "1,048,576");
  EXPECT_EQ(token_count(1'200'000), "1.2M");
}

// What a model writes must not be able to command the terminal it is shown on.
TEST(Text, TakesAwayWhatATerminalWouldObey) {
  EXPECT_EQ(harmless("a\x1b[2Jb\a\r\x7f"
                     "c\n\tü"),
            "a[2Jbc\n\tü");
  EXPECT_EQ(harmless("\xC2\x9B"
                     "31m\xC2\xA0"),
            "31m\xC2\xA0");
}

TEST(Text, MakesJsonOfAssignments) {
  EXPECT_EQ(assignments_json({"type=openai", "limits.burst=3", "limits.concurrency=4",
                              "enabled=false", "proxy=null", "headers.x=a=b"}),
            R"({"enabled":false,"headers":{"x":"a=b"},"limits":{"burst":3,"concurrency":4},)"
            R"("proxy":null,"type":"openai"})");
  EXPECT_EQ(assignments_json({}), "{}");
}

TEST(Text, RefusesAssignmentsThatAreNone) {
  EXPECT_EQ(assignments_json({"burst"}), "");
  EXPECT_EQ(assignments_json({"=3"}), "");
  EXPECT_EQ(assignments_json({"a.=3"}), "");
  EXPECT_EQ(assignments_json({"a=1", "a.b=2"}), "");
  EXPECT_EQ(assignments_json({"a.b=2", "a=1"}), "");
  EXPECT_EQ(assignments_json({"a=1", "a=2"}), "");
}

}  // namespace
}  // namespace weir::cli
