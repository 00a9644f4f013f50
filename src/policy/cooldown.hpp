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

/// How long a cooldown lasts where the provider names no wait.
struct CooldownLadder {
  std::array<std::chrono::milliseconds, 4> lengths{};  ///< for the 1st, 2nd, 3rd and later in a row
  std::int32_t jitter_permille = 0;                    ///< of the length, either way
  bool operator==(const CooldownLadder&) const = default;
};

/// What section 7 leaves to be set.
struct CooldownOptions {
  using milliseconds = std::chrono::milliseconds;
  static constexpr milliseconds minute{60'000};
  static constexpr milliseconds hour{3'600'000};

  /// Of a target, after any error of its own or a refusal for its rate; nothing: that is left to
  /// the breaker, and to `rate_limit`.
  std::optional<milliseconds> after_error{};
  CooldownLadder rate_limit{{milliseconds(5'000), milliseconds(30'000), 2 * minute, 10 * minute},
                            200};
  CooldownLadder quota{{hour, hour, hour, hour}};
  CooldownLadder auth{{minute, 5 * minute, hour, hour}};
  CooldownLadder forbidden{{10 * minute, 10 * minute, 10 * minute, 10 * minute}};
  CooldownLadder not_found{{10 * minute, 10 * minute, 10 * minute, 10 * minute}};
  /// Within this one is the next of a row; at least twice the ladder's last step.
  milliseconds row_max = hour;
  milliseconds length_max = 24 * hour;  ///< whatever the provider names
  // Probation is over with so many allowed at once, or so long after its first success.
  std::int64_t probation_in_flight_max = 64;
  milliseconds probation_max{10'000};

  /// What has no length of its own goes by `rate_limit`.
  [[nodiscard]] const CooldownLadder& ladder(CooldownLength length) const;
  bool operator==(const CooldownOptions&) const = default;
};

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

  /// The right to one attempt; given back by exactly one of `succeed`, `begin` and `give_back`.
  struct Permit {
    std::uint64_t generation = 0;
  };

  struct Decision {
    std::optional<Permit> permit;  ///< nothing: cooling down, or probation is full
    Duration remaining{};          ///< how long a refusal lasts at least; 0 = nobody can say
  };

  [[nodiscard]] Decision permit(const CooldownOptions& options, TimePoint now);

  /// The attempt of `permit` succeeded (streamed: its first content came).
  void succeed(Permit permit, const CooldownOptions& options, TimePoint now);
  /// It ended in a way that says nothing about limits.
  void give_back(Permit permit);
  /// It was refused. `wait` is the longest that the provider named; clamped to [1 s, `length_max`]
  /// (K-2). Without one the ladder's lengths apply, one step further for each time in a row.
  void begin(Permit permit, std::optional<std::chrono::milliseconds> wait,
             const CooldownOptions& options, CooldownLength length, TimePoint now, Random& random);

  /// Goes on with a cooldown that a restart interrupted (K-4).
  void resume(Duration remaining, const CooldownOptions& options, TimePoint now);
  /// The cause is gone (a new secret, an administrator's word): usable at once.
  void clear();

  /// How long the cooldown still lasts; 0 = it is over.
  [[nodiscard]] Duration remaining(TimePoint now) const;

 private:
  enum class State : std::uint8_t { free, cooling, probation };

  void cool(Duration length, TimePoint now);
  Duration next_length(const CooldownLadder& ladder, Duration row_max, TimePoint now,
                       Random& random);

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
