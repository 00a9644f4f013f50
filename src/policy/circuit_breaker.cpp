// SPDX-License-Identifier: Apache-2.0
#include "policy/circuit_breaker.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace weir::policy {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 5> state_names{"closed", "open", "half_open", "forced_open",
                                                      "disabled"};
constexpr std::array<std::string_view, 9> cause_names{
    "failure_rate",       "slow_rate",        "consecutive_failures",
    "failures_in_window", "open_time_over",   "probes_succeeded",
    "probe_failed",       "probes_timed_out", "administrator"};

void check(const BreakerOptions& options) {
  WEIR_ASSERT(options.min_calls >= 0);
  WEIR_ASSERT(options.open_base > milliseconds(0));
  WEIR_ASSERT(options.open_cap > milliseconds(0));
  WEIR_ASSERT(options.open_jitter_permille >= 0);
  WEIR_ASSERT(options.open_jitter_permille <= 1'000);
  WEIR_ASSERT(options.half_open_permits >= 1);
  WEIR_ASSERT(options.half_open_successes >= 1);
}

bool never_opens(const BreakerOptions& options) {
  return options.min_calls == 0 && options.consecutive_failures == 0 &&
         options.failures_in_window == 0;
}

bool reaches(std::int64_t part, std::int64_t whole, std::int32_t permille) {
  return part * 1'000 >= whole * permille;
}

/// min(cap, base * 2^(openings - 1)), give or take the jitter.
Duration open_time(const BreakerOptions& options, int openings, Random& random) {
  milliseconds length = std::min(options.open_base, options.open_cap);
  for (; openings > 1 && length < options.open_cap; --openings) {
    length = length > options.open_cap / 2 ? options.open_cap : length * 2;
  }
  const std::int64_t spread = length.count() * options.open_jitter_permille / 1'000;
  return length + milliseconds(random.uniform(-spread, spread));
}

}  // namespace

CircuitBreaker::Counts& CircuitBreaker::Counts::operator+=(const Counts& other) {
  calls += other.calls;
  failures += other.failures;
  slow += other.slow;
  return *this;
}

CircuitBreaker::Counts& CircuitBreaker::Counts::operator-=(const Counts& other) {
  calls -= other.calls;
  failures -= other.failures;
  slow -= other.slow;
  return *this;
}

CircuitBreaker::CircuitBreaker(const BreakerOptions& options, State state)
    : options_(options), state_(state), window_(Duration(options.window) / 10) {
  check(options);
  // What is half open or open by itself is a matter of this process's past, not of a start.
  WEIR_ASSERT(state != State::open);
  WEIR_ASSERT(state != State::half_open);
}

CircuitBreaker::Decision CircuitBreaker::permit(TimePoint now, Random& random) {
  begin_call();
  settle(now, random);
  if (state_ == State::open && now >= open_until_) {  // B-3: only because a request wants it
    enter(State::half_open, Cause::open_time_over);
    half_open_until_ = now + options_.half_open_max;
  }
  switch (state_) {
    case State::closed:
    case State::disabled:
      return {.permit = Permit{generation_, false}, .remaining = {}};
    case State::open:
    case State::forced_open:
      break;
    case State::half_open:
      if (probes_ >= options_.half_open_permits) break;  // B-4
      ++probes_;
      return {.permit = Permit{generation_, true}, .remaining = {}};
  }
  return {.permit = std::nullopt, .remaining = remaining(now)};
}

void CircuitBreaker::report(Permit permit, BreakerEffect effect, TimePoint now, Random& random,
                            Duration first_content) {
  begin_call();
  settle(now, random);
  if (permit.generation != generation_) return;  // B-7
  if (state_ == State::half_open) {
    WEIR_ASSERT(probes_ > 0);
    --probes_;
    return judge_probe(effect, now, random);
  }
  if (state_ != State::closed || effect == BreakerEffect::ignored) return;
  const bool is_failure = effect == BreakerEffect::failure;
  const bool is_slow = options_.slow_call > milliseconds(0) && first_content > options_.slow_call;
  book({.calls = 1, .failures = is_failure ? 1 : 0, .slow = is_slow ? 1 : 0}, now, random);
}

void CircuitBreaker::report_late_failure(Permit permit, TimePoint now, Random& random) {
  begin_call();
  settle(now, random);
  if (permit.generation != generation_) return;  // B-7
  if (state_ == State::half_open) return judge_probe(BreakerEffect::failure, now, random);
  if (state_ == State::closed) book({.calls = 1, .failures = 1, .slow = 0}, now, random);
}

