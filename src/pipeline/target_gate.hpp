// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "net/loop.hpp"
#include "pipeline/route.hpp"
#include "policy/circuit_breaker.hpp"
#include "policy/classify.hpp"
#include "policy/cooldown.hpp"

namespace weir::pipeline {

/// Says whether a target may be used now, and learns how attempts ended: circuit breakers,
/// cooldowns, retry budgets. Shared by all threads.
class TargetGate {
 public:
  virtual ~TargetGate() = default;

  struct Permit {
    bool is_granted = true;
    std::string reason;         ///< why not
    milliseconds remaining{0};  ///< until it may be granted; 0 = unknown
    bool has_content = false;   ///< its first content was noted
    /// The gate's own: what each of those who agreed wants back.
    struct Tickets {
      policy::CircuitBreaker::Permit target_breaker;
      policy::CircuitBreaker::Permit provider_breaker;
      policy::Cooldown::Permit target_cooldown;
      policy::Cooldown::Permit key_cooldown;
    };
    Tickets tickets;
  };
  virtual Permit permit(const Target& target, net::TimePoint now) = 0;
  /// How long permits are refused at least; 0 = one may be granted, or nobody can say.
  virtual milliseconds refused_for(const Target& target, net::TimePoint now) = 0;
  /// The first content of a stream came, so long after the attempt's start: already a success, so
  /// that a probe need not wait for the end of an hour's stream (B-6). At most once, before
  /// `report`.
  virtual void note_first_content(const Target& target, Permit& permit, net::Duration first_content,
                                  net::TimePoint now) = 0;
  /// Every granted permit is reported exactly once.
  virtual void report(const Target& target, const Permit& permit, const policy::Classified& verdict,
                      net::TimePoint now) = 0;
  /// True when one more attempt may be made at a provider that already failed this request.
  virtual bool may_retry(const Upstream& upstream, net::TimePoint now) = 0;
  /// The model that the target was found to lack is there now.
  virtual void note_model_came(const Target& target, net::TimePoint now) {
    static_cast<void>(target);
    static_cast<void>(now);
  }
  /// A request visits the provider for the first time.
  virtual void note_first_visit(const Upstream& upstream, net::TimePoint now) = 0;
};

/// The verdict on a permit that was not used.
inline policy::Classified unused() {
  policy::Classified verdict;
  verdict.failure = policy::FailureClass::local;
  return verdict;
}

}  // namespace weir::pipeline
