// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/result.hpp"

namespace weir::cli {

/// What people write for a time, as Unix milliseconds: `7d` before `now_ms`, `2026-12-01`,
/// `2026-12-01T16:00` in UTC, or an instant of RFC 3339. Errors: `invalid_request`, naming
/// `option`.
Result<std::int64_t> read_time(std::string_view option, const std::string& text,
                               std::int64_t now_ms);

}  // namespace weir::cli
