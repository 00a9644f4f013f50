// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "policy/failure.hpp"
#include "policy/sliding_window.hpp"

namespace weir::policy {

/// Keeps attempts away from a target, a key or a provider that said "not now" (section 7), and
/// lets them back slowly: when the cooldown ends, one attempt at a time until one succeeds, then
/// twice as many with each success. Without that a thousand waiting requests would fall upon the
/// provider in the same instant and earn the next refusal.
///
/// Independent of the breaker. A permit remembers the cooldown it was given after, so that of the
/// many attempts which run into the same limit at once only the first lengthens anything.
///
/// Not thread-safe. Cost: constant, no allocation.
class Cooldown {
 public:
  static constexpr std::chrono::milliseconds length_min{1'000};
  static constexpr std::chrono::milliseconds length_max{86'400'000};

  /// The right to one attempt; given back by exactly one of `succeed`, `begin` and `give_back`.
  struct Permit {
    std::uint64_t generation = 0;
  };

  struct Decision {
    std::optional<Permit> permit;  ///< nothing: cooling down, or probation is full
    Duration remaining{};          ///< how long a refusal lasts at least; 0 = nobody can say
  };

  [[nodiscard]] Decision permit(TimePoint now);

  /// The attempt of `permit` succeeded (streamed: its first content came).
  void succeed(Permit permit, TimePoint now);
  /// It ended in a way that says nothing about limits.
  void give_back(Permit permit);
  /// It was refused. `wait` is the longest that the provider named; clamped to [1 s, 24 h] (K-2).
  /// Without one the ladder's lengths apply, one step further for each time within the last hour
  /// (ladders that are longer than half an hour remember twice their longest step).
  void begin(Permit permit, std::optional<std::chrono::milliseconds> wait,
             const CooldownLadder& ladder, TimePoint now, Random& random);

  /// Goes on with a cooldown that a restart interrupted (K-4).
  void resume(Duration remaining, TimePoint now);
  /// The cause is gone (a new secret, an administrator's word): usable at once.
  void clear();

  /// How long the cooldown still lasts; 0 = it is over.
  [[nodiscard]] Duration remaining(TimePoint now) const;

 private:
  enum class State : std::uint8_t { free, cooling, probation };

  void cool(Duration length, TimePoint now);
  Duration next_length(const CooldownLadder& ladder, TimePoint now, Random& random);

  State state_ = State::free;
  std::uint64_t generation_ = 0;
  TimePoint until_{};
  std::int64_t allowed_ = 1;
  std::int64_t in_flight_ = 0;  // in probation
  std::optional<TimePoint> first_success_;
  // When the latest cooldowns without a named wait began, newest first. Three are enough: the
  // ladder's fourth step is its last.
  std::array<std::optional<TimePoint>, 3> begun_{};
};

}  // namespace weir::policy
