// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/random.hpp"
#include "policy/failure.hpp"
#include "policy/sliding_window.hpp"

namespace weir::policy {

/// When a breaker opens, for how long, and what closes it again. A rule with a count of 0 is off.
struct BreakerOptions {
  std::chrono::milliseconds window{30'000};
  std::int64_t min_calls = 10;             ///< in the window, before a rate means anything
  std::int32_t failure_permille = 500;     ///< rate of failures that opens
  std::int64_t consecutive_failures = 5;   ///< failures in a row that open
  std::int64_t failures_in_window = 0;     ///< failures in the window that open, whatever the rate
  std::chrono::milliseconds slow_call{0};  ///< a first content later than this is slow
  std::int32_t slow_permille = 800;        ///< rate of slow calls that opens
  std::chrono::milliseconds open_base{10'000};  ///< the first opening; each further one doubles it
  std::chrono::milliseconds open_cap{300'000};
  std::int32_t open_jitter_permille = 200;            ///< of the open time, either way
  std::int64_t half_open_permits = 1;                 ///< probes in flight
  std::int64_t half_open_successes = 2;               ///< in a row, that close
  std::chrono::milliseconds half_open_max{60'000};    ///< without a verdict
  std::chrono::milliseconds forgiven_after{300'000};  ///< in `closed`, until openings are forgotten
  // After it has opened in another gateway (B-9): what `min_calls` is at most, and for how long.
  std::int64_t peer_min_calls = 3;
  std::chrono::milliseconds peer_window{30'000};
  bool operator==(const BreakerOptions&) const = default;
};

/// For one target.
constexpr BreakerOptions target_breaker() { return {}; }

/// For the endpoint of one provider, which carries many targets.
constexpr BreakerOptions provider_breaker() {
  BreakerOptions options;
  options.min_calls = 20;
  options.failure_permille = 800;
  options.consecutive_failures = 10;
  return options;
}

/// Preset: 5 failures in 60 s open for 30 s, every time.
constexpr BreakerOptions breaker_by_count() {
  BreakerOptions options;
  options.window = std::chrono::seconds(60);
  options.min_calls = 0;
  options.consecutive_failures = 0;
  options.failures_in_window = 5;
  options.open_base = options.open_cap = std::chrono::seconds(30);
  options.open_jitter_permille = 0;
  options.half_open_successes = 1;
  return options;
}

/// Preset: 5 failures in a row open for 300 s, every time.
constexpr BreakerOptions breaker_by_threshold() {
  BreakerOptions options;
  options.min_calls = 0;
  options.open_base = options.open_cap = std::chrono::seconds(300);
  options.open_jitter_permille = 0;
  options.half_open_successes = 1;
  return options;
}

/// `options` with every rule that opens it off.
constexpr BreakerOptions breaker_that_never_opens(BreakerOptions options = {}) {
  options.min_calls = 0;
  options.consecutive_failures = 0;
  options.failures_in_window = 0;
  return options;
}

/// Keeps attempts away from what fails: `closed` lets them through and counts, `open` refuses them
/// for a time that doubles with each opening, `half_open` lets a few probes find out (section 6).
/// Live requests are the only probes; the breaker sends nothing of its own.
///
/// Each change of state begins a new generation. A permit remembers its own, and a result that
/// comes back in another one is ignored: attempts from before an outage can't close the breaker,
/// nor open it again after (B-7).
///
/// Not thread-safe. Cost: constant, no allocation. Time that steps back is harmless.
class CircuitBreaker {
 public:
  enum class State : std::uint8_t {
    closed,
    open,
    half_open,
    forced_open,  ///< by an administrator: refuses until released
    disabled,     ///< by an administrator: lets everything through, counts nothing
  };

  enum class Cause : std::uint8_t {
    failure_rate,
    slow_rate,
    consecutive_failures,
    failures_in_window,
    open_time_over,
    probes_succeeded,
    probe_failed,
    probes_timed_out,
    administrator,
  };

  struct Transition {
    State from;
    State to;
    Cause cause;
    bool operator==(const Transition&) const = default;
  };

  /// The right to one attempt. To be given back with `report`, once, however the attempt ended.
  struct Permit {
    std::uint64_t generation = 0;
    bool is_probe = false;
  };

  struct Decision {
    std::optional<Permit> permit;  ///< nothing: refused
    Duration remaining{};          ///< how long a refusal lasts at least; 0 = nobody can say
  };

  /// Preconditions: counts and times are not negative, at least one probe and one success
  /// (asserted).
  explicit CircuitBreaker(const BreakerOptions& options, State state = State::closed);

  /// May an attempt start? Where two breakers must agree and only one does, report its permit
  /// as `ignored`.
  [[nodiscard]] Decision permit(TimePoint now, Random& random);

  /// How the attempt of `permit` went. A streamed success is reported at its first content, after
  /// `first_content`, a success that is not streamed at its end (B-6). `ignored` gives the permit
  /// back and says nothing (B-5).
  void report(Permit permit, BreakerEffect effect, TimePoint now, Random& random,
              Duration first_content = {});

  /// The stream of `permit`, already reported as a success, broke off: one failure more (B-6).
  void report_late_failure(Permit permit, TimePoint now, Random& random);

  /// Another instance's breaker opened: for `peer_window` this one needs only `peer_min_calls` to
  /// judge a rate. It never opens by this alone (B-9).
  void heed_peer(TimePoint now);

  /// What an administrator may say; `release` leads back to `closed` with all forgotten.
  void force_open();
  void disable();
  void release(TimePoint now);

  /// Goes on by other options, from now on: what is counted in the window is forgotten, the state,
  /// its time and the openings stay. One that can't open any more is closed. Preconditions as of
  /// the constructor.
  void set_options(const BreakerOptions& options, TimePoint now);
  [[nodiscard]] const BreakerOptions& options() const { return options_; }

  [[nodiscard]] State state() const { return state_; }
  /// How long permits are refused at least; 0 = they are not, or nobody can say.
  [[nodiscard]] Duration remaining(TimePoint now) const;
  /// Probes in flight.
  [[nodiscard]] std::int64_t probes() const { return probes_; }
  /// What the latest call that is not `const` changed, in order; for the log and the counters.
  [[nodiscard]] std::span<const Transition> transitions() const {
    return {transitions_.data(), transition_count_};
  }

 private:
  struct Counts {
    std::int64_t calls = 0;
    std::int64_t failures = 0;
    std::int64_t slow = 0;
    Counts& operator+=(const Counts& other);
    Counts& operator-=(const Counts& other);
  };

  void begin_call() { transition_count_ = 0; }
  void settle(TimePoint now, Random& random);
  void book(const Counts& counts, TimePoint now, Random& random);
  void judge_probe(BreakerEffect effect, TimePoint now, Random& random);
  [[nodiscard]] std::optional<Cause> reason_to_open(TimePoint now);
  void open(Cause cause, TimePoint now, Random& random);
  void close(Cause cause, TimePoint now);
  void enter(State state, Cause cause);

  BreakerOptions options_;
  State state_;
  std::uint64_t generation_ = 0;
  SlidingWindow<Counts, 10> window_;
  std::int64_t failures_in_row_ = 0;
  int openings_ = 0;                       // k
  std::optional<TimePoint> closed_since_;  // nothing until it was open once
  TimePoint open_until_{};
  TimePoint half_open_until_{};
  TimePoint peer_heeded_until_{};
  std::int64_t probes_ = 0;
  std::int64_t probe_successes_ = 0;
  std::array<Transition, 2> transitions_{};
  std::size_t transition_count_ = 0;
};

/// Lower-case names, as logs and metrics have them.
std::string_view name(CircuitBreaker::State state) noexcept;
std::string_view name(CircuitBreaker::Cause cause) noexcept;

}  // namespace weir::policy
