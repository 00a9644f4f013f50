// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "ledger/record.hpp"
#include "policy/limit_set.hpp"
#include "store/spool_files.hpp"
#include "weir/result.hpp"

/// What calls took of the windows of quotas and budgets: what a budget has spent is the sum over
/// all that carry its window's id (U-1).
namespace weir::ledger {

/// By the windows' ids.
using WindowUses = std::map<std::string, policy::WindowUse, std::less<>>;

/// Adds what `call` took to `use_of(id)`, a `WindowUse&`, of each window that it or its attempts
/// name: the same as the limits count while they see it, see `shared_state::Limits::settle`.
using UseOf = std::function<policy::WindowUse&(const std::string& id)>;
void add_windows(const CallRecord& call, const UseOf& use_of);

/// Of the calls that ended at `since_ms` or later. Cost: reads that part of the ledger. Errors:
/// `store_unavailable`.
Result<WindowUses> window_uses(store::SpoolFiles& files, const std::string& data_directory,
                               std::int64_t since_ms);

}  // namespace weir::ledger
