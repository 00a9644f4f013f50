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
/// With several keys they are each key's, and where the plan counts its models each on its own they
/// are those of the models.
policy::LimitSet limit_set_of(const ProviderConfig& provider);
/// The same for one of its keys.
policy::LimitSet limit_set_of_key(const ProviderConfig& provider, std::size_t place);

/// What the configuration says of `model`, or of the one that it is a snapshot of; null: nothing.
const ModelOverride* limited_model(const ProviderConfig& provider, std::string_view model);

/// Which of a provider's models count together where its plan doesn't count all of them as one: the
/// name of `model`'s pool, `other_models` for what the catalog doesn't name. Empty: it does.
std::string_view limit_pool_of(const ProviderConfig& provider, std::string_view model);
inline constexpr std::string_view other_models = "*";

/// What the plan allows the models of one such pool with one of the provider's keys, but for what
/// the configuration speaks of.
policy::LimitSet limit_set_of_pool(const ProviderConfig& provider, std::string_view pool,
                                   std::size_t key_place);

/// The same from JSON objects with the names of `limits:` and `budget:`, as they are kept of keys,
/// users and teams; empty: nothing is said. Errors: `invalid_request` for what means nothing.
Result<policy::LimitSet> read_limit_set(std::string_view limits, std::string_view budget);

}  // namespace weir::config
