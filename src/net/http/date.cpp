// SPDX-License-Identifier: Apache-2.0
#include "net/http/date.hpp"

#include <array>

#include "base/ascii.hpp"
#include "base/assert.hpp"

namespace weir::net::http {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::month;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> day_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void append_digits(std::string& out, int value, int count) {
  int power = 1;
  for (int i = 1; i < count; ++i) power *= 10;
  for (; power > 0; power /= 10) out.push_back(static_cast<char>('0' + value / power % 10));
}

/// Reads a text of fixed parts from left to right. A mismatch is remembered and told at the end.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool is_at_end() const { return is_good_ && rest_.empty(); }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  void skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return fail();
    rest_.remove_prefix(expected.size());
  }

  /// Takes `c` if it stands here; no mismatch otherwise.
  bool take(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void fail() { is_good_ = false; }

  /// Exactly `count` digits.
  int take_number(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value * 10 + take_digit();
    return value;
  }

  int take_digit() {
    if (!ascii::is_digit(peek())) {
      fail();
      return 0;
    }
    const int digit = rest_.front() - '0';
    rest_.remove_prefix(1);
    return digit;
  }

  /// The first of `names` that stands here, counted from 0; the whole name or its first three
  /// letters.
  template <std::size_t n>
  std::size_t take_name(const std::array<std::string_view, n>& names, bool is_whole) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::string_view name = is_whole ? names[i] : names[i].substr(0, 3);
      if (!rest_.starts_with(name)) continue;
      rest_.remove_prefix(name.size());
      return i;
    }
    fail();
    return 0;
  }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

/// Calendar and clock as written, not yet checked.
struct Moment {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;  ///< 60 in a leap second
};

std::optional<sys_seconds> to_time(const Moment& moment) {
  const year_month_day date{year{moment.year}, month{moment.month}, day{moment.day}};
  if (!date.ok() || moment.hour > 23 || moment.minute > 59 || moment.second > 60) {
    return std::nullopt;
  }
  return sys_days{date} + hours{moment.hour} + minutes{moment.minute} + seconds{moment.second};
}

void take_clock(DateReader& reader, Moment& moment) {
  moment.hour = reader.take_number(2);
  reader.skip(":");
  moment.minute = reader.take_number(2);
  reader.skip(":");
  moment.second = reader.take_number(2);
}

unsigned take_month(DateReader& reader) {
  return static_cast<unsigned>(reader.take_name(month_names, true)) + 1;
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
std::optional<sys_seconds> parse_fixed_date(std::string_view text) {
  DateReader reader(text);
  Moment moment;
  reader.take_name(day_names, false);
  reader.skip(", ");
  moment.day = static_cast<unsigned>(reader.take_number(2));
  reader.skip(" ");
  moment.month = take_month(reader);
  reader.skip(" ");
  moment.year = reader.take_number(4);
  reader.skip(" ");
  take_clock(reader, moment);
  reader.skip(" GMT");
  return reader.is_at_end() ? to_time(moment) : std::nullopt;
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
std::optional<sys_seconds> parse_rfc850_date(std::string_view text, WallTime now) {
  DateReader reader(text);
  Moment moment;
  reader.take_name(day_names, true);
  reader.skip(", ");
  moment.day = static_cast<unsigned>(reader.take_number(2));
  reader.skip("-");
  moment.month = take_month(reader);
  reader.skip("-");
  const int year_of_century = reader.take_number(2);
  reader.skip(" ");
  take_clock(reader, moment);
  reader.skip(" GMT");
  if (!reader.is_at_end()) return std::nullopt;
  const int latest = static_cast<int>(year_month_day{std::chrono::floor<days>(now)}.year()) + 50;
  moment.year = latest - (latest - year_of_century) % 100;
  return to_time(moment);
}

/// `Sun Nov  6 08:49:37 1994`
std::optional<sys_seconds> parse_asctime_date(std::string_view text) {
  DateReader reader(text);
  Moment moment;
  reader.take_name(day_names, false);
  reader.skip(" ");
  moment.month = take_month(reader);
  reader.skip(" ");
  const bool has_one_digit = reader.take(' ');
  moment.day = static_cast<unsigned>(reader.take_number(has_one_digit ? 1 : 2));
  reader.skip(" ");
  take_clock(reader, moment);
  reader.skip(" ");
  moment.year = reader.take_number(4);
  return reader.is_at_end() ? to_time(moment) : std::nullopt;
}

/// The fraction behind a second's point, rounded up.
milliseconds take_fraction(DateReader& reader) {
  int value = reader.take_digit() * 100;
  int scale = 10;
  bool has_rest = false;
  while (ascii::is_digit(reader.peek())) {
    const int digit = reader.take_digit();
    value += digit * scale;
    has_rest |= scale == 0 && digit != 0;
    scale /= 10;
  }
  return milliseconds{value + (has_rest ? 1 : 0)};
}

/// `Z`, `+02:00`, `-07:30`
minutes take_offset(DateReader& reader) {
  if (reader.take('Z') || reader.take('z')) return minutes{0};
  const bool is_west = reader.take('-');
  if (!is_west) reader.skip("+");
  const int hour = reader.take_number(2);
  reader.skip(":");
  const int minute = reader.take_number(2);
  if (hour > 23 || minute > 59) reader.fail();
  const minutes offset = hours{hour} + minutes{minute};
  return is_west ? -offset : offset;
}

}  // namespace

void append_http_date(std::string& out, sys_seconds time) {
  const sys_days date = std::chrono::floor<days>(time);
  const year_month_day calendar{date};
  const int year_number = static_cast<int>(calendar.year());
  WEIR_ASSERT(year_number >= 0);
  WEIR_ASSERT(year_number <= 9999);
  const std::chrono::hh_mm_ss clock{time - date};
  out.append(day_names[std::chrono::weekday{date}.c_encoding()].substr(0, 3)).append(", ");
  append_digits(out, static_cast<int>(static_cast<unsigned>(calendar.day())), 2);
  out.append(" ").append(month_names[static_cast<unsigned>(calendar.month()) - 1]).append(" ");
  append_digits(out, year_number, 4);
  out.push_back(' ');
  append_digits(out, static_cast<int>(clock.hours().count()), 2);
  out.push_back(':');
  append_digits(out, static_cast<int>(clock.minutes().count()), 2);
  out.push_back(':');
  append_digits(out, static_cast<int>(clock.seconds().count()), 2);
  out.append(" GMT");
}

std::string_view DateText::at(WallTime now) {
  const auto second = std::chrono::floor<seconds>(now);
  if (second != second_) {
    second_ = second;
    text_.clear();
    append_http_date(text_, second);
  }
  return text_;
}

std::optional<sys_seconds> parse_http_date(std::string_view text, WallTime now) {
  if (auto time = parse_fixed_date(text)) return time;
  if (auto time = parse_rfc850_date(text, now)) return time;
  return parse_asctime_date(text);
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  DateReader reader(text);
  Moment moment;
  moment.year = reader.take_number(4);
  reader.skip("-");
  moment.month = static_cast<unsigned>(reader.take_number(2));
  reader.skip("-");
  moment.day = static_cast<unsigned>(reader.take_number(2));
  if (!reader.take('t') && !reader.take(' ')) reader.skip("T");
  take_clock(reader, moment);
  milliseconds fraction{0};
  if (reader.take('.')) fraction = take_fraction(reader);
  const minutes offset = take_offset(reader);
  if (!reader.is_at_end()) return std::nullopt;
  const auto time = to_time(moment);
  if (!time) return std::nullopt;
  return *time + fraction - offset;
}

}  // namespace weir::net::http
