// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.hpp"

namespace weir::store {

/// One answer of the Responses API, with the part of the conversation that came with it.
struct StoredResponse {
  std::string id;
  std::string tenant;       ///< whose it is; to others it does not exist
  std::string previous_id;  ///< the answer that it continues; empty: none that is stored here
  std::string target;       ///< that gave it, as provider/model
  /// The target keeps conversation and answer itself: nothing of them is here.
  bool is_kept_upstream = false;
  std::string input;     ///< the items that the request added; JSON
  std::string response;  ///< JSON
  std::int64_t created_ms = 0;

  bool operator==(const StoredResponse&) const = default;
};

/// Keeps answers so that a later request can continue, show or remove them.
///
/// Answers that continue each other are one conversation. It is kept for a time after its last
/// answer and then goes as a whole, and so it does when room is needed: those go first whose time
/// is over first. Times are Unix milliseconds.
///
/// May wait for a disk. Threads: one at a time.
/// Errors of all members: `store_unavailable`; others are said beside each.
class ResponseStore {
 public:
  virtual ~ResponseStore() = default;

  /// Keeps `response` and its whole conversation until `expires_ms`, at least. One of the same
  /// tenant and id is replaced. Survives the end of the process once it returns.
  /// Errors: `too_large` when the conversation needs more room than there is at all.
  virtual Result<> put(const StoredResponse& response, std::int64_t expires_ms) = 0;

  /// Errors: `route_unknown` when this tenant has no such response, or its time is over.
  virtual Result<StoredResponse> get(std::string_view tenant, std::string_view id,
                                     std::int64_t now_ms) = 0;

  /// Whose the response with this id is, for who may see everybody's. Errors: `route_unknown`.
  /// Cost: a look at each id.
  virtual Result<std::string> tenant_of(std::string_view id) = 0;

  /// Errors: `route_unknown` as `get`.
  virtual Result<> remove(std::string_view tenant, std::string_view id, std::int64_t now_ms) = 0;

  /// Ids of all that are kept of this tenant, those among them whose time is over.
  virtual Result<std::vector<std::string>> ids_of(std::string_view tenant) = 0;

  /// Leaves nothing of what was removed where it was written.
  virtual Result<> purge() = 0;

  /// Removes conversations whose time is over, `count_max` at most; answers how many.
  virtual Result<std::size_t> remove_expired(std::int64_t now_ms, std::size_t count_max) = 0;
};

/// What a conversation's responses count for against limits of room.
inline std::size_t stored_bytes(const StoredResponse& response) {
  constexpr std::size_t row_bytes = 256;  // ids, indexes, page overhead
  return row_bytes + response.input.size() + response.response.size();
}

/// What `get`, `conversation` and `remove` say of a response that is not there.
Error no_such_response(std::string_view id);

/// The response and all that it continues, oldest first. Errors: `route_unknown` also when one of
/// them was removed; `too_large` when their content is larger than `bytes_max`.
Result<std::vector<StoredResponse>> read_conversation(ResponseStore& store, std::string_view tenant,
                                                      std::string_view id, std::size_t bytes_max,
                                                      std::int64_t now_ms);

}  // namespace weir::store
