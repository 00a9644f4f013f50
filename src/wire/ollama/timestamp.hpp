// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::wire::ollama {

/// Unix seconds of an RFC 3339 time such as 2026-08-21T10:00:00.123Z; fractions are cut off.
/// Nothing when `text` is no such time.
std::optional<std::int64_t> parse_timestamp(std::string_view text) noexcept;

/// The RFC 3339 form of `unix_seconds` in UTC. Times outside the years 0 to 9999, which the format
/// can't express, become the nearest that it can.
std::string format_timestamp(std::int64_t unix_seconds);

}  // namespace weir::wire::ollama
