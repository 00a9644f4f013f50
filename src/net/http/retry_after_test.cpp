// SPDX-License-Identifier: Apache-2.0
#include "net/http/retry_after.hpp"

#include <string>

#include <gtest/gtest.h>

namespace weir::net::http {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using Wait = std::optional<milliseconds>;

// 1994-11-06 08:49:37, the example of the HTTP specification.
constexpr sys_seconds example{784'111'777s};

TEST(HttpDate, IsReadInItsThreeForms) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_http_date(text, example), std::optional(example)) << text;
  }
  EXPECT_EQ(parse_http_date("Wed Nov 16 08:49:37 1994", example), std::optional(example + 240h));
}

TEST(HttpDate, IsAbsentWhenUnreadable) {
  for (const char* text : {"", "x", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
                           "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994"}) {
    EXPECT_EQ(parse_http_date(text, example), std::nullopt) << text;
  }
}

TEST(HttpDate, AYearOfTwoDigitsIsAtMost50YearsAhead) {
  const WallTime now = sys_days{std::chrono::year{2026} / 11 / 21};
  const auto year_of = [&](const char* text) {
    const auto time = parse_http_date(text, now);
    return time ? int{std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(*time)}
                          .year()}
                : 0;
  };
  EXPECT_EQ(year_of("Sunday, 06-Nov-76 08:49:37 GMT"), 2076);
  EXPECT_EQ(year_of("Sunday, 06-Nov-77 08:49:37 GMT"), 1977);
  EXPECT_EQ(year_of("Sunday, 06-Nov-26 08:49:37 GMT"), 2026);
}

TEST(HttpDate, IsWrittenAsItIsRead) {
  std::string text;
  append_http_date(text, example);
  EXPECT_EQ(text, "Sun, 06 Nov 1994 08:49:37 GMT");
  for (sys_seconds time{0s}; time < sys_seconds{4'000'000'000s}; time += 8'640'123s) {
    text.clear();
    append_http_date(text, time);
    ASSERT_EQ(parse_http_date(text, time), std::optional(time)) << text;
  }
}

TEST(DateText, ChangesWithTheSecond) {
  DateText date;
  EXPECT_EQ(date.at(example), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date.at(example + 999ms), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date.at(example + 1s), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(date.at(example), "Sun, 06 Nov 1994 08:49:37 GMT") << "clocks go back, too";
}

TEST(Rfc3339, IsReadWithFractionAndOffset) {
  const WallTime time = example;
  for (const char* text :
       {"1994-11-06T08:49:37Z", "1994-11-06t08:49:37z", "1994-11-06 08:49:37Z",
        "1994-11-06T10:49:37+02:00", "1994-11-06T01:19:37-07:30", "1994-11-06T08:49:37.000Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::optional(time)) << text;
  }
  EXPECT_EQ(parse_rfc3339("1994-11-06T08:49:37.12Z"), std::optional(time + 120ms));
  EXPECT_EQ(parse_rfc3339("1994-11-06T08:49:37.999000001Z"), std::optional(time + 1000ms));
  EXPECT_EQ(parse_rfc3339("1994-11-06T08:49:60Z"), std::optional(time + 23s));
}

TEST(Rfc3339, IsAbsentWhenUnreadable) {
  for (const char* text :
       {"", "1994-11-06", "1994-11-06T08:49:37", "1994-11-06T08:49Z", "1994-13-06T08:49:37Z",
        "1994-02-29T08:49:37Z", "1994-11-06T25:49:37Z", "1994-11-06T08:49:37.Z",
        "1994-11-06T08:49:37+24:00", "1994-11-06T08:49:37+0200", "1994-11-06T08:49:37ZZ",
        "94-11-06T08:49:37Z", "1994-11-06T08:49:37+02:60"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

// R-3, in all the forms of the field.
TEST(RetryAfter, ReadsSecondsAndDates) {
  EXPECT_EQ(parse_retry_after("12", example), Wait(12s));
  EXPECT_EQ(parse_retry_after("0.5", example), Wait(500ms));
  EXPECT_EQ(parse_retry_after("0", example), Wait(0ms));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", example), Wait(1min));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", example), Wait(0ms));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:38 GMT", example + 250ms), Wait(750ms));
}

TEST(RetryAfter, NegativePastAndUnreadableCountAsAbsent) {
  for (const char* text : {"", "-1", "soon", "12s", "Sun, 06 Nov 1994 08:49:36 GMT", "1e9"}) {
    EXPECT_EQ(parse_retry_after(text, example), std::nullopt) << text;
  }
}

TEST(RetryAfter, IsCutToOneDay) {
  EXPECT_EQ(parse_retry_after("86400", example), Wait(wait_max));
  EXPECT_EQ(parse_retry_after("86401", example), Wait(wait_max));
  EXPECT_EQ(parse_retry_after("Mon, 07 Nov 1994 08:49:36 GMT", example), Wait(wait_max - 1s));
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", example), Wait(wait_max));
}

TEST(RetryAfter, HasAFormInMilliseconds) {
  EXPECT_EQ(parse_retry_after_ms("850"), Wait(850ms));
  EXPECT_EQ(parse_retry_after_ms("0.2"), Wait(1ms));
  EXPECT_EQ(parse_retry_after_ms("86400001"), Wait(wait_max));
  EXPECT_EQ(parse_retry_after_ms("-850"), std::nullopt);
  EXPECT_EQ(parse_retry_after_ms(""), std::nullopt);
}

TEST(RetryAfter, ReadsResetsThatNameATime) {
  EXPECT_EQ(parse_rfc3339_wait("1994-11-06T08:49:40Z", example), Wait(3s));
  EXPECT_EQ(parse_rfc3339_wait("1994-11-06T08:49:36Z", example), std::nullopt);
  EXPECT_EQ(parse_rfc3339_wait("2994-11-06T08:49:36Z", example), Wait(wait_max));
  EXPECT_EQ(parse_rfc3339_wait("tomorrow", example), std::nullopt);
}

}  // namespace
}  // namespace weir::net::http
