// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/money.hpp"
#include "policy/calendar.hpp"
#include "policy/sliding_window.hpp"

/// Ways to count what is used against a limit (section 12). All of them are exact integers, take
/// time as an argument and never refill by themselves.
///
/// Each answers in two steps, so that several can agree before any of them takes: `wait` says how
/// long it would be until so much fits, and `take` takes it. What was taken may turn out more or
/// less than it was: `correct` settles the difference (L-8).
///
/// Time that goes backwards counts as the latest time seen.
namespace weir::policy {

/// One moment on both clocks: durations go by the steady one, calendars by the wall's (W-1).
struct Moment {
  TimePoint steady;
  std::int64_t unix_ms = 0;
};

/// It will never fit: it is more than the limit itself.
inline constexpr Duration never = Duration::max();

/// L-1: time is divided into windows, each with the whole limit. Up to twice the limit may pass
/// across the boundary of two.
class FixedWindow {
 public:
  FixedWindow(std::int64_t limit, Duration window) : limit_(limit), window_(window) {}
  [[nodiscard]] Duration wait(std::int64_t cost, const Moment& now);
  void take(std::int64_t cost, const Moment& now);
  void correct(std::int64_t difference, const Moment& taken, const Moment& now);
  [[nodiscard]] std::int64_t used(const Moment& now);
  /// Until nothing is used any more, if nothing else comes.
  [[nodiscard]] Duration reset(const Moment& now);
  void set_limit(std::int64_t limit, const Moment&) { limit_ = limit; }

 private:
  void advance(TimePoint now);

  std::int64_t limit_;
  Duration window_;
  std::int64_t index_ = 0;
  std::int64_t used_ = 0;
};

/// L-2: the window before counts with the share of it that a window ending now still covers. At
/// most a twentieth above the limit under steady load, for two numbers of memory.
class SlidingCounter {
 public:
  SlidingCounter(std::int64_t limit, Duration window) : limit_(limit), window_(window) {}
  [[nodiscard]] Duration wait(std::int64_t cost, const Moment& now);
  void take(std::int64_t cost, const Moment& now);
  /// What was taken in the window before is settled there, for as long as that counts.
  void correct(std::int64_t difference, const Moment& taken, const Moment& now);
  [[nodiscard]] std::int64_t used(const Moment& now);
  [[nodiscard]] Duration reset(const Moment& now);
  void set_limit(std::int64_t limit, const Moment&) { limit_ = limit; }

 private:
  void advance(TimePoint now);
  [[nodiscard]] Duration elapsed(TimePoint now) const;

  std::int64_t limit_;
  Duration window_;
  std::int64_t index_ = 0;
  std::int64_t previous_ = 0;
  std::int64_t current_ = 0;
};

/// L-3: remembers every taking, so that no stretch of the window's length ever holds more than the
/// limit. For small limits.
class SlidingLog {
 public:
  SlidingLog(std::int64_t limit, Duration window) : limit_(limit), window_(window) {}
  [[nodiscard]] Duration wait(std::int64_t cost, const Moment& now);
  void take(std::int64_t cost, const Moment& now);
  void correct(std::int64_t difference, const Moment& taken, const Moment& now);
  [[nodiscard]] std::int64_t used(const Moment& now);
  [[nodiscard]] Duration reset(const Moment& now);
  void set_limit(std::int64_t limit, const Moment&) { limit_ = limit; }

 private:
  struct Entry {
    TimePoint at;
    std::int64_t cost = 0;
  };
  void advance(TimePoint now);

  std::int64_t limit_;
  Duration window_;
  std::vector<Entry> entries_;  // by time
  std::size_t first_ = 0;       // of those that still count
  std::int64_t used_ = 0;
};

/// L-4: fills with `limit` per window up to `burst`. In the form of GCRA: the whole state is one
/// moment, when the bucket will be full. It is kept in nanoseconds times the limit, since a
/// window divided by the limit is rarely whole.
class TokenBucket {
 public:
  TokenBucket(std::int64_t limit, Duration window, std::int64_t burst)
      : limit_(limit), window_(window), burst_(burst) {}
  [[nodiscard]] std::int64_t burst() const { return burst_; }
  [[nodiscard]] Duration wait(std::int64_t cost, const Moment& now);
  void take(std::int64_t cost, const Moment& now);
  /// A bucket has no window that could be over: what was too little is owed (L-8).
  void correct(std::int64_t difference, const Moment& taken, const Moment& now);
  [[nodiscard]] std::int64_t used(const Moment& now);
  [[nodiscard]] Duration reset(const Moment& now);
  void set_limit(std::int64_t limit, const Moment& now);

