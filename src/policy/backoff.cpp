// SPDX-License-Identifier: Apache-2.0
#include "policy/backoff.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace weir::policy {
namespace {

using std::chrono::milliseconds;

/// min(cap, base * 2^doublings), whatever the number of doublings.
milliseconds bound_of(const BackoffOptions& options, int doublings) {
  milliseconds bound = std::min(options.base, options.cap);
  for (; doublings > 0 && bound < options.cap && bound > milliseconds(0); --doublings) {
    bound = bound > options.cap / 2 ? options.cap : bound * 2;
  }
  return bound;
}

milliseconds any_up_to(milliseconds bound, Random& random) {
  return milliseconds(random.uniform(0, bound.count()));
}

bool leaves_enough(const BackoffOptions& options, milliseconds wait, milliseconds time_left) {
  return time_left - wait >= options.attempt_budget_min;
}

}  // namespace

std::optional<milliseconds> wait_for_same_target(const BackoffOptions& options, int failures,
                                                 std::optional<milliseconds> floor,
                                                 milliseconds time_left, Random& random) {
  WEIR_ASSERT(failures >= 1);
  const milliseconds least = floor.value_or(milliseconds(0));
  if (least > options.inline_wait_max) return std::nullopt;

  const milliseconds bound = bound_of(options, failures - 1);
  const milliseconds drawn = options.jitter ? any_up_to(bound, random) : bound;
  // Our own part of the wait gives way to `inline_wait_max`; the provider's part did not exceed it.
  const milliseconds wait = std::max(least, std::min(drawn, options.inline_wait_max));
  if (!leaves_enough(options, wait, time_left)) return std::nullopt;
  return wait;
}

std::optional<milliseconds> wait_for_other_target(const BackoffOptions& options,
                                                  milliseconds time_left, Random& random) {
  const milliseconds wait = any_up_to(options.other_target_jitter, random);
  if (!leaves_enough(options, wait, time_left)) return std::nullopt;
  return wait;
}

}  // namespace weir::policy
