// SPDX-License-Identifier: Apache-2.0
#include "store/database/response_store.hpp"

#include <algorithm>

namespace weir::store {

Error no_such_response(std::string_view id) {
  return {ErrorCode::route_unknown, "there is no response \"" + std::string(id) + "\""};
}

Result<std::vector<StoredResponse>> read_conversation(ResponseStore& store, std::string_view tenant,
                                                      std::string_view id, std::size_t bytes_max,
                                                      std::int64_t now_ms) {
  std::vector<StoredResponse> turns;
  std::size_t bytes = 0;
  for (std::string next(id); !next.empty();) {
    WEIR_TRY_ASSIGN(turn, store.get(tenant, next, now_ms));
    bytes += stored_bytes(turn);  // also ends a chain that leads back to itself
    if (bytes > bytes_max) {
      return Error(ErrorCode::too_large, "the conversation has become too long to be continued");
    }
    next = turn.previous_id;
    turns.push_back(std::move(turn));
  }
  std::reverse(turns.begin(), turns.end());
  return turns;
}

}  // namespace weir::store
