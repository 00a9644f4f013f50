// SPDX-License-Identifier: Apache-2.0
#include "server/identity_pages.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "config/limit_sets.hpp"
#include "config/values.hpp"
#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"

namespace weir::server {
namespace {

/// What is said of a key, a user or a team, with limits and budgets that can hold.
void read_checked_settings(json::ObjectReader& reader, identity::Settings& settings) {
  identity::read_settings(reader, settings);
  if (const auto set = config::read_limit_set(settings.limits, {}); !set) {
    reader.fail("limits", set.error().param + " " + set.error().message);
  }
  if (const auto set = config::read_limit_set({}, settings.budgets); !set) {
    reader.fail("budgets", set.error().param + " " + set.error().message);
  }
  constexpr std::int64_t kept_max_ms = 3'650 * std::int64_t{86'400'000};
  config::milliseconds kept{0};
  const auto mismatch = settings.log_content.empty()
                            ? std::nullopt
                            : config::read_value(settings.log_content, kept, {0, kept_max_ms});
  if (mismatch) reader.fail("log_content", "expected " + *mismatch);
  if (kept.count() == 0) settings.log_content.clear();
}

using identity::KeyRecord;
using identity::TeamRecord;
using identity::UserRecord;

constexpr std::int64_t list_max = 1'000;
constexpr std::size_t name_bytes_max = 128;

/// Lets `read` read the members of a body that is an object; what it asks for is the fixed list of
/// what may be said (V-5).
template <class Read>
Result<> read_body(std::string_view body, Read read) {
  json::Document document;
  WEIR_TRY(document.parse(body.empty() ? "{}" : body));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  read(reader);
  reader.for_each_unread(
      [&](const std::string& key, json::Value) { reader.fail(key, "unknown member"); });
  return problem.result();
}

/// A wait such as `90d` from now, as a moment; 0 where the member is absent.
std::int64_t read_wait(json::ObjectReader& reader, std::string_view key, std::int64_t unit_max) {
  const auto text = reader.string(key);
  if (!text) return 0;
  config::milliseconds wait{0};
  if (const auto mismatch = config::read_value(*text, wait, {.min = 1, .max = unit_max})) {
    reader.fail(key, "expected " + *mismatch);
  }
  return wait.count();
}

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t life_max_ms = 3'650 * day_ms;
constexpr std::int64_t grace_max_ms = 90 * day_ms;

std::string read_name(json::ObjectReader& reader) {
  std::string name = reader.string("name").value_or("");
  if (name.size() > name_bytes_max) reader.fail("name", "is longer than 128 bytes");
  return name;
}

/// Reads when a key ends; nothing: it is not said. `never` takes an end away.
std::optional<std::int64_t> read_end(json::ObjectReader& reader, std::int64_t now_ms) {
  const bool is_never = reader.boolean("never_expires").value_or(false);
  const auto at = reader.integer("expires_ms", 1);
  const std::int64_t wait = read_wait(reader, "expires_in", life_max_ms);
  if (is_never) return 0;
  if (at) return at;
  if (wait > 0) return now_ms + wait;
  return std::nullopt;
}

template <class Record>
std::string one_json(const Record& record) {
  std::string out;
  json::Writer json(out);
  write_record(json, record);
  return out;
}

template <class Record>
std::string list_json(std::string_view name, const std::vector<Record>& records) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key(name).begin_array();
  for (const Record& record : records) write_record(json, record);
  json.end_array().end_object();
  return out;
}

/// With the text, which can't be seen again.
std::string credential_json(const identity::NewCredential& made) {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("key", made.text).key("record");
  write_record(json, made.record);
  json.end_object();
  return out;
}

std::string done_json(std::string_view what, std::string_view name) {
  std::string out;
  json::Writer(out).begin_object().member(what, name).end_object();
  return out;
}

Result<std::int64_t> number_in(const net::http::Query& query, std::string_view name,
                               std::int64_t otherwise, std::int64_t max) {
  const auto text = query.find(name);
  if (!text) return otherwise;
  std::int64_t number = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, number);
  if (error != std::errc() || end != last || number < 0 || number > max) {
    return Error(ErrorCode::invalid_request,
                 "must be a whole number from 0 to " + std::to_string(max), std::string(name));
  }
  return number;
}

}  // namespace

