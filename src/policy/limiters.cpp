// SPDX-License-Identifier: Apache-2.0
#include "policy/limiters.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace weir::policy {
namespace {

constexpr std::int64_t log_limit_max = 1'000;

Int128 ceil_div(Int128 a, Int128 b) { return (a + b - 1) / b; }

/// Correcting must never make a count negative (I-4): what is returned twice is returned once.
void add_from_zero(std::int64_t& count, std::int64_t difference) {
  count = std::max<std::int64_t>(0, count + difference);
}

std::int64_t index_at(TimePoint at, Duration window) { return at.time_since_epoch() / window; }

/// How long after the start of a window its end is, for whom `elapsed` of it has passed.
Duration rest_of(TimePoint now, std::int64_t index, Duration window) {
  return std::max(Duration::zero(), (index + 1) * window - now.time_since_epoch());
}

}  // namespace

// ---- fixed window -------------------------------------------------------------------------------

void FixedWindow::advance(TimePoint now) {
  const std::int64_t index = index_at(now, window_);
  if (index <= index_) return;
  index_ = index;
  used_ = 0;
}

Duration FixedWindow::wait(std::int64_t cost, const Moment& now) {
  if (cost > limit_) return never;
  advance(now.steady);
  if (used_ + cost <= limit_) return {};
  return std::max(Duration(1), rest_of(now.steady, index_, window_));
}

void FixedWindow::take(std::int64_t cost, const Moment& now) {
  advance(now.steady);
  used_ += cost;
}

void FixedWindow::correct(std::int64_t difference, const Moment& taken, const Moment& now) {
  advance(now.steady);
  if (index_at(taken.steady, window_) == index_) add_from_zero(used_, difference);
}

std::int64_t FixedWindow::used(const Moment& now) {
  advance(now.steady);
  return used_;
}

Duration FixedWindow::reset(const Moment& now) {
  advance(now.steady);
  return used_ == 0 ? Duration{} : rest_of(now.steady, index_, window_);
}

// ---- sliding window counter ---------------------------------------------------------------------

void SlidingCounter::advance(TimePoint now) {
  const std::int64_t index = index_at(now, window_);
  if (index <= index_) return;
  previous_ = index == index_ + 1 ? current_ : 0;
  current_ = 0;
  index_ = index;
}

Duration SlidingCounter::elapsed(TimePoint now) const {
  return std::max(Duration::zero(), now.time_since_epoch() - index_ * window_);
}

/// The estimate is previous × (W − e) ÷ W + current; compared times W, so that nothing is rounded.
Duration SlidingCounter::wait(std::int64_t cost, const Moment& now) {
  if (cost > limit_) return never;
  advance(now.steady);
  const Int128 window = window_.count();
  const Duration passed = elapsed(now.steady);
  /// The first moment of a window at which `before` of the one before it leaves `room`.
  const auto first_fit = [&](std::int64_t before, std::int64_t room) {
    if (before <= room) return Duration::zero();
    return Duration(static_cast<Duration::rep>(ceil_div(window * (before - room), Int128(before))));
  };
  const std::int64_t room = limit_ - current_ - cost;
  if (room >= 0) {
    const Duration fits_at = first_fit(previous_, room);
    return std::max(Duration::zero(), fits_at - passed);
  }
  return window_ - passed + first_fit(current_, limit_ - cost);
}

void SlidingCounter::take(std::int64_t cost, const Moment& now) {
  advance(now.steady);
  current_ += cost;
}

void SlidingCounter::correct(std::int64_t difference, const Moment& taken, const Moment& now) {
  advance(now.steady);
  const std::int64_t index = index_at(taken.steady, window_);
  if (index == index_) add_from_zero(current_, difference);
  if (index == index_ - 1) add_from_zero(previous_, difference);
}

std::int64_t SlidingCounter::used(const Moment& now) {
  advance(now.steady);
  const Int128 window = window_.count();
  const Int128 left = window - std::min(window_, elapsed(now.steady)).count();
  return current_ + static_cast<std::int64_t>(ceil_div(previous_ * left, window));
}

Duration SlidingCounter::reset(const Moment& now) {
  advance(now.steady);
  const Duration rest = rest_of(now.steady, index_, window_);
  if (current_ > 0) return rest + window_;
  return previous_ > 0 ? rest : Duration{};
}

// ---- sliding log --------------------------------------------------------------------------------

