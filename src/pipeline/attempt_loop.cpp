// SPDX-License-Identifier: Apache-2.0
#include "pipeline/attempt_loop.hpp"

#include <algorithm>

#include "pipeline/plan.hpp"
#include "policy/backoff.hpp"

namespace weir::pipeline {
namespace {

using policy::FailureClass;

/// Moving average with a weight of an eighth for the newest value.
void blend(std::atomic<std::int64_t>& average, std::int64_t value) {
  const std::int64_t before = average.load(std::memory_order_relaxed);
  average.store(before == 0 ? value : before + (value - before) / 8, std::memory_order_relaxed);
}

std::int64_t microseconds_between(net::TimePoint from, net::TimePoint to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

/// Holds a request in the count of those in flight.
class InFlight {
 public:
  explicit InFlight(const Target& target) : target_(target) {
    target_.counters->in_flight.fetch_add(1, std::memory_order_relaxed);
    target_.upstream->counters->in_flight.fetch_add(1, std::memory_order_relaxed);
  }
  ~InFlight() {
    target_.counters->in_flight.fetch_sub(1, std::memory_order_relaxed);
    target_.upstream->counters->in_flight.fetch_sub(1, std::memory_order_relaxed);
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  const Target& target_;
};

/// The verdict on a permit that was not used.
policy::Classified unused() {
  policy::Classified verdict;
  verdict.failure = FailureClass::local;
  return verdict;
}

/// Tells the gate of the first content, so that a probe is over long before its stream is.
class ContentNotice final : public FirstContentListener {
 public:
  ContentNotice(TargetGate& gate, const Target& target, TargetGate::Permit& permit,
                net::TimePoint started)
      : gate_(gate), target_(target), permit_(permit), started_(started) {}
  void on_first_content(net::TimePoint now) override {
    gate_.note_first_content(target_, permit_, now - started_, now);
  }

 private:
  TargetGate& gate_;
  const Target& target_;
  TargetGate::Permit& permit_;
  net::TimePoint started_;
};

Error nothing_usable(const std::vector<Candidate>& plan, std::optional<milliseconds> soonest,
                     Random& random) {
  std::string reasons;
  bool all_lack = true;
  for (const Candidate& candidate : plan) {
    all_lack = all_lack && !candidate.skipped.empty();
    if (candidate.skipped.empty()) continue;
    if (!reasons.empty()) reasons.append("; ");
    reasons.append(candidate.target->name).append(": ").append(candidate.skipped);
  }
  if (all_lack) {
    return {ErrorCode::unsupported_capability, "no target can take this request: " + reasons};
  }
  Error error(ErrorCode::all_targets_unavailable, "every target is unavailable for now");
  // B-10: whole seconds, and not the same for everyone who waits.
  const milliseconds wait = soonest.value_or(milliseconds(1'000));
  const auto seconds = (wait.count() + 999) / 1000 + random.uniform(0, 2);
  error.retry_after = std::chrono::seconds(seconds);
  return error;
}

}  // namespace

std::string_view name(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::completed:
      return "completed";
    case Outcome::rejected:
      return "rejected";
    case Outcome::failed:
      return "failed";
    case Outcome::aborted_upstream:
      return "aborted_upstream";
    case Outcome::cancelled_client:
      return "cancelled_client";
    case Outcome::shutdown:
      return "shutdown";
  }
  return "failed";
}

Error shutdown_error() { return {ErrorCode::draining, "the gateway is stopping"}; }

/// Which target comes next, and after what wait. The rules of retries and failover are here, and
/// nothing else is.
class AttemptLoop::Plan {
 public:
  struct Next {
    Candidate* candidate = nullptr;  ///< null: there is none
    milliseconds wait{0};
    /// Nothing: to be asked for after the wait, with `ask_again`.
    std::optional<TargetGate::Permit> permit;
  };

  Plan(const Call& call, const Operation& operation, TargetGate& gate, Random& random,
       net::TimePoint deadline)
      : call_(call),
        deadline_(deadline),
        policy_(call.route->retries),
        gate_(gate),
        random_(random),
        candidates_(make_plan(call, operation, random)),
        may_retry_(policy_.is_enabled && !call.options.no_retry),
        may_fail_over_(may_retry_ && call.route->failover && !call.options.no_failover) {}

  /// The first target.
  Next first() { return untried(milliseconds(0)); }

  /// What follows the attempt that ended with `end`.
  Next after(const AttemptEnd& end) {
    last_ = end.verdict;
    const policy::FailureTraits& row = policy::traits(end.failure());
    if (row.counts_as_attempt) ++counted_;
    if (end.failure() == FailureClass::timeout_sent) ++timeouts_;
    // T-14: a slow answer that was never streamed has cost a lot already; one more try is enough.
    const bool is_spent =
        end.verdict.next_target == policy::NextTarget::once_unless_streamed && timeouts_ > 1;
    if (!may_retry_ || counted_ >= policy_.max_attempts || is_spent) return {};
    Candidate& current = *current_;
    current.visits += 1;
    if (may_repeat(end, current)) {
      if (auto again = same(end); again.candidate != nullptr) return again;
    }
    if (!may_go_on()) return {};
    Next next;
    const auto wait = policy::wait_for_other_target(policy_.backoff, time_left(), random_);
    if (wait) next = untried(*wait);
    const bool may_wait_here = end.verdict.same_target == policy::SameTarget::last_resort &&
                               current.visits < policy_.attempts_per_target;
    if (next.candidate == nullptr && may_wait_here) return same(end);
    return next;
  }

  /// The same target after the wait. Asked before it, the gate would refuse for the very cooldown
  /// that is waited out, or lend a probe that sleeps.
  Next ask_again(Next next) {
    next.permit = gate_.permit(*next.candidate->target, call_.loop.now());
    if (next.permit->is_granted) return next;
    return may_go_on() ? untried(milliseconds(0)) : Next{};
  }

  [[nodiscard]] Error exhausted() const { return nothing_usable(candidates_, soonest_, random_); }
  [[nodiscard]] bool has_tried() const { return current_ != nullptr; }

 private:
  [[nodiscard]] std::size_t untried_count() const {
    if (!may_fail_over_) return 0;
    return static_cast<std::size_t>(
        std::count_if(candidates_.begin(), candidates_.end(), [](const Candidate& candidate) {
          return candidate.visits == 0 && candidate.skipped.empty();
        }));
  }

  // a retry here must not use up the attempt that a healthy last target would need.
  [[nodiscard]] bool may_repeat(const AttemptEnd& end, const Candidate& current) const {
    return end.verdict.same_target == policy::SameTarget::yes &&
           current.visits<policy_.attempts_per_target&& static_cast<std::size_t>(
               policy_.max_attempts - counted_)>
           untried_count();
  }

  [[nodiscard]] bool may_go_on() const {
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

  Next same(const AttemptEnd& end) {
    const auto now = call_.loop.now();
    const Target& target = *current_->target;
    // the upstream's own wish is a floor, and so is the cooldown that followed from it; one
    // too long sends us on.
    const milliseconds floor =
        std::max(end.verdict.wait.value_or(milliseconds(0)), gate_.refused_for(target, now));
    const auto wait = policy::wait_for_same_target(policy_.backoff, current_->visits, floor,
                                                   time_left(), random_);
    if (!wait || !gate_.may_retry(*target.upstream, now)) return {};
    return {.candidate = current_, .wait = *wait, .permit = std::nullopt};
  }

  [[nodiscard]] milliseconds time_left() const {
    return std::chrono::duration_cast<milliseconds>(deadline_ - call_.loop.now());
  }

  Next untried(milliseconds wait) {
    const auto now = call_.loop.now();
    for (Candidate& candidate : candidates_) {
      if (candidate.visits > 0 || !candidate.skipped.empty() || &candidate == current_) continue;
      if (!fits_after_context_error(*candidate.target)) continue;
      const Upstream& upstream = *candidate.target->upstream;
      TargetGate::Permit permit = gate_.permit(*candidate.target, now);
      if (!permit.is_granted) {
        const milliseconds remaining = permit.remaining;
        if (remaining > milliseconds(0))
          soonest_ = std::min(soonest_.value_or(remaining), remaining);
        continue;
      }
      if (!was_visited(upstream)) {
        gate_.note_first_visit(upstream, now);
        visited_.push_back(&upstream);
      } else if (!gate_.may_retry(upstream, now)) {  // last: what is refused anyway costs no budget
        gate_.report(*candidate.target, permit, unused(), now);
        continue;
      }
      current_ = &candidate;
      return {.candidate = &candidate, .wait = wait, .permit = std::move(permit)};
    }
    return {};
  }

  [[nodiscard]] bool was_visited(const Upstream& upstream) const {
    return std::find(visited_.begin(), visited_.end(), &upstream) != visited_.end();
  }

  // After "the prompt is too long" only a larger window is worth the trip.
  [[nodiscard]] bool fits_after_context_error(const Target& target) const {
    if (current_ == nullptr || last_.failure != FailureClass::context) return true;
    return target.context_tokens > current_->target->context_tokens;
  }

  const Call& call_;
  net::TimePoint deadline_;
  const RetryPolicy& policy_;
  TargetGate& gate_;
  Random& random_;
  std::vector<Candidate> candidates_;
  std::vector<const Upstream*> visited_;
  bool may_retry_;
  bool may_fail_over_;
  Candidate* current_ = nullptr;
  policy::Classified last_;
  int counted_ = 0;
  int timeouts_ = 0;
  std::optional<milliseconds> soonest_;
};

void AttemptLoop::count(const Target& target, const AttemptEnd& end, net::TimePoint started,
                        net::TimePoint ended, std::int64_t cost_nanousd) {
  for (TrafficCounters* counters : {target.counters.get(), target.upstream->counters.get()}) {
    counters->attempts.fetch_add(1, std::memory_order_relaxed);
    counters->last_used_ms.store(wall_.unix_ms(), std::memory_order_relaxed);
    const policy::FailureTraits& row = policy::traits(end.failure());
    if (end.is_ok()) {
      counters->successes.fetch_add(1, std::memory_order_relaxed);
      counters->last_success_ms.store(wall_.unix_ms(), std::memory_order_relaxed);
      blend(counters->latency_us, microseconds_between(started, ended));
    } else if (row.fault == policy::Fault::caller) {
      counters->refusals.fetch_add(1, std::memory_order_relaxed);
    } else {
      counters->failures.fetch_add(1, std::memory_order_relaxed);
      counters->last_failure_ms.store(wall_.unix_ms(), std::memory_order_relaxed);
    }
    if (end.first_content_at) {
      blend(counters->first_content_us, microseconds_between(started, *end.first_content_at));
    }
    if (end.facts.usage && end.facts.has_content) {
      const wire::Usage& usage = *end.facts.usage;
      counters->input_tokens.fetch_add(static_cast<std::uint64_t>(usage.input_total()),
                                       std::memory_order_relaxed);
      counters->output_tokens.fetch_add(static_cast<std::uint64_t>(usage.output_total()),
                                        std::memory_order_relaxed);
      counters->cost_nanousd.fetch_add(cost_nanousd, std::memory_order_relaxed);
    }
  }
}

net::Task<CallResult> AttemptLoop::answer_refused(Call& call, Delivery& delivery,
                                                  CallResult result) {
  if (call.is_shut_down) {
    result.outcome = Outcome::shutdown;
    result.error = shutdown_error();
    if (!delivery.may_fail_over()) co_return result;
  } else if (call.cancellation.is_cancelled() || !delivery.may_fail_over()) {
    result.outcome = Outcome::cancelled_client;
    co_return result;
  }
  AnswerNotes notes;
  notes.attempts = result.attempts;
  if (call.shows_target) notes.target = result.target;
  const bool is_taken = co_await delivery.refuse(result.error, std::move(notes));
  if (!is_taken) result.outcome = Outcome::cancelled_client;
  co_return result;
}

net::Task<CallResult> AttemptLoop::run(Call& call, Operation& operation, Delivery& delivery) {
  CallResult result;
  const net::TimePoint started = call.loop.now();
  milliseconds time = call.route->request_total;
  if (call.options.timeout) time = std::min(time, *call.options.timeout);
  const net::TimePoint deadline = started + time;

  Plan plan(call, operation, gate_, random_, deadline);
  Plan::Next next = plan.first();
  if (next.candidate == nullptr) {
    result.error = plan.exhausted();
    result = co_await answer_refused(call, delivery, std::move(result));
    co_return result;
  }
  result.outcome = Outcome::failed;
  while (next.candidate != nullptr) {
    const Target& target = *next.candidate->target;
    result.attempts += 1;
    result.target = target.name;
    result.provider = target.upstream->name;
    AnswerNotes notes;
    notes.attempts = result.attempts;
    if (call.shows_target) notes.target = target.name;
    if (!target.notice.empty()) notes.warnings.push_back(target.notice);

    const net::TimePoint attempt_started = call.loop.now();
    AttemptEnd end;
    {
      const InFlight in_flight(target);
      Attempt attempt(call, operation, target, delivery, exchanges_, wall_, limits_);
      ContentNotice notice(gate_, target, *next.permit, attempt_started);
      end = co_await attempt.run(std::move(notes), deadline, notice);
    }
    if (end.facts.usage) {
      result.usage = end.facts.usage;
      result.cost_nanousd = cost_of(target, *end.facts.usage, wall_.unix_ms());
    }
    const net::TimePoint ended = call.loop.now();
    gate_.report(target, *next.permit, end.verdict, ended);
    count(target, end, attempt_started, ended, result.cost_nanousd);
    result.duration = std::chrono::duration_cast<milliseconds>(ended - started);
    if (end.first_content_at) {
      result.first_content =
          std::chrono::duration_cast<milliseconds>(*end.first_content_at - started);
    }
    if (end.is_ok()) {
      result.outcome = Outcome::completed;
      co_return result;
    }
    result.error = end.error;
    if (end.failure() == FailureClass::client) break;
    if (!delivery.may_fail_over()) {
      result.outcome = Outcome::aborted_upstream;
      co_return result;
    }
    next = plan.after(end);
    if (next.candidate == nullptr) break;
    if (next.wait > milliseconds(0)) {
      net::Sleep pause(call.loop, ended + next.wait, call.cancellation);
      const bool has_waited = co_await pause;
      if (!has_waited) {
        if (next.permit) {
          gate_.report(*next.candidate->target, *next.permit, unused(), call.loop.now());
        }
        break;
      }
    }
    if (!next.permit) next = plan.ask_again(std::move(next));
  }
  if (call.loop.now() >= deadline && !call.cancellation.is_cancelled()) {
    result.error = Error(ErrorCode::deadline_exceeded, "the request's time is over");
  }
  result = co_await answer_refused(call, delivery, std::move(result));
  co_return result;
}

}  // namespace weir::pipeline
