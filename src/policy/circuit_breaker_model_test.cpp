// SPDX-License-Identifier: Apache-2.0
#include "policy/circuit_breaker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <vector>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using State = CircuitBreaker::State;

/// Section 6 written down a second time, without a thought for cost: it remembers every result
/// and counts anew each time it is asked.
class Model {
 public:
  Model(const BreakerOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}

  struct Ticket {
    int era;
  };

  std::optional<Ticket> permit(TimePoint now) {
    notice_timeout(now);
    if (state_ == State::open && now >= until_) {
      change(State::half_open);
      until_ = now + options_.half_open_max;
    }
    if (state_ == State::half_open && in_flight_ < options_.half_open_permits) {
      ++in_flight_;
      return Ticket{era_};
    }
    if (state_ == State::closed || state_ == State::disabled) return Ticket{era_};
    return std::nullopt;
  }

  void report(Ticket ticket, BreakerEffect effect, bool is_late, TimePoint now) {
    notice_timeout(now);
    if (ticket.era != era_) return;
    if (state_ == State::half_open && !is_late) --in_flight_;
    if (effect == BreakerEffect::ignored || state_ == State::disabled) return;
    results_.push_back({now.time_since_epoch() / (Duration(options_.window) / 10),
                        effect == BreakerEffect::failure});
    if (state_ == State::half_open) {
      if (results_.back().is_failure) return open(now);
      if (trailing(false) >= options_.half_open_successes) {
        change(State::closed);
        closed_at_ = now;
      }
    } else if (should_open(now)) {
      open(now);
    }
  }

  void heed_peer(TimePoint now) { heeded_at_ = now; }
  void set(State state, TimePoint now) {
    change(state);
    if (state == State::closed) {
      openings_ = 0;
      closed_at_ = now;
    }
  }

  State state() const { return state_; }
  std::int64_t in_flight() const { return in_flight_; }
  Duration remaining(TimePoint now) const {
    return state_ == State::open && until_ > now ? until_ - now : 0ns;
  }

 private:
  struct Known {
    std::int64_t bucket;
    bool is_failure;
  };

  void change(State state) {
    state_ = state;
    ++era_;
    in_flight_ = 0;
    results_.clear();
  }

  void open(TimePoint now) {
    if (state_ == State::closed && closed_at_ && now - *closed_at_ >= options_.forgiven_after) {
      openings_ = 0;
    }
    ++openings_;
    change(State::open);
    until_ = now + length();
  }

  void notice_timeout(TimePoint now) {
    if (state_ != State::half_open || now < until_) return;
    const TimePoint ended = until_;
    change(State::open);
    until_ = ended + length();
  }

  Duration length() {
    auto length = options_.open_base;
    for (int i = 1; i < openings_ && length < options_.open_cap; ++i) length *= 2;
    length = std::min(length, options_.open_cap);
    const auto spread = length.count() * options_.open_jitter_permille / 1'000;
    return length + std::chrono::milliseconds(random_.uniform(-spread, spread));
  }

  std::int64_t trailing(bool is_failure) const {
    const auto other = std::find_if(results_.rbegin(), results_.rend(), [&](const Known& known) {
      return known.is_failure != is_failure;
    });
    return std::distance(results_.rbegin(), other);
  }

  bool should_open(TimePoint now) {
    const std::int64_t bucket = now.time_since_epoch() / (Duration(options_.window) / 10);
    std::int64_t calls = 0;
    std::int64_t failures = 0;
    for (const Known& known : results_) {
      if (known.bucket <= bucket - 10) continue;
      ++calls;
      failures += known.is_failure ? 1 : 0;
    }
    const bool is_heeding = heeded_at_ && now < *heeded_at_ + 30s;
    const std::int64_t min_calls =
        is_heeding ? std::min<std::int64_t>(3, options_.min_calls) : options_.min_calls;
    const bool by_row = trailing(true) >= options_.consecutive_failures;
    // What is older than the window is kept only as far as a row may reach back.
    while (results_.size() > 64 && results_.front().bucket <= bucket - 10) results_.pop_front();
    return by_row || (calls >= min_calls && failures * 1'000 >= calls * options_.failure_permille);
  }

  BreakerOptions options_;
  SeededRandom random_;
  State state_ = State::closed;
  int era_ = 0;
  int openings_ = 0;
  std::int64_t in_flight_ = 0;
  std::deque<Known> results_;
  TimePoint until_{};
  std::optional<TimePoint> closed_at_;
  std::optional<TimePoint> heeded_at_;
};

/// The breaker and the model side by side, fed with the same random weather.
class Duel {
 public:
  Duel(const BreakerOptions& options, std::uint64_t seed)
      : random_(seed), chance_(seed + 1), breaker_(options), model_(options, seed + 1) {}