bool IdentityPages::has(Endpoint endpoint) noexcept {
  return endpoint >= Endpoint::log_in && endpoint <= Endpoint::list_audit;
}

Result<std::string> IdentityPages::answer(const AdminRequest& request,
                                          const config::Config& config) {
  if (request.endpoint == Endpoint::list_audit) return list_audit(request);
  if (request.endpoint >= Endpoint::list_secrets) return answer_about_secrets(request);
  if (request.endpoint >= Endpoint::list_teams) return answer_about_teams(request);
  if (request.endpoint >= Endpoint::list_users) return answer_about_users(request);
  if (request.endpoint >= Endpoint::list_keys) return answer_about_keys(request);
  return answer_about_sessions(request, config);
}

// ---- sessions -------------------------------------------------------------------------------

Result<std::string> IdentityPages::answer_about_sessions(const AdminRequest& request,
                                                         const config::Config& config) {
  switch (request.endpoint) {
    case Endpoint::log_in:
      return log_in(request, config);
    case Endpoint::change_password:
      return change_own_password(request);
    case Endpoint::end_session:
      WEIR_TRY(directory_.end_session(request.actor, wall_.unix_ms()));
      return done_json("ended", "session");
    default: {
      std::string out;
      json::Writer json(out);
      json.begin_object().member("actor", request.actor.name);
      json.member("role", identity::name(request.actor.role));
      if (!request.actor.user.empty()) json.member("user", request.actor.user);
      json.end_object();
      return out;
    }
  }
}

/// What is refused for too many failures is not looked at, and counts as none.
Result<> IdentityPages::check_password(const AdminRequest& request, std::string_view user,
                                       std::string_view password) {
  const auto now = std::chrono::steady_clock::now();
  const auto wait = logins_.wait(user, request.actor.address, now);
  if (wait > wait.zero()) {
    Error refused(ErrorCode::rate_limited, "too many wrong passwords");
    refused.retry_after = std::chrono::ceil<std::chrono::milliseconds>(wait);
    return refused;
  }
  auto checked = directory_.check_password(user, password);
  if (checked) {
    logins_.note_success(user);
  } else if (checked.error().code == ErrorCode::invalid_login) {
    logins_.note_failure(user, request.actor.address, now);
  }
  return checked;
}

Result<std::string> IdentityPages::log_in(const AdminRequest& request,
                                          const config::Config& config) {
  std::string user;
  std::string password;
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
    user = reader.required_string("user");
    password = reader.required_string("password");
    if (user.size() > name_bytes_max) reader.fail("user", "is longer than 128 bytes");
  }));
  WEIR_TRY(check_password(request, user, password));
  const std::int64_t life_ms = config.admin_session.count();
  WEIR_TRY_ASSIGN(made, directory_.create_session(request.actor, user, life_ms, wall_.unix_ms()));
  std::string out;
  json::Writer json(out);
  json.begin_object().member("token", made.text).member("user", user);
  json.member("expires_ms", made.record.expires_ms).end_object();
  return out;
}

/// Whoever found a session open can't lock its owner out with it.
Result<std::string> IdentityPages::change_own_password(const AdminRequest& request) {
  std::string current;
  std::string password;
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
    current = reader.required_string("current");
    password = reader.required_string("password");
  }));
  const std::string& user = request.actor.user;
  if (user.empty()) return Error(ErrorCode::invalid_request, "only users have passwords");
  WEIR_TRY(check_password(request, user, current));
  WEIR_TRY(directory_.set_password(request.actor, user, password, wall_.unix_ms()));
  return done_json("password", user);
}

// ---- keys -----------------------------------------------------------------------------------

