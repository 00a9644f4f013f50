// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "shared_state/failovers.hpp"

namespace weir::admin {

/// `{"failovers": [{"route", "from", "to", "why", "kind", "count"}]}`
std::string failovers_json(const std::vector<shared_state::FailoverCount>& rows);

}  // namespace weir::admin
