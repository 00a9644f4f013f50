// SPDX-License-Identifier: Apache-2.0
#include "server/front.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <openssl/crypto.h>

#include "base/ascii.hpp"
#include "base/request_id.hpp"
#include "engine/engine.hpp"
#include "net/http/head_writer.hpp"
#include "pipeline/delivery.hpp"
#include "server/admin.hpp"
#include "server/background.hpp"
#include "server/call_readers.hpp"
#include "server/callers.hpp"
#include "server/client_address.hpp"
#include "server/cors.hpp"
#include "server/model_lists.hpp"

namespace weir::server {
namespace {

bool is_ip_or_localhost(std::string_view host) {
  if (host.starts_with('[')) return true;
  const std::string_view name = host.substr(0, host.rfind(':'));
  if (ascii::equals_ignoring_case(name, "localhost")) return true;
  return !name.empty() && name.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.rfind(':'));
}

/// Pages of other origins may come as far as the client API; null is a path that leads nowhere.
bool is_for_pages(const RouteSpec* route) {
  if (route == nullptr || route->permission == Permission::call_models) return true;
  return route->permission == Permission::open && route->surface != Surface::admin;
}

/// The most that is read of somebody who has not said who he is (O-1).
constexpr std::uint64_t strangers_body_max = std::uint64_t{64} * 1024;

/// Whatever watches over us asks under any name, a pod's or a container's, and learns nothing
/// (Z-1).
bool is_probe(const RouteSpec* route) {
  return route != nullptr &&
         (route->endpoint == Endpoint::livez || route->endpoint == Endpoint::readyz);
}

}  // namespace

Front::Front(engine::Engine& engine, const Shared& shared, Surface surface,
             const ledger::LaneJournal& journal)
    : loop_(engine.loop()),
      wall_(engine.wall()),
      model_calls_(loop_, engine.attempts(), wall_, shared.log, shared.idempotency, shared.limits,
                   shared.contents),
      responses_(loop_, model_calls_, wall_, *shared.responses, shared.log),
      service_calls_(loop_, model_calls_, shared.background, shared.uploads_directory),
      ollama_calls_(loop_, model_calls_, shared.on_models_changed),
      shared_(shared),
      surface_(surface),
      random_(engine.random()),
      journal_(journal),
      started_at_(wall_.unix_ms() / 1000),
      snapshot_(shared.snapshots) {
  engine.attempts().set_watch(shared.failovers);
}

void Front::catch_up() {
  if (!snapshot_.catch_up()) return;
  proxies_ = proxies_of(snapshot().config());
  callers_ = callers_of(snapshot().config());
}

void Front::end_revoked() {
  catch_up();
  model_calls_.end_where([this](const pipeline::Call& call) -> std::optional<Error> {
    if (!is_in_force(call.caller.get())) {
      return Error(ErrorCode::invalid_api_key, "the API key was revoked");
    }
    if (!has_target(call)) return Error(ErrorCode::model_unavailable, "the target was removed");
    return std::nullopt;
  });
}

bool Front::is_in_force(const pipeline::Caller* caller) const {
  if (caller == nullptr || caller->key.empty()) return true;  // no key was asked for
  const bool is_configured =
      std::any_of(callers_.begin(), callers_.end(),
                  [&](const auto& configured) { return configured->key == caller->key; });
  return is_configured || (shared_.directory != nullptr &&
                           shared_.directory->is_in_force(caller->key, wall_.unix_ms()));
}

bool Front::has_target(const pipeline::Call& call) const {
  if (call.asked == nullptr) return true;
  const auto leads_there = [&](const std::string& name) {
    const auto route = snapshot().route(name);
    if (!route) return false;
    return std::any_of((*route)->steps.begin(), (*route)->steps.end(), [&](const auto& step) {
      return std::any_of(step.targets.begin(), step.targets.end(),
                         [&](const auto& target) { return target->name == call.asked->name; });
    });
  };
  // What was asked for may mean another route by now, as a default does.
  return leads_there(call.route->found_as) || leads_there(call.route->name);
}

void Front::describe(const Error& error, std::string& fields, std::string& body) {
  const std::string id = make_request_id(wall_.unix_ms(), random_);
  const wire::Dialect dialect = dialect_of(Door::openai);  // what can't be read names no other
  net::http::append_field(fields, "content-type", "application/json");
  pipeline::append_request_id(fields, dialect, id);
  pipeline::describe_error(error, dialect, id, fields, body);
}