 private:
  [[nodiscard]] Int128 scaled(TimePoint at) const;
  [[nodiscard]] Duration unscaled(Int128 length) const;

  std::int64_t limit_;
  Duration window_;
  std::int64_t burst_;
  Int128 full_at_ = 0;
};

/// L-6: so much a day, week or month of a place, by the wall clock. Its windows only go forward
/// (W-2), and a clock that jumps begins at most one (W-3).
class Quota {
 public:
  Quota(std::int64_t limit, const Calendar& calendar) : limit_(limit), calendar_(calendar) {}
  [[nodiscard]] Duration wait(std::int64_t cost, const Moment& now);
  void take(std::int64_t cost, const Moment& now);
  /// What was too little of a window that is over is owed by the next; what was too much of it is
  /// lost with it (L-8).
  void correct(std::int64_t difference, const Moment& taken, const Moment& now);
  [[nodiscard]] std::int64_t used(const Moment& now);
  [[nodiscard]] Duration reset(const Moment& now);
  void set_limit(std::int64_t limit, const Moment&) { limit_ = limit; }
  [[nodiscard]] const CalendarWindow& window(const Moment& now);

 private:
  void advance(std::int64_t unix_ms);

  std::int64_t limit_;
  Calendar calendar_;
  CalendarWindow window_;
  std::int64_t used_ = 0;
};

/// L-5: so many at once. Knows no time.
class Concurrency {
 public:
  explicit Concurrency(std::int64_t limit) : limit_(limit) {}
  [[nodiscard]] bool may_enter() const { return limit_ == 0 || inside_ < limit_; }
  void enter() { ++inside_; }
  void leave();
  [[nodiscard]] std::int64_t inside() const { return inside_; }
  [[nodiscard]] std::int64_t limit() const { return limit_; }
  /// Whoever is inside stays. 0: no limit, and still counted.
  void set_limit(std::int64_t limit) { limit_ = limit; }

 private:
  std::int64_t limit_;
  std::int64_t inside_ = 0;
};

enum class Algorithm : std::uint8_t {
  automatic,  ///< the log where it is small, else the counter
  fixed_window,
  sliding_window,
  sliding_log,
  token_bucket,
};
std::string_view name(Algorithm algorithm) noexcept;

/// What is limited, over what time.
struct RateRule {
  std::int64_t limit = 0;
  Duration window{};                 ///< unless there is a calendar
  std::optional<Calendar> calendar;  ///< of a quota
  Algorithm algorithm = Algorithm::automatic;
  std::int64_t burst = 0;  ///< of a token bucket; 0: the limit

  /// True when a limiter for the one can go on with the state of one for the other.
  [[nodiscard]] bool counts_like(const RateRule& other) const {
    return window == other.window && calendar == other.calendar && algorithm == other.algorithm &&
           burst == other.burst;
  }
};

/// A limiter of whichever kind the rule asks for.
class Limiter {
 public:
  explicit Limiter(const RateRule& rule) : kind_(make(rule)) {}

  [[nodiscard]] Duration wait(std::int64_t cost, const Moment& now) {
    return std::visit([&](auto& kind) { return kind.wait(cost, now); }, kind_);
  }
  /// Precondition: `wait` just answered zero.
  void take(std::int64_t cost, const Moment& now) {
    std::visit([&](auto& kind) { kind.take(cost, now); }, kind_);
  }
  /// `difference` more than was taken at `taken`, or less where it is negative.
  void correct(std::int64_t difference, const Moment& taken, const Moment& now) {
    std::visit([&](auto& kind) { kind.correct(difference, taken, now); }, kind_);
  }
  [[nodiscard]] std::int64_t used(const Moment& now) {
    return std::visit([&](auto& kind) { return kind.used(now); }, kind_);
  }
  [[nodiscard]] Duration reset(const Moment& now) {
    return std::visit([&](auto& kind) { return kind.reset(now); }, kind_);
  }
  void set_limit(std::int64_t limit, const Moment& now) {
    std::visit([&](auto& kind) { kind.set_limit(limit, now); }, kind_);
  }
  /// The most that a bucket gives at once. Nothing: what gives its whole limit.
  [[nodiscard]] std::optional<std::int64_t> burst() const {
    const auto* const bucket = std::get_if<TokenBucket>(&kind_);
    return bucket == nullptr ? std::nullopt : std::optional(bucket->burst());
  }

 private:
  using Kind = std::variant<SlidingCounter, SlidingLog, FixedWindow, TokenBucket, Quota>;
  static Kind make(const RateRule& rule);
  Kind kind_;
};

}  // namespace weir::policy
