// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "identity/records.hpp"
#include "store/database/sqlite.hpp"

namespace weir::identity {

/// Users, teams and keys in a database file. For one thread at a time.
class Store {
 public:
  /// Errors: `store_unavailable`, also for a file that a later version wrote.
  static Result<std::unique_ptr<Store>> open(const std::string& path);

  /// What is written between is there whole or not at all.
  Result<store::SqliteTransaction> begin() { return store::SqliteTransaction::begin(database_); }
  [[nodiscard]] store::SqliteDatabase& database() { return database_; }

  /// Adds or replaces.
  Result<> put(const KeyRecord& key);
  Result<> put(const UserRecord& user);
  Result<> put(const TeamRecord& team);
  /// His password, too.
  Result<> remove_user(std::string_view name);
  Result<> remove_team(std::string_view name);

  /// Errors: `route_unknown` when there is none.
  Result<KeyRecord> key(std::string_view id);
  Result<UserRecord> user(std::string_view name);
  Result<TeamRecord> team(std::string_view name);

  /// What is kept of a user's password; empty: he has none, or there is no such user.
  Result<std::string> password_hash(std::string_view user);
  Result<> put_password(std::string_view user, std::string_view hash, std::int64_t now_ms);
  Result<> remove_password(std::string_view user);
  /// The sessions of a user that have ended.
  Result<> remove_ended_sessions(std::string_view user, std::int64_t now_ms);

  /// Which keys; what is empty means all.
  struct KeyFilter {
    std::string_view user = {};
    std::string_view team = {};
    std::string_view after = {};  ///< ids behind this one
    std::size_t count_max = 1'000;
    bool is_in_force_only = false;  ///< without those that were revoked
    bool is_without_sessions = false;
  };
  template <class Record>
  using Visit = std::function<void(Record)>;
  Result<> for_each_key(const KeyFilter& filter, const Visit<KeyRecord>& visit);
  Result<> for_each_user(const Visit<UserRecord>& visit);
  Result<> for_each_team(const Visit<TeamRecord>& visit);

  /// Keys that ended before `before_ms`, at most `count_max`. The newest client key is never one of
  /// them, so that it stays known that there was one.
  Result<std::vector<std::string>> ended_keys(std::int64_t before_ms, std::size_t count_max);
  Result<> remove_key(std::string_view id);

  /// True when there ever was a key for clients.
  Result<bool> has_client_keys();

 private:
  explicit Store(store::SqliteDatabase database) : database_(std::move(database)) {}
  Result<> prepare();

  store::SqliteDatabase database_;
  store::SqliteStatement put_key_;
  store::SqliteStatement put_user_;
  store::SqliteStatement put_team_;
  store::SqliteStatement remove_user_;
  store::SqliteStatement remove_team_;
  store::SqliteStatement select_keys_;
  store::SqliteStatement select_key_;
  store::SqliteStatement select_users_;
  store::SqliteStatement select_user_;
  store::SqliteStatement select_teams_;
  store::SqliteStatement select_team_;
  store::SqliteStatement select_any_key_;
  store::SqliteStatement select_ended_;
  store::SqliteStatement remove_key_;
  store::SqliteStatement select_password_;
  store::SqliteStatement put_password_;
  store::SqliteStatement remove_password_;
  store::SqliteStatement remove_ended_sessions_;
};

}  // namespace weir::identity
