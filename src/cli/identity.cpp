// SPDX-License-Identifier: Apache-2.0
//
// weir keys, weir users, weir teams, weir audit: who may use the gateway, and what was done to it.

#include <chrono>
#include <ctime>
#include <memory>

#include <poll.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/text.hpp"
#include "identity/audit_checkpoints.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "net/http/target.hpp"

namespace weir::cli {
namespace {

constexpr const char* key_examples =
    "Examples:\n"
    "  weir keys                                    all keys\n"
    "  weir keys create name=ci user=ann models=openai/*,local/* expires_in=90d\n"
    "  weir keys set 0k3f... endpoints=chat,embeddings\n"
    "  weir keys rotate 0k3f... grace=1h            a new secret; the old one works an hour more\n"
    "  weir keys revoke 0k3f...                     at once, on every thread\n"
    "\n"
    "A key is shown when it is made and never again. Settings: name, user, team, routes, models,\n"
    "endpoints, priority, limits, budgets, log_content, expose_target, expires_in; null takes one\n"
    "away.";
constexpr const char* user_examples =
    "Examples:\n"
    "  weir users add ann role=member team=red\n"
    "  weir users set ann role=operator\n"
    "  weir users token ann                         a token for the admin API, shown once\n"
    "  weir users password ann                      lets her log in; asks for it, or reads a line\n"
    "  weir users remove ann                        her keys and tokens are revoked with her\n"
    "\n"
    "Roles: admin (everything), operator (providers, routes, configuration), viewer (looks at\n"
    "everything), member (own keys only).";
constexpr const char* team_examples =
    "Examples:\n"
    "  weir teams set red models=openai/* priority=normal\n"
    "  weir teams set red log_content=7d            keeps what is asked and answered for a week\n"
    "  weir teams set red organisation=acme         its limits hold for all its teams together\n"
    "  weir teams remove red\n"
    "\n"
    "What a team may do bounds what its users and their keys may do.";

struct Options {
  std::string admin_url;
  std::string name;
  std::vector<std::string> assignments;
  bool is_json = false;
  bool is_following = false;
};
using SharedOptions = std::shared_ptr<Options>;

// ---- what is shown --------------------------------------------------------------------------

/// The text of a member, a list with commas; empty where there is none.
std::string shown(json::Value object, std::string_view key) {
  const auto value = object.find(key);
  if (!value || value->is_null()) return {};
  if (value->is_string()) return harmless(value->as_string());
  if (!value->is_array()) return harmless(value->raw());
  std::string list;
  for (const json::Value element : value->elements()) {
    list.append(list.empty() ? "" : ",").append(harmless(element.as_string()));
  }
  return list;
}

std::string shown_time(json::Value object, std::string_view key) {
  const auto value = object.find(key);
  const auto ms = value ? value->as_int() : std::nullopt;
  if (!ms || *ms == 0) return "-";
  const std::time_t seconds = *ms / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &utc);
  return {text, size};
}

std::string key_state(json::Value key) {
  if (key.find("revoked_ms")) return "revoked";
  const auto end = key.find("expires_ms");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return end && end->as_int().value_or(0) <= now_ms ? "expired" : "in force";
}

Row key_row(json::Value key) {
  return {shown(key, "id"),     shown(key, "name"),   shown(key, "user"),
          shown(key, "team"),   key_state(key),       shown_time(key, "expires_ms"),
          shown(key, "routes"), shown(key, "models"), shown(key, "endpoints")};
}
Row user_row(json::Value user) {
  const auto is_disabled = user.find("disabled");
  const auto has_password = user.find("has_password");
  return {shown(user, "name"),
          shown(user, "role"),
          shown(user, "team"),
          is_disabled && is_disabled->as_bool() ? "disabled" : "active",
          has_password && has_password->as_bool() ? "yes" : "no",
          shown(user, "models")};
}
Row team_row(json::Value team) {
  return {shown(team, "name"), shown(team, "organisation"), shown(team, "routes"),
          shown(team, "models"), shown(team, "priority")};
}
Row audit_row(json::Value record) {
  return {shown(record, "seq"), shown_time(record, "time_ms"), shown(record, "actor"),
          shown(record, "action"), shown(record, "object")};
}

/// A kind of thing that the admin API lists.
struct Kind {
  std::string_view path;
  std::string_view list;  ///< member of the answer
  std::string_view none;  ///< what is said where there are none
  Row header;
  Row (*row)(json::Value);
};
const Kind& keys_kind() {
  static const Kind kind{
      "/api/keys",
      "keys",
      "No keys were given out; those of the configuration are not shown here.",
      {"ID", "NAME", "USER", "TEAM", "STATE", "EXPIRES", "ROUTES", "MODELS", "ENDPOINTS"},
      key_row};
  return kind;
}
const Kind& users_kind() {
  static const Kind kind{"/api/users",
                         "users",
                         "There are no users.",
                         {"NAME", "ROLE", "TEAM", "STATE", "PASSWORD", "MODELS"},
                         user_row};
  return kind;
}
const Kind& teams_kind() {
  static const Kind kind{"/api/teams",
                         "teams",
                         "There are no teams.",
                         {"NAME", "ORGANISATION", "ROUTES", "MODELS", "PRIORITY"},
                         team_row};
  return kind;
}
const Kind& audit_kind() {
  static const Kind kind{"/api/audit",
                         "records",
                         "Nothing was changed yet.",
                         {"SEQ", "TIME (UTC)", "ACTOR", "ACTION", "OBJECT"},
                         audit_row};
  return kind;
}

void fail(Context& context, std::string_view message) {
  print_error(std::string(message) + "\n");
  context.exit_code = ExitCode::failed;
}

void show_list(Context& context, const Options& options, const Kind& kind) {
  const auto body = ask_admin(admin_access(context, options.admin_url), "GET", kind.path);
  if (!body) return fail(context, body.error().message);
  if (options.is_json) return print(*body + "\n");
  json::Document document;
  const auto list =
      document.parse(*body) ? document.root().find(kind.list) : std::optional<json::Value>();
  if (!list || !list->is_array()) return fail(context, "the answer is not one of Weir's admin API");
  std::vector<Row> rows{kind.header};
  for (const json::Value entry : list->elements()) rows.push_back(kind.row(entry));
  if (rows.size() == 1) return print(std::string(kind.none) + "\n");
  print(table(rows));
}

// ---- changes --------------------------------------------------------------------------------

/// Sends the assignments and shows what came of it: a new credential, or that it is done.
void change(Context& context, const Options& options, std::string_view method,
            const std::string& path, std::string_view done) {
  std::string body;
  if (!options.assignments.empty()) body = assignments_json(options.assignments);
  if (!options.assignments.empty() && body.empty()) {
    print_error("settings are written as key=value, such as expires_in=90d\n");
    context.exit_code = ExitCode::usage;
    return;
  }
  const auto answer =
      ask_admin(admin_access(context, options.admin_url), method, path, std::move(body));
  if (!answer) return fail(context, answer.error().message);
  if (options.is_json) return print(*answer + "\n");
  json::Document document;
  const bool is_read = document.parse(*answer).has_value();
  const std::string made = is_read ? shown(document.root(), "key") : std::string();
  if (made.empty()) return print(options.name + " " + std::string(done) + "\n");
  print(made + "\n");
  print_error(dim("This is shown once; Weir keeps only a digest of it.\n"));
}

std::string path_of(const Kind& kind, const std::string& name, std::string_view rest = {}) {
  return std::string(kind.path) + "/" + net::http::percent_encode(name) + std::string(rest);
}

/// A secret among the arguments would be in the history and in the list of processes (Y-9).
void send_secret(Context& context, const Options& options, const std::string& path,
                 std::string_view member, std::string_view prompt) {
  std::string body;
  json::Writer(body).begin_object().member(member, read_secret(prompt)).end_object();
  const auto answer =
      ask_admin(admin_access(context, options.admin_url), "PUT", path, std::move(body));
  if (!answer) return fail(context, answer.error().message);
  print(options.name + " set\n");
}

/// What all these commands take.
void add_common(Command& command, Context& context, const SharedOptions& options) {
  command.fallthrough();
  add_admin_options(command, context, options->admin_url);
  command.add_flag("--json", options->is_json, "As the admin API gives it, or as JSON");
  command.require_subcommand(0, 1);
}

Command add_listing(Command& app, Context& context, const SharedOptions& options, const char* name,
                    const char* help, const Kind& kind) {
  Command command = app.add_subcommand(name, help);
  add_common(command, context, options);
  command.callback([&context, options, command, &kind] {
    if (!command.has_subcommand()) show_list(context, *options, kind);
  });
  command.add_subcommand("list", "The same as without a subcommand")
      .callback([&context, options, &kind] { show_list(context, *options, kind); });
  return command;
}

struct Change {
  const char* name;
  const char* help;
  std::string_view method;
  std::string_view rest;  ///< of the path, behind the name
  std::string_view done;
  bool has_settings;
};

void add_changes(Command& command, Context& context, const SharedOptions& options, const Kind& kind,
                 const char* argument, const char* help, std::initializer_list<Change> changes) {
  for (const Change& one : changes) {
    Command sub = command.add_subcommand(one.name, one.help);
    sub.add_option(argument, options->name, help).required();
    if (one.has_settings) {
      sub.add_option("settings", options->assignments, "key=value; null takes one away");
    }
    sub.callback([&context, options, &kind, one] {
      change(context, *options, one.method, path_of(kind, options->name, one.rest), one.done);
    });
  }
}

}  // namespace

