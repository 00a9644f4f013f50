// SPDX-License-Identifier: Apache-2.0
#include "identity/directory.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "identity/password.hpp"
#include "store/files.hpp"

namespace weir::identity {
namespace {

template <class Record>
std::string json_of(const Record& record) {
  std::string text;
  json::Writer json(text);
  write_record(json, record);
  return text;
}

Error exceeded(std::string_view member) {
  return {ErrorCode::not_allowed, "goes beyond what its owner or you may do", std::string(member)};
}

/// Members neither begin nor end the logging of what they say (G-2).
Result<> check_content_log(const Actor& actor, const Settings& before, const Settings& after) {
  if (!is_confined(actor.role) || before.log_content == after.log_content) return {};
  return Error(ErrorCode::not_allowed, "is set by an administrator", "log_content");
}

Error bad_name(std::string_view member) {
  return {ErrorCode::invalid_request, "expected up to 128 letters, digits and characters of ._@+-",
          std::string(member)};
}

Error no_change_of_sessions() {
  return {ErrorCode::invalid_request, "a session can be ended, not changed"};
}

Result<> check_name(std::string_view name) {
  return is_valid_name(name) ? Result<>() : bad_name("name");
}

/// `bool` to bits: both sides are always computed.
bool both(bool a, bool b) { return (static_cast<unsigned>(a) & static_cast<unsigned>(b)) != 0; }
bool either(bool a, bool b) { return (static_cast<unsigned>(a) | static_cast<unsigned>(b)) != 0; }

}  // namespace

Directory::Directory(std::unique_ptr<Store> store, std::unique_ptr<Vault> vault, AuditLog audit,
                     AuditSigner signer, Pepper pepper, store::SharedCounter changes)
    : store_(std::move(store)),
      vault_(std::move(vault)),
      audit_(std::move(audit)),
      signer_(std::move(signer)),
      pepper_(pepper),
      changes_(std::move(changes)) {}

Result<std::unique_ptr<Directory>> Directory::open(const std::string& folder,
                                                   const MasterKeySource& master) {
  WEIR_TRY(store::make_private_directory(folder));
  WEIR_TRY_ASSIGN(pepper, read_or_create_secret(folder + "/key-pepper", make_admin_token));
  WEIR_TRY_ASSIGN(opened, Store::open(folder + "/identity.db"));
  WEIR_TRY_ASSIGN(vault, Vault::open(opened->database(), folder, master));
  WEIR_TRY_ASSIGN(audit, AuditLog::open(opened->database()));
  WEIR_TRY_ASSIGN(signer, AuditSigner::open(folder));
  // That one was forged is for who verifies; here the next one is signed all the same.
  auto checkpoints = read_audit_checkpoints(folder);
  WEIR_TRY_ASSIGN(changes, store::SharedCounter::open(folder + "/identity-changes"));
  std::unique_ptr<Directory> directory(new Directory(std::move(opened), std::move(vault),
                                                     std::move(audit), std::move(signer),
                                                     Pepper(pepper.text), std::move(changes)));
  if (checkpoints) {
    for (AuditCheckpoint& checkpoint : *checkpoints) {
      if (!checkpoint.is_beginning) directory->last_checkpoint_ = std::move(checkpoint);
    }
  }
  WEIR_TRY(directory->load());
  return directory;
}

Directory::Group Directory::group_of(const UserRecord& user) {
  return {.scopes = std::make_shared<const Scopes>(user.settings.scopes),
          .priority = user.settings.priority,
          .team = user.team,
          .role = user.role,
          .is_disabled = user.is_disabled,
          .shows_target = user.settings.exposes_target.value_or(true)};
}

Directory::Group Directory::group_of(const TeamRecord& team) {
  return {.scopes = std::make_shared<const Scopes>(team.settings.scopes),
          .priority = team.settings.priority,
          .organisation = team.organisation,
          .shows_target = team.settings.exposes_target.value_or(true)};
}

Result<> Directory::load() {
  // First: what another changes while this goes on is then taken over once more.
  WEIR_TRY_ASSIGN(last, audit_.last());
  seen_seq_ = last.seq;
  WEIR_TRY(store_->for_each_team(
      [this](const TeamRecord& team) { teams_[team.name] = group_of(team); }));
  WEIR_TRY(store_->for_each_user(
      [this](const UserRecord& user) { users_[user.name] = group_of(user); }));
  has_users_ = !users_.empty();
  WEIR_TRY_ASSIGN(has_keys, store_->has_client_keys());
  has_client_keys_ = has_keys;
  return reload_keys({.is_in_force_only = true});
}

Result<> Directory::follow_settings(SettingsListener listener) {
  const std::lock_guard lock(mutex_);
  settings_listener_ = std::move(listener);
  WEIR_TRY(store_->for_each_team(
      [this](const TeamRecord& team) { tell_settings(Holder::team, team.name, &team.settings); }));
  WEIR_TRY(store_->for_each_user(
      [this](const UserRecord& user) { tell_settings(Holder::user, user.name, &user.settings); }));
  return reload_keys({.is_in_force_only = true});
}

void Directory::tell_settings(Holder holder, const std::string& name,
                              const Settings* settings) const {
  if (!settings_listener_) return;
  static const Settings none;
  settings_listener_(holder, name, settings == nullptr ? none : *settings);
}

/// However many they are.
Result<> Directory::reload_keys(Store::KeyFilter filter) {
  filter.count_max = std::numeric_limits<std::int64_t>::max();
  return store_->for_each_key(filter, [this](const KeyRecord& key) { publish(key); });
}

// ---- look-up --------------------------------------------------------------------------------

/// Computes and compares the same for an id that is known and for one that is not (Y-2).
Result<std::shared_ptr<const Grant>> Directory::find(std::string_view text, CredentialKind kind,
                                                     std::int64_t now_ms) const {
  const auto parts = parse_credential(text);
  if (!parts || parts->kind != kind) {
    return Error(ErrorCode::invalid_api_key, "the API key is not valid");
  }
  KeyIndex::Candidate candidate = index_.find(id_number(parts->id));
  const Grant& grant = *candidate.grant;
  const Digest digest = pepper_.digest(parts->unchecked);
  const bool is_new = is_equal(digest, grant.digest);
  const bool is_old = both(is_equal(digest, grant.old_digest), now_ms < grant.old_until_ms);
  if (!both(candidate.is_known, either(is_new, is_old)) || grant.kind != kind) {
    return Error(ErrorCode::invalid_api_key, "the API key is not valid");
  }
  if (grant.expires_ms != 0 && now_ms >= grant.expires_ms) {
    return Error(ErrorCode::expired_api_key, "the API key has expired");
  }
  return std::move(candidate.grant);
}

bool Directory::is_in_force(std::string_view id, std::int64_t now_ms) const {
  const KeyIndex::Candidate candidate = index_.find(id_number(id));
  const std::int64_t end_ms = candidate.grant->expires_ms;
  return candidate.is_known && (end_ms == 0 || now_ms < end_ms);
}

std::shared_ptr<const Grant> Directory::grant_of(const KeyRecord& key) const {
  if (key.revoked_ms != 0) return nullptr;
  auto grant = std::make_shared<Grant>();
  grant->scopes[0] = std::make_shared<const Scopes>(key.settings.scopes);
  std::optional<pipeline::Priority> priority = key.settings.priority;
  bool shows_target = key.settings.exposes_target.value_or(true);
  const auto bound = [&](const Group& group) {
    shows_target = shows_target && group.shows_target;
    if (group.priority) priority = std::min(priority.value_or(*group.priority), *group.priority);
  };
  if (!key.user.empty()) {
    const auto user = users_.find(key.user);
    if (user == users_.end() || user->second.is_disabled) return nullptr;
    grant->role = user->second.role;
    grant->scopes[1] = user->second.scopes;
    bound(user->second);
  }
  if (const auto team = teams_.find(key.team); team != teams_.end()) {
    grant->scopes[2] = team->second.scopes;
    bound(team->second);
    grant->caller.organisation = team->second.organisation;
  }
  grant->caller.key = key.id;
  grant->caller.user = key.user;
  grant->caller.team = key.team;
  grant->caller.priority = priority.value_or(pipeline::Priority::normal);
  grant->caller.shows_target = shows_target;
  grant->kind = key.kind;
  grant->expires_ms = key.expires_ms;
  grant->digest = key.digest;
  grant->old_digest = key.old_digest;
  grant->old_until_ms = key.old_until_ms;
  return grant;
}

void Directory::publish(const KeyRecord& key) {
  auto grant = grant_of(key);
  if (grant == nullptr) return forget(key.id);
  tell_settings(Holder::key, key.id, &key.settings);
  index_.put(id_number(key.id), std::move(grant));
}

void Directory::forget(const std::string& id) {
  tell_settings(Holder::key, id, nullptr);
  index_.remove(id_number(id));
}

// ---- changes --------------------------------------------------------------------------------

Result<> Directory::commit(const Actor& actor, const AuditEntry& entry, std::int64_t now_ms,
                           const Write& write) {
  WEIR_TRY_ASSIGN(transaction, store_->begin());
  WEIR_TRY(write());
  WEIR_TRY(audit_.append(actor, entry, now_ms));
  WEIR_TRY(transaction.commit());
  changes_.advance();
  // What is written is written; a checkpoint that fails is made up for by the next.
  static_cast<void>(check_point_if_due(now_ms, false));
  return {};
}

Result<> Directory::check_point_if_due(std::int64_t now_ms, bool is_last) {
  constexpr std::int64_t records_max = 1'000;
  constexpr std::int64_t age_max_ms = 3'600'000;
  WEIR_TRY_ASSIGN(last, audit_.last());
  const std::int64_t behind = last.seq - last_checkpoint_.seq;
  const bool is_due = behind >= records_max || now_ms - last_checkpoint_.time_ms >= age_max_ms;
  if (behind <= 0 || !(is_due || is_last)) return {};
  AuditCheckpoint checkpoint{last.seq, now_ms, std::move(last.hash)};
  WEIR_TRY(signer_.sign(checkpoint));
  last_checkpoint_ = std::move(checkpoint);
  return {};
}

Result<> Directory::check_point(std::int64_t now_ms, bool is_last) {
  const std::lock_guard lock(mutex_);
  return check_point_if_due(now_ms, is_last);
}

Result<> Directory::record(const Actor& actor, const AuditEntry& entry, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  return commit(actor, entry, now_ms, [] { return Result<>(); });
}

Result<> Directory::for_each_record(std::int64_t after, std::size_t count_max,
                                    const AuditLog::Visit& visit) {
  const std::lock_guard lock(mutex_);
  return audit_.for_each(after, count_max, visit);
}

Result<Settings> Directory::bounds_of(std::string_view user) {
  WEIR_TRY_ASSIGN(record, store_->user(user));
  if (record.team.empty()) return std::move(record.settings);
  WEIR_TRY_ASSIGN(team, store_->team(record.team));
  return completed(std::move(record.settings), team.settings);
}

/// Against its owner, and against who makes it where that is another user (Y-4).
Result<> Directory::check_bounds(const Actor& actor, const KeyRecord& key) {
  for (const std::string& user : {key.user, actor.user}) {
    if (user.empty()) continue;
    WEIR_TRY_ASSIGN(bounds, bounds_of(user));
    if (const std::string member = exceeds(key.settings, bounds); !member.empty()) {
      return exceeded(member);
    }
  }
  if (key.team.empty()) return {};
  WEIR_TRY_ASSIGN(team, store_->team(key.team));
  const std::string member = exceeds(key.settings, team.settings);
  return member.empty() ? Result<>() : exceeded(member);
}

/// Sets whose the key is and lets it have from its owner what it does not say itself.
Result<> Directory::complete_owner(const Actor& actor, KeyRecord& key) {
  if (is_confined(actor.role)) {
    if (key.user.empty()) key.user = actor.user;
    if (key.user != actor.user) {
      return Error(ErrorCode::not_allowed, "members have keys of their own only", "user");
    }
  }
  std::string user_team;
  if (!key.user.empty()) {
    WEIR_TRY_ASSIGN(user, store_->user(key.user));
    user_team = user.team;
    WEIR_TRY_ASSIGN(bounds, bounds_of(key.user));
    key.settings = completed(std::move(key.settings), bounds);
  }
  if (key.team.empty()) key.team = user_team;
  if (is_confined(actor.role) && key.team != user_team) {
    return Error(ErrorCode::not_allowed, "this is not your team", "team");
  }
  if (!key.team.empty()) {
    WEIR_TRY_ASSIGN(team, store_->team(key.team));
    key.settings = completed(std::move(key.settings), team.settings);
  }
  return {};
}

Result<NewCredential> Directory::add_credential(const Actor& actor, KeyRecord key,
                                                std::int64_t now_ms) {
  const bool is_client = key.kind == CredentialKind::client_key;
  const bool is_session = key.kind == CredentialKind::session;
  NewCredential made;
  made.text = is_client    ? make_client_key(key_entropy())
              : is_session ? make_session(key_entropy())
                           : make_user_token(key_entropy());
  const auto parts = parse_credential(made.text);
  key.id = parts->id;
  key.digest = pepper_.digest(parts->unchecked);
  key.last4 = made.text.substr(made.text.size() - 4);
  key.creator = actor.name;
  key.created_ms = now_ms;
  const std::string_view action = is_client    ? "key.create"
                                  : is_session ? "session.create"
                                               : "token.create";
  const auto write = [&]() -> Result<> {
    if (is_session) WEIR_TRY(store_->remove_ended_sessions(key.user, now_ms));
    return store_->put(key);
  };
  WEIR_TRY(commit(actor, {action, key.id, {}, json_of(key)}, now_ms, write));
  publish(key);
  if (is_client) has_client_keys_ = true;
  made.record = std::move(key);
  return made;
}

Result<NewCredential> Directory::create_key(const Actor& actor, KeyWish wish, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  KeyRecord key;
  key.name = std::move(wish.name);
  key.user = std::move(wish.user);
  key.team = std::move(wish.team);
  key.settings = std::move(wish.settings);
  key.expires_ms = wish.expires_ms;
  WEIR_TRY(check_content_log(actor, {}, key.settings));
  WEIR_TRY(complete_owner(actor, key));
  WEIR_TRY(check_bounds(actor, key));
  return add_credential(actor, std::move(key), now_ms);
}

Result<NewCredential> Directory::create_token(const Actor& actor, std::string_view user,
                                              std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(owner, store_->user(user));
  KeyRecord key;
  key.kind = CredentialKind::user_token;
  key.name = "admin token";
  key.user = owner.name;
  key.team = owner.team;
  return add_credential(actor, std::move(key), now_ms);
}

/// A key that is another's is not told apart from none.
Result<KeyRecord> Directory::own_key(const Actor& actor, std::string_view id) {
  WEIR_TRY_ASSIGN(key, store_->key(id));
  if (is_confined(actor.role) && (key.user.empty() || key.user != actor.user)) {
    return Error(ErrorCode::route_unknown, "there is no key " + std::string(id));
  }
  return key;
}

Result<NewCredential> Directory::rotate_key(const Actor& actor, std::string_view id,
                                            std::int64_t grace_ms, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(key, own_key(actor, id));
  if (key.revoked_ms != 0) return Error(ErrorCode::invalid_request, "the key was revoked");
  if (key.kind == CredentialKind::session) return no_change_of_sessions();
  const std::string before = json_of(key);
  NewCredential made;
  made.text = make_credential(key.kind, key.id, key_entropy());
  key.old_digest = grace_ms > 0 ? key.digest : Digest();
  key.old_until_ms = grace_ms > 0 ? now_ms + grace_ms : 0;
  key.digest = pepper_.digest(parse_credential(made.text)->unchecked);
  key.last4 = made.text.substr(made.text.size() - 4);
  const AuditEntry entry{"key.rotate", key.id, before, json_of(key)};
  WEIR_TRY(commit(actor, entry, now_ms, [&] { return store_->put(key); }));
  publish(key);
  made.record = std::move(key);
  return made;
}

Result<KeyRecord> Directory::change_key(const Actor& actor, std::string_view id, KeyChange change,
                                        std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(key, own_key(actor, id));
  if (key.kind == CredentialKind::session) return no_change_of_sessions();
  const std::string before = json_of(key);
  if (change.name) key.name = *std::move(change.name);
  if (change.expires_ms) key.expires_ms = *change.expires_ms;
  if (change.settings) {
    WEIR_TRY(check_content_log(actor, key.settings, *change.settings));
    key.settings = *std::move(change.settings);
  }
  WEIR_TRY(complete_owner(actor, key));
  WEIR_TRY(check_bounds(actor, key));
  const AuditEntry entry{"key.change", key.id, before, json_of(key)};
  WEIR_TRY(commit(actor, entry, now_ms, [&] { return store_->put(key); }));
  publish(key);
  return key;
}

Result<KeyRecord> Directory::revoke_key(const Actor& actor, std::string_view id,
                                        std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(key, own_key(actor, id));
  if (key.revoked_ms != 0) return key;
  const std::string before = json_of(key);
  key.revoked_ms = now_ms;
  const AuditEntry entry{"key.revoke", key.id, before, json_of(key)};
  WEIR_TRY(commit(actor, entry, now_ms, [&] { return store_->put(key); }));
  publish(key);
  return key;
}

Result<KeyRecord> Directory::key(const Actor& actor, std::string_view id) {
  const std::lock_guard lock(mutex_);
  return own_key(actor, id);
}

Result<std::vector<KeyRecord>> Directory::keys(const Actor& actor, Store::KeyFilter filter) {
  const std::lock_guard lock(mutex_);
  std::vector<KeyRecord> found;
  filter.is_without_sessions = true;
  if (is_confined(actor.role)) {
    if (!filter.user.empty() && filter.user != actor.user) return found;
    filter.user = actor.user;
  }
  WEIR_TRY(store_->for_each_key(filter, [&](KeyRecord key) { found.push_back(std::move(key)); }));
  return found;
}

// ---- users and teams ------------------------------------------------------------------------

Result<> Directory::write_user(const Actor& actor, const UserRecord* before, const UserRecord& user,
                               std::int64_t now_ms) {
  WEIR_TRY(check_name(user.name));
  if (!user.team.empty()) {
    WEIR_TRY_ASSIGN(team, store_->team(user.team));
    const std::string member = exceeds(completed(user.settings, team.settings), team.settings);
    if (!member.empty()) return exceeded(member);
  }
  const AuditEntry entry{before == nullptr ? "user.add" : "user.change", user.name,
                         before == nullptr ? std::string() : json_of(*before), json_of(user)};
  WEIR_TRY(commit(actor, entry, now_ms, [&] { return store_->put(user); }));
  users_[user.name] = group_of(user);
  has_users_ = true;
  tell_settings(Holder::user, user.name, &user.settings);
  return reload_keys({.user = user.name, .is_in_force_only = true});
}

Result<> Directory::add_user(const Actor& actor, UserRecord user, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (users_.contains(user.name)) {
    return Error(ErrorCode::invalid_request, "there is a user of this name already", "name");
  }
  user.created_ms = now_ms;
  return write_user(actor, nullptr, user, now_ms);
}

Result<> Directory::set_user(const Actor& actor, UserRecord user, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(before, store_->user(user.name));
  user.created_ms = before.created_ms;
  return write_user(actor, &before, user, now_ms);
}

Result<> Directory::remove_user(const Actor& actor, std::string_view name, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(user, store_->user(name));
  std::vector<KeyRecord> keys;
  Store::KeyFilter filter{.user = name, .is_in_force_only = true};
  filter.count_max = std::numeric_limits<std::int64_t>::max();
  WEIR_TRY(store_->for_each_key(filter, [&](KeyRecord key) { keys.push_back(std::move(key)); }));
  const AuditEntry entry{"user.remove", user.name, json_of(user)};
  const auto remove = [&]() -> Result<> {
    for (KeyRecord& key : keys) {
      key.revoked_ms = now_ms;
      WEIR_TRY(store_->put(key));
    }
    return store_->remove_user(name);
  };
  WEIR_TRY(commit(actor, entry, now_ms, remove));
  for (const KeyRecord& key : keys) publish(key);
  users_.erase(user.name);
  tell_settings(Holder::user, user.name, nullptr);
  return {};
}

Result<std::size_t> Directory::erase_user(const Actor& actor, std::string_view name,
                                          std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  std::vector<KeyRecord> keys;
  Store::KeyFilter filter{.user = name};
  filter.count_max = std::numeric_limits<std::int64_t>::max();
  WEIR_TRY(store_->for_each_key(filter, [&](KeyRecord key) { keys.push_back(std::move(key)); }));
  const auto erase = [&]() -> Result<> {
    for (KeyRecord& key : keys) {
      if (key.revoked_ms == 0) key.revoked_ms = now_ms;
      key.user.clear();
      key.name.clear();
      WEIR_TRY(store_->put(key));
    }
    return users_.contains(name) ? store_->remove_user(name) : Result<>();
  };
  WEIR_TRY(commit(actor, {"user.erase", std::string(name)}, now_ms, erase));
  for (const KeyRecord& key : keys) publish(key);
  if (const auto user = users_.find(name); user != users_.end()) users_.erase(user);
  tell_settings(Holder::user, std::string(name), nullptr);
  WEIR_TRY(store_->database().purge());
  return keys.size();
}

// ---- passwords ------------------------------------------------------------------------------

Result<> Directory::end_sessions(const Actor& actor, std::string_view user, const AuditEntry& entry,
                                 std::int64_t now_ms, const std::function<Result<>()>& write) {
  std::vector<KeyRecord> sessions;
  Store::KeyFilter filter{.user = user, .is_in_force_only = true};
  filter.count_max = std::numeric_limits<std::int64_t>::max();
  WEIR_TRY(store_->for_each_key(filter, [&](KeyRecord key) {
    const bool ends = key.kind == CredentialKind::session && key.id != actor.session;
    if (ends) sessions.push_back(std::move(key));
  }));
  const auto write_all = [&]() -> Result<> {
    WEIR_TRY(write());
    for (KeyRecord& session : sessions) {
      session.revoked_ms = now_ms;
      WEIR_TRY(store_->put(session));
    }
    return {};
  };
  WEIR_TRY(commit(actor, entry, now_ms, write_all));
  for (const KeyRecord& session : sessions) publish(session);
  return {};
}

Result<> Directory::set_password(const Actor& actor, std::string_view user,
                                 std::string_view password, std::int64_t now_ms) {
  if (password.size() < password_bytes_min || password.size() > password_bytes_max) {
    return Error(ErrorCode::invalid_request,
                 "must have " + std::to_string(password_bytes_min) + " to " +
                     std::to_string(password_bytes_max) + " bytes",
                 "password");
  }
  WEIR_TRY(this->user(user));
  WEIR_TRY_ASSIGN(hash, hash_password(password));
  const std::lock_guard lock(mutex_);
  WEIR_TRY(store_->user(user));  // he may have gone meanwhile
  return end_sessions(actor, user, {"password.set", std::string(user)}, now_ms,
                      [&] { return store_->put_password(user, hash, now_ms); });
}

Result<> Directory::remove_password(const Actor& actor, std::string_view user,
                                    std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY(store_->user(user));
  return end_sessions(actor, user, {"password.remove", std::string(user)}, now_ms,
                      [&] { return store_->remove_password(user); });
}

Result<> Directory::check_password(std::string_view user, std::string_view password) {
  std::string hash;
  {
    const std::lock_guard lock(mutex_);
    const auto found = store_->user(user);
    if (!found && found.error().code != ErrorCode::route_unknown) return found.error();
    if (found && !found->is_disabled) {
      WEIR_TRY_ASSIGN(kept, store_->password_hash(user));
      hash = std::move(kept);
    }
  }
  WEIR_TRY_ASSIGN(is_right, is_password(password, hash));
  if (is_right) return {};
  return Error(ErrorCode::invalid_login, "no user of this name has this password");
}

Result<NewCredential> Directory::create_session(Actor actor, std::string_view user,
                                                std::int64_t life_ms, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(owner, store_->user(user));
  actor.name = "user:" + owner.name;
  KeyRecord key;
  key.kind = CredentialKind::session;
  key.name = "session";
  key.user = owner.name;
  key.team = owner.team;
  key.expires_ms = now_ms + life_ms;
  return add_credential(actor, std::move(key), now_ms);
}

Result<> Directory::end_session(const Actor& actor, std::int64_t now_ms) {
  if (actor.session.empty()) {
    return Error(ErrorCode::invalid_request, "this credential is no session's");
  }
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(session, store_->key(actor.session));
  session.revoked_ms = now_ms;
  WEIR_TRY(
      commit(actor, {"session.end", session.id}, now_ms, [&] { return store_->put(session); }));
  publish(session);
  return {};
}

Result<UserRecord> Directory::user(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return store_->user(name);
}

Result<std::vector<UserRecord>> Directory::users() {
  const std::lock_guard lock(mutex_);
  std::vector<UserRecord> all;
  WEIR_TRY(store_->for_each_user([&](UserRecord user) { all.push_back(std::move(user)); }));
  return all;
}

Result<> Directory::put_team(const Actor& actor, TeamRecord team, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY(check_name(team.name));
  if (!team.organisation.empty() && !is_valid_name(team.organisation)) {
    return bad_name("organisation");
  }
  const auto before = store_->team(team.name);
  if (!before && before.error().code != ErrorCode::route_unknown) return before.error();
  team.created_ms = before ? before->created_ms : now_ms;
  const AuditEntry entry{before ? "team.change" : "team.add", team.name,
                         before ? json_of(*before) : std::string(), json_of(team)};
  WEIR_TRY(commit(actor, entry, now_ms, [&] { return store_->put(team); }));
  teams_[team.name] = group_of(team);
  tell_settings(Holder::team, team.name, &team.settings);
  return reload_keys({.team = team.name, .is_in_force_only = true});
}

Result<> Directory::remove_team(const Actor& actor, std::string_view name, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(team, store_->team(name));
  for (const auto& [user, group] : users_) {
    if (group.team == name) {
      return Error(ErrorCode::invalid_request, "the team still has users, " + user + " for one");
    }
  }
  bool has_keys = false;
  const Store::KeyFilter filter{.team = name, .count_max = 1, .is_in_force_only = true};
  WEIR_TRY(store_->for_each_key(filter, [&](const KeyRecord&) { has_keys = true; }));
  if (has_keys) return Error(ErrorCode::invalid_request, "the team still has keys");
  const AuditEntry entry{"team.remove", team.name, json_of(team)};
  WEIR_TRY(commit(actor, entry, now_ms, [&] { return store_->remove_team(name); }));
  teams_.erase(team.name);
  tell_settings(Holder::team, team.name, nullptr);
  return {};
}

Result<TeamRecord> Directory::team(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return store_->team(name);
}

Result<std::vector<TeamRecord>> Directory::teams() {
  const std::lock_guard lock(mutex_);
  std::vector<TeamRecord> all;
  WEIR_TRY(store_->for_each_team([&](TeamRecord team) { all.push_back(std::move(team)); }));
  return all;
}

// ---- secrets --------------------------------------------------------------------------------

Result<> Directory::set_secret(const Actor& actor, std::string_view name, std::string_view text,
                               std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY(check_name(name));
  if (text.empty()) return Error(ErrorCode::invalid_request, "is required", "value");
  return commit(actor, {"secret.set", std::string(name)}, now_ms,
                [&] { return vault_->set(name, text, now_ms); });
}

Result<> Directory::remove_secret(const Actor& actor, std::string_view name, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY(vault_->get(name));  // there must be one
  return commit(actor, {"secret.remove", std::string(name)}, now_ms,
                [&] { return vault_->remove(name); });
}

Result<std::string> Directory::secret(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return vault_->get(name);
}

Result<std::vector<SecretRecord>> Directory::secrets() {
  const std::lock_guard lock(mutex_);
  return vault_->list();
}

/// Its steps are transactions and files of their own, so the record goes before them all.
Result<> Directory::rotate_master(const Actor& actor, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY(commit(actor, {"master_key.rotate", ""}, now_ms, [] { return Result<>(); }));
  return vault_->rotate_master();
}

}  // namespace weir::identity
