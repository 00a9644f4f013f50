// SPDX-License-Identifier: Apache-2.0
//
// What happens to a directory besides the changes that somebody asks for here: those that others
// make who share it, the end of what is over, and the keys that content is sealed with.

#include <utility>

#include "identity/directory.hpp"
#include "json/document.hpp"
#include "json/object_reader.hpp"

namespace weir::identity {

// ---- what others change ---------------------------------------------------------------------

/// Every change has its record, so the audit log tells all of them.
void Directory::Changed::add(std::string_view record) {
  json::Document document;
  if (!document.parse(record)) return;  // for who verifies
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  const std::string action = reader.required_string("action");
  std::string object = reader.required_string("object");
  const std::string_view what = std::string_view(action).substr(0, action.find('.'));
  if (action == "user.erase" || action == "content_keys.remove") {
    is_everything = true;  // his name is off his keys
  } else if (what == "key" || what == "token" || what == "session") {
    keys.insert(std::move(object));
  } else if (what == "user" || what == "password") {
    users.insert(std::move(object));
  } else if (what == "team") {
    teams.insert(std::move(object));
  }
}

Result<> Directory::refresh() {
  constexpr std::size_t records_at_once = 10'000;
  const std::lock_guard lock(mutex_);
  Changed changed;
  std::int64_t seen = seen_seq_;
  const auto note = [&](std::int64_t seq, std::string_view record, std::string_view) {
    if (seq != seen + 1) changed.is_everything = true;
    seen = seq;
    changed.add(record);
  };
  for (std::int64_t before = -1; before != seen;) {
    before = seen;
    WEIR_TRY(audit_.for_each(seen, records_at_once, note));
  }
  if (seen == seen_seq_) return {};
  WEIR_TRY(changed.is_everything ? take_over_all() : take_over(changed));
  seen_seq_ = seen;
  return {};
}

/// Keys come last: what they may do depends on the others.
Result<> Directory::take_over(const Changed& changed) {
  for (const std::string& name : changed.teams) WEIR_TRY(take_over_team(name));
  for (const std::string& name : changed.users) WEIR_TRY(take_over_user(name));
  for (const std::string& name : changed.teams) WEIR_TRY(reload_keys({.team = name}));
  for (const std::string& name : changed.users) WEIR_TRY(reload_keys({.user = name}));
  for (const std::string& id : changed.keys) {
    const auto key = store_->key(id);
    if (!key && key.error().code != ErrorCode::route_unknown) return key.error();
    if (!key) {
      forget(id);
      continue;
    }
    publish(*key);
    if (key->kind == CredentialKind::client_key) has_client_keys_ = true;
  }
  return {};
}

Result<> Directory::take_over_team(const std::string& name) {
  const auto team = store_->team(name);
  if (!team && team.error().code != ErrorCode::route_unknown) return team.error();
  if (team) {
    teams_[name] = group_of(*team);
  } else {
    teams_.erase(name);
  }
  tell_settings(Holder::team, name, team ? &team->settings : nullptr);
  return {};
}

Result<> Directory::take_over_user(const std::string& name) {
  const auto user = store_->user(name);
  if (!user && user.error().code != ErrorCode::route_unknown) return user.error();
  if (user) {
    users_[name] = group_of(*user);
    has_users_ = true;
  } else {
    users_.erase(name);
  }
  tell_settings(Holder::user, name, user ? &user->settings : nullptr);
  return {};
}

/// What is known here and what is stored, so that what has gone goes here too.
Result<> Directory::take_over_all() {
  content_keys_.clear();
  Changed all;
  for (const auto& [name, group] : teams_) all.teams.insert(name);
  for (const auto& [name, group] : users_) all.users.insert(name);
  WEIR_TRY(store_->for_each_team([&](const TeamRecord& team) { all.teams.insert(team.name); }));
  WEIR_TRY(store_->for_each_user([&](const UserRecord& user) { all.users.insert(user.name); }));
  for (const std::string& name : all.teams) WEIR_TRY(take_over_team(name));
  for (const std::string& name : all.users) WEIR_TRY(take_over_user(name));
  WEIR_TRY(reload_keys({}));
  WEIR_TRY_ASSIGN(has_keys, store_->has_client_keys());
  if (has_keys) has_client_keys_ = true;
  return {};
}

// ---- what is over ---------------------------------------------------------------------------

namespace {

/// Has `remove_some` do its part until there is nothing left for it.
template <class RemoveSome>
Result<std::size_t> remove_all(RemoveSome remove_some) {
  std::size_t all = 0;
  for (;;) {
    WEIR_TRY_ASSIGN(removed, remove_some());
    if (removed == 0) return all;
    all += removed;
  }
}

}  // namespace

Result<std::size_t> Directory::remove_ended_keys(std::int64_t before_ms, std::int64_t now_ms) {
  return remove_all([&] { return remove_some_keys(before_ms, now_ms); });
}

Result<std::size_t> Directory::remove_some_keys(std::int64_t before_ms, std::int64_t now_ms) {
  constexpr std::size_t at_once = 100;
  const Actor actor{"retention"};
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(transaction, store_->begin());
  WEIR_TRY_ASSIGN(ids, store_->ended_keys(before_ms, at_once));
  for (const std::string& id : ids) {
    WEIR_TRY(store_->remove_key(id));
    WEIR_TRY(audit_.append(actor, {"key.remove", id}, now_ms));
  }
  WEIR_TRY(transaction.commit());
  changes_.advance();
  for (const std::string& id : ids) forget(id);
  return ids.size();
}

Result<std::size_t> Directory::remove_old_records(std::int64_t before_ms, std::int64_t now_ms) {
  return remove_all([&] { return remove_some_records(before_ms, now_ms); });
}

/// What is left begins with a checkpoint, which is signed as a beginning first: who only can write
/// the database can't make one of his own.
Result<std::size_t> Directory::remove_some_records(std::int64_t before_ms, std::int64_t now_ms) {
  constexpr std::int64_t at_once = 5'000;
  const std::lock_guard lock(mutex_);
  WEIR_TRY_ASSIGN(first_seq, audit_.first_seq());
  WEIR_TRY_ASSIGN(checkpoints, read_audit_checkpoints(signer_.folder()));
  std::optional<AuditCheckpoint> beginning;
  for (const AuditCheckpoint& checkpoint : checkpoints) {
    const bool is_old = checkpoint.seq > first_seq && checkpoint.time_ms < before_ms;
    if (is_old && (!beginning || checkpoint.seq <= first_seq + at_once)) beginning = checkpoint;
  }
  if (!beginning) return std::size_t{0};
  beginning->is_beginning = true;
  WEIR_TRY(signer_.sign(*beginning));
  std::int64_t removed = 0;
  const auto remove = [&]() -> Result<> {
    WEIR_TRY_ASSIGN(count, audit_.begin_at(beginning->seq, beginning->hash));
    removed = count;
    return {};
  };
  const AuditEntry entry{"audit.remove", std::to_string(beginning->seq)};
  WEIR_TRY(commit({"retention"}, entry, now_ms, remove));
  return static_cast<std::size_t>(removed);
}

// ---- keys of content ------------------------------------------------------------------------

Result<std::shared_ptr<const store::DataKey>> Directory::content_key(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  if (const auto known = content_keys_.find(tenant); known != content_keys_.end()) {
    return known->second;
  }
  // Another gateway may be about to make it, too.
  WEIR_TRY_ASSIGN(transaction, store_->begin());
  WEIR_TRY_ASSIGN(key, vault_->content_key(tenant));
  WEIR_TRY(transaction.commit());
  remember_content_key(tenant, key);
  return std::move(key);
}

Result<std::shared_ptr<const store::DataKey>> Directory::find_content_key(
    const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  if (const auto known = content_keys_.find(tenant); known != content_keys_.end()) {
    return known->second;
  }
  WEIR_TRY_ASSIGN(key, vault_->find_content_key(tenant));
  if (key != nullptr) remember_content_key(tenant, key);
  return std::move(key);
}

void Directory::remember_content_key(const std::string& tenant,
                                     std::shared_ptr<const store::DataKey> key) {
  constexpr std::size_t remembered_max = 1'000;
  if (content_keys_.size() >= remembered_max) content_keys_.clear();
  content_keys_[tenant] = std::move(key);
}

Result<> Directory::remove_content_keys(const Actor& actor, const std::vector<std::string>& tenants,
                                        std::string_view user, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto remove = [&]() -> Result<> {
    for (const std::string& tenant : tenants) WEIR_TRY(vault_->remove_content_key(tenant));
    return {};
  };
  WEIR_TRY(commit(actor, {"content_keys.remove", std::string(user)}, now_ms, remove));
  for (const std::string& tenant : tenants) content_keys_.erase(tenant);
  return store_->database().purge();
}

}  // namespace weir::identity
