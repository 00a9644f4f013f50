// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "base/random.hpp"

namespace weir::policy {

struct BackoffOptions {
  std::chrono::milliseconds base{250};
  std::chrono::milliseconds cap{8'000};
  std::chrono::milliseconds inline_wait_max{5'000};     ///< longest wait on behalf of one attempt
  std::chrono::milliseconds other_target_jitter{50};    ///< before an attempt on a different target
  std::chrono::milliseconds attempt_budget_min{1'000};  ///< no wait that leaves less (T-23)
  bool jitter = true;
};

/// `backoff: classic`: 1, 2, 4, 8 s without jitter.
constexpr BackoffOptions classic_backoff() {
  using std::chrono::milliseconds;
  return {.base = milliseconds(1'000),
          .cap = milliseconds(8'000),
          .inline_wait_max = milliseconds(8'000),
          .other_target_jitter = milliseconds(50),
          .attempt_budget_min = milliseconds(1'000),
          .jitter = false};
}

/// The wait before the same target is asked again, after it failed `failures` (at least 1) times
/// for this request: uniform in [0, min(cap, base * 2^(failures - 1))], so that clients that
/// failed together don't come back together; without jitter the upper bound itself.
/// `floor` is the provider's own wait: the result is never below it.
///
/// Nothing when waiting makes no sense: the floor is above `inline_wait_max`, or less than
/// `attempt_budget_min` of `time_left` would remain after the wait (T-23). Go to the next target
/// then, or answer.
std::optional<std::chrono::milliseconds> wait_for_same_target(
    const BackoffOptions& options, int failures, std::optional<std::chrono::milliseconds> floor,
    std::chrono::milliseconds time_left, Random& random);

/// The wait before a different target is asked: uniform in [0, other_target_jitter]. Nothing when
/// too little of `time_left` would remain.
std::optional<std::chrono::milliseconds> wait_for_other_target(const BackoffOptions& options,
                                                               std::chrono::milliseconds time_left,
                                                               Random& random);

}  // namespace weir::policy
