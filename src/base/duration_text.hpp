// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

/// Waits as providers write them. Every function here gives nothing for what it can't read,
/// negative numbers included, cuts longer waits to `wait_max`, and rounds up to a whole
/// millisecond: waking early means one more refusal.
namespace weir {

inline constexpr std::chrono::milliseconds wait_max = std::chrono::hours(24);

/// A plain decimal number of `unit`: `12`, `0.5`. No sign, exponent or blank. `unit` is positive
/// and at most an hour.
std::optional<std::chrono::milliseconds> parse_decimal_wait(std::string_view text,
                                                            std::chrono::nanoseconds unit);

/// Go's form: `6m0s`, `2m59.56s`, `1h2m3s`, `20ms`; a bare number is seconds.
std::optional<std::chrono::milliseconds> parse_go_duration(std::string_view text);

/// The JSON form of a protobuf duration: `34.07s`.
std::optional<std::chrono::milliseconds> parse_protobuf_duration(std::string_view text);

/// The wait that a sentence names: `try again in 1m2.3s`, `retry after 45 seconds`. Where several
/// stand, the last counts: messages tell the limit first and the advice at the end.
std::optional<std::chrono::milliseconds> find_wait_in_text(std::string_view text);

}  // namespace weir
