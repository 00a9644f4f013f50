// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "pipeline/call.hpp"
#include "pipeline/route.hpp"

namespace weir::pipeline {

/// What an attempt is booked at (S-11.1, S-11.3, S-11.8, U-5).
struct Charge {
  wire::Usage usage;
  std::int64_t nanousd = 0;
  bool is_estimated = false;
  UsageFlags flags;
};

/// Tokens that stand for `bytes` of text, where no provider counts them.
constexpr std::int64_t tokens_estimate(std::size_t bytes) {
  return static_cast<std::int64_t>((bytes + 3) / 4);
}

/// S-11.1, the last resort: our own count of what was sent and of what came, less `bytes_before`
/// that another attempt had brought.
wire::Usage usage_estimate(const Operation& operation, const RelayFacts& facts,
                           std::uint64_t bytes_before);

/// `told` is the provider's usage, taken as it is unless it is impossible; then, and where nothing
/// was told, `estimate` is what counts. `unix_ms` is when the attempt began: its prices hold to its
/// end.
Charge charge(const Target& target, const Operation& operation,
              const std::optional<wire::Usage>& told, const wire::Usage& estimate,
              std::int64_t unix_ms);

}  // namespace weir::pipeline
