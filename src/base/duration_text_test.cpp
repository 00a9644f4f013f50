// SPDX-License-Identifier: Apache-2.0
#include "base/duration_text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Wait = std::optional<milliseconds>;

TEST(DecimalWait, ReadsWholeAndBrokenNumbersOfAUnit) {
  EXPECT_EQ(parse_decimal_wait("12", 1s), Wait(12s));
  EXPECT_EQ(parse_decimal_wait("0.5", 1s), Wait(500ms));
  EXPECT_EQ(parse_decimal_wait("33011.38", 1s), Wait(33'011'380ms));
  EXPECT_EQ(parse_decimal_wait("850", 1ms), Wait(850ms));
  EXPECT_EQ(parse_decimal_wait("0", 1s), Wait(0ms));
}

// Waking a little early costs another 429.
TEST(DecimalWait, RoundsUpToTheNextMillisecond) {
  EXPECT_EQ(parse_decimal_wait("1.0001", 1s), Wait(1001ms));
  EXPECT_EQ(parse_decimal_wait("0.1", 1ms), Wait(1ms));
}

// clamped to a day, whatever number of digits it takes to say more.
TEST(DecimalWait, IsCutToOneDay) {
  EXPECT_EQ(parse_decimal_wait("86399.999", 1s), Wait(86'399'999ms));
  EXPECT_EQ(parse_decimal_wait("86400", 1s), Wait(wait_max));
  EXPECT_EQ(parse_decimal_wait("86400.001", 1s), Wait(wait_max));
  EXPECT_EQ(parse_decimal_wait(std::string(400, '9'), 1h), Wait(wait_max));
  EXPECT_EQ(parse_decimal_wait(std::string(400, '9'), 1ns), Wait(wait_max));
  EXPECT_EQ(parse_decimal_wait("0." + std::string(400, '9'), 1s), Wait(1s));
}

TEST(DecimalWait, IsAbsentWhenNegativeOrUnreadable) {
  for (const char* text :
       {"", "-1", "+1", " 1", "1 ", "1e3", "1.", ".", "0x1", "NaN", "1s", "1.2.3"}) {
    EXPECT_EQ(parse_decimal_wait(text, 1s), std::nullopt) << text;
  }
}

TEST(GoDuration, ReadsElementsAndBareSeconds) {
  EXPECT_EQ(parse_go_duration("1s"), Wait(1s));
  EXPECT_EQ(parse_go_duration("20ms"), Wait(20ms));
  EXPECT_EQ(parse_go_duration("6m0s"), Wait(6min));
  EXPECT_EQ(parse_go_duration("2m59.56s"), Wait(179'560ms));
  EXPECT_EQ(parse_go_duration("1h2m3s"), Wait(1h + 2min + 3s));
  EXPECT_EQ(parse_go_duration("1.5h0.5m"), Wait(90min + 30s));
  EXPECT_EQ(parse_go_duration("1500us"), Wait(2ms));
  EXPECT_EQ(parse_go_duration("2000\xC2\xB5s"), Wait(2ms));
  EXPECT_EQ(parse_go_duration("2000\xCE\xBCs"), Wait(2ms));
  EXPECT_EQ(parse_go_duration("1ns"), Wait(1ms));
  EXPECT_EQ(parse_go_duration("7"), Wait(7s));
  EXPECT_EQ(parse_go_duration("23h59m59.999s"), Wait(86'399'999ms));
  EXPECT_EQ(parse_go_duration("23h59m61s"), Wait(wait_max));
}

TEST(GoDuration, IsAbsentWhenUnreadable) {
  for (const char* text : {"", "s", "1x", "1s ", "1 s", "-1s", "1m2", "1S", "1sec", "1.s", "m1"}) {
    EXPECT_EQ(parse_go_duration(text), std::nullopt) << text;
  }
}

TEST(ProtobufDuration, IsSecondsWithTheirUnit) {
  EXPECT_EQ(parse_protobuf_duration("34.07s"), Wait(34'070ms));
  EXPECT_EQ(parse_protobuf_duration("34s"), Wait(34s));
  EXPECT_EQ(parse_protobuf_duration("0.000000001s"), Wait(1ms));
  for (const char* text : {"", "s", "34", "-1s", "1ms", "1m1s", "34.07 s"}) {
    EXPECT_EQ(parse_protobuf_duration(text), std::nullopt) << text;
  }
}

TEST(WaitInText, ReadsTheSentencesThatProvidersWrite) {
  EXPECT_EQ(find_wait_in_text("Please try again in 1.2s. Visit the limits page."), Wait(1200ms));
  EXPECT_EQ(find_wait_in_text("Please try again in 850ms."), Wait(850ms));
  EXPECT_EQ(find_wait_in_text("try again in 1m2.3s"), Wait(62'300ms));
  EXPECT_EQ(find_wait_in_text("Please retry after 45 seconds. Go here"), Wait(45s));
  EXPECT_EQ(find_wait_in_text("Please retry in 10h17m5.7s."), Wait(10h + 17min + 5700ms));
  EXPECT_EQ(find_wait_in_text("available IN 1 Hour 2 minutes"), Wait(62min));
  EXPECT_EQ(find_wait_in_text("after 20s"), Wait(20s));
}

TEST(WaitInText, TakesTheLastWaitForTheAdvice) {
  EXPECT_EQ(find_wait_in_text("50 requests in 60 seconds exceeded, try again in 3s"), Wait(3s));
}

TEST(WaitInText, SeesNoneWhereNoneIsNamed) {
  for (const char* text :
       {"", "in", "in ", "in 5", "in 5 requests", "within 5s", "in-5s", "5s", "begin 5s", "in -5s",
        "rate limit for gpt in organization org-1s", "version v2in 5s"}) {
    EXPECT_EQ(find_wait_in_text(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace weir
