// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.hpp"

struct pg_conn;
struct pg_result;

/// PostgreSQL with owners and results in the place of pointers and codes. Used by one thread at a
/// time, and never by one that serves requests: every call may wait for the network.
namespace weir::store {

/// What a statement gave.
class PostgresRows {
 public:
  [[nodiscard]] int size() const;
  /// Of a column of the type smallint, integer or bigint. 0 for NULL.
  [[nodiscard]] std::int64_t integer(int row, int column) const;
  /// Of a text or bytea. Valid as long as the rows.
  [[nodiscard]] std::string_view text(int row, int column) const;
  /// How many rows were inserted, changed or removed.
  [[nodiscard]] std::int64_t changes() const;

 private:
  friend class PostgresDatabase;
  struct Clearer {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clearer> result_;
};

/// How the tables of one part came to be: the statements that make version 1, then those that make
/// each later version of the one before. What was released once is never changed. They stand in the
/// schema `weir`.
using PostgresSchema = std::span<const char* const>;

/// One connection to a server.
///
/// A server that accepts and never answers is like one that is not there: whatever is asked ends
/// within the time of one operation, 2 seconds, and then the connection is over (D-1). What a
/// server has committed survives its power.
///
/// Errors of all members: `store_unavailable`. No message has the URL, its password, or what stands
/// in a row.
class PostgresDatabase {
 public:
  /// `url` is `postgres://user:password@host:port/database?sslmode=verify-full`, with everything
  /// that libpq knows, TLS included. Its environment and files (PGPASSWORD, ~/.pgpass) count, too.
  static Result<PostgresDatabase> open(const std::string& url);

  /// Brings the tables of `part` to the newest version, or leaves them as they were. Errors also:
  /// they are of a later version.
  Result<> migrate(const std::string& part, PostgresSchema schema);

  /// Runs one statement. Parameters come as text, for the types that the statement gives them:
  /// statements carry many rows each, so it pays to write no name down and to prepare nothing.
  Result<PostgresRows> run(const char* sql, const std::vector<std::string>& parameters = {});
  /// Runs several that take and give nothing.
  Result<> run_all(const char* sql);

  static constexpr std::chrono::milliseconds usual_time_max{2'000};
  /// How long one statement may take from now on.
  Result<> set_time_max(std::chrono::milliseconds time);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Closer {
    void operator()(pg_conn* connection) const;
  };
  Result<> connect(TimePoint deadline);
  Result<PostgresRows> finish(bool is_sent);
  Result<PostgresRows> answer(TimePoint deadline);
  /// Waits until there is something to read, or to write, too.
  Result<> wait(bool is_writing, TimePoint deadline);
  [[nodiscard]] Error failed() const;

  std::unique_ptr<pg_conn, Closer> connection_;
  std::chrono::milliseconds time_max_{};
};

/// A transaction that is undone unless it is committed.
class PostgresTransaction {
 public:
  static Result<PostgresTransaction> begin(PostgresDatabase& database);
  /// Sees the tables as they are at its first statement, and changes nothing.
  static Result<PostgresTransaction> begin_reading(PostgresDatabase& database);
  PostgresTransaction(PostgresTransaction&& other) noexcept;
  PostgresTransaction& operator=(PostgresTransaction&&) = delete;
  ~PostgresTransaction();
  /// Without an answer nobody knows whether it was.
  Result<> commit();

 private:
  explicit PostgresTransaction(PostgresDatabase& database) : database_(&database) {}
  PostgresDatabase* database_;  ///< null: over
};

}  // namespace weir::store
