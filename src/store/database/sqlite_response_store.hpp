// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "store/database/response_store.hpp"
#include "store/database/sealing.hpp"
#include "store/database/sqlite.hpp"

namespace weir::store {

/// Keeps responses in a database file. What was said is sealed; ids, times, sizes and the names of
/// targets are not.
class SqliteResponseStore final : public ResponseStore {
 public:
  /// `keys` outlives the store. `bytes_max` bounds the content; the file is somewhat larger.
  /// Errors: `store_unavailable`, also for a file that a later version wrote.
  static Result<std::unique_ptr<SqliteResponseStore>> open(const std::string& path, DataKeys& keys,
                                                           std::size_t bytes_max);

  Result<> put(const StoredResponse& response, std::int64_t expires_ms) override;
  Result<StoredResponse> get(std::string_view tenant, std::string_view id,
                             std::int64_t now_ms) override;
  Result<std::string> tenant_of(std::string_view id) override;
  Result<> remove(std::string_view tenant, std::string_view id, std::int64_t now_ms) override;
  Result<std::vector<std::string>> ids_of(std::string_view tenant) override;
  Result<> purge() override { return database_.purge(); }
  Result<std::size_t> remove_expired(std::int64_t now_ms, std::size_t count_max) override;

 private:
  /// What a response counts for, and where.
  struct Place {
    std::int64_t conversation = 0;
    std::int64_t bytes = 0;
    std::int64_t conversation_bytes = 0;
  };

  SqliteResponseStore(SqliteDatabase database, DataKeys& keys, std::size_t bytes_max)
      : database_(std::move(database)),
        keys_(keys),
        bytes_max_(static_cast<std::int64_t>(bytes_max)) {}
  Result<> prepare();
  Result<Place> place_of(std::string_view tenant, std::string_view id, std::int64_t now_ms);
  Result<> take_out(std::string_view tenant, std::string_view id, const Place& place);
  Result<Place> make_place(const StoredResponse& response, std::int64_t expires_ms);
  Result<> insert(const StoredResponse& response, std::int64_t conversation);
  Result<> make_room(std::int64_t spared);
  Result<> drop(std::int64_t conversation);
  [[nodiscard]] Result<std::string> opened(const DataKey& key, const StoredResponse& response,
                                           std::string_view column, std::string_view sealed) const;

  SqliteDatabase database_;
  DataKeys& keys_;
  std::int64_t bytes_max_;
  std::int64_t bytes_ = 0;
  SqliteStatement select_place_;
  SqliteStatement select_row_;
  SqliteStatement insert_conversation_;
  SqliteStatement update_conversation_;
  SqliteStatement insert_row_;
  SqliteStatement delete_row_;
  SqliteStatement select_oldest_;
  SqliteStatement delete_conversation_;
  SqliteStatement select_ids_;
  SqliteStatement select_tenant_;
};

}  // namespace weir::store
