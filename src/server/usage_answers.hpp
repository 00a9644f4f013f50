// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/admin.hpp"
#include "server/program.hpp"

namespace weir::server {

/// The part of the admin API that tells what was used and what it cost. Who is confined to what is
/// his own gets no more. Errors: `invalid_request` for a parameter that means nothing,
/// `route_unknown` for a request that is not written down, `store_unavailable`.
Result<std::string> usage_answer(Program& program, const AdminRequest& request,
                                 std::string& media_type);
/// What the month comes to.
Result<std::string> forecast_answer(Program& program);
/// What the free tiers of all providers still give.
Result<std::string> runway_answer(Program& program);

}  // namespace weir::server
