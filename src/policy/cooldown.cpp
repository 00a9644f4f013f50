// SPDX-License-Identifier: Apache-2.0
#include "policy/cooldown.hpp"

#include <algorithm>

namespace weir::policy {
namespace {

using std::chrono::milliseconds;

/// In the unit it came in: nanoseconds don't hold every number of milliseconds.
template <class Length>
Length clamped(Length length, const CooldownOptions& options) {
  return std::clamp<Length>(length, Cooldown::length_min, options.length_max);
}

}  // namespace

const CooldownLadder& CooldownOptions::ladder(CooldownLength length) const {
  switch (length) {
    case CooldownLength::quota:
      return quota;
    case CooldownLength::auth:
      return auth;
    case CooldownLength::forbidden:
      return forbidden;
    case CooldownLength::not_found:
      return not_found;
    case CooldownLength::none:
    case CooldownLength::rate_limit:
      break;
  }
  return rate_limit;
}

Cooldown::Decision Cooldown::permit(const CooldownOptions& options, TimePoint now) {
  if (state_ == State::cooling && now >= until_) {
    state_ = State::probation;
    allowed_ = 1;
    in_flight_ = 0;
    first_success_.reset();
  }
  if (state_ == State::probation && first_success_ &&
      now - *first_success_ >= options.probation_max) {
    state_ = State::free;
  }
  if (state_ == State::cooling) return {.permit = std::nullopt, .remaining = until_ - now};
  if (state_ == State::probation) {
    if (in_flight_ >= allowed_) return {};
    ++in_flight_;
  }
  return {.permit = Permit{generation_}, .remaining = {}};
}

void Cooldown::succeed(Permit permit, const CooldownOptions& options, TimePoint now) {
  if (permit.generation != generation_) return;
  give_back(permit);
  begun_ = {};
  if (state_ != State::probation) return;
  if (!first_success_) first_success_ = now;
  allowed_ *= 2;
  if (allowed_ >= options.probation_in_flight_max) state_ = State::free;
}

void Cooldown::give_back(Permit permit) {
  if (permit.generation == generation_ && state_ == State::probation) --in_flight_;
}

void Cooldown::begin(Permit permit, std::optional<milliseconds> wait,
                     const CooldownOptions& options, CooldownLength length, TimePoint now,
                     Random& random) {
  // An attempt from before the latest cooldown met the same trouble: not a second time. What the
  // provider says of now still counts.
  const bool is_news = permit.generation == generation_;
  if (wait) {
    cool(clamped(*wait, options), now);
  } else if (is_news) {
    const Duration next = next_length(options.ladder(length), options.row_max, now, random);
    cool(clamped(next, options), now);
  }
}

void Cooldown::resume(Duration remaining, const CooldownOptions& options, TimePoint now) {
  if (remaining > Duration::zero()) cool(clamped(remaining, options), now);
}

void Cooldown::clear() {
  const std::uint64_t next = generation_ + 1;  // permits in flight stay strangers
  *this = Cooldown{};
  generation_ = next;
}

Duration Cooldown::remaining(TimePoint now) const {
  return state_ == State::cooling ? std::max(until_ - now, Duration::zero()) : Duration::zero();
}

/// Cools down for `length` from `now`, never shorter than it would anyway.
void Cooldown::cool(Duration length, TimePoint now) {
  until_ = state_ == State::cooling ? std::max(until_, now + length) : now + length;
  state_ = State::cooling;
  ++generation_;
}

Duration Cooldown::next_length(const CooldownLadder& ladder, Duration row_max, TimePoint now,
                               Random& random) {
  const Duration remembered = std::max<Duration>(row_max, 2 * ladder.lengths.back());
  const auto step = std::count_if(begun_.begin(), begun_.end(), [&](const auto& begun) {
    return begun && now - *begun < remembered;
  });
  std::move_backward(begun_.begin(), begun_.end() - 1, begun_.end());
  begun_.front() = now;

  const milliseconds length = ladder.lengths.at(static_cast<std::size_t>(step));
  const std::int64_t spread = length.count() * ladder.jitter_permille / 1'000;
  return length + milliseconds(random.uniform(-spread, spread));
}

}  // namespace weir::policy
