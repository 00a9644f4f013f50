// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/writer.hpp"
#include "shared_state/limits.hpp"

namespace weir::admin {

/// Every limit and budget as it stands: what is used, left, and when it is there again.
std::string limits_json(const std::vector<shared_state::LimitStatus>& limits);

/// Those of `limits` that hold at the provider, as an array of the same.
void append_limits_of(json::Writer& json, const std::vector<shared_state::LimitStatus>& limits,
                      std::string_view provider);

}  // namespace weir::admin