void add_keys(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  const Kind& kind = keys_kind();
  Command command =
      add_listing(app, context, options, "keys", "Show, make and revoke client keys", kind);
  command.footer(key_examples);
  Command create = command.add_subcommand("create", "Make a key");
  create.add_option("settings", options->assignments, "key=value");
  create.callback([&context, options, &kind] {
    change(context, *options, "POST", std::string(kind.path), "made");
  });
  add_changes(command, context, options, kind, "id", "The key's id",
              {{"set", "Change what a key may do", "PUT", "", "changed", true},
               {"rotate", "Give a key a new secret", "POST", "/rotate", "rotated", true},
               {"revoke", "End a key", "DELETE", "", "revoked", false}});
}

void add_users(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  const Kind& kind = users_kind();
  Command command =
      add_listing(app, context, options, "users", "Show and change who may administrate", kind);
  command.footer(user_examples);
  Command add = command.add_subcommand("add", "Add a user");
  add.add_option("name", options->name, "The user").required();
  add.add_option("settings", options->assignments, "key=value, such as role=viewer");
  add.callback([&context, options, &kind] {
    options->assignments.push_back("name=" + options->name);
    change(context, *options, "POST", std::string(kind.path), "added");
  });
  add_changes(command, context, options, kind, "name", "The user",
              {{"set", "Change a user", "PUT", "", "changed", true},
               {"token", "Make a token for the admin API", "POST", "/token", "made", false},
               {"remove", "Remove a user and revoke his keys", "DELETE", "", "removed", false},
               {"remove-password", "Let a user log in no more", "DELETE", "/password",
                "can't log in any more", false}});
  Command password = command.add_subcommand("password", "Let a user log in with a password");
  password.add_option("name", options->name, "The user").required();
  password.callback([&context, options, &kind] {
    send_secret(context, *options, path_of(kind, options->name, "/password"), "password",
                "New password: ");
  });
}

