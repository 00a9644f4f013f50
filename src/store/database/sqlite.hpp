// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "weir/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

/// SQLite with owners and results in the place of pointers and codes. Used by one thread at a time.
namespace weir::store {

class SqliteDatabase;

/// A prepared statement. Bound texts and blobs must stay as they are until the statement is reset,
/// columns are valid until the next step.
class SqliteStatement {
 public:
  SqliteStatement() = default;

  SqliteStatement& bind(int place, std::int64_t value);
  SqliteStatement& bind(int place, std::string_view text);
  SqliteStatement& bind_blob(int place, std::string_view bytes);

  /// The next row: true while there is one. Errors: `store_unavailable`; the statement is reset.
  Result<bool> step();
  /// Runs to the end, for statements that give no rows; then it may be bound anew.
  Result<> run();
  /// Ends a reading, so that nothing stays locked.
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  /// Also of a blob.
  [[nodiscard]] std::string_view text(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

/// How the tables of a file came to be: the statements that make version 1, then those that make
/// each later version of the one before. What was released once is never changed.
using SqliteSchema = std::span<const char* const>;

/// One connection to a database file.
class SqliteDatabase {
 public:
  struct Query {
    SqliteStatement& statement;
    std::string_view sql;
  };

  /// Opens the file, which is made where it is missing, readable by its owner alone. Writes go to a
  /// log beside it (WAL); what was committed survives a loss of power. Whoever finds it
  /// locked waits for up to 5 s.
  static Result<SqliteDatabase> open(const std::string& path);
  /// The same, and brings the file to the newest version of `schema`, or leaves it as it was.
  /// Errors: `store_unavailable`, also for a file that a later version of Weir wrote.
  static Result<SqliteDatabase> open(const std::string& path, SqliteSchema schema);

  /// A database that ends with this connection, and never touches a disk.
  static Result<SqliteDatabase> open_in_memory(SqliteSchema schema);

  /// From now on the last commits may be lost with power, though not with the process: where a
  /// client would wait for each of them.
  Result<> sync_later();
  /// Runs statements that give nothing back.
  Result<> run(const char* sql);
  Result<SqliteStatement> prepare(std::string_view sql);
  /// Prepares each of them.
  Result<> prepare(std::initializer_list<Query> queries);
  /// The first column of the first row; 0 where there is none.
  Result<std::int64_t> number(std::string_view sql);
  [[nodiscard]] std::int64_t last_row_id() const;
  /// Leaves nothing of what was removed, neither in the file nor in the log beside it, unless
  /// another connection reads just then.
  Result<> purge();
  /// Rows that the last statement inserted, changed or removed.
  [[nodiscard]] std::int64_t changes() const;

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };
  Result<> migrate(const std::string& path, SqliteSchema schema);
  static Result<SqliteDatabase> open_at(const std::string& place);
  Result<> set_up();
  [[nodiscard]] Error failed() const;
  std::unique_ptr<sqlite3, Closer> database_;
};

/// A transaction that is undone unless it is committed.
class SqliteTransaction {
 public:
  /// Takes the right to write at once, so that it can't be lost in the middle.
  static Result<SqliteTransaction> begin(SqliteDatabase& database);
  SqliteTransaction(SqliteTransaction&& other) noexcept;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();
  Result<> commit();

 private:
  explicit SqliteTransaction(SqliteDatabase& database) : database_(&database) {}
  SqliteDatabase* database_;  ///< null: over
};

}  // namespace weir::store
