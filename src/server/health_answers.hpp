// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/admin.hpp"
#include "server/program.hpp"

namespace weir::server {

/// The part of the admin API that tells how providers have been doing. Errors: `invalid_request`
/// for a parameter that means nothing, `route_unknown` for a provider that there is not,
/// `store_unavailable` without a history.
Result<std::string> health_answer(Program& program, const AdminRequest& request);
Result<std::string> provider_health_answer(Program& program, const AdminRequest& request);
/// Also says of which media type the answer is.
Result<std::string> health_export_answer(Program& program, const AdminRequest& request,
                                         std::string& media_type);
/// `?after=`: only the events after that one.
Result<std::string> alerts_answer(Program& program, const AdminRequest& request);

}  // namespace weir::server