Result<std::string> IdentityPages::answer_about_keys(const AdminRequest& request) {
  switch (request.endpoint) {
    case Endpoint::list_keys:
      return list_keys(request);
    case Endpoint::create_key:
      return create_key(request);
    case Endpoint::change_key:
      return change_key(request);
    case Endpoint::rotate_key:
      return rotate_key(request);
    case Endpoint::revoke_key: {
      WEIR_TRY_ASSIGN(key, directory_.revoke_key(request.actor, request.argument, wall_.unix_ms()));
      return one_json(key);
    }
    default: {
      WEIR_TRY_ASSIGN(key, directory_.key(request.actor, request.argument));
      return one_json(key);
    }
  }
}

Result<std::string> IdentityPages::list_keys(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(count, number_in(request.query, "limit", list_max, list_max));
  const std::string user = request.query.find("user").value_or("");
  const std::string team = request.query.find("team").value_or("");
  const std::string after = request.query.find("after").value_or("");
  WEIR_TRY_ASSIGN(keys,
                  directory_.keys(request.actor, {.user = user,
                                                  .team = team,
                                                  .after = after,
                                                  .count_max = static_cast<std::size_t>(count)}));
  return list_json("keys", keys);
}

Result<std::string> IdentityPages::create_key(const AdminRequest& request) {
  const std::int64_t now = wall_.unix_ms();
  identity::KeyWish wish;
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
    wish.name = read_name(reader);
    wish.user = reader.string("user").value_or("");
    wish.team = reader.string("team").value_or("");
    wish.expires_ms = read_end(reader, now).value_or(0);
    read_checked_settings(reader, wish.settings);
  }));
  WEIR_TRY_ASSIGN(made, directory_.create_key(request.actor, std::move(wish), now));
  return credential_json(made);
}

Result<std::string> IdentityPages::change_key(const AdminRequest& request) {
  const std::int64_t now = wall_.unix_ms();
  WEIR_TRY_ASSIGN(key, directory_.key(request.actor, request.argument));
  identity::KeyChange change;
  change.settings = key.settings;
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
    change.name = read_name(reader);
    if (change.name->empty()) change.name.reset();
    change.expires_ms = read_end(reader, now);
    read_checked_settings(reader, *change.settings);
  }));
  WEIR_TRY_ASSIGN(changed,
                  directory_.change_key(request.actor, request.argument, std::move(change), now));
  return one_json(changed);
}

Result<std::string> IdentityPages::rotate_key(const AdminRequest& request) {
  std::int64_t grace = 0;
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
    grace = read_wait(reader, "grace", grace_max_ms);
  }));
  WEIR_TRY_ASSIGN(made,
                  directory_.rotate_key(request.actor, request.argument, grace, wall_.unix_ms()));
  return credential_json(made);
}

// ---- users ----------------------------------------------------------------------------------

Result<std::string> IdentityPages::answer_about_users(const AdminRequest& request) {
  switch (request.endpoint) {
    case Endpoint::list_users: {
      WEIR_TRY_ASSIGN(users, directory_.users());
      return list_json("users", users);
    }
    case Endpoint::add_user:
      return add_user(request);
    case Endpoint::set_user:
      return set_user(request);
    case Endpoint::remove_user:
      WEIR_TRY(directory_.remove_user(request.actor, request.argument, wall_.unix_ms()));
      return done_json("removed", request.argument);
    case Endpoint::set_password: {
      std::string password;
      WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
        password = reader.required_string("password");
      }));
      WEIR_TRY(directory_.set_password(request.actor, request.argument, password, wall_.unix_ms()));
      return done_json("password", request.argument);
    }
    case Endpoint::remove_password:
      WEIR_TRY(directory_.remove_password(request.actor, request.argument, wall_.unix_ms()));
      return done_json("removed", request.argument);
    case Endpoint::create_token: {
      WEIR_TRY_ASSIGN(made,
                      directory_.create_token(request.actor, request.argument, wall_.unix_ms()));
      return credential_json(made);
    }
    default: {
      WEIR_TRY_ASSIGN(user, directory_.user(request.argument));
      return one_json(user);
    }
  }
}