namespace {

constexpr const char* login_examples =
    "Examples:\n"
    "  export WEIR_ADMIN_TOKEN=$(weir login ann)    asks for the password; for this shell\n"
    "  weir login ann < password.txt\n"
    "\n"
    "The session ends after admin.session (12h), with DELETE /api/session, or with the password.";

void log_in(Context& context, const Options& options) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("user", options.name);
  json.member("password", read_secret("Password: ")).end_object();
  const auto answer =
      ask_admin(admin_access(context, options.admin_url), "POST", "/api/login", std::move(body));
  if (!answer) return fail(context, answer.error().message);
  if (options.is_json) return print(*answer + "\n");
  json::Document document;
  const bool is_read = document.parse(*answer).has_value();
  print((is_read ? shown(document.root(), "token") : std::string()) + "\n");
}

}  // namespace

void add_login(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("login", "Log in to the admin API; prints a token");
  command.footer(login_examples);
  add_admin_options(command, context, options->admin_url);
  command.add_flag("--json", options->is_json, "As the admin API gives it");
  command.add_option("user", options->name, "The user").required();
  command.callback([&context, options] { log_in(context, *options); });
}

void add_teams(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  const Kind& kind = teams_kind();
  Command command =
      add_listing(app, context, options, "teams", "Show and change teams and their bounds", kind);
  command.footer(team_examples);
  add_changes(command, context, options, kind, "name", "The team",
              {{"set", "Make or change a team", "PUT", "", "set", true},
               {"remove", "Remove a team without users", "DELETE", "", "removed", false}});
}

namespace {

constexpr const char* secret_examples =
    "Examples:\n"
    "  weir secrets set openai < key.txt            read from standard input, kept sealed\n"
    "  weir providers set openai api_key=secret:openai\n"
    "  weir secrets remove openai\n"
    "  weir secrets rotate-master                   a new master key, without downtime\n"
    "\n"
    "The master key is in the file master-key of the data directory, or where WEIR_MASTER_KEY,\n"
    "WEIR_MASTER_KEY_FILE or WEIR_MASTER_KEY_COMMAND of the gateway say: 64 hexadecimal digits.";

Row secret_row(json::Value secret) {
  return {shown(secret, "name"), shown(secret, "ends_in"), shown_time(secret, "changed_ms")};
}
const Kind& secrets_kind() {
  static const Kind kind{"/api/secrets",
                         "secrets",
                         "There are no secrets.",
                         {"NAME", "ENDS IN", "CHANGED (UTC)"},
                         secret_row};
  return kind;
}

}  // namespace

