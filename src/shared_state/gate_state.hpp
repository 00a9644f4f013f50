// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

/// One key of a provider entry, guarded by its provider's mutex.
struct KeyState {
  std::uint64_t fields_hash = 0;  ///< of the header lines it is sent in; what tells it from others
  Cooling cooling;
};

/// One provider entry. Its mutex guards its targets' states too: a permit needs both to agree, and
/// what happens under it takes a fraction of a microsecond.
struct ProviderState {
  ProviderState(std::string entry_name, const policy::BreakerOptions& breaker,
                const policy::RetryBudget::Options& retries, std::uint64_t seed)
      : name(std::move(entry_name)),
        circuit{.breaker = policy::CircuitBreaker(breaker), .since = {}, .cause = {}},
        retry_options(retries),
        retry_budget(retries),
        random(seed) {}

  const std::string name;
  std::mutex mutex;
  Circuit circuit;
  std::vector<std::shared_ptr<KeyState>> keys;
  policy::RetryBudget::Options retry_options;
  policy::RetryBudget retry_budget;
  policy::BreakerOptions target_breaker;  ///< of each of its targets
  policy::CooldownOptions cooldowns;      ///< of them and of its keys
  std::uint64_t retries_refused = 0;
  SeededRandom random;
  TimePoint latest{};  ///< the latest time anyone came with
};

/// One target: one of the provider's keys with one model.
struct TargetState {
  TargetState(std::string target_name, std::shared_ptr<ProviderState> owner,
              const policy::BreakerOptions& breaker)
      : name(std::move(target_name)),
        provider(std::move(owner)),
        circuit{.breaker = policy::CircuitBreaker(breaker), .since = {}, .cause = {}} {}

  const std::string name;
  const std::shared_ptr<ProviderState> provider;
  Circuit circuit;  ///< guarded by the provider's mutex, as is all below
  Cooling cooling;
  /// Of the key that it was attached with last.
  std::uint64_t fields_hash = 0;
};

}  // namespace weir::shared_state