// V-2 and E-6: on a listener that asks for no key, a page in the user's browser must not be able to
// call us under a name of its own.
Result<> Front::may_enter(const net::http::RequestHead& head, const RouteSpec* route) const {
  const config::Config& config = snapshot().config();
  const bool is_admin = surface_ == Surface::admin || !is_for_pages(route);
  if (!is_admin && !is_keyless()) return {};
  if (is_probe(route)) return {};
  const std::string_view name = host_name(head.host);
  const bool is_known_host =
      is_ip_or_localhost(head.host) ||
      std::any_of(config.hosts.begin(), config.hosts.end(),
                  [&](const std::string& host) { return ascii::equals_ignoring_case(host, name); });
  if (!is_known_host) return Error(ErrorCode::not_allowed, "this host name is not served here");
  if (const auto origin = head.fields.find("origin")) {
    if (!is_allowed_origin(config, *origin)) {
      return Error(ErrorCode::not_allowed, "requests of this origin are not allowed");
    }
  }
  return {};
}

bool Front::is_keyless() const {
  const bool has_users_keys = shared_.directory != nullptr && shared_.directory->has_client_keys();
  return snapshot().config().keys.empty() && !has_users_keys;
}

/// Compares with every key, so that the time tells nothing about which one was near.
std::shared_ptr<const pipeline::Caller> Front::find_caller(std::string_view credential) const {
  if (is_keyless()) return callers_.front();
  const std::vector<config::Secret>& keys = snapshot().config().keys;
  std::shared_ptr<const pipeline::Caller> found;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string_view text = keys[i].reveal();
    if (text.size() == credential.size() &&
        CRYPTO_memcmp(text.data(), credential.data(), text.size()) == 0) {
      found = callers_[i];
    }
  }
  return found;
}

/// The configuration's keys may do everything; those of users have bounds.
Result<> Front::authorize_client(ClientRequest& request, std::string_view credential) const {
  request.caller = find_caller(credential);
  if (request.caller != nullptr) return {};
  if (credential.empty()) return Error(ErrorCode::invalid_api_key, "an API key is required");
  if (shared_.directory == nullptr) {
    return Error(ErrorCode::invalid_api_key, "the API key is not valid");
  }
  WEIR_TRY_ASSIGN(grant, shared_.directory->find(credential, identity::CredentialKind::client_key,
                                                 wall_.unix_ms()));
  if (const auto group = group_of(request.route->endpoint); group && !grant->allows(*group)) {
    return Error(ErrorCode::not_allowed,
                 "this key is not for " + std::string(identity::name(*group)));
  }
  request.caller = std::shared_ptr<const pipeline::Caller>(grant, &grant->caller);
  request.grant = std::move(grant);
  return {};
}

void Front::ask_as(identity::Actor actor, ClientRequest& request) {
  actor.address =
      client_address(request.exchange.peer_address(), request.exchange.head(), request.proxies);
  actor.request_id = request.id;
  request.actor = std::move(actor);
}

Result<> Front::authorize_administrator(ClientRequest& request, std::string_view credential) const {
  if (shared_.admin == nullptr) return Error(ErrorCode::not_allowed, "not allowed");
  WEIR_TRY_ASSIGN(actor, shared_.admin->authorize(request.route->permission, credential));
  ask_as(std::move(actor), request);
  if (!request.actor->is_refused) return {};
  shared_.background->submit(
      [admin = shared_.admin, refused = *request.actor, endpoint = request.route->endpoint,
       object = request.argument] { admin->note_refusal(refused, endpoint, object); });
  return Error(ErrorCode::not_allowed,
               "this is not for a " + std::string(identity::name(request.actor->role)));
}

Result<> Front::authorize(ClientRequest& request) const {
  const Permission permission = request.route->permission;
  if (permission == Permission::open) {
    if (request.route->surface == Surface::admin) ask_as({.name = "anyone"}, request);
    return {};
  }
  const std::string credential =
      credential_of(request.door, request.exchange.head(), request.target);
  return permission == Permission::call_models ? authorize_client(request, credential)
                                               : authorize_administrator(request, credential);
}

/// The limits on calls under way. Probes, lists and administration have none (O-2).
Result<> Front::admit(ClientRequest& request) {
  const RouteSpec& route = *request.route;
  if (route.permission != Permission::call_models || route.method != "POST") return {};
  const config::Config& config = snapshot().config();
  const bool counts_keys = config.limits.max_inflight_per_key > 0;
  const std::string key = counts_keys ? request.caller->key : std::string();
  WEIR_TRY_ASSIGN(place, shared_.occupancy.admit_call(key, loop_.now(), random_));
  request.place = std::move(place);
  return {};
}

