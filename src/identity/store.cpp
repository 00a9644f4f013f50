// SPDX-License-Identifier: Apache-2.0
#include "identity/store.hpp"

#include <algorithm>

namespace weir::identity {
namespace {

using store::SqliteStatement;

constexpr const char* schema[] = {R"sql(
CREATE TABLE IF NOT EXISTS teams(
  name TEXT PRIMARY KEY,
  settings TEXT NOT NULL,
  created_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users(
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  team TEXT NOT NULL,
  settings TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  is_disabled INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys(
  id TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  user TEXT NOT NULL,
  team TEXT NOT NULL,
  last4 TEXT NOT NULL,
  settings TEXT NOT NULL,
  creator TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  revoked_ms INTEGER NOT NULL,
  digest BLOB NOT NULL,
  old_digest BLOB NOT NULL,
  old_until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_by_user ON keys(user);
CREATE INDEX IF NOT EXISTS keys_by_team ON keys(team);
)sql",
                                  ("ALTER TABLE teams ADD COLUMN organisation TEXT NOT NULL "
                                   "DEFAULT ''"),
                                  R"sql(
CREATE TABLE passwords(
  user TEXT PRIMARY KEY,
  hash TEXT NOT NULL,
  changed_ms INTEGER NOT NULL) WITHOUT ROWID;
)sql"};

#define WEIR_KEY_COLUMNS                                                                       \
  "id, kind, name, user, team, last4, settings, creator, created_ms, expires_ms, revoked_ms, " \
  "digest, old_digest, old_until_ms"

#define WEIR_USER_COLUMNS                                 \
  "name, role, team, settings, created_ms, is_disabled, " \
  "EXISTS(SELECT 1 FROM passwords WHERE user = users.name)"

std::string settings_text(const Settings& settings) {
  std::string text;
  json::Writer json(text);
  json.begin_object();
  write_settings(json, settings);
  json.end_object();
  return text;
}

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest digest_of(std::string_view bytes) {
  Digest digest{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

/// Kinds are kept as numbers, in their order.
CredentialKind kind_at(const SqliteStatement& row, int column) {
  switch (row.integer(column)) {
    case 0:
      return CredentialKind::client_key;
    case 1:
      return CredentialKind::user_token;
    default:
      return CredentialKind::session;
  }
}

Result<KeyRecord> key_at(const SqliteStatement& row) {
  KeyRecord key;
  key.id = row.text(0);
  key.kind = kind_at(row, 1);
  key.name = row.text(2);
  key.user = row.text(3);
  key.team = row.text(4);
  key.last4 = row.text(5);
  WEIR_TRY_ASSIGN(settings, parse_settings(row.text(6)));
  key.settings = std::move(settings);
  key.creator = row.text(7);
  key.created_ms = row.integer(8);
  key.expires_ms = row.integer(9);
  key.revoked_ms = row.integer(10);
  key.digest = digest_of(row.text(11));
  key.old_digest = digest_of(row.text(12));
  key.old_until_ms = row.integer(13);
  return key;
}

Result<UserRecord> user_at(const SqliteStatement& row) {
  UserRecord user;
  user.name = row.text(0);
  const auto role = parse_role(row.text(1));
  if (!role) return Error(ErrorCode::store_unavailable, "user " + user.name + " has no known role");
  user.role = *role;
  user.team = row.text(2);
  WEIR_TRY_ASSIGN(settings, parse_settings(row.text(3)));
  user.settings = std::move(settings);
  user.created_ms = row.integer(4);
  user.is_disabled = row.integer(5) != 0;
  user.has_password = row.integer(6) != 0;
  return user;
}

Result<TeamRecord> team_at(const SqliteStatement& row) {
  TeamRecord team;
  team.name = row.text(0);
  WEIR_TRY_ASSIGN(settings, parse_settings(row.text(1)));
  team.settings = std::move(settings);
  team.created_ms = row.integer(2);
  team.organisation = row.text(3);
  return team;
}

/// Every row of a statement whose parameters are bound.
template <class Read, class Visit>
Result<> for_each_row(SqliteStatement& statement, Read read, const Visit& visit) {
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, statement.step());
    if (!has_row) return {};
    auto record = read(statement);
    if (!record) {
      statement.reset();
      return std::move(record).error();
    }
    visit(*std::move(record));
  }
}

template <class Read>
auto one_row(SqliteStatement& statement, Read read, std::string_view what, std::string_view name)
    -> decltype(read(statement)) {
  statement.bind(1, name);
  WEIR_TRY_ASSIGN(has_row, statement.step());
  if (!has_row) {
    return Error(ErrorCode::route_unknown,
                 "there is no " + std::string(what) + " " + std::string(name));
  }
  auto record = read(statement);
  statement.reset();
  return record;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  WEIR_TRY_ASSIGN(database, store::SqliteDatabase::open(path, schema));
  std::unique_ptr<Store> opened(new Store(std::move(database)));
  WEIR_TRY(opened->prepare());
  return opened;
}

Result<> Store::prepare() {
  return database_.prepare({
      {put_key_, "INSERT OR REPLACE INTO keys(" WEIR_KEY_COLUMNS
                 ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {put_user_,
       "INSERT OR REPLACE INTO users(name, role, team, settings, created_ms, is_disabled) "
       "VALUES(?, ?, ?, ?, ?, ?)"},
      {put_team_,
       "INSERT OR REPLACE INTO teams(name, settings, created_ms, organisation) "
       "VALUES(?, ?, ?, ?)"},
      {remove_user_, "DELETE FROM users WHERE name = ?"},
      {remove_team_, "DELETE FROM teams WHERE name = ?"},
      {select_keys_, "SELECT " WEIR_KEY_COLUMNS
                     " FROM keys WHERE (?1 = '' OR user = ?1) AND (?2 = '' OR team = ?2) "
                     "AND id > ?3 AND (?4 = 0 OR revoked_ms = 0) AND (?6 = 0 OR kind < 2) "
                     "ORDER BY id LIMIT ?5"},
      {select_key_, "SELECT " WEIR_KEY_COLUMNS " FROM keys WHERE id = ?"},
      {select_users_, "SELECT " WEIR_USER_COLUMNS " FROM users ORDER BY name"},
      {select_user_, "SELECT " WEIR_USER_COLUMNS " FROM users WHERE name = ?"},
      {select_teams_, "SELECT name, settings, created_ms, organisation FROM teams ORDER BY name"},
      {select_team_, "SELECT name, settings, created_ms, organisation FROM teams WHERE name = ?"},
      {select_any_key_, "SELECT 1 FROM keys WHERE kind = 0 LIMIT 1"},
      {select_ended_,
       "SELECT id FROM keys WHERE (revoked_ms BETWEEN 1 AND ?1 - 1 OR expires_ms BETWEEN 1 AND "
       "?1 - 1) AND id IS NOT (SELECT id FROM keys WHERE kind = 0 ORDER BY created_ms DESC, id "
       "LIMIT 1) LIMIT ?2"},
      {remove_key_, "DELETE FROM keys WHERE id = ?"},
      {select_password_, "SELECT hash FROM passwords WHERE user = ?"},
      {put_password_, "INSERT OR REPLACE INTO passwords(user, hash, changed_ms) VALUES(?, ?, ?)"},
      {remove_password_, "DELETE FROM passwords WHERE user = ?"},
      {remove_ended_sessions_,
       "DELETE FROM keys WHERE kind = 2 AND user = ? AND (revoked_ms != 0 OR expires_ms <= ?)"},
  });
}

Result<> Store::put(const KeyRecord& key) {
  const std::string settings = settings_text(key.settings);
  return put_key_.bind(1, key.id)
      .bind(2, static_cast<std::int64_t>(key.kind))
      .bind(3, key.name)
      .bind(4, key.user)
      .bind(5, key.team)
      .bind(6, key.last4)
      .bind(7, settings)
      .bind(8, key.creator)
      .bind(9, key.created_ms)
      .bind(10, key.expires_ms)
      .bind(11, key.revoked_ms)
      .bind_blob(12, bytes_of(key.digest))
      .bind_blob(13, bytes_of(key.old_digest))
      .bind(14, key.old_until_ms)
      .run();
}

Result<> Store::put(const UserRecord& user) {
  const std::string settings = settings_text(user.settings);
  return put_user_.bind(1, user.name)
      .bind(2, name(user.role))
      .bind(3, user.team)
      .bind(4, settings)
      .bind(5, user.created_ms)
      .bind(6, std::int64_t{user.is_disabled ? 1 : 0})
      .run();
}

Result<> Store::put(const TeamRecord& team) {
  const std::string settings = settings_text(team.settings);
  return put_team_.bind(1, team.name)
      .bind(2, settings)
      .bind(3, team.created_ms)
      .bind(4, team.organisation)
      .run();
}

Result<> Store::remove_user(std::string_view name) {
  WEIR_TRY(remove_password(name));
  return remove_user_.bind(1, name).run();
}
Result<> Store::remove_team(std::string_view name) { return remove_team_.bind(1, name).run(); }

Result<KeyRecord> Store::key(std::string_view id) {
  return one_row(select_key_, key_at, "key", id);
}
Result<UserRecord> Store::user(std::string_view name) {
  return one_row(select_user_, user_at, "user", name);
}
Result<TeamRecord> Store::team(std::string_view name) {
  return one_row(select_team_, team_at, "team", name);
}

Result<> Store::for_each_key(const KeyFilter& filter, const Visit<KeyRecord>& visit) {
  select_keys_.bind(1, filter.user)
      .bind(2, filter.team)
      .bind(3, filter.after)
      .bind(4, std::int64_t{filter.is_in_force_only ? 1 : 0})
      .bind(5, static_cast<std::int64_t>(filter.count_max))
      .bind(6, std::int64_t{filter.is_without_sessions ? 1 : 0});
  return for_each_row(select_keys_, key_at, visit);
}

Result<> Store::for_each_user(const Visit<UserRecord>& visit) {
  return for_each_row(select_users_, user_at, visit);
}

Result<> Store::for_each_team(const Visit<TeamRecord>& visit) {
  return for_each_row(select_teams_, team_at, visit);
}

Result<std::vector<std::string>> Store::ended_keys(std::int64_t before_ms, std::size_t count_max) {
  select_ended_.bind(1, before_ms).bind(2, static_cast<std::int64_t>(count_max));
  std::vector<std::string> ids;
  WEIR_TRY(for_each_row(
      select_ended_,
      [](const SqliteStatement& row) { return Result<std::string>(std::string(row.text(0))); },
      [&](std::string id) { ids.push_back(std::move(id)); }));
  return ids;
}

Result<> Store::remove_key(std::string_view id) { return remove_key_.bind(1, id).run(); }

Result<std::string> Store::password_hash(std::string_view user) {
  WEIR_TRY_ASSIGN(has_row, select_password_.bind(1, user).step());
  std::string hash;
  if (has_row) hash = select_password_.text(0);
  select_password_.reset();
  return hash;
}

Result<> Store::put_password(std::string_view user, std::string_view hash, std::int64_t now_ms) {
  return put_password_.bind(1, user).bind(2, hash).bind(3, now_ms).run();
}

Result<> Store::remove_password(std::string_view user) {
  return remove_password_.bind(1, user).run();
}

Result<> Store::remove_ended_sessions(std::string_view user, std::int64_t now_ms) {
  return remove_ended_sessions_.bind(1, user).bind(2, now_ms).run();
}

Result<bool> Store::has_client_keys() {
  WEIR_TRY_ASSIGN(has_row, select_any_key_.step());
  select_any_key_.reset();
  return has_row;
}

}  // namespace weir::identity
