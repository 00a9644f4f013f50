// SPDX-License-Identifier: Apache-2.0
#include "shared_state/logged_tenants.hpp"

#include <algorithm>
#include <utility>

namespace weir::shared_state {

void LoggedTenants::configure(Kept kept) {
  const std::lock_guard lock(mutex_);
  configured_ = std::move(kept);
  has_any_ = !configured_.empty() || !given_.empty();
}

void LoggedTenants::set(const policy::LimitOwner& owner, std::chrono::milliseconds kept) {
  const std::lock_guard lock(mutex_);
  if (kept > std::chrono::milliseconds::zero()) {
    given_[owner] = kept;
  } else {
    given_.erase(owner);
  }
  has_any_ = !configured_.empty() || !given_.empty();
}

std::chrono::milliseconds LoggedTenants::find(const pipeline::Caller& caller) const {
  using policy::LimitScope;
  const policy::LimitOwner owners[] = {{LimitScope::key, caller.key},
                                       {LimitScope::user, caller.user},
                                       {LimitScope::team, caller.team}};
  auto longest = std::chrono::milliseconds::zero();
  const std::lock_guard lock(mutex_);
  for (const policy::LimitOwner& owner : owners) {
    for (const Kept* said : {&configured_, &given_}) {
      const auto found = said->find(owner);
      if (found != said->end()) longest = std::max(longest, found->second);
    }
  }
  return longest;
}

}  // namespace weir::shared_state
