// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/random.hpp"
#include "policy/circuit_breaker.hpp"
#include "policy/cooldown.hpp"
#include "policy/retry_budget.hpp"

/// What the gate remembers, by name. Only the gate looks inside; everyone else holds a pointer.
namespace weir::shared_state {

using policy::TimePoint;

/// A breaker, and of its past what an operator asks about.
struct Circuit {
  policy::CircuitBreaker breaker;
  std::optional<TimePoint> since;  ///< nothing: since it was made
  std::optional<policy::CircuitBreaker::Cause> cause;
  std::uint64_t openings = 0;
};

/// A cooldown and what began the latest one.
struct Cooling {
  policy::Cooldown cooldown;
  policy::FailureClass cause = policy::FailureClass::ok;
};

/// One provider entry. Its mutex guards its targets' states too: a permit needs both to agree, and
/// what happens under it takes a fraction of a microsecond.
struct ProviderState {
  ProviderState(std::string name_, const policy::BreakerOptions& breaker,
                const policy::RetryBudget::Options& retries, std::uint64_t seed)
      : name(std::move(name_)),
        circuit{.breaker = policy::CircuitBreaker(breaker), .since = {}, .cause = {}},
        retry_budget(retries),
        random(seed) {}

  const std::string name;
  std::mutex mutex;
  Circuit circuit;
  Cooling key;  ///< of the entry's key, so of all its targets
  policy::RetryBudget retry_budget;
  std::uint64_t retries_refused = 0;
  SeededRandom random;
  TimePoint latest{};  ///< the latest time anyone came with
  /// Of the header lines it sends, the key among them. Guarded by the gate's mutex.
  std::optional<std::uint64_t> fields_hash;
};

/// One target: the provider's key with one model.
struct TargetState {
  TargetState(std::string name_, std::shared_ptr<ProviderState> provider_,
              const policy::BreakerOptions& breaker)
      : name(std::move(name_)),
        provider(std::move(provider_)),
        circuit{.breaker = policy::CircuitBreaker(breaker), .since = {}, .cause = {}} {}

  const std::string name;
  const std::shared_ptr<ProviderState> provider;
  Circuit circuit;  ///< guarded by the provider's mutex, as is all below
  Cooling cooling;
};

}  // namespace weir::shared_state
