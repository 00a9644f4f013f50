// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string_view>

#include "pipeline/caller.hpp"
#include "policy/limit_set.hpp"

namespace weir::shared_state {

/// Whose questions and answers are kept, and how long (G-2): said of a key, a user or a team, in
/// the configuration or of those that were given out. Where several are said, the longest holds.
/// Nobody is, unless it is said.
///
/// For any thread. Asking costs one look while nobody's are.
class LoggedTenants {
 public:
  using Kept = std::map<policy::LimitOwner, std::chrono::milliseconds>;

  /// All that the configuration says, in the place of what it said before.
  void configure(Kept kept);
  /// Of one key, user or team that was given out; zero: not any more.
  void set(const policy::LimitOwner& owner, std::chrono::milliseconds kept);

  /// How long what `caller` asks and is answered is kept; zero: not at all.
  [[nodiscard]] std::chrono::milliseconds kept_for(const pipeline::Caller& caller) const {
    if (!has_any_.load(std::memory_order_relaxed)) return std::chrono::milliseconds::zero();
    return find(caller);
  }

 private:
  [[nodiscard]] std::chrono::milliseconds find(const pipeline::Caller& caller) const;

  mutable std::mutex mutex_;  ///< of the next two
  Kept configured_;
  Kept given_;
  std::atomic<bool> has_any_ = false;
};

}  // namespace weir::shared_state
