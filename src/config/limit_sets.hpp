// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "config/config.hpp"
#include "policy/limit_set.hpp"
#include "weir/result.hpp"

namespace weir::config {

/// What `limits:` and `budget:` mean. Precondition: their time zones exist (asserted), as those of
/// a loaded configuration do.
policy::LimitSet limit_set_of(const UsageLimits& limits, const BudgetLimits& budget);

/// The same for a provider entry. What it does not set itself are the limits that the catalog knows
/// of its plan, where it is at its provider's own address; the provider's own word goes over those.
/// With several keys they are each key's.
policy::LimitSet limit_set_of(const ProviderConfig& provider);
/// The same for one of its keys.
policy::LimitSet limit_set_of_key(const ProviderConfig& provider, std::size_t place);

/// What the catalog knows beside that of one of its models: only what is tighter than those, and
/// only of units that the configuration does not speak of. Nothing with several keys.
policy::LimitSet limit_set_of_model(const ProviderConfig& provider, std::string_view model);

/// The same from JSON objects with the names of `limits:` and `budget:`, as they are kept of keys,
/// users and teams; empty: nothing is said. Errors: `invalid_request` for what means nothing.
Result<policy::LimitSet> read_limit_set(std::string_view limits, std::string_view budget);

}  // namespace weir::config
