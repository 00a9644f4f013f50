// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "pipeline/attempt_loop.hpp"
#include "policy/retry_budget.hpp"

namespace weir::shared_state {

/// The gate in front of all targets, shared by all threads: retry budgets per provider.
class Gate final : public pipeline::TargetGate {
 public:
  explicit Gate(policy::RetryBudget::Options options) : options_(options) {}

  Permit permit(const pipeline::Target& target, net::TimePoint now) override;
  void report(const pipeline::Target& target, const Permit& permit,
              const policy::Classified& verdict, net::TimePoint now) override;
  bool may_retry(const pipeline::Upstream& upstream, net::TimePoint now) override;
  void note_first_visit(const pipeline::Upstream& upstream, net::TimePoint now) override;

 private:
  policy::RetryBudget& budget_of(const std::string& provider);

  policy::RetryBudget::Options options_;
  std::mutex mutex_;
  std::map<std::string, policy::RetryBudget, std::less<>> budgets_;
};

}  // namespace weir::shared_state
