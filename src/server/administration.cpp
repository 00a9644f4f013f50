// SPDX-License-Identifier: Apache-2.0
#include "server/administration.hpp"

#include <algorithm>
#include <chrono>

#include "admin/changes.hpp"
#include "admin/failover_view.hpp"
#include "admin/limits_view.hpp"
#include "identity/credential.hpp"
#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "json/writer.hpp"
#include "server/health_answers.hpp"
#include "server/personal_data.hpp"
#include "server/usage_answers.hpp"

namespace weir::server {
namespace {

bool is_json(std::string_view media_type) {
  std::string_view type = media_type.substr(0, media_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return ascii::equals_ignoring_case(type, "application/json");
}

bool has_route(const config::Config& config, std::string_view name) {
  return std::any_of(config.models.begin(), config.models.end(),
                     [&](const config::RouteConfig& route) { return route.name == name; });
}

/// Among tiers or tasks.
bool has_name(const std::vector<std::pair<std::string, std::string>>& names,
              std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& entry) { return entry.first == name; });
}

Error no_such(std::string_view what, std::string_view name) {
  return {ErrorCode::route_unknown, "there is no " + std::string(what) + " " + std::string(name)};
}

/// How the audit log calls it (J-1); empty for what changes nothing.
std::string_view action_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::add_provider:
      return "provider.add";
    case Endpoint::set_provider:
      return "provider.change";
    case Endpoint::remove_provider:
      return "provider.remove";
    case Endpoint::reset_provider:
      return "provider.reset";
    case Endpoint::set_circuit:
      return "circuit.set";
    case Endpoint::set_route:
      return "route.set";
    case Endpoint::remove_route:
      return "route.remove";
    case Endpoint::set_tier:
      return "tier.set";
    case Endpoint::remove_tier:
      return "tier.remove";
    case Endpoint::set_task:
      return "task.set";
    case Endpoint::remove_task:
      return "task.remove";
    case Endpoint::set_strategy:
      return "strategy.set";
    case Endpoint::set_default_model:
      return "default_model.set";
    case Endpoint::save_config:
      return "config.save";
    case Endpoint::reload:
      return "config.reload";
    default:
      return {};
  }
}

Program::Deed deed_of(const AdminRequest& request, std::string_view object) {
  WEIR_ASSERT(!action_of(request.endpoint).empty());
  return {request.actor, action_of(request.endpoint), std::string(object)};
}
Program::Deed deed_of(const AdminRequest& request) { return deed_of(request, request.argument); }

}  // namespace

Administration::Administration(Program& program, identity::Directory* directory, std::string token,
                               bool is_local)
    : program_(program), directory_(directory), token_(std::move(token)), is_local_(is_local) {
  if (directory_ != nullptr) identity_pages_.emplace(*directory_, program_.wall());
}

/// Whoever is on this machine may look at the gateway until there are users to tell apart.
bool Administration::is_open_for(Permission permission) const {
  return permission == Permission::read_admin && is_local_ &&
         (directory_ == nullptr || directory_->is_empty());
}

Result<identity::Actor> Administration::authorize(Permission permission,
                                                  std::string_view credential) const {
  using identity::Role;
  if (!token_.empty() && identity::is_equal_secret(credential, token_)) {
    return identity::Actor{"admin-token", Role::admin};
  }
  using Kind = identity::CredentialKind;
  const auto kind = identity::kind_of(credential);
  const bool is_users = kind == Kind::user_token || kind == Kind::session;
  if (directory_ != nullptr && is_users) {
    WEIR_TRY_ASSIGN(grant, directory_->find(credential, *kind, program_.wall().unix_ms()));
    identity::Actor actor{"user:" + grant->caller.user, grant->role, grant->caller.user};
    if (kind == Kind::session) actor.session = grant->caller.key;
    actor.is_refused = !identity::has(grant->role, permission);
    return actor;
  }
  if (is_open_for(permission)) return identity::Actor{"anyone", Role::viewer};
  return Error(ErrorCode::invalid_api_key,
               "a user's token or the admin token is required; that one is in the file admin-token "
               "of the data directory");
}

AdminAnswer Administration::answer(const AdminRequest& request) {
  AdminAnswer answer;
  // V-3: a form in somebody's browser can send anything but this media type.
  if (!request.body.empty() && !is_json(request.media_type)) {
    answer.error = Error(ErrorCode::invalid_request, "the content type must be application/json");
    return answer;
  }
  auto body = respond(request, answer.media_type);
  if (!body) {
    answer.error = std::move(body).error();
    if (answer.error->code == ErrorCode::not_allowed) {
      note_refusal(request.actor, request.endpoint, request.argument);
    }
    return answer;
  }
  answer.body = *std::move(body);
  return answer;
}

