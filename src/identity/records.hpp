// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "identity/credential.hpp"
#include "identity/roles.hpp"
#include "identity/scopes.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "pipeline/caller.hpp"

/// Users, teams and keys as they are kept. Times are Unix milliseconds, 0 is never.
namespace weir::identity {

/// What may be set of a key, a user and a team alike.
struct Settings {
  Scopes scopes;
  std::optional<pipeline::Priority> priority;  ///< of calls that name none; also the most they may
                                               ///< ask for
  std::string limits;                          ///< JSON object; empty: none
  std::string budgets;                         ///< the same
  /// How long what is asked and answered is kept (G-2), as `7d`; empty: not at all. Members leave
  /// it as it is.
  std::string log_content;
  std::optional<bool> exposes_target;  ///< answers name the target; `false` of one hides it (C-4)
};

/// Lays the members of settings that `reader` has over `settings`; null takes one away.
void read_settings(json::ObjectReader& reader, Settings& settings);
/// `text` as `write_settings` made it.
Result<Settings> parse_settings(std::string_view text);
/// Writes those that are set into the open object.
void write_settings(json::Writer& json, const Settings& settings);

/// Empty when `inner` allows nothing beyond `outer`, otherwise the first member that does (Y-4).
std::string exceeds(const Settings& inner, const Settings& outer);
/// `inner` with what it leaves open taken from `outer`.
Settings completed(Settings inner, const Settings& outer);

struct KeyRecord {
  std::string id;
  CredentialKind kind = CredentialKind::client_key;
  std::string name;  ///< in its owner's words
  std::string user;  ///< empty: nobody's
  std::string team;
  std::string last4;
  Settings settings;
  std::string creator;
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = 0;
  std::int64_t revoked_ms = 0;
  Digest digest = {};
  Digest old_digest = {};
  std::int64_t old_until_ms = 0;
};

struct UserRecord {
  std::string name;
  Role role = Role::member;
  std::string team;
  Settings settings;
  std::int64_t created_ms = 0;
  bool is_disabled = false;
  bool has_password = false;  ///< and so can log in; told, never set
};

struct TeamRecord {
  std::string name;
  Settings settings;
  std::int64_t created_ms = 0;
  std::string organisation = {};  ///< which it belongs to; empty: none
};

/// Names of users and teams: letters, digits and `._@+-`, at most 128; mail addresses are among
/// them.
bool is_valid_name(std::string_view name) noexcept;

/// The record as the admin API shows it: without digests (V-5).
void write_record(json::Writer& json, const KeyRecord& key);
void write_record(json::Writer& json, const UserRecord& user);
void write_record(json::Writer& json, const TeamRecord& team);

}  // namespace weir::identity
