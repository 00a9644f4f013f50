// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>

namespace weir::server {

/// Notices that the wall clock was set: it went another way than the monotonic one since the last
/// look. What a time service corrects little by little is no step.
class ClockWatch {
 public:
  using Milliseconds = std::chrono::milliseconds;
  static constexpr Milliseconds step_min{5'000};

  ClockWatch(std::int64_t wall_ms, Milliseconds steady) : offset_(wall_ms - steady.count()) {}

  /// By how much it was set, negative backwards; each step is told once (W-2).
  std::optional<Milliseconds> look(std::int64_t wall_ms, Milliseconds steady) {
    const Milliseconds step(wall_ms - steady.count() - offset_);
    offset_ += step.count();
    if (std::abs(step.count()) < step_min.count()) return std::nullopt;
    return step;
  }

 private:
  std::int64_t offset_;  ///< of the wall clock to the monotonic one, in ms
};

}  // namespace weir::server
