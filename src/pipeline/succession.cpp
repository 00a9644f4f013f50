// SPDX-License-Identifier: Apache-2.0
#include "pipeline/succession.hpp"

#include <algorithm>

#include "policy/backoff.hpp"

namespace weir::pipeline {
namespace {

using policy::FailureClass;

bool is_free(const Target& target) {
  if (target.upstream->is_local) return true;
  const auto output = target.prices.of(providers::PriceKind::output);
  return target.prices.is_known() && output && output->nano_per_million() == 0;
}

}  // namespace

Succession::Succession(const Call& call, const Operation& operation, TargetGate& gate,
                       Accounting* accounting, Random& random, net::TimePoint deadline,
                       std::int64_t unix_ms)
    : call_(call),
      operation_(operation),
      deadline_(deadline),
      policy_(call.route->retries),
      gate_(gate),
      accounting_(accounting),
      random_(random),
      plan_(call, operation, random, unix_ms),
      may_retry_(policy_.is_enabled && !call.options.no_retry),
      // F-8: what only one provider can read goes nowhere else.
      may_fail_over_(allows_failover(call.options, *call.route) && !operation.is_pinned()) {}

Succession::Next Succession::first() {
  refusal_.reset();
  is_refused_by_others_ = false;
  return untried(milliseconds(0), Purpose::answer);
}

Succession::Next Succession::preferred() {
  refusal_.reset();
  is_refused_by_others_ = false;
  std::optional<std::uint32_t> place;
  for (std::size_t i = 0; Candidate* const candidate = plan_.at(i); ++i) {
    if (place && candidate->place != *place) break;
    if (!is_open(*candidate)) continue;
    // Who rests is not waited for, and is not the first.
    if (gate_.refused_for(*candidate->target, call_.loop.now()) > milliseconds(0)) continue;
    place = candidate->place;
    if (auto admitted = admit(*candidate, Purpose::answer, false)) return *std::move(admitted);
  }
  return {};
}

std::optional<Succession::Full> Succession::full() const {
  if (!refusal_ || is_refused_by_others_ || !refusal_->retry_after) return std::nullopt;
  return Full{.target = refusing_,
              .wait = *refusal_->retry_after,
              .is_behind_others = refusal_->code == ErrorCode::overloaded};
}

void Succession::note(Candidate& candidate, const AttemptEnd& end) {
  const policy::FailureTraits& row = policy::traits(end.failure());
  last_ = end.verdict;
  last_candidate_ = &candidate;
  candidate.visits += 1;
  candidate.is_key_refused = row.fault == policy::Fault::key;
  candidate.outcome = policy::name(end.failure());
  if (row.counts_as_attempt) ++counted_;
  if (end.failure() == FailureClass::timeout_sent) ++timeouts_;
}

Succession::Next Succession::after(Candidate& candidate, const AttemptEnd& end) {
  note(candidate, end);
  // T-14: a slow answer that was never streamed has cost a lot already; one more try is enough.
  const bool is_spent = end.verdict.next_target == policy::NextTarget::once_unless_streamed &&
                        timeouts_ > (policy_.retry_on_total_timeout ? 1 : 0);
  if (!may_retry_ || counted_ >= policy_.max_attempts || is_spent) return {};
  if (may_repeat(end, candidate)) {
    if (auto again = same(candidate, end); again.candidate != nullptr) return again;
  }
  if (!may_go_on()) return {};
  Next next;
  const auto wait = policy::wait_for_other_target(policy_.backoff, time_left(), random_);
  if (wait) next = untried(*wait, Purpose::answer);
  const bool may_wait_here = end.verdict.same_target == policy::SameTarget::last_resort &&
                             candidate.visits < policy_.attempts_per_target;
  if (next.candidate == nullptr && may_wait_here) return same(candidate, end);
  return next;
}

Succession::Next Succession::unsealed(Candidate& candidate, const AttemptEnd& end) {
  note(candidate, end);
  return may_retry_ && counted_ < policy_.max_attempts ? anew(candidate) : Next{};
}

Succession::Next Succession::ask_again(Next next) {
  if (auto entered = enter(*next.candidate, true)) return *std::move(entered);
  return may_go_on() ? untried(milliseconds(0), Purpose::answer) : Next{};
}

Succession::Next Succession::beside(const Candidate& candidate, bool may_cost) {
  const bool may_start =
      counted_ + 1 < policy_.max_attempts && time_left() >= policy_.backoff.attempt_budget_min;
  if (!may_start) return {};
  const bool is_first_free = is_free(*candidate.target);
  for (std::size_t i = 0; Candidate* const other = plan_.at(i); ++i) {
    if (other->place == candidate.place || !is_open(*other)) continue;
    if (is_first_free && !may_cost && !is_free(*other->target)) continue;
    if (other->seal_fate > candidate.seal_fate) continue;  // being slow is no reason to lose them
    if (auto admitted = admit(*other, Purpose::hedge, false)) return *std::move(admitted);
  }
  return {};
}

bool Succession::has_others(const Candidate& candidate) {
  if (!may_fail_over_) return false;
  for (std::size_t i = 0; const Candidate* const other = plan_.at(i); ++i) {
    if (other->place != candidate.place && other->skipped.empty() && other->visits == 0)
      return true;
  }
  return false;
}

Succession::Next Succession::to_recover(Candidate& candidate, const AttemptEnd& end) {
  note(candidate, end);
  if (!may_fail_over_ || counted_ >= policy_.max_attempts) return {};
  return untried(milliseconds(0), Purpose::answer);
}

Succession::Next Succession::again(Candidate& candidate) {
  const auto now = call_.loop.now();
  candidate.visits += 1;
  if (++counted_ >= policy_.max_attempts || candidate.visits >= policy_.attempts_per_target) {
    return {};
  }
  auto entered = enter(candidate, true);
  if (!entered) return {};
  if (!gate_.may_retry(*candidate.target->upstream, now)) {
    give_back(*entered);
    return {};
  }
  return *std::move(entered);
}

void Succession::give_back(const Next& next) {
  if (!next.permit) return;
  gate_.report(*next.candidate->target, *next.permit, unused(), call_.loop.now());
  if (accounting_ != nullptr) accounting_->give_back(next.reservation, call_);
}

Succession::Next Succession::anew(Candidate& candidate) {
  return enter(candidate, true).value_or(Next{});
}

std::optional<milliseconds> Succession::rest() {
  std::optional<milliseconds> soonest;
  for (const Candidate& candidate : plan_.all()) {
    if (!candidate.skipped.empty()) continue;
    const milliseconds off = gate_.refused_for(*candidate.target, call_.loop.now());
    if (off <= milliseconds(0)) return std::nullopt;
    soonest = std::min(soonest.value_or(off), off);
  }
  return soonest;
}

Error Succession::exhausted() {
  std::string reasons;
  bool all_lack = true;
  bool is_too_long = false;
  for (const Candidate& candidate : plan_.all()) {
    all_lack = all_lack && !candidate.skipped.empty();
    is_too_long = is_too_long || candidate.refused == Wish::length;
    if (candidate.skipped.empty()) continue;
    if (!reasons.empty()) reasons.append("; ");
    reasons.append(candidate.target->name).append(": ").append(candidate.skipped);
  }
  if (all_lack) {
    // What the first lacks the others usually lack too; it is what the client would change. A
    // target that only lacks room would take the request if it were shorter: clients know what to
    // do then.
    const Wish wish = is_too_long ? Wish::length : plan_.seen().front().refused;
    return {is_too_long ? ErrorCode::context_length_exceeded : ErrorCode::unsupported_capability,
            "no target can take this request: " + reasons, operation_.field_asking_for(wish)};
  }
  // L-10: whose own limits are all that stands in the way is told of them.
  if (refusal_ && !is_refused_by_others_) return *refusal_;
  Error error(ErrorCode::all_targets_unavailable, "every target is unavailable for now");
  // B-10: whole seconds, and not the same for everyone who waits.
  const milliseconds wait = soonest_.value_or(milliseconds(1'000));
  const auto seconds = (wait.count() + 999) / 1000 + random_.uniform(0, 2);
  error.retry_after = std::chrono::seconds(seconds);
  return error;
}

/// Keys of one model count once: they stand in for each other.
bool Succession::has_usable_untried(std::size_t count) {
  std::optional<std::uint32_t> counted_place;
  for (std::size_t i = 0; count > 0; ++i) {
    const Candidate* const candidate = may_fail_over_ ? plan_.at(i) : nullptr;
    if (candidate == nullptr) return false;
    if (candidate->place == counted_place || !is_open(*candidate)) continue;
    if (gate_.refused_for(*candidate->target, call_.loop.now()) > milliseconds(0)) continue;
    counted_place = candidate->place;
    --count;
  }
  return true;
}

// a retry here must not use up the attempt that a healthy last target would need.
bool Succession::may_repeat(const AttemptEnd& end, const Candidate& current) {
  if (end.verdict.same_target != policy::SameTarget::yes) return false;
  if (current.visits >= policy_.attempts_per_target) return false;
  const auto left = static_cast<std::size_t>(policy_.max_attempts - counted_);
  return !has_usable_untried(left);
}

bool Succession::may_go_on() const {
  if (!may_fail_over_) return false;
  switch (last_.next_target) {
    case policy::NextTarget::yes:
    case policy::NextTarget::once_unless_streamed:
    case policy::NextTarget::before_commit:
    case policy::NextTarget::larger_context:
      return true;
    case policy::NextTarget::by_setting:
      return call_.route->content_filter_failover;
    case policy::NextTarget::no:
      return last_.try_next_for_parameter;
  }
  return false;
}

Succession::Next Succession::same(Candidate& candidate, const AttemptEnd& end) {
  const auto now = call_.loop.now();
  const Target& target = *candidate.target;
  // the upstream's own wish is a floor, and so is the cooldown that followed from it; one too
  // long sends us on.
  const milliseconds floor =
      std::max(end.verdict.wait.value_or(milliseconds(0)), gate_.refused_for(target, now));
  const auto wait =
      policy::wait_for_same_target(policy_.backoff, candidate.visits, floor, time_left(), random_);
  if (!wait || !gate_.may_retry(*target.upstream, now)) return {};
  return {.candidate = &candidate, .wait = *wait, .permit = std::nullopt, .reservation = {}};
}

milliseconds Succession::time_left() const {
  return std::chrono::duration_cast<milliseconds>(deadline_ - call_.loop.now());
}

bool Succession::is_open(const Candidate& candidate) const {
  if (candidate.visits > 0 || !candidate.skipped.empty()) return false;
  if (!fits_after_context_error(*candidate.target)) return false;
  if (visited_.empty()) return true;
  // Another key helps only against what was wrong with the first.
  const Candidates& seen = plan_.seen();
  return std::all_of(seen.begin(), seen.end(), [&](const Candidate& other) {
    return other.place != candidate.place || other.visits == 0 || other.is_key_refused;
  });
}

Succession::Next Succession::untried(milliseconds wait, Purpose purpose) {
  // What is spared of a quota is for those who find nothing else.
  for (const bool is_last_resort : {false, true}) {
    for (std::size_t i = 0; Candidate* const candidate = plan_.at(i); ++i) {
      if (!is_open(*candidate)) continue;
      if (auto admitted = admit(*candidate, purpose, is_last_resort)) {
        admitted->wait = wait;
        return *std::move(admitted);
      }
    }
    if (!refusal_) break;
  }
  return {};
}

/// The gate is asked first: what it refuses costs no allowance.
std::optional<Succession::Next> Succession::enter(Candidate& candidate, bool is_last_resort) {
  const auto now = call_.loop.now();
  TargetGate::Permit permit = gate_.permit(*candidate.target, now);
  if (!permit.is_granted) {
    const milliseconds remaining = permit.remaining;
    if (remaining > milliseconds(0)) soonest_ = std::min(soonest_.value_or(remaining), remaining);
    candidate.outcome = std::move(permit.reason);
    is_refused_by_others_ = true;
    return std::nullopt;
  }
  Next next{.candidate = &candidate, .wait = {}, .permit = std::move(permit), .reservation = {}};
  if (accounting_ == nullptr) return next;
  auto reserved = accounting_->reserve(call_, operation_, *candidate.target, is_last_resort);
  if (!reserved) {
    gate_.report(*candidate.target, *next.permit, unused(), now);
    candidate.outcome = reserved.error().message;
    note_refusal(*candidate.target, reserved.error());
    return std::nullopt;
  }
  next.reservation = *std::move(reserved);
  return next;
}

/// A limit that lets the request through some time comes before one that never does.
void Succession::note_refusal(const Target& target, const Error& refusal) {
  const auto wait_of = [](const Error& error) {
    return error.retry_after.value_or(milliseconds::max());
  };
  if (refusal.retry_after) {
    soonest_ = std::min(soonest_.value_or(*refusal.retry_after), *refusal.retry_after);
  }
  if (refusal_ && wait_of(refusal) >= wait_of(*refusal_)) return;
  refusal_ = refusal;
  refusing_ = &target;
}

std::optional<Succession::Next> Succession::admit(Candidate& candidate, Purpose purpose,
                                                  bool is_last_resort) {
  const auto now = call_.loop.now();
  const Upstream& upstream = *candidate.target->upstream;
  if (upstream.in_flight_max > 0 &&
      upstream.counters->in_flight.load(std::memory_order_relaxed) >= upstream.in_flight_max) {
    candidate.outcome = "the provider has all the requests it may have";
    is_refused_by_others_ = true;
    return std::nullopt;
  }
  auto entered = enter(candidate, is_last_resort);
  if (!entered) return std::nullopt;
  if (!was_visited(upstream)) {
    gate_.note_first_visit(upstream, now);
    visited_.push_back(&upstream);
  } else if (purpose == Purpose::answer && !gate_.may_retry(upstream, now)) {
    // Asked last: what is refused anyway costs no budget.
    give_back(*entered);
    candidate.outcome = "the provider's retry budget is used up";
    is_refused_by_others_ = true;
    return std::nullopt;
  }
  return entered;
}

bool Succession::was_visited(const Upstream& upstream) const {
  return std::any_of(visited_.begin(), visited_.end(), [&](const Upstream* visited) {
    return visited == &upstream || visited->name == upstream.name;
  });
}

// After "the prompt is too long" only a larger window is worth the trip.
bool Succession::fits_after_context_error(const Target& target) const {
  if (last_candidate_ == nullptr || last_.failure != FailureClass::context) return true;
  return target.context_tokens > last_candidate_->target->context_tokens;
}

}  // namespace weir::pipeline
