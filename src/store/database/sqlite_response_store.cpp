// SPDX-License-Identifier: Apache-2.0
#include "store/database/sqlite_response_store.hpp"

#include <limits>

namespace weir::store {
namespace {

constexpr const char* schema[] = {R"sql(
CREATE TABLE IF NOT EXISTS conversations(
  number INTEGER PRIMARY KEY,
  expires_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS conversations_by_end ON conversations(expires_ms);
CREATE TABLE IF NOT EXISTS responses(
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  conversation INTEGER NOT NULL REFERENCES conversations(number) ON DELETE CASCADE,
  previous_id TEXT NOT NULL,
  target TEXT NOT NULL,
  is_kept_upstream INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  input BLOB NOT NULL,
  response BLOB NOT NULL,
  PRIMARY KEY(tenant, id));
CREATE INDEX IF NOT EXISTS responses_by_conversation ON responses(conversation);
)sql"};

/// Names the place of a sealed value without any way to write another's name.
std::string place_name(const StoredResponse& response, std::string_view column) {
  std::string name = "responses 1 ";
  name.append(column);
  for (const std::string* part : {&response.tenant, &response.id}) {
    name.append(" ").append(std::to_string(part->size())).append(":").append(*part);
  }
  return name;
}

}  // namespace

Result<std::unique_ptr<SqliteResponseStore>> SqliteResponseStore::open(const std::string& path,
                                                                       DataKeys& keys,
                                                                       std::size_t bytes_max) {
  WEIR_TRY_ASSIGN(database, SqliteDatabase::open(path, schema));
  // Every answer is kept before its end is sent, and a conversation is nobody's money.
  WEIR_TRY(database.sync_later());
  std::unique_ptr<SqliteResponseStore> store(
      new SqliteResponseStore(std::move(database), keys, bytes_max));
  WEIR_TRY(store->prepare());
  return store;
}

Result<> SqliteResponseStore::prepare() {
  WEIR_TRY(database_.prepare({
      {select_place_,
       "SELECT r.conversation, r.bytes, c.bytes FROM responses r JOIN conversations c "
       "ON c.number = r.conversation WHERE r.tenant = ? AND r.id = ? AND c.expires_ms > ?"},
      {select_row_,
       "SELECT r.previous_id, r.target, r.is_kept_upstream, r.created_ms, r.key_id, r.input, "
       "r.response FROM responses r JOIN conversations c ON c.number = r.conversation "
       "WHERE r.tenant = ? AND r.id = ? AND c.expires_ms > ?"},
      {insert_conversation_, "INSERT INTO conversations(expires_ms, bytes) VALUES(?, 0)"},
      {update_conversation_,
       "UPDATE conversations SET bytes = bytes + ?, expires_ms = max(expires_ms, ?) "
       "WHERE number = ?"},
      {insert_row_,
       "INSERT INTO responses(tenant, id, conversation, previous_id, target, is_kept_upstream, "
       "created_ms, bytes, key_id, input, response) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {delete_row_, "DELETE FROM responses WHERE tenant = ? AND id = ?"},
      {select_oldest_,
       "SELECT number, bytes FROM conversations WHERE number <> ? AND expires_ms <= ? "
       "ORDER BY expires_ms LIMIT 1"},
      {select_ids_, "SELECT id FROM responses WHERE tenant = ? ORDER BY id"},
      {select_tenant_, "SELECT tenant FROM responses WHERE id = ? LIMIT 1"},
      {delete_conversation_, "DELETE FROM conversations WHERE number = ?"},
  }));
  WEIR_TRY_ASSIGN(bytes, database_.number("SELECT sum(bytes) FROM conversations"));
  bytes_ = bytes;
  return {};
}

Result<> SqliteResponseStore::put(const StoredResponse& response, std::int64_t expires_ms) {
  const std::int64_t bytes_before = bytes_;
  const auto write = [&]() -> Result<> {
    WEIR_TRY_ASSIGN(transaction, SqliteTransaction::begin(database_));
    const auto old = place_of(response.tenant, response.id, std::numeric_limits<int64_t>::min());
    if (old) WEIR_TRY(take_out(response.tenant, response.id, *old));
    WEIR_TRY_ASSIGN(place, make_place(response, expires_ms));
    WEIR_TRY(insert(response, place.conversation));
    WEIR_TRY(make_room(place.conversation));
    return transaction.commit();
  };
  auto written = write();
  if (!written) bytes_ = bytes_before;
  return written;
}

Result<SqliteResponseStore::Place> SqliteResponseStore::place_of(std::string_view tenant,
                                                                 std::string_view id,
                                                                 std::int64_t now_ms) {
  select_place_.bind(1, tenant).bind(2, id).bind(3, now_ms);
  WEIR_TRY_ASSIGN(has_row, select_place_.step());
  if (!has_row) return no_such_response(id);
  const Place place{select_place_.integer(0), select_place_.integer(1), select_place_.integer(2)};
  select_place_.reset();
  return place;
}

Result<> SqliteResponseStore::take_out(std::string_view tenant, std::string_view id,
                                       const Place& place) {
  bytes_ -= place.bytes;
  WEIR_TRY(delete_row_.bind(1, tenant).bind(2, id).run());
  if (place.bytes == place.conversation_bytes) return drop(place.conversation);
  return update_conversation_.bind(1, -place.bytes)
      .bind(2, std::numeric_limits<std::int64_t>::min())
      .bind(3, place.conversation)
      .run();
}

/// The conversation that the response continues, or a new one, with the room for it.
Result<SqliteResponseStore::Place> SqliteResponseStore::make_place(const StoredResponse& response,
                                                                   std::int64_t expires_ms) {
  Place place;
  const auto previous =
      place_of(response.tenant, response.previous_id, std::numeric_limits<std::int64_t>::min());
  if (previous) {
    place = *previous;
  } else if (previous.error().code != ErrorCode::route_unknown) {
    return previous.error();
  } else {
    WEIR_TRY(insert_conversation_.bind(1, expires_ms).run());
    place.conversation = database_.last_row_id();
  }
  place.bytes = static_cast<std::int64_t>(stored_bytes(response));
  if (place.conversation_bytes + place.bytes > bytes_max_) {
    return Error(ErrorCode::too_large, "the conversation is too large to be stored");
  }
  bytes_ += place.bytes;
  WEIR_TRY(update_conversation_.bind(1, place.bytes)
               .bind(2, expires_ms)
               .bind(3, place.conversation)
               .run());
  return place;
}

Result<> SqliteResponseStore::insert(const StoredResponse& response, std::int64_t conversation) {
  WEIR_TRY_ASSIGN(key, keys_.current(response.tenant));
  const std::string input = seal(*key, response.input, place_name(response, "input"));
  const std::string answer = seal(*key, response.response, place_name(response, "response"));
  return insert_row_.bind(1, response.tenant)
      .bind(2, response.id)
      .bind(3, conversation)
      .bind(4, response.previous_id)
      .bind(5, response.target)
      .bind(6, std::int64_t{response.is_kept_upstream})
      .bind(7, response.created_ms)
      .bind(8, static_cast<std::int64_t>(stored_bytes(response)))
      .bind(9, key->id())
      .bind_blob(10, input)
      .bind_blob(11, answer)
      .run();
}

/// Lets conversations go until the rest fits, but never `spared`.
Result<> SqliteResponseStore::make_room(std::int64_t spared) {
  while (bytes_ > bytes_max_) {
    select_oldest_.bind(1, spared).bind(2, std::numeric_limits<std::int64_t>::max());
    WEIR_TRY_ASSIGN(has_row, select_oldest_.step());
    if (!has_row) return {};
    const std::int64_t number = select_oldest_.integer(0);
    bytes_ -= select_oldest_.integer(1);
    select_oldest_.reset();
    WEIR_TRY(drop(number));
  }
  return {};
}

/// Its responses go with it.
Result<> SqliteResponseStore::drop(std::int64_t conversation) {
  return delete_conversation_.bind(1, conversation).run();
}

Result<StoredResponse> SqliteResponseStore::get(std::string_view tenant, std::string_view id,
                                                std::int64_t now_ms) {
  select_row_.bind(1, tenant).bind(2, id).bind(3, now_ms);
  WEIR_TRY_ASSIGN(has_row, select_row_.step());
  if (!has_row) return no_such_response(id);
  StoredResponse found;
  found.id = id;
  found.tenant = tenant;
  found.previous_id = select_row_.text(0);
  found.target = select_row_.text(1);
  found.is_kept_upstream = select_row_.integer(2) != 0;
  found.created_ms = select_row_.integer(3);
  const std::string key_id(select_row_.text(4));
  const std::string input(select_row_.text(5));
  const std::string answer(select_row_.text(6));
  select_row_.reset();
  WEIR_TRY_ASSIGN(key, keys_.find(tenant, key_id));
  WEIR_TRY_ASSIGN(opened_input, opened(*key, found, "input", input));
  WEIR_TRY_ASSIGN(opened_answer, opened(*key, found, "response", answer));
  found.input = std::move(opened_input);
  found.response = std::move(opened_answer);
  return found;
}

Result<std::string> SqliteResponseStore::opened(const DataKey& key, const StoredResponse& response,
                                                std::string_view column,
                                                std::string_view sealed) const {
  auto content = unseal(key, sealed, place_name(response, column));
  if (content) return *std::move(content);
  return Error(ErrorCode::store_unavailable,
               "the stored response \"" + response.id + "\" was changed and can't be read");
}

Result<std::string> SqliteResponseStore::tenant_of(std::string_view id) {
  select_tenant_.bind(1, id);
  WEIR_TRY_ASSIGN(has_row, select_tenant_.step());
  if (!has_row) return no_such_response(id);
  std::string tenant(select_tenant_.text(0));
  select_tenant_.reset();
  return tenant;
}

Result<> SqliteResponseStore::remove(std::string_view tenant, std::string_view id,
                                     std::int64_t now_ms) {
  const std::int64_t bytes_before = bytes_;
  const auto write = [&]() -> Result<> {
    WEIR_TRY_ASSIGN(transaction, SqliteTransaction::begin(database_));
    WEIR_TRY_ASSIGN(place, place_of(tenant, id, now_ms));
    WEIR_TRY(take_out(tenant, id, place));
    return transaction.commit();
  };
  auto written = write();
  if (!written) bytes_ = bytes_before;
  return written;
}

Result<std::vector<std::string>> SqliteResponseStore::ids_of(std::string_view tenant) {
  std::vector<std::string> ids;
  select_ids_.bind(1, tenant);
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, select_ids_.step());
    if (!has_row) return ids;
    ids.emplace_back(select_ids_.text(0));
  }
}

Result<std::size_t> SqliteResponseStore::remove_expired(std::int64_t now_ms,
                                                        std::size_t count_max) {
  std::size_t count = 0;
  for (; count < count_max; ++count) {
    select_oldest_.bind(1, std::int64_t{0}).bind(2, now_ms);
    WEIR_TRY_ASSIGN(has_row, select_oldest_.step());
    if (!has_row) break;
    const std::int64_t number = select_oldest_.integer(0);
    const std::int64_t bytes = select_oldest_.integer(1);
    select_oldest_.reset();
    WEIR_TRY(drop(number));
    bytes_ -= bytes;
  }
  if (count > 0) WEIR_TRY(database_.run("PRAGMA incremental_vacuum"));
  return count;
}

}  // namespace weir::store