/// What can't be written down is refused all the same.
void Administration::note_refusal(const identity::Actor& actor, Endpoint endpoint,
                                  std::string_view object) {
  if (directory_ == nullptr) return;
  std::string path;
  for (const RouteSpec& route : route_specs()) {
    if (route.endpoint != endpoint) continue;
    path.append(route.method).append(" ").append(route.pattern);
    break;
  }
  std::string after;
  json::Writer(after).begin_object().member("refused", path).end_object();
  static_cast<void>(
      directory_->record(actor, {"policy.refusal", std::string(object), {}, std::move(after)},
                         program_.wall().unix_ms()));
}

Result<std::string> Administration::personal_data(const AdminRequest& request,
                                                  const config::Config& config) {
  if (directory_ == nullptr) {
    return Error(ErrorCode::store_unavailable, "the data directory can't be used");
  }
  PersonalData data(*directory_, program_.responses(), program_.idempotency(),
                    program_.contents().archive(), program_.health());
  const std::string user(request.argument);
  const std::int64_t now = program_.wall().unix_ms();
  return request.endpoint == Endpoint::export_user_data
             ? data.exported(request.actor, user, config, now)
             : data.erase(request.actor, user, config, now);
}

/// Who reads what somebody said leaves a record of it first (G-2, J-1).
Result<std::string> Administration::show_content(const AdminRequest& request) {
  if (directory_ == nullptr) {
    return Error(ErrorCode::store_unavailable, "the data directory can't be used");
  }
  const std::int64_t now = program_.wall().unix_ms();
  const std::string id(request.argument);
  WEIR_TRY(directory_->record(request.actor, {"content.read", id}, now));
  WEIR_TRY_ASSIGN(entry, program_.contents().find(id, now));
  std::string out;
  json::Writer json(out);
  write_logged_content(json, entry);
  return out;
}

Result<std::string> Administration::ask_identity_pages(const AdminRequest& request) {
  auto body = identity_pages_->answer(request, program_.snapshot()->config());
  if (!body && body.error().code == ErrorCode::invalid_login) {
    // Without the name: people type their password there.
    program_.log().warn("login_failed", "somebody gave a wrong name or password",
                        {{"address", request.actor.address}});
  }
  return body;
}

Result<std::string> Administration::respond(const AdminRequest& request, std::string& media_type) {
  if (IdentityPages::has(request.endpoint)) {
    if (identity_pages_) return ask_identity_pages(request);
    return Error(ErrorCode::store_unavailable, "the data directory can't be used");
  }
  const auto snapshot = program_.snapshot();
  switch (request.endpoint) {
    case Endpoint::export_user_data:
    case Endpoint::erase_user_data:
      return personal_data(request, snapshot->config());
    case Endpoint::show_content:
      return show_content(request);
    case Endpoint::metrics:
      media_type = admin::metrics_media_type;
      return metrics();
    case Endpoint::health:
      return health_answer(program_, request);
    case Endpoint::provider_health:
      return provider_health_answer(program_, request);
    case Endpoint::export_health:
      return health_export_answer(program_, request, media_type);
    case Endpoint::list_failovers:
      return admin::failovers_json(program_.failovers());
    case Endpoint::explain:
      return explain(request);
    case Endpoint::set_circuit:
      return set_circuit(request);
    case Endpoint::list_alerts:
      return alerts_answer(program_, request);
    case Endpoint::usage:
    case Endpoint::usage_forecast:
    case Endpoint::usage_runway:
      return answer_of_usage(request, media_type);
    case Endpoint::limits:
      return admin::limits_json(program_.limits().status(std::chrono::steady_clock::now()));
    case Endpoint::list_providers:
      return program_.look_at(*snapshot, admin::providers_json);
    case Endpoint::add_provider:
      return add_provider(request);
    case Endpoint::set_provider:
      return set_provider(request);
    case Endpoint::remove_provider:
      if (!snapshot->config().find_provider(request.argument)) {
        return no_such("provider", request.argument);
      }
      return remove(request, "providers");
    case Endpoint::reset_provider:
      return reset_provider(request);
    case Endpoint::detect_provider:
      return detect_provider(request);
    case Endpoint::list_routes:
      return admin::routes_json(snapshot->resolver());
    case Endpoint::set_default_model:
      return set_default_model(request);
    case Endpoint::set_route:
      return set_route(request);
    case Endpoint::remove_route:
      if (!has_route(snapshot->config(), request.argument)) {
        return no_such("route", request.argument);
      }
      return remove(request, "models");
    case Endpoint::set_tier:
      return set_meaning(request, "tiers");
    case Endpoint::set_task:
      return set_meaning(request, "tasks");
    case Endpoint::remove_tier:
      if (!has_name(snapshot->config().tiers, request.argument)) {
        return no_such("tier", request.argument);
      }
      return remove(request, "tiers");
    case Endpoint::remove_task:
      if (!has_name(snapshot->config().tasks, request.argument)) {
        return no_such("task", request.argument);
      }
      return remove(request, "tasks");
    case Endpoint::set_strategy:
      return set_strategy(request);
    case Endpoint::show_config:
      return admin::config_json(snapshot->config());
    case Endpoint::save_config:
      return save(request);
    case Endpoint::reload:
      return reload(request);
    default:
      return Error(ErrorCode::route_unknown, "there is nothing at this path");
  }
}

