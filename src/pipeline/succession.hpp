// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "pipeline/attempt.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/target_gate.hpp"

namespace weir::pipeline {

/// Which target a request asks next, and after what wait. All rules of retries and failover
/// (section 5, F-2, F-6, F-8) are here, and nothing else is.
class Succession {
 public:
  struct Next {
    Candidate* candidate = nullptr;  ///< null: there is none
    milliseconds wait{0};
    /// Nothing: to be asked for after the wait, with `ask_again`.
    std::optional<TargetGate::Permit> permit;
    Accounting::Reservation reservation;  ///< comes with the permit
  };

  /// `deadline` is T-15's; `accounting` may be null. All that is referred to outlives this.
  Succession(const Call& call, const Operation& operation, TargetGate& gate, Accounting* accounting,
             Random& random, net::TimePoint deadline, std::int64_t unix_ms);

  /// The first target. May be asked for again while there was none.
  Next first();
  /// The first one alone, for who would rather wait for it than go to the next: nothing, with
  /// `full`, where only a limit is in the way.
  Next preferred();
  /// A target that only a limit keeps from being asked.
  struct Full {
    const Target* target = nullptr;
    milliseconds wait{0};           ///< until it may let the request in
    bool is_behind_others = false;  ///< who wait in its line
  };
  /// The one that lets the request in first; nothing when something else stands in the way, or when
  /// waiting is no use.
  [[nodiscard]] std::optional<Full> full() const;
  /// What follows the attempt at `candidate`, which ended with `end`.
  Next after(Candidate& candidate, const AttemptEnd& end);
  /// The same target after the wait. Asked before it, the gate would refuse for the very cooldown
  /// that is waited out, or lend a probe that sleeps.
  Next ask_again(Next next);

  /// What `next` holds is not used after all.
  void give_back(const Next& next);

  /// One to be asked beside the silent attempt at `candidate` (F-7). One that is free of charge is
  /// never joined by one that is not, unless `may_cost`.
  Next beside(const Candidate& candidate, bool may_cost);
  /// True when `beside` may find one: asked before a timer is set for it.
  [[nodiscard]] bool has_others(const Candidate& candidate);
  /// An attempt that ended beside another which goes on.
  void note(Candidate& candidate, const AttemptEnd& end);
  /// One that may go on with a stream which broke at `candidate` (S-9.11).
  Next to_recover(Candidate& candidate, const AttemptEnd& end);
  /// The same target at once after it refused a seal, which the request has no more (F-8).
  Next unsealed(Candidate& candidate, const AttemptEnd& end);
  /// The same target at once, whose model was missing and has come.
  Next anew(Candidate& candidate);
  /// The same target at once, for a second way to go on with a stream.
  Next again(Candidate& candidate);

  /// How long until one of the targets may be asked again; nothing where one may be now.
  [[nodiscard]] std::optional<milliseconds> rest();

  /// The error when no target could be asked.
  [[nodiscard]] Error exhausted();
  [[nodiscard]] const Candidates& candidates() { return plan_.all(); }

 private:
  enum class Purpose : std::uint8_t { answer, hedge };

  /// True when at least `count` targets are left that would be asked now.
  [[nodiscard]] bool has_usable_untried(std::size_t count);
  [[nodiscard]] bool may_repeat(const AttemptEnd& end, const Candidate& current);
  [[nodiscard]] bool may_go_on() const;
  Next same(Candidate& candidate, const AttemptEnd& end);
  Next untried(milliseconds wait, Purpose purpose);
  /// Nothing: it may be asked as far as this request's own past says.
  [[nodiscard]] bool is_open(const Candidate& candidate) const;
  /// With what the target and the limits grant; nothing when one of them refuses.
  std::optional<Next> admit(Candidate& candidate, Purpose purpose, bool is_last_resort);
  std::optional<Next> enter(Candidate& candidate, bool is_last_resort);
  void note_refusal(const Target& target, const Error& refusal);
  [[nodiscard]] milliseconds time_left() const;
  [[nodiscard]] bool was_visited(const Upstream& upstream) const;
  [[nodiscard]] bool fits_after_context_error(const Target& target) const;

  const Call& call_;
  const Operation& operation_;
  net::TimePoint deadline_;
  const RetryPolicy& policy_;
  TargetGate& gate_;
  Accounting* accounting_;
  Random& random_;
  Plan plan_;
  std::vector<const Upstream*> visited_;
  bool may_retry_;
  bool may_fail_over_;
  const Candidate* last_candidate_ = nullptr;
  policy::Classified last_;
  int counted_ = 0;
  int timeouts_ = 0;
  std::optional<milliseconds> soonest_;
  const Target* refusing_ = nullptr;   ///< that `refusal_` comes from
  std::optional<Error> refusal_;       ///< of the limit that lets through first
  bool is_refused_by_others_ = false;  ///< than limits and budgets
};

}  // namespace weir::pipeline
