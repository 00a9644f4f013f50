// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace weir {

/// `2026-12-01`, or with a time of the day in UTC: `2026-12-01T16:30`, with seconds and a `Z` if
/// wanted. Nothing for anything else.
std::optional<std::chrono::sys_seconds> parse_moment(std::string_view text);

}  // namespace weir