  void step() {
    pass_time();
    const auto choice = random_.uniform(0, 999);
    if (choice < 480) return ask();
    if (choice < 980) return attempts_.empty() ? ask() : finish();
    if (choice < 990) return heed();
    if (choice < 996) return;  // only time passes
    command();
  }

  void expect_equal(int step) const {
    ASSERT_EQ(breaker_.state(), model_.state()) << "step " << step;
    ASSERT_EQ(breaker_.probes(), model_.in_flight()) << "step " << step;
    ASSERT_EQ(breaker_.remaining(now_), model_.remaining(now_)) << "step " << step;
  }

  std::int64_t visits(State state) const { return visits_.at(static_cast<std::size_t>(state)); }

 private:
  struct Attempt {
    CircuitBreaker::Permit permit;
    Model::Ticket ticket;
    bool is_reported = false;
  };

  void pass_time() {
    const auto pace = random_.uniform(0, 99);
    const auto most = pace < 60 ? 500 : pace < 99 ? 3'000 : 400'000;
    now_ += std::chrono::milliseconds(random_.uniform(0, most));
    if (random_.uniform(0, 2'000) == 0) failure_percent_ = random_.uniform(0, 100);
    ++visits_.at(static_cast<std::size_t>(breaker_.state()));
  }

  void ask() {
    const auto decision = breaker_.permit(now_, chance_);
    const auto ticket = model_.permit(now_);
    ASSERT_EQ(decision.permit.has_value(), ticket.has_value());
    if (ticket) attempts_.push_back({*decision.permit, *ticket});
  }

  BreakerEffect draw_effect() {
    if (random_.uniform(0, 9) == 0) return BreakerEffect::ignored;
    return random_.uniform(1, 100) <= failure_percent_ ? BreakerEffect::failure
                                                       : BreakerEffect::success;
  }

  void finish() {
    const auto last = static_cast<std::int64_t>(attempts_.size()) - 1;
    const auto at = attempts_.begin() + random_.uniform(0, last);
    const Attempt attempt = *at;
    const auto effect = attempt.is_reported ? BreakerEffect::failure : draw_effect();
    if (attempt.is_reported) {
      breaker_.report_late_failure(attempt.permit, now_, chance_);
    } else {
      breaker_.report(attempt.permit, effect, now_, chance_);
    }
    model_.report(attempt.ticket, effect, attempt.is_reported, now_);
    // One success in eight is a stream that breaks off later.
    const bool goes_on =
        !attempt.is_reported && effect == BreakerEffect::success && random_.uniform(0, 7) == 0;
    if (goes_on) {
      at->is_reported = true;
    } else {
      attempts_.erase(at);
    }
  }

  void heed() {
    breaker_.heed_peer(now_);
    model_.heed_peer(now_);
  }

  void command() {
    const auto choice = random_.uniform(0, 9);
    if (choice == 0) {
      breaker_.force_open();
      model_.set(State::forced_open, now_);
    } else if (choice == 1) {
      breaker_.disable();
      model_.set(State::disabled, now_);
    } else {
      breaker_.release(now_);
      model_.set(State::closed, now_);
    }
  }

  SeededRandom random_;
  SeededRandom chance_;
  CircuitBreaker breaker_;
  Model model_;
  TimePoint now_{100h};
  std::int64_t failure_percent_ = 30;
  std::vector<Attempt> attempts_;
  std::array<std::int64_t, 5> visits_{};
};

void run(const BreakerOptions& options, std::uint64_t seed, int steps) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Duel duel(options, seed);
  for (int i = 0; i < steps; ++i) {
    duel.step();
    duel.expect_equal(i);
    if (::testing::Test::HasFatalFailure()) return;
  }
  for (int state = 0; state < 5; ++state) {
    EXPECT_GT(duel.visits(static_cast<State>(state)), steps / 1'000) << "state hardly seen";
  }
}

TEST(CircuitBreakerModel, AgreesOverAMillionEvents) {
  run(target_breaker(), 20'251'121, 500'000);
  BreakerOptions several = provider_breaker();
  several.half_open_permits = 4;
  several.half_open_successes = 3;
  run(several, 7, 500'000);
}

}  // namespace
}  // namespace weir::policy
