// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "shared_state/limits.hpp"

namespace weir::admin {

/// Every limit and budget as it stands: what is used, left, and when it is there again.
std::string limits_json(const std::vector<shared_state::LimitStatus>& limits);

}  // namespace weir::admin
