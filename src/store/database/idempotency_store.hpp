// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "store/database/sealing.hpp"
#include "store/database/sqlite.hpp"
#include "weir/result.hpp"

namespace weir::store {

/// A request that its client wants made once, whatever happens.
struct OnceRequest {
  std::string scope;        ///< digest of whose request it is, its path and the key it came with
  std::string tenant;       ///< whose it is
  std::string user;         ///< of that key; empty: nobody's
  std::string fingerprint;  ///< digest of what was asked
};

/// What the client was answered, to be answered again.
struct OnceAnswer {
  int status = 200;
  bool is_stream = false;
  std::string fields;  ///< header lines, each ended by CRLF
  std::string body;

  bool operator==(const OnceAnswer&) const = default;
};

/// Which requests with an `Idempotency-Key` were made, and how they ended (section 14). A request
/// is written down before it is made, so that no end of the process lets it be made again.
///
/// Digests of requests and their answers are sealed; scopes, owners, times and sizes are not. Where
/// room is short the oldest answers go before their time; that the requests were made stays known.
///
/// May wait for a disk. One thread at a time; several processes may share the file.
/// Errors of all members: `store_unavailable`; others are said beside each.
class IdempotencyStore {
 public:
  struct Options {
    /// Outlives the store. Null: nothing is sealed, for what is in memory only.
    DataKeys* keys = nullptr;
    std::int64_t bytes_max = 0;
    /// The folder of this process among the running ones; see store/instance.hpp.
    std::string instance = {};
    bool is_power_safe = false;  ///< what is written must survive a loss of power
  };

  /// Errors: also for a file that a later version wrote.
  static Result<std::unique_ptr<IdempotencyStore>> open(const std::string& path, Options options);
  static Result<std::unique_ptr<IdempotencyStore>> open_in_memory(Options options);

  /// Notes that `request` is being made, until it is concluded by one of the next three. An answer:
  /// it was made before. Errors: `idempotency_mismatch`, another request has this key;
  /// `idempotency_in_progress`; `idempotency_unknown`, how it ended can't be told.
  Result<std::optional<OnceAnswer>> begin(const OnceRequest& request, std::int64_t now_ms,
                                          std::int64_t expires_ms);
  /// It was answered with `answer`.
  Result<> keep(const OnceRequest& request, const OnceAnswer& answer);
  /// It may have been made, and there is nothing to be answered again.
  Result<> lose(const OnceRequest& request);
  /// Nothing came of it: it may be made again.
  Result<> forget(const OnceRequest& request);

  /// Whose requests: those of a key, and those of a user's keys.
  struct Owner {
    std::string tenant;
    std::string user;
  };
  using Visit =
      std::function<void(std::int64_t expires_ms, const std::optional<OnceAnswer>& answer)>;
  /// Calls `visit` for each request that was concluded; no answer: it is not known.
  Result<> for_each_of(const Owner& owner, const Visit& visit);
  /// Removes them; answers how many.
  Result<std::size_t> remove_of(const Owner& owner);

  /// Removes what is over, `count_max` at most; answers how many.
  Result<std::size_t> remove_expired(std::int64_t now_ms, std::size_t count_max);

 private:
  enum class State : std::int64_t { running = 0, answered = 1, unknown = 2 };
  struct Row;

  IdempotencyStore(SqliteDatabase database, Options options)
      : database_(std::move(database)), options_(std::move(options)) {}
  static Result<std::unique_ptr<IdempotencyStore>> prepare(SqliteDatabase database,
                                                           Options options);
  Result<> prepare_statements();
  Result<> disown_predecessors();
  Result<std::optional<Row>> find(const std::string& scope);
  [[nodiscard]] bool is_being_made(const OnceRequest& request, const Row& row) const;
  Result<OnceAnswer> answer_of(const OnceRequest& request, const Row& row);
  Result<> insert(const OnceRequest& request, std::int64_t expires_ms);
  Result<> set_state(const OnceRequest& request, State state, std::int64_t bytes,
                     std::string_view key_id, std::string_view sealed);
  Result<> make_room(std::int64_t bytes);
  Result<std::size_t> changes();
  Result<std::string> sealed(const OnceRequest& request, std::string_view column,
                             std::string_view content, std::string& key_id);
  Result<std::string> opened(const OnceRequest& request, std::string_view column,
                             const std::string& key_id, const std::string& content);

  SqliteDatabase database_;
  Options options_;
  std::set<std::string> running_;  ///< scopes of what this process makes now
  SqliteStatement select_row_;
  SqliteStatement insert_row_;
  SqliteStatement update_row_;
  SqliteStatement delete_row_;
  SqliteStatement select_bytes_;
  SqliteStatement drop_oldest_answer_;
  SqliteStatement delete_expired_;
  SqliteStatement count_changes_;
  SqliteStatement select_of_;
  SqliteStatement delete_of_;
};

}  // namespace weir::store
