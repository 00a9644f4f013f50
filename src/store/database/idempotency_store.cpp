// SPDX-License-Identifier: Apache-2.0
#include "store/database/idempotency_store.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "store/instance.hpp"

namespace weir::store {
namespace {

// The sum of all sizes is kept by triggers: several processes may write.
constexpr const char* schema[] = {R"sql(
CREATE TABLE requests(
  scope TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  instance TEXT NOT NULL,
  state INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  answer BLOB NOT NULL);
CREATE INDEX requests_by_end ON requests(state, expires_ms);
CREATE TABLE room(bytes INTEGER NOT NULL);
INSERT INTO room VALUES(0);
CREATE TRIGGER room_taken AFTER INSERT ON requests
  BEGIN UPDATE room SET bytes = bytes + new.bytes; END;
CREATE TRIGGER room_changed AFTER UPDATE OF bytes ON requests
  BEGIN UPDATE room SET bytes = bytes + new.bytes - old.bytes; END;
CREATE TRIGGER room_given_back AFTER DELETE ON requests
  BEGIN UPDATE room SET bytes = bytes - old.bytes; END;
)sql"};

/// What a request counts for beside its answer: digests, indexes, page overhead.
constexpr std::int64_t row_bytes = 512;
/// A request that is said to be made by a process that never came back is believed this long
/// beyond its time.
constexpr std::int64_t abandoned_after_ms = std::int64_t{7} * 86'400'000;

Error unknown_ending() {
  return {ErrorCode::idempotency_unknown,
          "a request with this Idempotency-Key may have been made, and its answer is not known; "
          "it is made again only with another key",
          "Idempotency-Key"};
}

Error in_progress() {
  Error error(ErrorCode::idempotency_in_progress,
              "a request with this Idempotency-Key is being made", "Idempotency-Key");
  error.retry_after = std::chrono::seconds(1);
  return error;
}

/// Names the place of a sealed value without any way to write another's name.
std::string place_name(const OnceRequest& request, std::string_view column) {
  std::string name = "requests 1 ";
  name.append(column);
  for (const std::string* part : {&request.tenant, &request.scope}) {
    name.append(" ").append(std::to_string(part->size())).append(":").append(*part);
  }
  return name;
}

/// The status, whether it is a stream, and how much of what follows is the header.
std::string written(const OnceAnswer& answer) {
  std::string text = std::to_string(answer.status);
  text.append(answer.is_stream ? " 1 " : " 0 ").append(std::to_string(answer.fields.size()));
  return text.append("\n").append(answer.fields).append(answer.body);
}

std::optional<OnceAnswer> read_answer(std::string_view text) {
  const std::size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return std::nullopt;
  int numbers[3] = {};
  const char* at = text.data();
  const char* const end = at + line_end;
  for (int& number : numbers) {
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return std::nullopt;
    at = next == end ? end : next + 1;
  }
  text.remove_prefix(line_end + 1);
  const auto fields_size = static_cast<std::size_t>(numbers[2]);
  if (numbers[2] < 0 || fields_size > text.size()) return std::nullopt;
  return OnceAnswer{numbers[0], numbers[1] != 0, std::string(text.substr(0, fields_size)),
                    std::string(text.substr(fields_size))};
}

}  // namespace

struct IdempotencyStore::Row {
  State state = State::running;
  std::int64_t expires_ms = 0;
  std::string instance;
  std::string key_id;
  std::string fingerprint;
  std::string answer;
};

// ---- opening ------------------------------------------------------------------------------------

Result<std::unique_ptr<IdempotencyStore>> IdempotencyStore::open(const std::string& path,
                                                                 Options options) {
  WEIR_TRY_ASSIGN(database, SqliteDatabase::open(path, schema));
  return prepare(std::move(database), std::move(options));
}

Result<std::unique_ptr<IdempotencyStore>> IdempotencyStore::open_in_memory(Options options) {
  WEIR_TRY_ASSIGN(database, SqliteDatabase::open_in_memory(schema));
  return prepare(std::move(database), std::move(options));
}

Result<std::unique_ptr<IdempotencyStore>> IdempotencyStore::prepare(SqliteDatabase database,
                                                                    Options options) {
  // Without the first a replaced row would not give its room back.
  WEIR_TRY(database.run("PRAGMA recursive_triggers=ON"));
  if (!options.is_power_safe) WEIR_TRY(database.sync_later());
  std::unique_ptr<IdempotencyStore> store(
      new IdempotencyStore(std::move(database), std::move(options)));
  WEIR_TRY(store->prepare_statements());
  WEIR_TRY(store->disown_predecessors());
  return store;
}

Result<> IdempotencyStore::prepare_statements() {
  return database_.prepare({
      {select_row_,
       "SELECT state, expires_ms, instance, key_id, fingerprint, answer FROM requests "
       "WHERE scope = ?"},
      {insert_row_,
       "INSERT OR REPLACE INTO requests(scope, tenant, user, instance, state, expires_ms, bytes, "
       "key_id, fingerprint, answer) VALUES(?, ?, ?, ?, 0, ?, ?, ?, ?, x'')"},
      {update_row_,
       "UPDATE requests SET state = ?, bytes = ?, key_id = ?, fingerprint = ?, answer = ? "
       "WHERE scope = ? AND state = 0"},
      {delete_row_, "DELETE FROM requests WHERE scope = ?"},
      {select_bytes_, "SELECT bytes FROM room"},
      {drop_oldest_answer_,
       "UPDATE requests SET state = 2, answer = x'', bytes = ? WHERE scope = "
       "(SELECT scope FROM requests WHERE state = 1 ORDER BY expires_ms LIMIT 1)"},
      {delete_expired_,
       "DELETE FROM requests WHERE scope IN (SELECT scope FROM requests WHERE "
       "(state > 0 AND expires_ms <= ?) OR (state = 0 AND expires_ms <= ?) LIMIT ?)"},
      {count_changes_, "SELECT changes()"},
      {select_of_,
       "SELECT scope, tenant, state, expires_ms, key_id, answer FROM requests "
       "WHERE state > 0 AND (tenant = ?1 OR (user = ?2 AND user <> ''))"},
      {delete_of_,
       "DELETE FROM requests WHERE state > 0 AND (tenant = ?1 OR (user = ?2 AND user <> ''))"},
  });
}

/// M-5: nobody knows how those ended that an earlier process with this folder was about to make.
Result<> IdempotencyStore::disown_predecessors() {
  WEIR_TRY_ASSIGN(statement, database_.prepare("UPDATE requests SET state = 2 WHERE state = 0 AND "
                                               "instance = ?"));
  return statement.bind(1, options_.instance).run();
}

// ---- a request ----------------------------------------------------------------------------------

Result<std::optional<OnceAnswer>> IdempotencyStore::begin(const OnceRequest& request,
                                                          std::int64_t now_ms,
                                                          std::int64_t expires_ms) {
  WEIR_TRY_ASSIGN(transaction, SqliteTransaction::begin(database_));
  WEIR_TRY_ASSIGN(row, find(request.scope));
  const bool is_running = row && row->state == State::running && is_being_made(request, *row);
  if (row && (is_running || row->expires_ms > now_ms)) {
    WEIR_TRY_ASSIGN(fingerprint, opened(request, "fingerprint", row->key_id, row->fingerprint));
    if (fingerprint != request.fingerprint) {
      return Error(ErrorCode::idempotency_mismatch,
                   "another request was made with this Idempotency-Key", "Idempotency-Key");
    }
    if (is_running) return in_progress();
    if (row->state != State::answered) return unknown_ending();
    WEIR_TRY_ASSIGN(answer, answer_of(request, *row));
    return std::optional<OnceAnswer>(std::move(answer));
  }
  WEIR_TRY(insert(request, expires_ms));
  WEIR_TRY(make_room(0));
  WEIR_TRY(transaction.commit());
  running_.insert(request.scope);
  return std::optional<OnceAnswer>();
}

Result<std::optional<IdempotencyStore::Row>> IdempotencyStore::find(const std::string& scope) {
  select_row_.bind(1, scope);
  WEIR_TRY_ASSIGN(has_row, select_row_.step());
  if (!has_row) return std::optional<Row>();
  Row row;
  row.state = static_cast<State>(select_row_.integer(0));
  row.expires_ms = select_row_.integer(1);
  row.instance = select_row_.text(2);
  row.key_id = select_row_.text(3);
  row.fingerprint = select_row_.text(4);
  row.answer = select_row_.text(5);
  select_row_.reset();
  return std::optional<Row>(std::move(row));
}

/// One that this process began and could not conclude, since the store was down, is not.
bool IdempotencyStore::is_being_made(const OnceRequest& request, const Row& row) const {
  if (row.instance == options_.instance) return running_.contains(request.scope);
  return is_instance_running(row.instance);
}

Result<OnceAnswer> IdempotencyStore::answer_of(const OnceRequest& request, const Row& row) {
  WEIR_TRY_ASSIGN(text, opened(request, "answer", row.key_id, row.answer));
  auto answer = read_answer(text);
  if (answer) return *std::move(answer);
  return Error(ErrorCode::store_unavailable, "a stored answer can't be read");
}

Result<> IdempotencyStore::insert(const OnceRequest& request, std::int64_t expires_ms) {
  std::string key_id;
  WEIR_TRY_ASSIGN(fingerprint, sealed(request, "fingerprint", request.fingerprint, key_id));
  return insert_row_.bind(1, request.scope)
      .bind(2, request.tenant)
      .bind(3, request.user)
      .bind(4, options_.instance)
      .bind(5, expires_ms)
      .bind(6, row_bytes)
      .bind(7, key_id)
      .bind_blob(8, fingerprint)
      .run();
}

Result<> IdempotencyStore::keep(const OnceRequest& request, const OnceAnswer& answer) {
  const std::string text = written(answer);
  const auto bytes = row_bytes + static_cast<std::int64_t>(text.size());
  if (bytes > options_.bytes_max) return lose(request);
  running_.erase(request.scope);
  WEIR_TRY_ASSIGN(transaction, SqliteTransaction::begin(database_));
  WEIR_TRY(make_room(bytes - row_bytes));
  std::string key_id;
  WEIR_TRY_ASSIGN(sealed_answer, sealed(request, "answer", text, key_id));
  WEIR_TRY(set_state(request, State::answered, bytes, key_id, sealed_answer));
  return transaction.commit();
}

Result<> IdempotencyStore::lose(const OnceRequest& request) {
  running_.erase(request.scope);
  return set_state(request, State::unknown, row_bytes, {}, {});
}

Result<> IdempotencyStore::forget(const OnceRequest& request) {
  running_.erase(request.scope);
  return delete_row_.bind(1, request.scope).run();
}

/// The fingerprint is sealed anew, since the key in force may be another than when it was begun.
Result<> IdempotencyStore::set_state(const OnceRequest& request, State state, std::int64_t bytes,
                                     std::string_view key_id, std::string_view sealed_answer) {
  std::string own_key_id(key_id);
  WEIR_TRY_ASSIGN(fingerprint, sealed(request, "fingerprint", request.fingerprint, own_key_id));
  return update_row_.bind(1, static_cast<std::int64_t>(state))
      .bind(2, bytes)
      .bind(3, own_key_id)
      .bind_blob(4, fingerprint)
      .bind_blob(5, sealed_answer)
      .bind(6, request.scope)
      .run();
}

// ---- room and time ------------------------------------------------------------------------------

/// Lets the oldest answers go until there are `bytes` to spare. That a request was made is never
/// given up for room: rather no other one is taken.
Result<> IdempotencyStore::make_room(std::int64_t bytes) {
  for (;;) {
    WEIR_TRY_ASSIGN(has_sum, select_bytes_.step());
    const std::int64_t taken = has_sum ? select_bytes_.integer(0) : 0;
    select_bytes_.reset();
    if (taken + bytes <= options_.bytes_max) return {};
    WEIR_TRY(drop_oldest_answer_.bind(1, row_bytes).run());
    WEIR_TRY_ASSIGN(dropped, changes());
    if (dropped == 0) {
      return Error(ErrorCode::store_unavailable, "there is no room for another idempotent request");
    }
  }
}

Result<std::size_t> IdempotencyStore::remove_expired(std::int64_t now_ms, std::size_t count_max) {
  WEIR_TRY(delete_expired_.bind(1, now_ms)
               .bind(2, now_ms - abandoned_after_ms)
               .bind(3, static_cast<std::int64_t>(count_max))
               .run());
  WEIR_TRY_ASSIGN(count, changes());
  if (count > 0) WEIR_TRY(database_.run("PRAGMA incremental_vacuum"));
  return count;
}

Result<std::size_t> IdempotencyStore::changes() {
  WEIR_TRY_ASSIGN(has_count, count_changes_.step());
  const auto count = static_cast<std::size_t>(has_count ? count_changes_.integer(0) : 0);
  count_changes_.reset();
  return count;
}

// ---- whose they are -----------------------------------------------------------------------------

Result<> IdempotencyStore::for_each_of(const Owner& owner, const Visit& visit) {
  select_of_.bind(1, owner.tenant).bind(2, owner.user);
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, select_of_.step());
    if (!has_row) return {};
    const OnceRequest request{
        std::string(select_of_.text(0)), std::string(select_of_.text(1)), owner.user, {}};
    Row row;
    row.state = static_cast<State>(select_of_.integer(2));
    row.key_id = select_of_.text(4);
    row.answer = select_of_.text(5);
    std::optional<OnceAnswer> found;
    if (row.state == State::answered) {
      auto answer = answer_of(request, row);
      if (!answer) {
        select_of_.reset();
        return std::move(answer).error();
      }
      found = *std::move(answer);
    }
    visit(select_of_.integer(3), found);
  }
}