Result<std::string> Administration::add_provider(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(edit, admin::new_provider(request.body));
  const std::string name = edit.name;
  if (program_.snapshot()->config().find_provider(name)) {
    return Error(ErrorCode::invalid_request, "there is a provider " + name + " already", "name");
  }
  WEIR_TRY(program_.change(std::move(edit), deed_of(request, name)));
  program_.log().info("provider_added", "a provider was added", {{"provider", name}});
  return provider(name);
}

Result<std::string> Administration::set_provider(const AdminRequest& request) {
  if (!program_.snapshot()->config().find_provider(request.argument)) {
    return no_such("provider", request.argument);
  }
  WEIR_TRY_ASSIGN(edit, admin::provider_change(request.argument, request.body));
  WEIR_TRY(program_.change(std::move(edit), deed_of(request)));
  program_.log().info("provider_changed", "a provider was changed",
                      {{"provider", request.argument}});
  return provider(request.argument);
}

Result<std::string> Administration::remove(const AdminRequest& request, std::string_view section) {
  WEIR_TRY(program_.change(admin::removal(section, request.argument), deed_of(request)));
  const bool is_provider = section == "providers";
  const bool is_route = section == "models";
  program_.log().info(is_provider ? "provider_removed"
                      : is_route  ? "route_removed"
                                  : "name_removed",
                      is_provider ? "a provider was removed"
                      : is_route  ? "a route was removed"
                                  : "a tier or task was removed",
                      {{"name", request.argument}});
  return changed("removed", request.argument);
}

Result<std::string> Administration::reset_provider(const AdminRequest& request) {
  if (!program_.snapshot()->config().find_provider(request.argument)) {
    return no_such("provider", request.argument);
  }
  WEIR_TRY(program_.write_down(deed_of(request)));
  program_.reset_provider(request.argument);
  program_.log().info("provider_reset", "breakers closed and cooldowns ended",
                      {{"provider", request.argument}});
  return provider(request.argument);
}

Result<std::string> Administration::set_circuit(const AdminRequest& request) {
  using State = policy::CircuitBreaker::State;
  WEIR_TRY_ASSIGN(word, admin::circuit_order(request.body));
  std::optional<State> order;
  for (const State state : {State::closed, State::forced_open, State::disabled}) {
    if (policy::name(state) == word) order = state;
  }
  if (!order) {
    return Error(ErrorCode::invalid_request, "must be closed, forced_open or disabled", "state");
  }
  const std::string_view provider = request.argument.substr(0, request.argument.find('/'));
  if (!program_.snapshot()->config().find_provider(provider)) {
    return no_such("provider", request.argument);
  }
  WEIR_TRY(program_.write_down(deed_of(request)));
  program_.set_circuit(request.argument, *order);
  program_.log().info("circuit_set", "an administrator set a circuit breaker",
                      {{"name", request.argument}, {"state", word}});
  return changed("circuit", request.argument);
}

Result<std::string> Administration::answer_of_usage(const AdminRequest& request,
                                                    std::string& media_type) {
  WEIR_TRY_ASSIGN(sums, program_.usage().sums());
  const std::int64_t now_ms = program_.wall().unix_ms();
  if (request.endpoint == Endpoint::usage_forecast) return forecast_answer(*sums, now_ms);
  if (request.endpoint == Endpoint::usage_runway) {
    return runway_answer(*sums, program_.snapshot()->config(), now_ms);
  }
  return usage_answer(*sums, request.query, request.actor, now_ms, media_type);
}

