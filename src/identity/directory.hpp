// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "identity/audit_checkpoints.hpp"
#include "identity/audit_log.hpp"
#include "identity/key_index.hpp"
#include "identity/records.hpp"
#include "identity/store.hpp"
#include "identity/vault.hpp"
#include "store/shared_counter.hpp"

namespace weir::identity {

/// What a new key is to be.
struct KeyWish {
  std::string name;
  std::string user;
  std::string team;  ///< empty: the user's
  Settings settings;
  std::int64_t expires_ms = 0;
};

/// What is to be changed of a key; what is not given stays.
struct KeyChange {
  std::optional<std::string> name;
  std::optional<Settings> settings;
  std::optional<std::int64_t> expires_ms;
};

/// A credential with its text, which is shown this once.
struct NewCredential {
  KeyRecord record;
  std::string text;
};

/// Whose settings are told of.
enum class Holder : std::uint8_t { key, user, team };

/// The users, teams and keys of the gateway: looked up by every request, changed by the
/// administration. Every change is one transaction with its record in the audit log, and then holds
/// for all threads at once (H-4).
///
/// Changes wait for the disk. Errors of all: `store_unavailable`; `not_allowed` for what is not the
/// actor's or goes beyond what he has (Y-4); `route_unknown` for a name that is nobody's;
/// `invalid_request` for one that can't be.
class Directory {
 public:
  /// Opens the files in `folder`, which are made where they are missing.
  static Result<std::unique_ptr<Directory>> open(const std::string& folder,
                                                 const MasterKeySource& master = {});

  /// Hears what is set for whom; nothing is set for who is not there any more.
  using SettingsListener =
      std::function<void(Holder holder, const std::string& name, const Settings& settings)>;
  /// Tells the listener of all there are, and from then on of every change. Once, before others
  /// call. Errors: `store_unavailable`.
  Result<> follow_settings(SettingsListener listener);

  /// Takes over what others that share the folder have changed since (Y-3).
  Result<> refresh();
  /// Advances with each change, whoever makes it.
  [[nodiscard]] store::SharedCounter& changes() { return changes_; }

  // ---- for any thread, without waiting

  /// The credential in force with this text. Errors: `invalid_api_key`, `expired_api_key`.
  [[nodiscard]] Result<std::shared_ptr<const Grant>> find(std::string_view text,
                                                          CredentialKind kind,
                                                          std::int64_t now_ms) const;
  /// Neither has somebody ended the key with this id, nor its time.
  [[nodiscard]] bool is_in_force(std::string_view id, std::int64_t now_ms) const;
  /// There is a key for clients, or was: who has none is nobody's client.
  [[nodiscard]] bool has_client_keys() const noexcept { return has_client_keys_; }
  /// There are neither users nor keys.
  [[nodiscard]] bool is_empty() const noexcept { return !has_client_keys_ && !has_users_; }

  // ---- the administration

  Result<NewCredential> create_key(const Actor& actor, KeyWish wish, std::int64_t now_ms);
  /// A new secret under the same id; the old one is taken for `grace_ms` more.
  Result<NewCredential> rotate_key(const Actor& actor, std::string_view id, std::int64_t grace_ms,
                                   std::int64_t now_ms);
  Result<KeyRecord> change_key(const Actor& actor, std::string_view id, KeyChange change,
                               std::int64_t now_ms);
  Result<KeyRecord> revoke_key(const Actor& actor, std::string_view id, std::int64_t now_ms);
  Result<KeyRecord> key(const Actor& actor, std::string_view id);
  /// Those that the actor may see. `filter.user` is set for one who is confined.
  Result<std::vector<KeyRecord>> keys(const Actor& actor, Store::KeyFilter filter);

  Result<> add_user(const Actor& actor, UserRecord user, std::int64_t now_ms);
  Result<> set_user(const Actor& actor, UserRecord user, std::int64_t now_ms);
  /// His keys are revoked with him.
  Result<> remove_user(const Actor& actor, std::string_view name, std::int64_t now_ms);
  /// Removes him, too, and takes his name off his keys, which are revoked; also where he is known
  /// by the configuration only. Answers how many keys that were.
  Result<std::size_t> erase_user(const Actor& actor, std::string_view name, std::int64_t now_ms);
  Result<NewCredential> create_token(const Actor& actor, std::string_view user,
                                     std::int64_t now_ms);
  // Passwords are looked at without holding up others.

  /// Lets a user log in with this password from now on. His sessions end but the one that the actor
  /// came with. Errors also: `invalid_request` for one that is too short or too long.
  Result<> set_password(const Actor& actor, std::string_view user, std::string_view password,
                        std::int64_t now_ms);
  /// He can't log in any more, and his sessions end.
  Result<> remove_password(const Actor& actor, std::string_view user, std::int64_t now_ms);
  /// That this is the user's password. Answers the same, and as late, for a name that nobody has,
  /// for one who is disabled and for one who has no password (Y-7). Errors also: `invalid_login`.
  Result<> check_password(std::string_view user, std::string_view password);
  /// A session of `life_ms` for a user whose password was checked, in whose name it is written
  /// down.
  Result<NewCredential> create_session(Actor actor, std::string_view user, std::int64_t life_ms,
                                       std::int64_t now_ms);
  /// Ends the session that the actor came with.
  Result<> end_session(const Actor& actor, std::int64_t now_ms);

  Result<UserRecord> user(std::string_view name);
  Result<std::vector<UserRecord>> users();

  Result<> put_team(const Actor& actor, TeamRecord team, std::int64_t now_ms);
  /// Errors also: `invalid_request` while it has users.
  Result<> remove_team(const Actor& actor, std::string_view name, std::int64_t now_ms);
  Result<TeamRecord> team(std::string_view name);
  Result<std::vector<TeamRecord>> teams();

