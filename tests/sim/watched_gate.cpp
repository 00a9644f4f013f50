// SPDX-License-Identifier: Apache-2.0
#include "sim/watched_gate.hpp"

namespace weir::sim {
namespace {

using policy::BreakerEffect;
using policy::CooldownScope;
using std::chrono::seconds;

/// Ten seconds, less the jitter of a fifth.
constexpr seconds open_time_min{8};
constexpr int failures_that_open = 5;

}  // namespace

pipeline::TargetGate::Permit WatchedGate::permit(const pipeline::Target& target,
                                                 net::TimePoint now) {
  now_ = now;
  Permit permit = gate_.permit(target, now);
  Expected& expected = targets_[target.name];
  if (!permit.is_granted) {
    // Only whoever holds a place on probation keeps others out.
    const bool is_full = permit.reason == "the target is coming back slowly";
    if (is_full && expected.lent < expected.places) fail_(target.name + " has places left (K-3)");
    return permit;
  }
  lent_ += 1;
  expected.lent += 1;
  if (expected.state == State::open) fail_(target.name + " is asked while it is open (B-2)");
  if (expected.state == State::half_open && ++expected.probes > 1) {
    fail_(target.name + " gets more than one probe (B-4)");
  }
  if (now < expected.cool_until) fail_(target.name + " is asked while it cools down (K-1)");
  if (expected.is_on_probation && ++expected.tried > 1) {
    fail_(target.name + " gets more than one attempt after its cooldown (K-3)");
  }
  expected.generation = permit.tickets.target_breaker.generation;
  expected.cooling_generation = permit.tickets.target_cooldown.generation;
  return permit;
}

void WatchedGate::note_first_content(const pipeline::Target& target, Permit& permit,
                                     net::Duration first_content, net::TimePoint now) {
  now_ = now;
  gate_.note_first_content(target, permit, first_content, now);
  Expected& expected = targets_[target.name];
  check_breaker(target.name, expected, permit, BreakerEffect::success, true);
  if (permit.tickets.target_cooldown.generation == expected.cooling_generation) {
    note_success(expected);
  }
}

void WatchedGate::report(const pipeline::Target& target, const Permit& permit,
                         const policy::Classified& verdict, net::TimePoint now) {
  now_ = now;
  if (--lent_ < 0) fail_(target.name + ": a permit comes back twice (I-1)");
  gate_.report(target, permit, verdict, now);
  Expected& expected = targets_[target.name];
  expected.lent -= 1;
  const BreakerEffect effect = policy::traits(verdict.failure).breaker;
  const bool is_told = permit.has_content && effect == BreakerEffect::success;
  if (!is_told) check_breaker(target.name, expected, permit, effect, !permit.has_content);
  if (permit.tickets.target_cooldown.generation != expected.cooling_generation) return;
  if (verdict.failure == policy::FailureClass::ok && !permit.has_content) note_success(expected);
  if (expected.is_on_probation) expected.tried -= 1;
  note_cooldown(expected, verdict, now);
}

void WatchedGate::check_breaker(const std::string& name, Expected& target, const Permit& permit,
                                BreakerEffect effect, bool is_first_word) {
  // What began before the latest change says nothing about now (B-7).
  if (permit.tickets.target_breaker.generation != target.generation) return;
  if (target.state == State::half_open) {
    if (is_first_word) target.probes -= 1;
    if (effect == BreakerEffect::failure) fail_(name + " failed its probe and stays (B-5)");
  }
  if (effect == BreakerEffect::ignored) return;
  target.failures_in_row = effect == BreakerEffect::failure ? target.failures_in_row + 1 : 0;
  if (target.state == State::closed && target.failures_in_row >= failures_that_open) {
    fail_(name + " has failed five times and is not open (B-1)");
  }
}

void WatchedGate::note_success(Expected& target) {
  constexpr std::int64_t places_max = 64;
  target.is_on_probation = false;
  target.places = std::min(2 * target.places, places_max);
}

void WatchedGate::note_cooldown(Expected& target, const policy::Classified& verdict,
                                net::TimePoint now) {
  const bool cools =
      verdict.cooldown == CooldownScope::target ||
      (verdict.cooldown == CooldownScope::target_if_retry_after && verdict.wait.has_value());
  if (!cools) return;
  // The shortest there is: what was named, or the ladder's first step less its jitter.
  net::Duration length = seconds(4);
  if (verdict.wait) length = std::max<net::Duration>(*verdict.wait, seconds(1));
  target.cool_until = std::max(target.cool_until, now + length);
  target.is_on_probation = true;
  target.tried = 0;
  target.places = 1;
  target.cooling_generation.reset();  // nothing lent before it counts
}

void WatchedGate::on_transition(const shared_state::Transition& change) {
  Expected& target = targets_[change.name];
  if (target.opened && change.to == State::half_open && now_ - *target.opened < open_time_min) {
    fail_(change.name + " is probed too soon (B-3)");
  }
  target.state = change.to;
  target.failures_in_row = 0;
  target.probes = 0;
  target.generation.reset();
  // Of probes that came to no verdict it is only noticed later that they opened it again.
  target.opened.reset();
  const bool is_noticed_late = change.cause == policy::CircuitBreaker::Cause::probes_timed_out;
  if (change.to == State::open && !is_noticed_late) target.opened = now_;
}

}  // namespace weir::sim
