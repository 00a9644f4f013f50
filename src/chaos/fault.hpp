// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/result.hpp"

/// Servers that misbehave by script, for those who want to see what their gateway, or their own
/// program, makes of it.
namespace weir::chaos {

using std::chrono::milliseconds;

/// What goes wrong with one call. Positions count from 0: `cut_token` 3 lets three tokens out.
struct Fault {
  int status = 200;
  std::string retry_after;  ///< header; empty: none
  milliseconds delay{0};    ///< before the answer begins
  milliseconds drip{0};     ///< between tokens
  std::optional<std::size_t> cut_byte;
  std::optional<std::size_t> cut_token;
  std::optional<std::size_t> stall_token;    ///< from there on silence, with the connection open
  std::optional<std::size_t> garbage_token;  ///< in its place, data that is none
  std::optional<std::size_t> error_event_token;  ///< in its place, an error
  std::int64_t length_lie = 0;                   ///< added to Content-Length
  std::optional<std::int64_t> usage_lie;         ///< output tokens that are told
  bool is_gzip_bomb = false;
  std::string redirect;  ///< where to; empty: none
  bool has_no_terminator = false;
  bool has_two_terminators = false;

  bool operator==(const Fault&) const = default;
};

/// Verbs joined by commas: `status=429,retry_after=2`, `delay=300ms,cut@token=5`; `ok` alone is an
/// answer without a fault. Errors: `invalid_request` naming the verb.
Result<Fault> parse_fault(std::string_view text);

/// One line for each verb, for help pages.
std::string fault_help();

}  // namespace weir::chaos
