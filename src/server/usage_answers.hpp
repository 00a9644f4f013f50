// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <cstdint>

#include "config/config.hpp"
#include "identity/audit_log.hpp"
#include "net/http/target.hpp"
#include "usage/store.hpp"

namespace weir::server {

/// What the admin API tells of what was used and what it cost. Who is confined to what is his own
/// gets no more. Errors: `invalid_request` for a parameter that means nothing, `store_unavailable`.
Result<std::string> usage_answer(usage::Store& store, const net::http::Query& query,
                                 const identity::Actor& actor, std::int64_t now_ms,
                                 std::string& media_type);
/// What the month comes to.
Result<std::string> forecast_answer(usage::Store& store, std::int64_t now_ms);
/// What the free tiers of all providers still give.
Result<std::string> runway_answer(usage::Store& store, const config::Config& config,
                                  std::int64_t now_ms);

}  // namespace weir::server
