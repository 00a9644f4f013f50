// SPDX-License-Identifier: Apache-2.0
#include "shared_state/gate.hpp"

namespace weir::shared_state {

pipeline::TargetGate::Permit Gate::permit(const pipeline::Target&, net::TimePoint) { return {}; }

void Gate::report(const pipeline::Target&, const Permit&, const policy::Classified&,
                  net::TimePoint) {}

policy::RetryBudget& Gate::budget_of(const std::string& provider) {
  return budgets_.try_emplace(provider, options_).first->second;
}

bool Gate::may_retry(const pipeline::Upstream& upstream, net::TimePoint now) {
  const std::lock_guard lock(mutex_);
  return budget_of(upstream.name).try_retry(now);
}

void Gate::note_first_visit(const pipeline::Upstream& upstream, net::TimePoint now) {
  const std::lock_guard lock(mutex_);
  budget_of(upstream.name).count_first_visit(now);
}

}  // namespace weir::shared_state