Result<std::string> Administration::explain(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(wishes, admin::explain_wishes(request.body));
  engine::ExplainAsk ask;
  ask.model = std::move(wishes.model);
  ask.request = wishes.request;
  ask.options.prefer = std::move(wishes.prefer);
  ask.caller.key = std::move(wishes.key);
  ask.caller.user = std::move(wishes.user);
  ask.caller.team = std::move(wishes.team);
  ask.caller.organisation = std::move(wishes.organisation);
  return program_.explain(ask);
}

/// The answer does not wait for the server's; it shows in the provider's `detection`.
Result<std::string> Administration::detect_provider(const AdminRequest& request) {
  if (!program_.detect_provider(request.argument)) {
    return Error(ErrorCode::route_unknown,
                 std::string(request.argument) + " is no provider that is asked for its models");
  }
  return provider(request.argument);
}

Result<std::string> Administration::set_route(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(edit, admin::whole_route(request.argument, request.body));
  WEIR_TRY(program_.change(std::move(edit), deed_of(request)));
  program_.log().info("route_changed", "a route was set", {{"route", request.argument}});
  return changed("route", request.argument);
}

Result<std::string> Administration::set_meaning(const AdminRequest& request,
                                                std::string_view section) {
  WEIR_TRY_ASSIGN(edit, admin::meaning(section, request.argument, request.body));
  WEIR_TRY(program_.change(std::move(edit), deed_of(request)));
  program_.log().info("name_changed", "the meaning of a tier or task was set",
                      {{"section", section}, {"name", request.argument}});
  return changed("name", request.argument);
}

/// The environment goes over whatever else is said.
Result<> Administration::refuse_if_from_environment(std::string_view setting,
                                                    std::string_view param) const {
  const auto snapshot = program_.snapshot();
  const std::string_view source = snapshot->config().source_of(setting);
  if (!source.starts_with("env ")) return {};
  return Error(ErrorCode::invalid_request,
               std::string(setting) + " is set by the environment (" + std::string(source) + ")",
               std::string(param));
}

Result<std::string> Administration::set_strategy(const AdminRequest& request) {
  WEIR_TRY(refuse_if_from_environment("strategy", "strategy"));
  WEIR_TRY_ASSIGN(edit, admin::default_strategy(request.body));
  const std::string text = edit.json;
  WEIR_TRY(program_.change(std::move(edit), deed_of(request)));
  program_.log().info("strategy_changed", "the default strategy was set", {{"strategy", text}});
  return changed("strategy", text.empty() ? "priority" : text.substr(1, text.size() - 2));
}

Result<std::string> Administration::set_default_model(const AdminRequest& request) {
  WEIR_TRY(refuse_if_from_environment("default_model", "model"));
  WEIR_TRY_ASSIGN(edit, admin::default_model(request.body));
  WEIR_TRY(program_.change(std::move(edit), deed_of(request)));
  const std::string name = program_.snapshot()->config().default_model;
  program_.log().info("default_model_changed", "the default model was set", {{"model", name}});
  return changed("default_model", name.empty() ? "auto" : name);
}

Result<std::string> Administration::reload(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(discards, admin::discards_changes(request.body));
  const Program::Deed deed = deed_of(request);
  WEIR_TRY(discards ? program_.discard_changes(deed) : program_.reload(deed));
  return changed("reloaded", "configuration");
}

Result<std::string> Administration::save(const AdminRequest& request) {
  WEIR_TRY_ASSIGN(file, program_.save_changes(deed_of(request)));
  program_.log().info("config_saved", "changes were written to the file", {{"file", file}});
  return changed("file", file);
}

std::string Administration::changed(std::string_view what, std::string_view name) const {
  std::string out;
  json::Writer json(out);
  json.begin_object().member(what, name);
  json.member("unsaved_changes", static_cast<std::int64_t>(program_.unsaved_changes()));
  json.end_object();
  return out;
}

std::string Administration::provider(std::string_view name) {
  const auto snapshot = program_.snapshot();
  const auto index = snapshot->config().find_provider(name);
  if (!index) return changed("provider", name);  // another request has removed it since
  return program_.look_at(
      *snapshot, [&](const admin::Moment& moment) { return admin::provider_json(moment, *index); });
}

std::string Administration::metrics() {
  const auto snapshot = program_.snapshot();
  return program_.look_at(*snapshot, [&](const admin::Moment& moment) {
    return admin::metrics_text(moment, program_.process_facts());
  });
}

}  // namespace weir::server
