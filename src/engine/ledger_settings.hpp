// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "ledger/ledger.hpp"
#include "ledger/windows.hpp"
#include "pipeline/attempt.hpp"
#include "shared_state/limits.hpp"

/// How the configuration's ledger is made, and what it says at the start.
namespace weir::engine {

/// Without those to be told of something. `wall` outlives the ledger.
ledger::Ledger::Options ledger_options(const config::LedgerSettings& settings,
                                       const pipeline::WallClock& wall);

/// Answers what was taken of the windows with these ids; those missing: nothing.
using AskWindows =
    std::function<Result<ledger::WindowUses>(const std::vector<std::string>& windows)>;

/// Lets what was used before the start go on to count, in all windows that quotas and budgets are
/// in now; asks once. Errors: those of `ask`; nothing has changed then. Before the first call.
Result<> restore_limits(shared_state::Limits& limits, const AskWindows& ask);

}  // namespace weir::engine