void CircuitBreaker::heed_peer(TimePoint now) {
  begin_call();
  peer_heeded_until_ = now + options_.peer_window;
}

void CircuitBreaker::force_open() {
  begin_call();
  enter(State::forced_open, Cause::administrator);
}

void CircuitBreaker::disable() {
  begin_call();
  enter(State::disabled, Cause::administrator);
}

void CircuitBreaker::release(TimePoint now) {
  begin_call();
  openings_ = 0;
  close(Cause::administrator, now);
}

void CircuitBreaker::set_options(const BreakerOptions& options, TimePoint now) {
  begin_call();
  check(options);
  options_ = options;
  window_ = SlidingWindow<Counts, 10>(Duration(options.window) / 10);
  const bool is_off = state_ == State::open || state_ == State::half_open;
  if (is_off && never_opens(options)) close(Cause::administrator, now);
}

Duration CircuitBreaker::remaining(TimePoint now) const {
  return state_ == State::open ? std::max(open_until_ - now, Duration::zero()) : Duration::zero();
}

/// Probes that never came to a verdict: open again, no longer than before (B-5). Counted from the
/// instant the time was up, whenever somebody notices.
void CircuitBreaker::settle(TimePoint now, Random& random) {
  if (state_ != State::half_open || now < half_open_until_) return;
  enter(State::open, Cause::probes_timed_out);
  open_until_ = half_open_until_ + open_time(options_, openings_, random);
}

void CircuitBreaker::book(const Counts& counts, TimePoint now, Random& random) {
  window_.add(counts, now);
  failures_in_row_ = counts.failures > 0 ? failures_in_row_ + 1 : 0;
  if (const auto cause = reason_to_open(now)) open(*cause, now, random);
}

void CircuitBreaker::judge_probe(BreakerEffect effect, TimePoint now, Random& random) {
  if (effect == BreakerEffect::failure) return open(Cause::probe_failed, now, random);
  if (effect == BreakerEffect::success && ++probe_successes_ >= options_.half_open_successes) {
    close(Cause::probes_succeeded, now);
  }
}

/// B-1.
std::optional<CircuitBreaker::Cause> CircuitBreaker::reason_to_open(TimePoint now) {
  const auto is_reached = [](std::int64_t count, std::int64_t limit) {
    return limit > 0 && count >= limit;
  };
  const Counts& total = window_.total(now);
  if (is_reached(failures_in_row_, options_.consecutive_failures)) {
    return Cause::consecutive_failures;
  }
  if (is_reached(total.failures, options_.failures_in_window)) return Cause::failures_in_window;

  const std::int64_t min_calls = now < peer_heeded_until_
                                     ? std::min(options_.min_calls, options_.peer_min_calls)
                                     : options_.min_calls;
  if (!is_reached(total.calls, min_calls)) return std::nullopt;
  if (reaches(total.failures, total.calls, options_.failure_permille)) return Cause::failure_rate;
  const bool minds_slowness = options_.slow_call > milliseconds(0);
  if (minds_slowness && reaches(total.slow, total.calls, options_.slow_permille)) {
    return Cause::slow_rate;
  }
  return std::nullopt;
}

void CircuitBreaker::open(Cause cause, TimePoint now, Random& random) {
  const bool is_forgiven =
      state_ == State::closed && closed_since_ && now - *closed_since_ >= options_.forgiven_after;
  openings_ = is_forgiven ? 1 : openings_ + 1;
  enter(State::open, cause);
  open_until_ = now + open_time(options_, openings_, random);
}

void CircuitBreaker::close(Cause cause, TimePoint now) {
  enter(State::closed, cause);
  closed_since_ = now;
}

/// Every state begins with nothing counted.
void CircuitBreaker::enter(State state, Cause cause) {
  if (state != state_) {
    WEIR_ASSERT(transition_count_ < transitions_.size());
    transitions_[transition_count_++] = {.from = state_, .to = state, .cause = cause};
  }
  state_ = state;
  ++generation_;
  window_.clear();
  failures_in_row_ = 0;
  probes_ = 0;
  probe_successes_ = 0;
}

std::string_view name(CircuitBreaker::State state) noexcept {
  return state_names[static_cast<std::size_t>(state)];
}

std::string_view name(CircuitBreaker::Cause cause) noexcept {
  return cause_names[static_cast<std::size_t>(cause)];
}

}  // namespace weir::policy