namespace {

void read_user(json::ObjectReader& reader, UserRecord& user) {
  if (const auto word = reader.string("role")) {
    const auto role = identity::parse_role(*word);
    if (!role) reader.fail("role", "must be admin, operator, viewer or member");
    user.role = role.value_or(user.role);
  }
  user.team = reader.string("team").value_or(user.team);
  user.is_disabled = reader.boolean("disabled").value_or(user.is_disabled);
  read_checked_settings(reader, user.settings);
}

}  // namespace

Result<std::string> IdentityPages::add_user(const AdminRequest& request) {
  UserRecord user;
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
    user.name = reader.required_string("name");
    read_user(reader, user);
  }));
  WEIR_TRY(directory_.add_user(request.actor, user, wall_.unix_ms()));
  return one_json(user);
}

Result<std::string> IdentityPages::set_user(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(user, directory_.user(request.argument));
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) { read_user(reader, user); }));
  WEIR_TRY(directory_.set_user(request.actor, user, wall_.unix_ms()));
  return one_json(user);
}

// ---- teams ----------------------------------------------------------------------------------

Result<std::string> IdentityPages::answer_about_teams(const AdminRequest& request) {
  switch (request.endpoint) {
    case Endpoint::list_teams: {
      WEIR_TRY_ASSIGN(teams, directory_.teams());
      return list_json("teams", teams);
    }
    case Endpoint::set_team:
      return set_team(request);
    case Endpoint::remove_team:
      WEIR_TRY(directory_.remove_team(request.actor, request.argument, wall_.unix_ms()));
      return done_json("removed", request.argument);
    default: {
      WEIR_TRY_ASSIGN(team, directory_.team(request.argument));
      return one_json(team);
    }
  }
}

/// Makes it, or changes what the body says of it.
Result<std::string> IdentityPages::set_team(const AdminRequest& request) {
  auto before = directory_.team(request.argument);
  TeamRecord team = before ? *std::move(before) : TeamRecord{};
  team.name = request.argument;
  WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
    team.organisation = reader.string("organisation").value_or(team.organisation);
    read_checked_settings(reader, team.settings);
  }));
  WEIR_TRY(directory_.put_team(request.actor, team, wall_.unix_ms()));
  return one_json(team);
}

// ---- secrets --------------------------------------------------------------------------------

namespace {

std::string secrets_json(const std::vector<identity::SecretRecord>& secrets) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("secrets").begin_array();
  for (const identity::SecretRecord& secret : secrets) {
    json.begin_object().member("name", secret.name).member("ends_in", secret.last4);
    json.member("changed_ms", secret.changed_ms).end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace

Result<std::string> IdentityPages::answer_about_secrets(const AdminRequest& request) {
  const std::int64_t now = wall_.unix_ms();
  switch (request.endpoint) {
    case Endpoint::set_secret: {
      std::string value;
      WEIR_TRY(read_body(request.body, [&](json::ObjectReader& reader) {
        value = reader.required_string("value");
      }));
      WEIR_TRY(directory_.set_secret(request.actor, request.argument, value, now));
      return done_json("secret", request.argument);
    }
    case Endpoint::remove_secret:
      WEIR_TRY(directory_.remove_secret(request.actor, request.argument, now));
      return done_json("removed", request.argument);
    case Endpoint::rotate_master_key:
      WEIR_TRY(directory_.rotate_master(request.actor, now));
      return done_json("rotated", "master key");
    default: {
      WEIR_TRY_ASSIGN(secrets, directory_.secrets());
      return secrets_json(secrets);
    }
  }
}

// ---- what was done --------------------------------------------------------------------------

Result<std::string> IdentityPages::list_audit(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(count, number_in(request.query, "limit", list_max, list_max));
  WEIR_TRY_ASSIGN(after, number_in(request.query, "after", 0, std::int64_t{1} << 53));
  std::string out;
  json::Writer json(out);
  json.begin_object().key("records").begin_array();
  WEIR_TRY(directory_.for_each_record(
      after, static_cast<std::size_t>(count),
      [&](std::int64_t, std::string_view record, std::string_view) { json.raw(record); }));
  json.end_array().end_object();
  return out;
}

}  // namespace weir::server