net::Task<void> Front::handle(net::ServerExchange& exchange) {
  ++in_flight_;
  catch_up();
  ClientRequest request(exchange, snapshot_.get(), proxies_);
  request.id = make_request_id(wall_.unix_ms(), random_);
  const net::http::RequestHead& head = exchange.head();
  Result<> allowed = net::http::parse_target(head, request.target);
  RouteMatch match;
  const auto planned_method = preflight_method(snapshot().config(), head);
  if (allowed) {
    match = match_route(planned_method.value_or(head.method), request.target, surface_);
    request.route = match.route;
    request.argument = std::move(match.argument);
    request.door = door_of(match.door, head, request.target);
    allowed = may_enter(head, match.route);
    if (is_for_pages(match.route)) {
      exchange.set_common_fields(cors_fields(snapshot().config(), head));
    }
  }
  if (allowed && planned_method && match.route != nullptr && is_for_pages(match.route)) {
    const std::string fields = preflight_fields(head, match.route->method);
    const bool is_taken = co_await exchange.respond(200, fields, {});
    static_cast<void>(is_taken);
    --in_flight_;
    co_return;
  }
  if (allowed && match.route == nullptr) {
    // Google's methods stand in the path: one that there is not is not found, whatever HTTP says.
    const bool is_unknown = match.allow.empty() || request.door == Door::gemini;
    allowed = is_unknown
                  ? Error(ErrorCode::route_unknown, "there is nothing at this path")
                  : Error(ErrorCode::method_not_allowed, "this path does not take this method");
  }
  if (allowed) allowed = authorize(request);
  if (allowed) allowed = admit(request);
  if (allowed && request.route->permission == Permission::open) {
    exchange.limit_body(strangers_body_max);
  }
  const bool reads_its_body = allowed && reads_body_itself(request.route->endpoint);
  const bool is_to_be_read = allowed && !reads_its_body && !exchange.take_body_at_hand();
  if (is_to_be_read) allowed = co_await exchange.read_body();
  if (!allowed) {
    co_await refuse(request, std::move(allowed).error(), std::move(match.allow));
  } else {
    co_await dispatch(request);
  }
  --in_flight_;
}

net::Task<void> Front::dispatch(ClientRequest& request) {
  // The usual way has no coroutine of its own.
  if (call_reader_of(request.route->endpoint) != nullptr) return model_calls_.answer(request);
  return answer_other(request);
}

net::Task<void> Front::answer_other(ClientRequest& request) {
  const Endpoint endpoint = request.route->endpoint;
  if (ResponsesDoor::has(endpoint)) {
    std::string tenant = request.caller->key;
    co_await responses_.answer(request, std::move(tenant));
    co_return;
  }
  if (OllamaCalls::has(endpoint)) {
    co_await ollama_calls_.answer(request);
    co_return;
  }
  if (const auto service = service_of(endpoint)) {
    co_await service_calls_.answer(request, *service);
    co_return;
  }
  switch (endpoint) {
    case Endpoint::passthrough:
      co_await service_calls_.pass_through(request);
      break;
    case Endpoint::list_models:
      co_await list_models(request, started_at_);
      break;
    case Endpoint::get_model:
      co_await get_model(request, started_at_);
      break;
    case Endpoint::ollama_tags:
      co_await list_ollama_models(request, started_at_);
      break;
    case Endpoint::ollama_show:
      co_await show_ollama_model(request, started_at_);
      break;
    case Endpoint::ollama_version:
      co_await show_ollama_version(request);
      break;
    case Endpoint::ollama_liveness:
      co_await respond(request, 200, "text/plain", "Ollama is running");
      break;
    case Endpoint::livez: {
      // In the end threads are done one after the other.
      const bool lives =
          shared_.pulse == nullptr || is_draining_ || shared_.pulse->beats(loop_.now());
      const int status = lives ? 200 : 503;
      std::string body(lives ? "ok\n" : "a thread stands still\n");
      co_await respond(request, status, "text/plain", std::move(body));
      break;
    }
    case Endpoint::readyz: {
      const std::string_view obstacle = unreadiness();
      const int status = obstacle.empty() ? 200 : 503;
      std::string body(obstacle.empty() ? "ok\n" : obstacle);
      co_await respond(request, status, "text/plain", std::move(body));
      break;
    }
    default:
      co_await ask_admin(request);
  }
}

std::string_view Front::unreadiness() const {
  if (is_draining_) return "draining\n";
  if (!journal_.takes_calls()) return "the ledger can't be written\n";
  return {};
}

net::Task<void> Front::ask_admin(ClientRequest& request) {
  const auto media_type = request.exchange.head().fields.find("content-type");
  const AdminRequest question{request.route->endpoint, request.argument,
                              request.target.query,    media_type.value_or(""),
                              request.exchange.body(), *request.actor};
  AdminAnswer answer;
  InBackground work(*shared_.background, loop_, [&] { answer = shared_.admin->answer(question); });
  co_await work;
  if (answer.error) {
    co_await refuse(request, *answer.error);
    co_return;
  }
  std::string fields;
  net::http::append_field(fields, "content-type", answer.media_type);
  net::http::append_field(fields, "cache-control", "no-store");
  const bool is_taken = co_await request.exchange.respond(200, fields, answer.body);
  static_cast<void>(is_taken);
}

}  // namespace weir::server