void SlidingLog::advance(TimePoint now) {
  while (first_ < entries_.size() && now - entries_[first_].at >= window_) {
    used_ -= entries_[first_++].cost;
  }
  constexpr std::size_t kept = 32;
  if (first_ < kept || first_ * 2 < entries_.size()) return;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

Duration SlidingLog::wait(std::int64_t cost, const Moment& now) {
  if (cost > limit_) return never;
  advance(now.steady);
  std::int64_t room = limit_ - used_;
  if (room >= cost) return {};
  for (std::size_t i = first_; i < entries_.size(); ++i) {
    room += entries_[i].cost;
    if (room >= cost) return entries_[i].at + window_ - now.steady;
  }
  return window_;  // owed by more than was taken
}

void SlidingLog::take(std::int64_t cost, const Moment& now) {
  if (cost == 0) return;
  const TimePoint latest = entries_.empty() ? now.steady : entries_.back().at;
  entries_.push_back({std::max(latest, now.steady), cost});
  used_ += cost;
}

void SlidingLog::correct(std::int64_t difference, const Moment& taken, const Moment& now) {
  advance(now.steady);
  auto entry =
      std::lower_bound(entries_.begin() + static_cast<std::ptrdiff_t>(first_), entries_.end(),
                       taken.steady, [](const Entry& one, TimePoint at) { return one.at < at; });
  if (entry == entries_.end() || now.steady - taken.steady >= window_) return;
  // Several may have been taken at that moment; whose they were makes no difference.
  for (const TimePoint at = entry->at;
       difference != 0 && entry != entries_.end() && entry->at == at; ++entry) {
    const std::int64_t before = entry->cost;
    add_from_zero(entry->cost, difference);
    used_ += entry->cost - before;
    difference -= entry->cost - before;
  }
}

std::int64_t SlidingLog::used(const Moment& now) {
  advance(now.steady);
  return used_;
}

Duration SlidingLog::reset(const Moment& now) {
  advance(now.steady);
  if (first_ == entries_.size()) return {};
  return entries_.back().at + window_ - now.steady;
}

// ---- token bucket -------------------------------------------------------------------------------

Int128 TokenBucket::scaled(TimePoint at) const {
  return static_cast<Int128>(at.time_since_epoch().count()) * limit_;
}

Duration TokenBucket::unscaled(Int128 length) const {
  return Duration(static_cast<Duration::rep>(ceil_div(length, Int128(limit_))));
}

Duration TokenBucket::wait(std::int64_t cost, const Moment& now) {
  if (cost > burst_ || limit_ == 0) return never;
  const Int128 at = scaled(now.steady);
  const Int128 full_then = std::max(full_at_, at) + static_cast<Int128>(cost) * window_.count();
  const Int128 fits_at = full_then - static_cast<Int128>(burst_) * window_.count();
  return fits_at <= at ? Duration{} : unscaled(fits_at - at);
}

void TokenBucket::take(std::int64_t cost, const Moment& now) {
  full_at_ = std::max(full_at_, scaled(now.steady)) + static_cast<Int128>(cost) * window_.count();
}

void TokenBucket::correct(std::int64_t difference, const Moment& /*taken*/, const Moment& now) {
  // What is returned to a full bucket runs over.
  full_at_ =
      std::max(full_at_, scaled(now.steady)) + static_cast<Int128>(difference) * window_.count();
}

std::int64_t TokenBucket::used(const Moment& now) {
  const Int128 missing = std::max(Int128(0), full_at_ - scaled(now.steady));
  return static_cast<std::int64_t>(ceil_div(missing, Int128(window_.count())));
}

Duration TokenBucket::reset(const Moment& now) {
  const Int128 missing = full_at_ - scaled(now.steady);
  return missing <= 0 ? Duration{} : unscaled(missing);
}

void TokenBucket::set_limit(std::int64_t limit, const Moment& now) {
  const Int128 missing = full_at_ - scaled(now.steady);
  if (burst_ == limit_) burst_ = limit;
  limit_ = limit;
  full_at_ = scaled(now.steady) + missing;
}

// ---- quota --------------------------------------------------------------------------------------

void Quota::advance(std::int64_t unix_ms) {
  if (unix_ms < window_.end_ms) return;
  const CalendarWindow next = calendar_.window_at(unix_ms);
  if (next.id == window_.id && next.end_ms == window_.end_ms) return;
  window_ = next;
  used_ = 0;
}

Duration Quota::wait(std::int64_t cost, const Moment& now) {
  if (cost > limit_) return never;
  advance(now.unix_ms);
  if (used_ + cost <= limit_) return {};
  return std::max(Duration(1), reset(now));
}

void Quota::take(std::int64_t cost, const Moment& now) {
  advance(now.unix_ms);
  used_ += cost;
}

void Quota::correct(std::int64_t difference, const Moment& taken, const Moment& now) {
  advance(now.unix_ms);
  if (taken.unix_ms < window_.start_ms && difference < 0) return;
  add_from_zero(used_, difference);
}

std::int64_t Quota::used(const Moment& now) {
  advance(now.unix_ms);
  return used_;
}

Duration Quota::reset(const Moment& now) {
  advance(now.unix_ms);
  // Quotas without an end are reset by nobody; a century stands for that and can't overflow.
  constexpr std::int64_t century_ms = 100LL * 365 * 24 * 3'600'000;
  const std::int64_t rest_ms =
      window_.end_ms - now.unix_ms > century_ms ? century_ms : window_.end_ms - now.unix_ms;
  return std::chrono::milliseconds(rest_ms);
}

const CalendarWindow& Quota::window(const Moment& now) {
  advance(now.unix_ms);
  return window_;
}

// ---- concurrency --------------------------------------------------------------------------------

void Concurrency::leave() {
  WEIR_ASSERT(inside_ > 0);
  --inside_;
}

// ---- any ----------------------------------------------------------------------------------------

std::string_view name(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::automatic:
      return "auto";
    case Algorithm::fixed_window:
      return "fixed_window";
    case Algorithm::sliding_window:
      return "sliding_window";
    case Algorithm::sliding_log:
      return "sliding_log";
    case Algorithm::token_bucket:
      return "token_bucket";
  }
  return "auto";
}

Limiter::Kind Limiter::make(const RateRule& rule) {
  if (rule.calendar) return Quota(rule.limit, *rule.calendar);
  switch (rule.algorithm) {
    case Algorithm::fixed_window:
      return FixedWindow(rule.limit, rule.window);
    case Algorithm::token_bucket:
      return TokenBucket(rule.limit, rule.window, rule.burst > 0 ? rule.burst : rule.limit);
    case Algorithm::sliding_log:
      return SlidingLog(rule.limit, rule.window);
    case Algorithm::automatic:
      if (rule.limit <= log_limit_max) return SlidingLog(rule.limit, rule.window);
      break;
    case Algorithm::sliding_window:
      break;
  }
  return SlidingCounter(rule.limit, rule.window);
}

}  // namespace weir::policy