void add_secrets(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  const Kind& kind = secrets_kind();
  Command command =
      add_listing(app, context, options, "secrets", "Keep providers' keys sealed", kind);
  command.footer(secret_examples);
  Command set = command.add_subcommand("set", "Set a secret to a line of standard input");
  set.add_option("name", options->name, "The secret").required();
  set.callback([&context, options, &kind] {
    send_secret(context, *options, path_of(kind, options->name), "value", "The secret: ");
  });
  add_changes(command, context, options, kind, "name", "The secret",
              {{"remove", "Remove a secret", "DELETE", "", "removed", false}});
  command.add_subcommand("rotate-master", "Put a new master key in the place of the old one")
      .callback([&context, options] {
        options->name = "the master key was";
        change(context, *options, "POST", "/api/secrets/rotate-master", "rotated");
      });
}

namespace {

/// Prints records as they come, each on a line as JSON, until it is interrupted.
void follow_audit(Context& context, const Options& options) {
  constexpr int pause_ms = 1'000;
  const GatewayAccess access = admin_access(context, options.admin_url);
  std::int64_t after = 0;
  for (;;) {
    const auto body = ask_admin(access, "GET", "/api/audit?after=" + std::to_string(after));
    if (!body) return fail(context, body.error().message);
    json::Document document;
    const auto list =
        document.parse(*body) ? document.root().find("records") : std::optional<json::Value>();
    if (!list || !list->is_array()) {
      return fail(context, "the answer is not one of Weir's admin API");
    }
    bool has_some = false;
    for (const json::Value record : list->elements()) {
      print(harmless(record.raw()) + "\n");
      const auto seq = record.find("seq");
      after = seq ? seq->as_int().value_or(after) : after;
      has_some = true;
    }
    if (!has_some) ::poll(nullptr, 0, pause_ms);
  }
}

std::string json_of(const identity::AuditVerdict& verdict) {
  std::string text;
  json::Writer json(text);
  json.begin_object().member("sound", verdict.first_bad == 0);
  json.member("records", verdict.records).member("checkpoints", verdict.checkpoints);
  if (verdict.first_bad != 0) json.member("first_bad", verdict.first_bad);
  if (!verdict.problem.empty()) json.member("problem", verdict.problem);
  json.end_object();
  return text + "\n";
}

/// Needs no gateway: it reads the files.
void verify_audit(Context& context, std::string folder, bool is_json) {
  if (folder.empty()) {
    const auto config = load_config(context);
    if (!config) return;
    folder = config::data_directory(*config, context.environment, ::geteuid() == 0);
  }
  const auto verdict = identity::verify_audit_log(folder);
  if (!verdict) return fail(context, verdict.error().message);
  if (is_json) {
    print(json_of(*verdict));
    if (verdict->first_bad != 0) context.exit_code = ExitCode::failed;
    return;
  }
  if (verdict->first_bad != 0) return fail(context, verdict->problem);
  print(counted(static_cast<std::size_t>(verdict->records), "record") + ", " +
        counted(static_cast<std::size_t>(verdict->checkpoints), "signed checkpoint") +
        ": as they were written\n");
}

constexpr const char* audit_examples =
    "Examples:\n"
    "  weir audit                        what was done, by whom\n"
    "  weir audit --follow               as it happens, a line of JSON each\n"
    "  weir audit verify                 that no record was changed, taken out or cut off";

}  // namespace

void add_audit(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("audit", "Show what was changed, and by whom");
  command.footer(audit_examples);
  add_common(command, context, options);
  command.add_flag("-f,--follow", options->is_following, "Go on with what happens from now on");
  Command verify = command.add_subcommand("verify", "Check the files of the audit log");
  auto data_dir = std::make_shared<std::string>();
  verify.add_option("--data-dir", *data_dir, "Data directory, in place of the configured");
  verify.callback(
      [&context, options, data_dir] { verify_audit(context, *data_dir, options->is_json); });
  command.callback([&context, options, command] {
    if (command.has_subcommand()) return;
    if (options->is_following) return follow_audit(context, *options);
    show_list(context, *options, audit_kind());
  });
}

}  // namespace weir::cli
