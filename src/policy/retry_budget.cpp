// SPDX-License-Identifier: Apache-2.0
#include "policy/retry_budget.hpp"

#include "base/assert.hpp"

namespace weir::policy {

RetryBudget::RetryBudget(Options options)
    : options_(options),
      first_visits_(Duration(options.window) / buckets),
      retries_(Duration(options.window) / buckets) {
  WEIR_ASSERT(options_.ratio_permille >= 0);
  WEIR_ASSERT(options_.floor >= 0);
}

void RetryBudget::count_first_visit(TimePoint now) { first_visits_.add(1, now); }

bool RetryBudget::try_retry(TimePoint now) {
  const std::int64_t allowed_permille =
      std::int64_t{options_.floor} * 1'000 + options_.ratio_permille * first_visits_.total(now);
  if ((retries_.total(now) + 1) * 1'000 > allowed_permille) return false;
  retries_.add(1, now);
  return true;
}

}  // namespace weir::policy
