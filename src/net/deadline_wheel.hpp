// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "net/loop.hpp"

namespace weir::net {

/// Coarse alarms in slots of 20 ms: arming and disarming cost a few nanoseconds however many there
/// are, and no timer of the system runs per operation.
class DeadlineWheel {
 public:
  static constexpr std::chrono::milliseconds tick{20};

  void add(Alarm& alarm, TimePoint when);
  /// Has it fire at another time. Precondition: it was added. One that is put off stays where it is
  /// until its old time: what is put off again and again touches no other alarm.
  void move(Alarm& alarm, TimePoint when);
  void remove(Alarm& alarm) noexcept;
  /// Fires everything due at `now`.
  void advance(TimePoint now);
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// Before then nothing is due; `max` when it is empty. Looks at every slot up to there.
  [[nodiscard]] TimePoint next_advance() const noexcept;

 private:
  static constexpr std::size_t slot_count = 4096;  // one turn is 82 s; longer waits go round again

  [[nodiscard]] static std::int64_t tick_of(TimePoint when) {
    return when.time_since_epoch() / tick;
  }
  [[nodiscard]] static std::uint32_t slot_of(TimePoint when) {
    return static_cast<std::uint32_t>(static_cast<std::size_t>(tick_of(when)) % slot_count);
  }
  void link(Alarm& alarm) noexcept;
  void unlink(Alarm& alarm) noexcept;

  std::array<Alarm*, slot_count> slots_{};
  std::size_t count_ = 0;
  std::int64_t done_tick_ = 0;  ///< slots up to this tick were looked at
  Alarm* visiting_ = nullptr;   ///< the alarm `advance` looks at next
};

}  // namespace weir::net
