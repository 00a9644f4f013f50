// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>

#include "store/database/response_store.hpp"

namespace weir::store {

/// Keeps responses in memory, until the process ends: where nothing may be written to a disk.
class MemoryResponseStore final : public ResponseStore {
 public:
  explicit MemoryResponseStore(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  Result<> put(const StoredResponse& response, std::int64_t expires_ms) override;
  Result<StoredResponse> get(std::string_view tenant, std::string_view id,
                             std::int64_t now_ms) override;
  Result<std::string> tenant_of(std::string_view id) override;
  Result<> remove(std::string_view tenant, std::string_view id, std::int64_t now_ms) override;
  Result<std::vector<std::string>> ids_of(std::string_view tenant) override;
  Result<> purge() override { return {}; }
  Result<std::size_t> remove_expired(std::int64_t now_ms, std::size_t count_max) override;

 private:
  struct Conversation {
    std::int64_t expires_ms = 0;
    std::size_t bytes = 0;
  };
  struct Row {
    StoredResponse response;
    std::uint64_t conversation = 0;
  };
  using Key = std::pair<std::string, std::string>;  ///< tenant, id
  using Rows = std::map<Key, Row>;

  [[nodiscard]] Rows::iterator find(std::string_view tenant, std::string_view id,
                                    std::int64_t now_ms);
  void take_out(Rows::iterator row);
  void drop(std::uint64_t conversation);
  /// The one whose time is over first; `spared` only when there is no other.
  [[nodiscard]] std::uint64_t next_to_go(std::uint64_t spared) const;

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::uint64_t last_conversation_ = 0;
  Rows rows_;
  std::map<std::uint64_t, Conversation> conversations_;
};

}  // namespace weir::store
