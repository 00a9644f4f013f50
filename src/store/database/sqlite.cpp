// SPDX-License-Identifier: Apache-2.0
#include "store/database/sqlite.hpp"

#include <utility>

#include <sqlite3.h>

#include "store/files.hpp"

namespace weir::store {
namespace {

constexpr int lock_wait_ms = 5'000;

Error error_of(sqlite3* database) {
  const char* name = sqlite3_db_filename(database, "main");
  return {ErrorCode::store_unavailable,
          std::string(name != nullptr ? name : "the database") + ": " + sqlite3_errmsg(database)};
}

}  // namespace

void SqliteStatement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteStatement& SqliteStatement::bind(int place, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), place, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int place, std::string_view text) {
  // A null pointer would bind NULL, and so would an empty view that was never set.
  const char* data = text.data() != nullptr ? text.data() : "";
  sqlite3_bind_text64(statement_.get(), place, data, text.size(), nullptr, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int place, std::string_view bytes) {
  const char* data = bytes.data() != nullptr ? bytes.data() : "";
  sqlite3_bind_blob64(statement_.get(), place, data, bytes.size(), nullptr);
  return *this;
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  const Error error = error_of(sqlite3_db_handle(statement_.get()));
  reset();
  return error;
}

Result<> SqliteStatement::run() {
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, step());
    if (!has_row) return {};
  }
}

void SqliteStatement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view SqliteStatement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string_view()
                          : std::string_view(bytes, static_cast<std::size_t>(size));
}

void SqliteDatabase::Closer::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path) {
  // SQLite gives the files beside it the mode of this one, and an empty file is a new database.
  const auto created = create_private_file(path, "");
  if (!created && created.error().code != ErrorCode::idempotency_mismatch) return created.error();
  return open_at(path);
}

Result<SqliteDatabase> SqliteDatabase::open_in_memory(SqliteSchema schema) {
  WEIR_TRY_ASSIGN(database, open_at(":memory:"));
  WEIR_TRY(database.migrate("a database in memory", schema));
  return std::move(database);
}

Result<SqliteDatabase> SqliteDatabase::open_at(const std::string& place) {
  // Its own count of memory would take a lock with each allocation. Refused where SQLite is in use
  // already, which changes nothing else.
  [[maybe_unused]] static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(place.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase database;
  database.database_.reset(opened);
  if (code != SQLITE_OK) {
    return Error(ErrorCode::store_unavailable, place + ": " + sqlite3_errstr(code));
  }
  sqlite3_busy_timeout(opened, lock_wait_ms);
  WEIR_TRY(database.set_up());
  return database;
}

/// Of several who open a new file at once one makes it a WAL; the others are told that it is
/// locked, without the wait that SQLite has for everything else.
Result<> SqliteDatabase::set_up() {
  constexpr int look_every_ms = 2;
  for (int waited_ms = 0;; waited_ms += look_every_ms) {
    auto is_set =
        run("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
            "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
            "PRAGMA journal_size_limit=67108864; PRAGMA secure_delete=ON;");
    const bool is_locked = !is_set && sqlite3_errcode(database_.get()) == SQLITE_BUSY;
    if (!is_locked || waited_ms >= lock_wait_ms) return is_set;
    sqlite3_sleep(look_every_ms);
  }
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, SqliteSchema schema) {
  WEIR_TRY_ASSIGN(database, open(path));
  WEIR_TRY(database.migrate(path, schema));
  return std::move(database);
}

Result<> SqliteDatabase::migrate(const std::string& path, SqliteSchema schema) {
  const auto newest = static_cast<std::int64_t>(schema.size());
  WEIR_TRY_ASSIGN(found, number("PRAGMA user_version"));
  if (found == newest) return {};
  WEIR_TRY_ASSIGN(transaction, SqliteTransaction::begin(*this));
  // Another process may have been faster.
  WEIR_TRY_ASSIGN(version, number("PRAGMA user_version"));
  if (version > newest) {
    return Error(ErrorCode::store_unavailable, path + " was written by a later version of Weir");
  }
  for (const char* const step : schema.subspan(static_cast<std::size_t>(version))) {
    WEIR_TRY(run(step));
  }
  WEIR_TRY(run(("PRAGMA user_version=" + std::to_string(newest)).c_str()));
  return transaction.commit();
}

Result<> SqliteDatabase::sync_later() { return run("PRAGMA synchronous=NORMAL"); }

Result<> SqliteDatabase::purge() { return run("PRAGMA wal_checkpoint(TRUNCATE)"); }

Error SqliteDatabase::failed() const { return error_of(database_.get()); }

Result<> SqliteDatabase::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failed();
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  SqliteStatement statement;
  statement.statement_.reset(prepared);
  if (code != SQLITE_OK) return failed();
  return statement;
}

Result<> SqliteDatabase::prepare(std::initializer_list<Query> queries) {
  for (const Query& query : queries) {
    WEIR_TRY_ASSIGN(prepared, prepare(query.sql));
    query.statement = std::move(prepared);
  }
  return {};
}

Result<std::int64_t> SqliteDatabase::number(std::string_view sql) {
  WEIR_TRY_ASSIGN(statement, prepare(sql));
  WEIR_TRY_ASSIGN(has_row, statement.step());
  return has_row ? statement.integer(0) : 0;
}

std::int64_t SqliteDatabase::last_row_id() const {
  return sqlite3_last_insert_rowid(database_.get());
}

std::int64_t SqliteDatabase::changes() const { return sqlite3_changes(database_.get()); }

Result<SqliteTransaction> SqliteTransaction::begin(SqliteDatabase& database) {
  WEIR_TRY(database.run("BEGIN IMMEDIATE"));
  return SqliteTransaction(database);
}

SqliteTransaction::SqliteTransaction(SqliteTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

SqliteTransaction::~SqliteTransaction() {
  if (database_ == nullptr) return;
  const Result<> undone = database_->run("ROLLBACK");
  static_cast<void>(undone);  // a failed statement may have undone it already
}

Result<> SqliteTransaction::commit() {
  WEIR_TRY(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace weir::store
