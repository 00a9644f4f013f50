// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "pipeline/caller.hpp"

namespace weir::server {

/// Names a key and tells nothing of it: a digest of the whole (Y-3).
std::string public_id(std::string_view credential);

/// Who calls with each of the configuration's keys, in their order; where there are none, everyone.
std::vector<std::shared_ptr<const pipeline::Caller>> callers_of(const config::Config& config);

}  // namespace weir::server
