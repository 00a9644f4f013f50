// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"

/// Counts and stop reasons, between Anthropic's words and the canonical ones.
namespace weir::wire::anthropic {

/// Usage as the wire counts it. Streams tell it in pieces: `message_start` first, then
/// `message_delta`, whose members replace (never add to) what was told before.
class UsageCounters {
 public:
  /// Takes each member of `usage` that is a count; null, absent and nonsense ones change nothing.
  void update(json::Value usage);
  [[nodiscard]] Usage canonical() const;

 private:
  void take(json::Value object, std::string_view key, std::int64_t& count);

  std::int64_t input_ = 0;
  std::int64_t cache_read_ = 0;
  std::int64_t cache_write_ = 0;  ///< both lifetimes
  std::int64_t cache_write_5m_ = 0;
  std::int64_t cache_write_1h_ = 0;
  std::int64_t output_ = 0;  ///< thinking included
  std::int64_t thinking_ = 0;
  bool is_impossible_ = false;
};

/// Writes the members of a usage object into the open object.
void write_usage(json::Writer& json, const Usage& usage);

/// `other` for a reason that is not known.
Finish finish_of(std::string_view stop_reason) noexcept;

/// The reason for `finish`; empty for `none`. An answer that ends naturally but holds calls says
/// `tool_use`: some formats tell `stop` then, and clients look at nothing else.
std::string_view stop_reason_of(Finish finish, bool has_calls) noexcept;

}  // namespace weir::wire::anthropic