  /// A secret of the gateway's own, such as a provider's key, kept sealed.
  Result<> set_secret(const Actor& actor, std::string_view name, std::string_view text,
                      std::int64_t now_ms);
  Result<> remove_secret(const Actor& actor, std::string_view name, std::int64_t now_ms);
  /// For the gateway itself; no answer ever holds one.
  Result<std::string> secret(std::string_view name);
  Result<std::vector<SecretRecord>> secrets();
  Result<> rotate_master(const Actor& actor, std::int64_t now_ms);

  /// The key that a tenant's content is sealed with. Made where there is none.
  Result<std::shared_ptr<const store::DataKey>> content_key(const std::string& tenant);
  /// Null where there is none.
  Result<std::shared_ptr<const store::DataKey>> find_content_key(const std::string& tenant);
  /// From now on nothing opens what was sealed with these tenants' keys.
  Result<> remove_content_keys(const Actor& actor, const std::vector<std::string>& tenants,
                               std::string_view user, std::int64_t now_ms);

  /// Writes down what is done elsewhere, before it is done (J-1).
  Result<> record(const Actor& actor, const AuditEntry& entry, std::int64_t now_ms);
  Result<> for_each_record(std::int64_t after, std::size_t count_max, const AuditLog::Visit& visit);
  /// Signs a checkpoint when the last one is too long ago and something was written since (J-1);
  /// `is_last`: also when it is not.
  Result<> check_point(std::int64_t now_ms, bool is_last = false);

  /// Removes keys that ended before `before_ms`, each with its record, in pieces between which
  /// others are served (J-4). Answers how many.
  Result<std::size_t> remove_ended_keys(std::int64_t before_ms, std::int64_t now_ms);
  /// Removes records of the audit log that are older than a checkpoint that was signed before
  /// `before_ms`. Answers how many; the rest can be verified as before.
  Result<std::size_t> remove_old_records(std::int64_t before_ms, std::int64_t now_ms);

 private:
  /// What requests need of a user or team.
  struct Group {
    std::shared_ptr<const Scopes> scopes;
    std::optional<pipeline::Priority> priority;
    std::string team = {};
    std::string organisation = {};  ///< of a team
    Role role = Role::member;
    bool is_disabled = false;
    bool shows_target = true;
  };
  using Groups = std::map<std::string, Group, std::less<>>;
  /// What is to be read again.
  struct Changed {
    bool is_everything = false;
    std::set<std::string> teams;
    std::set<std::string> users;
    std::set<std::string> keys;
    void add(std::string_view record);
  };

  Directory(std::unique_ptr<Store> store, std::unique_ptr<Vault> vault, AuditLog audit,
            AuditSigner signer, Pepper pepper, store::SharedCounter changes);
  static Group group_of(const UserRecord& user);
  static Group group_of(const TeamRecord& team);
  Result<> load();
  Result<> reload_keys(Store::KeyFilter filter);
  Result<> take_over(const Changed& changed);
  Result<> take_over_team(const std::string& name);
  Result<> take_over_user(const std::string& name);
  Result<> take_over_all();
  void remember_content_key(const std::string& tenant, std::shared_ptr<const store::DataKey> key);
  void publish(const KeyRecord& key);
  void forget(const std::string& id);
  /// `settings` null: there is no such holder any more.
  void tell_settings(Holder holder, const std::string& name, const Settings* settings) const;
  [[nodiscard]] std::shared_ptr<const Grant> grant_of(const KeyRecord& key) const;
  [[nodiscard]] Result<KeyRecord> own_key(const Actor& actor, std::string_view id);
  /// The most that a user may have, his team's bounds among it.
  Result<Settings> bounds_of(std::string_view user);
  Result<> check_bounds(const Actor& actor, const KeyRecord& key);
  Result<> complete_owner(const Actor& actor, KeyRecord& key);
  Result<NewCredential> add_credential(const Actor& actor, KeyRecord key, std::int64_t now_ms);
  /// Runs `write` and ends the sessions of a user with it, but the one that the actor came with.
  Result<> end_sessions(const Actor& actor, std::string_view user, const AuditEntry& entry,
                        std::int64_t now_ms, const std::function<Result<>()>& write);
  Result<> write_user(const Actor& actor, const UserRecord* before, const UserRecord& user,
                      std::int64_t now_ms);
  /// Some of them; none when there are no more.
  Result<std::size_t> remove_some_keys(std::int64_t before_ms, std::int64_t now_ms);
  Result<std::size_t> remove_some_records(std::int64_t before_ms, std::int64_t now_ms);
  Result<> check_point_if_due(std::int64_t now_ms, bool is_last);
  using Write = std::function<Result<>()>;
  /// Runs `write` and the record of what it does in one transaction.
  Result<> commit(const Actor& actor, const AuditEntry& entry, std::int64_t now_ms,
                  const Write& write);

  std::mutex mutex_;  ///< of everything but the index
  SettingsListener settings_listener_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Vault> vault_;
  AuditLog audit_;
  AuditSigner signer_;
  AuditCheckpoint last_checkpoint_;
  const Pepper pepper_;
  store::SharedCounter changes_;
  std::int64_t seen_seq_ = 0;  ///< the last record whose change holds here, others' among them
  Groups users_;
  Groups teams_;
  /// Those in use lately.
  std::map<std::string, std::shared_ptr<const store::DataKey>, std::less<>> content_keys_;
  KeyIndex index_;
  std::atomic<bool> has_client_keys_ = false;
  std::atomic<bool> has_users_ = false;
};

}  // namespace weir::identity
