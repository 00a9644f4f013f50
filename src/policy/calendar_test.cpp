// SPDX-License-Identifier: Apache-2.0
#include "policy/calendar.hpp"

#include <string>

#include <gtest/gtest.h>

#include <date/date.h>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t hour_ms = 3'600'000;

/// Unix time of a moment in UTC.
std::int64_t utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  const date::sys_days midnight = date::year(year) / date::month(month) / date::day(day);
  return (std::int64_t{midnight.time_since_epoch().count()} * 24 + hour) * hour_ms +
         minute * 60'000;
}

Calendar make(Period period, std::string_view zone, std::chrono::minutes reset_at = 0min) {
  auto made = Calendar::make(period, zone, reset_at);
  EXPECT_TRUE(made) << zone;
  return *std::move(made);
}

std::int64_t hours_of_day_at(std::string_view zone, std::int64_t unix_ms) {
  const CalendarWindow window = make(Period::day, zone).window_at(unix_ms);
  return (window.end_ms - window.start_ms) / hour_ms;
}

TEST(Calendar, W4ADayIs23HoursWhenClocksGoForwardAnd25WhenTheyGoBack) {
  EXPECT_EQ(hours_of_day_at("Europe/Berlin", utc(2026, 3, 29, 12)), 23);
  EXPECT_EQ(hours_of_day_at("Europe/Berlin", utc(2026, 3, 30, 12)), 24);
  EXPECT_EQ(hours_of_day_at("Europe/Berlin", utc(2026, 10, 25, 12)), 25);
  EXPECT_EQ(hours_of_day_at("America/Los_Angeles", utc(2026, 3, 8, 20)), 23);
}

TEST(Calendar, K6AProvidersDayEndsAtMidnightOfItsPlace) {
  const Calendar pacific = make(Period::day, "America/Los_Angeles");
  EXPECT_EQ(pacific.window_at(utc(2026, 7, 1, 12)).start_ms, utc(2026, 7, 1, 7));
  EXPECT_EQ(pacific.window_at(utc(2026, 1, 5, 12)).start_ms, utc(2026, 1, 5, 8));
}

TEST(Calendar, W4OffsetsOf30And45MinutesAreKept) {
  EXPECT_EQ(make(Period::day, "Asia/Kolkata").window_at(utc(2026, 5, 2)).start_ms,
            utc(2026, 5, 1, 18, 30));
  EXPECT_EQ(make(Period::day, "Asia/Kathmandu").window_at(utc(2026, 5, 2)).start_ms,
            utc(2026, 5, 1, 18, 15));
  // Half an hour of daylight saving.
  const CalendarWindow window =
      make(Period::day, "Australia/Lord_Howe").window_at(utc(2026, 10, 4, 3));
  EXPECT_EQ(window.end_ms - window.start_ms, 23 * hour_ms + hour_ms / 2);
}

TEST(Calendar, W4LeapDaysAreDays) {
  const Calendar days = make(Period::day, "");
  EXPECT_EQ(days.window_at(utc(2028, 2, 29, 23)).start_ms, utc(2028, 2, 29));
  EXPECT_EQ(days.window_at(utc(2028, 2, 29)).id, days.window_at(utc(2028, 3, 1)).id - 1);
  const CalendarWindow february = make(Period::month, "").window_at(utc(2028, 2, 10));
  EXPECT_EQ(february.end_ms - february.start_ms, 29 * 24 * hour_ms);
  const CalendarWindow of_2100 = make(Period::month, "").window_at(utc(2100, 2, 10));
  EXPECT_EQ(of_2100.end_ms - of_2100.start_ms, 28 * 24 * hour_ms);
}

TEST(Calendar, WeeksBeginOnMondayAndMonthsOnTheFirst) {
  const CalendarWindow week = make(Period::week, "Europe/Berlin").window_at(utc(2026, 11, 22, 12));
  EXPECT_EQ(week.start_ms, utc(2026, 11, 15, 23)) << "Monday the 16th in Berlin";
  EXPECT_EQ(week.end_ms, utc(2026, 11, 22, 23));
  const CalendarWindow month = make(Period::month, "").window_at(utc(2026, 12, 31, 23));
  EXPECT_EQ(month.start_ms, utc(2026, 12, 1));
  EXPECT_EQ(month.end_ms, utc(2027, 1, 1));
}

TEST(Calendar, AResetInTheHourThatIsSkippedComesWhenItIsSkipped) {
  const Calendar days = make(Period::day, "Europe/Berlin", 150min);
  EXPECT_EQ(days.window_at(utc(2026, 3, 29, 12)).start_ms, utc(2026, 3, 29, 1));
}

// The clocks show 02:30 twice; a window that began at the first must not end at 02:10 of the
// second.
TEST(Calendar, AResetInTheHourThatComesTwiceComesOnce) {
  const Calendar days = make(Period::day, "Europe/Berlin", 150min);
  const std::int64_t first = utc(2026, 10, 25, 0, 30);
  EXPECT_EQ(days.window_at(first).start_ms, first);
  EXPECT_EQ(days.window_at(first + 40 * 60'000), days.window_at(first));
  EXPECT_EQ(days.window_at(first + hour_ms), days.window_at(first));
  EXPECT_EQ(days.window_at(first - 1).end_ms, first);
}

// Windows of every zone that has ever surprised anyone lie side by side, without gap or overlap.
TEST(Calendar, W4EveryMomentIsInExactlyOneWindow) {
  for (const char* zone : {"Europe/Berlin", "America/Havana", "Asia/Kathmandu", "Pacific/Apia",
                           "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Chatham", "UTC"}) {
    for (const auto reset : {0min, 150min, 23h + 59min}) {
      const Calendar days = make(Period::day, zone, reset);
      CalendarWindow window = days.window_at(utc(2011, 1, 1));
      while (window.end_ms < utc(2012, 3, 1)) {
        ASSERT_LT(window.start_ms, window.end_ms) << zone;
        ASSERT_EQ(days.window_at(window.end_ms - 1), window) << zone << " " << window.end_ms;
        const CalendarWindow next = days.window_at(window.end_ms);
        ASSERT_EQ(next.start_ms, window.end_ms) << zone;
        ASSERT_GT(next.id, window.id) << zone;
        window = next;
      }
    }
  }
}

TEST(Calendar, AWindowsLabelSaysWhatItIsAndWhere) {
  const std::int64_t now = utc(2026, 11, 21, 12);
  const auto label = [&](const Calendar& calendar) {
    return calendar.label(calendar.window_at(now));
  };
  EXPECT_EQ(label(make(Period::day, "")), "day:2026-11-21");
  EXPECT_EQ(label(make(Period::week, "")), "week:2026-11-16");
  EXPECT_EQ(label(make(Period::month, "Europe/Berlin", 390min)),
            "month:2026-11@Europe/Berlin+06:30");
  EXPECT_EQ(label(make(Period::total, "Europe/Berlin")), "total");
}

TEST(Calendar, AllTimeIsOneWindow) {
  const Calendar total = make(Period::total, "");
  EXPECT_EQ(total.window_at(0), total.window_at(utc(2400, 1, 1)));
}

TEST(Calendar, AZoneThatDoesNotExistIsRefused) {
  const auto made = Calendar::make(Period::day, "Europe/Bielefeld");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_request);
  EXPECT_NE(made.error().message.find("Europe/Bielefeld"), std::string::npos);
}

}  // namespace
}  // namespace weir::policy