Result<std::size_t> IdempotencyStore::remove_of(const Owner& owner) {
  WEIR_TRY(delete_of_.bind(1, owner.tenant).bind(2, owner.user).run());
  WEIR_TRY_ASSIGN(count, changes());
  if (count > 0) WEIR_TRY(database_.run("PRAGMA incremental_vacuum"));
  WEIR_TRY(database_.purge());
  return count;
}

// ---- sealing ------------------------------------------------------------------------------------

Result<std::string> IdempotencyStore::sealed(const OnceRequest& request, std::string_view column,
                                             std::string_view content, std::string& key_id) {
  if (options_.keys == nullptr) return std::string(content);
  WEIR_TRY_ASSIGN(key, options_.keys->current(request.tenant));
  key_id = key->id();
  return seal(*key, content, place_name(request, column));
}

Result<std::string> IdempotencyStore::opened(const OnceRequest& request, std::string_view column,
                                             const std::string& key_id,
                                             const std::string& content) {
  if (options_.keys == nullptr) return content;
  WEIR_TRY_ASSIGN(key, options_.keys->find(request.tenant, key_id));
  auto text = unseal(*key, content, place_name(request, column));
  if (text) return *std::move(text);
  return Error(ErrorCode::store_unavailable,
               "what is stored of an idempotent request was changed and can't be read");
}

}  // namespace weir::store
