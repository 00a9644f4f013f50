// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "identity/roles.hpp"
#include "store/database/sqlite.hpp"

namespace weir::identity {

/// Who asks the administration for something.
struct Actor {
  std::string name;  ///< as written down: `user:ann`, `admin-token`, `anyone`
  Role role = Role::member;
  std::string user = {};     ///< empty: none of the users
  std::string address = {};  ///< it came from
  std::string request_id = {};
  bool is_refused = false;   ///< his role lacks the permission
  std::string session = {};  ///< id of the one that he came with; empty: with another credential
};

/// One thing that was done. `before` and `after` are JSON without secrets; empty where there was
/// nothing.
struct AuditEntry {
  std::string_view action;  ///< `key.create`
  std::string object;
  std::string before = {};
  std::string after = {};
};

/// The hash of a record that follows one with the hash `previous`.
std::string audit_hash(std::string_view previous, std::string_view record);

/// What was done, by whom: records of which each holds the hash of the one before (rule J-1), in
/// the database of what they speak of, so that a change and its record are one transaction. For one
/// thread at a time.
class AuditLog {
 public:
  /// `database` outlives the log. Errors: `store_unavailable`.
  static Result<AuditLog> open(store::SqliteDatabase& database);

  /// To be called within a transaction.
  Result<> append(const Actor& actor, const AuditEntry& entry, std::int64_t now_ms);

  struct Last {
    std::int64_t seq = 0;
    std::string hash;
  };
  /// The last record; the beginning, which is none, where there is none yet.
  Result<Last> last();

  /// The record that what is there goes on from; 0 unless older ones were removed.
  Result<std::int64_t> first_seq();
  /// Makes this record the beginning: of it only the hash is left, and of those before nothing. To
  /// be called within a transaction. Answers how many have gone. Errors also: `invalid_request`
  /// when it has not that hash.
  Result<std::int64_t> begin_at(std::int64_t seq, std::string_view hash);

  /// Records behind `after`, oldest first, each as its JSON with its hash.
  using Visit =
      std::function<void(std::int64_t seq, std::string_view record, std::string_view hash)>;
  Result<> for_each(std::int64_t after, std::size_t count_max, const Visit& visit);

 private:
  explicit AuditLog(store::SqliteDatabase& database) : database_(&database) {}

  store::SqliteDatabase* database_;
  store::SqliteStatement select_last_;
  store::SqliteStatement insert_;
  store::SqliteStatement select_;
  store::SqliteStatement select_first_;
  store::SqliteStatement remove_;
  store::SqliteStatement empty_;
};

}  // namespace weir::identity
