// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "json/document.hpp"
#include "json/object_reader.hpp"

namespace weir::wire {

/// Refuses a request body that would tell a gateway where to send it or with whose key
/// (`api_base`, `api_key`, ...), on top or inside `extra_body`: sets `invalid_request` with the
/// member's path. What stands deeper (tool schemas, arguments, metadata) is the client's own.
void refuse_routing_members(json::Value root, json::Problem& problem);

/// The same of one name, for bodies that are not JSON.
bool is_routing_member(std::string_view name);

}  // namespace weir::wire
