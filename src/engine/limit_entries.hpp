// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "shared_state/limits.hpp"

namespace weir::engine {

/// The name that calls by a key are counted under.
using NameOfKey = std::function<std::string(const config::Secret&)>;

/// All limits and budgets of the configuration, those assumed of providers included.
std::vector<shared_state::Limits::Entry> limit_entries(const config::Config& config,
                                                       const NameOfKey& name_of_key);

}  // namespace weir::engine
