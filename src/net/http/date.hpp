// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Dates as HTTP fields and provider headers carry them.
namespace weir::net::http {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Appends `time` in the one form HTTP has for writing: `Sun, 06 Nov 1994 08:49:37 GMT`.
/// Precondition: the year has four digits.
void append_http_date(std::string& out, std::chrono::sys_seconds time);

/// The text of the current second, formatted only when the second changes. One per thread.
class DateText {
 public:
  /// The view is good until the next call.
  std::string_view at(WallTime now);

 private:
  std::chrono::sys_seconds second_ = std::chrono::sys_seconds::min();
  std::string text_;
};

/// Reads a date in any of HTTP's three forms (RFC 9110 section 5.6.7). A year of two digits means
/// the latest year that is at most 50 years after `now`.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text, WallTime now);

/// Reads an RFC 3339 time: `2026-08-21T12:40:59Z`, with a fraction, with an offset. Fractions are
/// rounded up to the millisecond; the leap second counts as the next one.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace weir::net::http
