// SPDX-License-Identifier: Apache-2.0
#include "cli/times.hpp"

#include <chrono>

#include "base/moment.hpp"
#include "config/values.hpp"
#include "net/http/date.hpp"

namespace weir::cli {

Result<std::int64_t> read_time(std::string_view option, const std::string& text,
                               std::int64_t now_ms) {
  if (const auto moment = parse_moment(text)) {
    return std::chrono::milliseconds(moment->time_since_epoch()).count();
  }
  if (const auto instant = net::http::parse_rfc3339(text)) {
    return instant->time_since_epoch().count();
  }
  config::milliseconds before{0};
  if (!config::read_value(text, before, {})) return now_ms - before.count();
  return Error(ErrorCode::invalid_request,
               std::string(option) + ": '" + text +
                   "' is no time such as 2026-12-01, 2026-12-01T16:00, or 30m, 12h, 7d before now");
}

}  // namespace weir::cli
