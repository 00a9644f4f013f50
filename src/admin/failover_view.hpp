// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "shared_state/failovers.hpp"

namespace weir::admin {

/// `{"failovers": [{"route", "from", "to", "why", "kind", "count"}],
///   "degradations": [{"route", "to", "count"}]}`
std::string failovers_json(const shared_state::Failovers& failovers);

}  // namespace weir::admin
