// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "policy/sliding_window.hpp"

namespace weir::policy {

/// Keeps retries from multiplying the load on a provider that is down: at most
/// `floor + ratio * first visits` repeated attempts in any `window`. One per provider. A
/// first visit draws on nothing, so failover to another provider is never held back.
///
/// Not thread-safe. Cost: constant.
class RetryBudget {
 public:
  struct Options {
    std::int32_t ratio_permille = 200;
    std::int32_t floor = 10;
    std::chrono::milliseconds window{10'000};
    bool operator==(const Options&) const = default;
  };

  /// Precondition: ratio and floor are not negative, the window is at least 10 ms (asserted).
  explicit RetryBudget(Options options);

  /// A request comes to this provider for the first time.
  void count_first_visit(TimePoint now);

  /// Takes the right to one more attempt at a provider that already failed the same request; false
  /// when the budget is used up: skip that attempt.
  [[nodiscard]] bool try_retry(TimePoint now);

 private:
  static constexpr std::int64_t buckets = 10;

  Options options_;
  SlidingWindow<std::int64_t, buckets> first_visits_;
  // Buckets are coarse. With one more of them retries are remembered for at least the whole window
  // and first visits for at most that, so that the rule holds in every window, not in most.
  SlidingWindow<std::int64_t, buckets + 1> retries_;
};

}  // namespace weir::policy
