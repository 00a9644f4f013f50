// SPDX-License-Identifier: Apache-2.0
#include "policy/calendar.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <limits>
#include <string>

#include <date/tz.h>

namespace weir::policy {
namespace {

using std::chrono::milliseconds;
using LocalMs = date::local_time<milliseconds>;
using SysMs = date::sys_time<milliseconds>;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// The first day of 1970 was a Thursday.
constexpr std::int64_t days_from_monday = 3;

std::int64_t id_of(Period period, date::local_days day) {
  const std::int64_t days = day.time_since_epoch().count();
  switch (period) {
    case Period::day:
      return days;
    case Period::week:
      return floor_div(days + days_from_monday, 7);
    case Period::month: {
      const date::year_month_day ymd(day);
      return std::int64_t{int{ymd.year()}} * 12 + unsigned{ymd.month()} - 1;
    }
    case Period::total:
      break;
  }
  return 0;
}

date::local_days first_day_of(Period period, std::int64_t id) {
  if (period == Period::day) return date::local_days(date::days(id));
  if (period == Period::week) return date::local_days(date::days(id * 7 - days_from_monday));
  const auto year = static_cast<int>(floor_div(id, 12));
  const auto month = static_cast<unsigned>(id - std::int64_t{year} * 12) + 1;
  return date::local_days(date::year(year) / date::month(month) / 1);
}

/// A stream that formats a date costs as much as admitting a call.
void append_digits(std::string& out, int number, std::size_t width) {
  const std::string digits = std::to_string(number);
  out.append(width - std::min(width, digits.size()), '0').append(digits);
}

}  // namespace

std::string_view name(Period period) noexcept {
  switch (period) {
    case Period::day:
      return "day";
    case Period::week:
      return "week";
    case Period::month:
      return "month";
    case Period::total:
      return "total";
  }
  return "total";
}

Result<Calendar> Calendar::make(Period period, std::string_view zone,
                                std::chrono::minutes reset_at) {
  if (zone.empty() || zone == "UTC") return Calendar(period, nullptr, reset_at);
  // The library throws, for an unknown name and for a database it can't read.
  try {
    return Calendar(period, date::locate_zone(zone), reset_at);
  } catch (const std::exception&) {
    return Error(ErrorCode::invalid_request,
                 "there is no time zone " + std::string(zone) + "; they look like Europe/Berlin");
  }
}

std::string_view Calendar::zone_name() const {
  if (zone_ == nullptr) return "UTC";
  return zone_->name();
}

std::string Calendar::label(const CalendarWindow& window) const {
  std::string text(name(period_));
  if (period_ == Period::total) return text;
  const date::year_month_day first(first_day_of(period_, window.id));
  append_digits(text += ':', int{first.year()}, 4);
  append_digits(text += '-', static_cast<int>(unsigned{first.month()}), 2);
  if (period_ != Period::month) {
    append_digits(text += '-', static_cast<int>(unsigned{first.day()}), 2);
  }
  if (zone_ != nullptr) text.append("@").append(zone_->name());
  if (reset_at_ != reset_at_.zero()) {
    const auto minutes = static_cast<int>(reset_at_.count());
    append_digits(text += '+', minutes / 60, 2);
    append_digits(text += ':', minutes % 60, 2);
  }
  return text;
}

/// A time that the clocks of the place skip stands for the moment they skip it; of one that they
/// show twice the first counts.
std::int64_t Calendar::start_of(std::int64_t id) const {
  const LocalMs local = first_day_of(period_, id) + reset_at_;
  if (zone_ == nullptr) return local.time_since_epoch().count();
  return zone_->to_sys(local, date::choose::earliest).time_since_epoch().count();
}

CalendarWindow Calendar::window_at(std::int64_t unix_ms) const {
  if (period_ == Period::total) {
    return {0, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  }
  const LocalMs local = zone_ == nullptr ? LocalMs(milliseconds(unix_ms))
                                         : zone_->to_local(SysMs(milliseconds(unix_ms)));
  std::int64_t id = id_of(period_, date::floor<date::days>(local - reset_at_));
  // Where the clocks are set back over the hour of the reset they show a time before it once more.
  while (start_of(id + 1) <= unix_ms) ++id;
  while (start_of(id) > unix_ms) --id;
  return {id, start_of(id), start_of(id + 1)};
}

}  // namespace weir::policy
