// SPDX-License-Identifier: Apache-2.0
#include "net/http/retry_after.hpp"

#include <algorithm>

namespace weir::net::http {
namespace {

using std::chrono::milliseconds;

std::optional<milliseconds> wait_until(std::optional<WallTime> time, WallTime now) {
  if (!time || *time < now) return std::nullopt;
  return std::min(*time - now, wait_max);
}

}  // namespace

std::optional<milliseconds> parse_retry_after(std::string_view value, WallTime now) {
  if (auto wait = parse_decimal_wait(value, std::chrono::seconds(1))) return wait;
  return wait_until(parse_http_date(value, now), now);
}

std::optional<milliseconds> parse_retry_after_ms(std::string_view value) {
  return parse_decimal_wait(value, milliseconds(1));
}

std::optional<milliseconds> parse_rfc3339_wait(std::string_view value, WallTime now) {
  return wait_until(parse_rfc3339(value), now);
}

}  // namespace weir::net::http
