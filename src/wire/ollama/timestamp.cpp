// SPDX-License-Identifier: Apache-2.0
#include "wire/ollama/timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace weir::wire::ollama {
namespace {

namespace chrono = std::chrono;

constexpr std::int64_t seconds_min = -62167219200;  // 0000-01-01T00:00:00Z
constexpr std::int64_t seconds_max = 253402300799;  // 9999-12-31T23:59:59Z

/// Takes `width` digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t width) noexcept {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, width)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) noexcept {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes "hh:mm" and answers minutes.
std::optional<int> take_minutes(std::string_view& text) noexcept {
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return *hours * 60 + *minutes;
}

std::optional<chrono::sys_days> take_date(std::string_view& text) noexcept {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const chrono::year_month_day date(chrono::year(*year),
                                    chrono::month(static_cast<unsigned>(*month)),
                                    chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return chrono::sys_days(date);
}

/// Takes the rest of the text, "Z" or "+hh:mm", and answers seconds east of UTC.
std::optional<std::int64_t> take_offset(std::string_view text) noexcept {
  if (take(text, "Zz")) return text.empty() ? std::optional<std::int64_t>(0) : std::nullopt;
  if (text.empty()) return std::nullopt;
  const std::int64_t sign = text.front() == '-' ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  const auto minutes = take_minutes(text);
  if (!minutes || !text.empty()) return std::nullopt;
  return sign * *minutes * 60;
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  out.append(width - std::min(width, digits.size()), '0').append(digits);
}

}  // namespace

std::optional<std::int64_t> parse_timestamp(std::string_view text) noexcept {
  const auto date = take_date(text);
  if (!date || !take(text, "Tt ")) return std::nullopt;
  const auto minutes = take_minutes(text);
  if (!minutes || !take(text, ":")) return std::nullopt;
  const auto seconds = take_number(text, 2);
  if (!seconds || *seconds > 60) return std::nullopt;
  if (take(text, ".")) {
    text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  }
  const auto offset = take_offset(text);
  if (!offset) return std::nullopt;
  const std::int64_t days = date->time_since_epoch().count();
  return days * 86400 + *minutes * 60 + *seconds - *offset;
}

std::string format_timestamp(std::int64_t unix_seconds) {
  const chrono::sys_seconds time{
      chrono::seconds(std::clamp(unix_seconds, seconds_min, seconds_max))};
  const auto midnight = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(midnight);
  const chrono::hh_mm_ss clock(time - midnight);
  std::string out;
  append_padded(out, int{date.year()}, 4);
  out.push_back('-');
  append_padded(out, unsigned{date.month()}, 2);
  out.push_back('-');
  append_padded(out, unsigned{date.day()}, 2);
  out.push_back('T');
  append_padded(out, clock.hours().count(), 2);
  out.push_back(':');
  append_padded(out, clock.minutes().count(), 2);
  out.push_back(':');
  append_padded(out, clock.seconds().count(), 2);
  out.push_back('Z');
  return out;
}

}  // namespace weir::wire::ollama
