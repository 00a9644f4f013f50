// SPDX-License-Identifier: Apache-2.0
#include "server/front.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <openssl/crypto.h>

#include "admin/model_view.hpp"
#include "base/ascii.hpp"
#include "base/hash.hpp"
#include "json/writer.hpp"
#include "net/http/head_writer.hpp"
#include "pipeline/chat_operation.hpp"
#include "pipeline/completion_operation.hpp"
#include "pipeline/embedding_operation.hpp"
#include "server/admin.hpp"
#include "server/background.hpp"
#include "server/client_address.hpp"
#include "server/cors.hpp"
#include "server/log.hpp"
#include "wire/error_writer.hpp"
#include "wire/openai/models.hpp"
#include "wire/openai/passthrough.hpp"

namespace weir::server {
namespace {

/// The client at the other end of an HTTP connection.
class HttpChannel final : public pipeline::ClientChannel {
 public:
  explicit HttpChannel(net::ServerExchange& exchange) : exchange_(exchange) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    const net::IoResult written = co_await exchange_.respond(status, fields, body);
    co_return written.error == net::NetError::none;
  }
  net::Task<bool> begin(int status, std::string_view fields) override {
    const net::IoResult written = co_await exchange_.begin(status, fields);
    co_return written.error == net::NetError::none;
  }
  net::Task<bool> write(std::string_view bytes) override {
    const net::IoResult written = co_await exchange_.write(bytes);
    co_return written.error == net::NetError::none;
  }
  net::Task<bool> end() override {
    const net::IoResult written = co_await exchange_.end();
    co_return written.error == net::NetError::none;
  }

 private:
  net::ServerExchange& exchange_;
};

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

/// The credential a client sent, in whichever header its tools use.
std::string_view credential_of(const net::http::RequestHead& head) {
  if (const auto value = head.fields.find("authorization")) {
    constexpr std::string_view scheme = "bearer ";
    if (value->size() > scheme.size() &&
        ascii::equals_ignoring_case(value->substr(0, scheme.size()), scheme)) {
      return value->substr(scheme.size());
    }
  }
  for (const char* name : {"x-api-key", "api-key", "x-goog-api-key"}) {
    if (const auto value = head.fields.find(name)) return *value;
  }
  return {};
}

/// Compares with every key, so that the time tells nothing about which one was near.
bool is_one_of(std::string_view credential, const std::vector<config::Secret>& keys) {
  bool is_found = false;
  for (const config::Secret& key : keys) {
    const std::string_view text = key.reveal();
    is_found |= text.size() == credential.size() &&
                CRYPTO_memcmp(text.data(), credential.data(), text.size()) == 0;
  }
  return is_found;
}

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

bool is_true(std::string_view value) {
  return ascii::equals_ignoring_case(value, "true") || value == "1";
}

/// Who has a model: the provider its name starts with, ourselves for routes.
std::string_view owner_of(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? "weir" : name.substr(0, slash);
}

/// Pages of other origins may come as far as the client API; null is a path that leads nowhere.
bool is_for_pages(const RouteSpec* route) {
  return route == nullptr || route->permission == Permission::open ||
         route->permission == Permission::call_models;
}

/// Hop header of the rule against loops; other gateways' hops count too when they are Weir's.
constexpr std::string_view hops_field = "x-weir-hops";

}  // namespace

struct Front::Request {
  Request(net::ServerExchange& request_exchange, const RouteSpec* request_route,
          std::shared_ptr<const Snapshot> pinned)
      : exchange(request_exchange), route(request_route), snapshot(std::move(pinned)) {}

  net::ServerExchange& exchange;
  const RouteSpec* route;
  std::shared_ptr<const Snapshot> snapshot;  ///< pinned: a reload changes nothing for this request
  std::string argument;
  std::string id;
  shared_state::Occupancy::Place place;  ///< of a model call
};

/// Stands in the list of calls under way for as long as it lives. The list is unordered, so that
/// entering and leaving cost no search and no allocation.
class Front::ActiveCall {
 public:
  ActiveCall(std::vector<ActiveCall*>& all, pipeline::Call& call)
      : all_(all), call_(call), place_(all.size()) {
    all_.push_back(this);
  }
  ~ActiveCall() {
    all_[place_] = all_.back();
    all_[place_]->place_ = place_;
    all_.pop_back();
  }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  void end() {
    if (call_.cancellation.is_cancelled()) return;
    call_.is_shut_down = true;
    call_.cancellation.cancel();
  }

 private:
  std::vector<ActiveCall*>& all_;
  pipeline::Call& call_;
  std::size_t place_;
};

Front::Front(net::Loop& loop, pipeline::AttemptLoop& attempts, const Shared& shared,
             Surface surface, Random& random)
    : loop_(loop),
      attempts_(attempts),
      shared_(shared),
      surface_(surface),
      random_(random),
      started_at_(shared.wall.unix_ms() / 1000) {}

void Front::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  proxies_ = proxies_of(snapshot_->config());
}

std::string Front::make_request_id() {
  constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuv";
  constexpr std::string_view prefix = "req_";
  std::string id(prefix.size() + 24, '0');
  std::copy(prefix.begin(), prefix.end(), id.begin());
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 24; ++i, bits >>= 5) {
    if (i % 12 == 0) bits = random_.next();
    id[prefix.size() + i] = letters[bits & 31U];
  }
  return id;
}

void Front::describe(const Error& error, std::string& fields, std::string& body) {
  net::http::append_field(fields, "content-type", "application/json");
  net::http::append_field(fields, "x-should-retry", error.retry_after ? "true" : "false");
  wire::append_error_body(body, wire::Dialect::openai_chat, error, make_request_id());
}

// V-2 and E-6: on a listener that asks for no key, a page in the user's browser must not be able to
// call us under a name of its own.
Result<> Front::may_enter(const net::http::RequestHead& head, const RouteSpec* route) const {
  const config::Config& config = snapshot_->config();
  const bool is_admin = surface_ == Surface::admin ||
                        (route != nullptr && (route->permission == Permission::read_admin ||
                                              route->permission == Permission::write_admin));
  if (!is_admin && !config.keys.empty()) return {};
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

Result<> Front::authorize(const RouteSpec& route, const net::http::RequestHead& head) const {
  switch (route.permission) {
    case Permission::open:
      return {};
    case Permission::call_models: {
      const auto& keys = snapshot_->config().keys;
      if (keys.empty() || is_one_of(credential_of(head), keys)) return {};
      return Error(ErrorCode::invalid_api_key, credential_of(head).empty()
                                                   ? "an API key is required"
                                                   : "the API key is not valid");
    }
    case Permission::read_admin:
    case Permission::write_admin:
      if (shared_.admin != nullptr &&
          shared_.admin->may_enter(route.permission, credential_of(head))) {
        return {};
      }
      return Error(
          ErrorCode::invalid_api_key,
          "the admin token is required; it is in the file admin-token of the data directory");
  }
  return Error(ErrorCode::not_allowed, "not allowed");
}

/// The limits on calls under way. Probes, lists and administration have none (O-2).
Result<> Front::admit(Request& request) {
  const RouteSpec& route = *request.route;
  if (route.permission != Permission::call_models || route.method != "POST") return {};
  const config::Config& config = snapshot_->config();
  const bool counts_keys = config.limits.max_inflight_per_key > 0 && !config.keys.empty();
  const std::string key =
      counts_keys ? std::to_string(hash_of(credential_of(request.exchange.head()))) : std::string();
  WEIR_TRY_ASSIGN(place, shared_.occupancy.admit_call(key, loop_.now(), random_));
  request.place = std::move(place);
  return {};
}

net::Task<void> Front::handle(net::ServerExchange& exchange) {
  ++in_flight_;
  Request request(exchange, nullptr, snapshot_);
  request.id = make_request_id();
  const net::http::RequestHead& head = exchange.head();
  net::http::Target target;
  Result<> allowed = net::http::parse_target(head, target);
  RouteMatch match;
  const auto planned_method = preflight_method(snapshot_->config(), head);
  if (allowed) {
    match = match_route(planned_method.value_or(head.method), target, surface_);
    request.route = match.route;
    request.argument = std::move(match.argument);
    allowed = may_enter(head, match.route);
    if (is_for_pages(match.route)) {
      exchange.set_common_fields(cors_fields(snapshot_->config(), head));
    }
  }
  if (allowed && planned_method && match.route != nullptr && is_for_pages(match.route)) {
    const std::string fields = preflight_fields(head, match.route->method);
    const net::IoResult written = co_await exchange.respond(200, fields, {});
    static_cast<void>(written);
    --in_flight_;
    co_return;
  }
  if (allowed && match.route == nullptr) {
    allowed = match.allow.empty()
                  ? Error(ErrorCode::route_unknown, "there is nothing at this path")
                  : Error(ErrorCode::method_not_allowed, "this path does not take this method");
  }
  if (allowed) allowed = authorize(*request.route, head);
  if (allowed) allowed = admit(request);
  if (allowed) allowed = co_await exchange.read_body();
  if (!allowed) {
    co_await refuse(request, std::move(allowed).error(), std::move(match.allow));
  } else {
    co_await dispatch(request);
  }
  --in_flight_;
}

net::Task<void> Front::refuse(Request& request, Error error, std::string allow) {
  if (request.exchange.is_client_gone()) co_return;
  HttpChannel channel(request.exchange);
  pipeline::Delivery delivery(channel, wire::Dialect::openai_chat, request.id);
  if (error.code == ErrorCode::invalid_request && request.route == nullptr) {
    request.exchange.close_after();
  }
  pipeline::AnswerNotes notes;
  if (error.code == ErrorCode::method_not_allowed) notes.allow = std::move(allow);
  const bool is_taken = co_await delivery.refuse(error, std::move(notes));
  static_cast<void>(is_taken);
}

net::Task<void> Front::dispatch(Request& request) {
  switch (request.route->endpoint) {
    case Endpoint::chat_completions:
    case Endpoint::completions:
    case Endpoint::embeddings:
      co_await call_model(request);
      break;
    case Endpoint::list_models:
      co_await list_models(request);
      break;
    case Endpoint::get_model:
      co_await get_model(request);
      break;
    case Endpoint::livez:
      co_await respond_text(request, 200, "ok\n");
      break;
    case Endpoint::readyz:
      co_await respond_text(request, is_draining_ ? 503 : 200,
                            is_draining_ ? "draining\n" : "ok\n");
      break;
    default:
      co_await ask_admin(request);
  }
}

net::Task<void> Front::respond_text(Request& request, int status, std::string_view text) {
  const net::IoResult written =
      co_await request.exchange.respond(status, "content-type: text/plain\r\n", text);
  static_cast<void>(written);
}

net::Task<void> Front::ask_admin(Request& request) {
  const auto media_type = request.exchange.head().fields.find("content-type");
  const AdminRequest question{request.route->endpoint, request.argument, media_type.value_or(""),
                              request.exchange.body()};
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
  const net::IoResult written = co_await request.exchange.respond(200, fields, answer.body);
  static_cast<void>(written);
}

Result<pipeline::CallOptions> Front::read_options(const net::http::RequestHead& head) const {
  pipeline::CallOptions options;
  for (const auto& field : head.fields.all()) {
    constexpr std::string_view prefix = "x-weir-";
    if (field.name.size() <= prefix.size() ||
        !ascii::equals_ignoring_case(field.name.substr(0, prefix.size()), prefix)) {
      continue;
    }
    const auto is = [&](std::string_view name) {
      return ascii::equals_ignoring_case(field.name.substr(prefix.size()), name);
    };
    if (is("prefer")) {
      options.prefer = split_list(field.value);
    } else if (is("no-failover")) {
      options.no_failover = is_true(field.value);
    } else if (is("no-retry")) {
      options.no_retry = is_true(field.value);
    } else if (is("timeout-ms")) {
      std::int64_t ms = 0;
      const auto [end, error] =
          std::from_chars(field.value.data(), field.value.data() + field.value.size(), ms);
      if (error != std::errc() || end != field.value.data() + field.value.size() || ms < 1000) {
        return Error(ErrorCode::invalid_request, "must be a whole number of at least 1000",
                     "x-weir-timeout-ms");
      }
      options.timeout = pipeline::milliseconds(ms);
    }
  }
  return options;
}

namespace {

int hops_of(const net::http::RequestHead& head) {
  int hops = 0;
  if (const auto value = head.fields.find(hops_field)) {
    std::from_chars(value->data(), value->data() + value->size(), hops);
  }
  return std::max(0, hops);
}

}  // namespace

Result<std::unique_ptr<pipeline::Operation>> Front::make_operation(const Request& request,
                                                                   json::Value root,
                                                                   std::string& model) {
  const std::int64_t now = shared_.wall.unix_ms() / 1000;
  std::unique_ptr<pipeline::Operation> operation;
  switch (request.route->endpoint) {
    case Endpoint::completions: {
      WEIR_TRY_ASSIGN(made, pipeline::CompletionOperation::make(root, request.id, now));
      model = made->model();
      operation = std::move(made);
      break;
    }
    case Endpoint::embeddings: {
      WEIR_TRY_ASSIGN(made, pipeline::EmbeddingOperation::make(root));
      model = made->model();
      operation = std::move(made);
      break;
    }
    default: {
      WEIR_TRY_ASSIGN(peek, wire::openai::peek_request(root));
      model = peek.model;
      operation = std::make_unique<pipeline::ChatOperation>(wire::Dialect::openai_chat, root,
                                                            std::move(peek), request.id, now);
    }
  }
  return operation;
}

net::Task<void> Front::call_model(Request& request) {
  const net::http::RequestHead& head = request.exchange.head();
  json::Document document;
  std::string model;
  std::unique_ptr<pipeline::Operation> operation;
  std::shared_ptr<const pipeline::Route> route;
  pipeline::CallOptions options;
  const auto read = [&]() -> Result<> {
    if (hops_of(head) >= snapshot_->config().limits.hops_max) {
      return Error(ErrorCode::loop_detected, "this request went through too many gateways");
    }
    const auto depth_max = static_cast<std::uint32_t>(snapshot_->config().limits.json_depth);
    WEIR_TRY(document.parse(request.exchange.body(), {.depth_max = depth_max}));
    WEIR_TRY_ASSIGN(made, make_operation(request, document.root(), model));
    operation = std::move(made);
    if (model.empty() && request.snapshot->config().default_model.empty()) {
      return Error(ErrorCode::invalid_request, "is required: no default_model is configured",
                   "model");
    }
    WEIR_TRY_ASSIGN(found, request.snapshot->route(model));
    route = found;
    WEIR_TRY_ASSIGN(wishes, read_options(head));
    options = std::move(wishes);
    return {};
  };
  if (auto ready = read(); !ready) {
    co_await refuse(request, std::move(ready).error());
    co_return;
  }
  HttpChannel channel(request.exchange);
  pipeline::Delivery delivery(channel, wire::Dialect::openai_chat, request.id);
  pipeline::Call call{.loop = loop_,
                      .cancellation = request.exchange.cancellation(),
                      .request_id = request.id,
                      .route = std::move(route),
                      .options = std::move(options),
                      .hops = hops_of(head),
                      .shows_target = request.snapshot->config().expose_target};
  const ActiveCall active(active_calls_, call);
  const pipeline::CallResult result = co_await attempts_.run(call, *operation, delivery);
  write_down(request, call, result);
}

void Front::end_calls() {
  // A call may end, and so leave the list, while it is told; then one from the end, which was told
  // before, takes its place.
  for (std::size_t i = active_calls_.size(); i-- > 0;) {
    if (i < active_calls_.size()) active_calls_[i]->end();
  }
}

void Front::write_down(const Request& request, const pipeline::Call& call,
                       const pipeline::CallResult& result) const {
  using pipeline::Outcome;
  if (shared_.log == nullptr) return;
  const bool is_failed =
      result.outcome != Outcome::completed && result.outcome != Outcome::cancelled_client;
  const bool is_failover = result.outcome == Outcome::completed && result.attempts > 1;
  if (is_failover) {
    shared_.log->info("failover", "answered after another attempt had failed",
                      {{"request_id", call.request_id},
                       {"route", call.route->name},
                       {"target", result.target},
                       {"attempts", result.attempts}});
  }
  const bool is_access_logged = request.snapshot->config().access_log;
  if (!is_failed && !is_access_logged) return;
  const std::string client =
      client_address(request.exchange.peer_address(), request.exchange.head(), proxies_);
  if (is_failed) {
    shared_.log->warn("call_failed", result.error.message,
                      {{"request_id", call.request_id},
                       {"client", client},
                       {"route", call.route->name},
                       {"target", result.target},
                       {"outcome", pipeline::name(result.outcome)},
                       {"error", traits(result.error.code).name},
                       {"upstream_status", result.error.upstream_status},
                       {"attempts", result.attempts},
                       {"duration_ms", result.duration.count()}});
  }
  if (!is_access_logged) return;
  const wire::Usage usage = result.usage.value_or(wire::Usage());
  shared_.log->info("access", request.route->pattern,
                    {{"request_id", call.request_id},
                     {"client", client},
                     {"route", call.route->name},
                     {"target", result.target},
                     {"outcome", pipeline::name(result.outcome)},
                     {"attempts", result.attempts},
                     {"input_tokens", usage.input_total()},
                     {"output_tokens", usage.output_total()},
                     {"cost_nanousd", result.cost_nanousd},
                     {"first_content_ms", result.first_content.count()},
                     {"duration_ms", result.duration.count()}});
}

net::Task<void> Front::list_models(Request& request) {
  const config::Resolver& resolver = request.snapshot->resolver();
  const std::vector<std::string> names = resolver.listed_names();
  const admin::Refused refused = request.snapshot->refused();
  std::vector<std::string> facts;
  for (const std::string& name : names) {
    facts.push_back(admin::listed_name_json(resolver, refused, name));
  }
  std::vector<wire::openai::ModelEntry> entries;
  entries.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    entries.push_back({names[i], owner_of(names[i]), started_at_, facts[i]});
  }
  std::string body;
  wire::openai::encode_models(entries, body);
  const net::IoResult written =
      co_await request.exchange.respond(200, "content-type: application/json\r\n", body);
  static_cast<void>(written);
}

net::Task<void> Front::get_model(Request& request) {
  const auto route = request.snapshot->route(request.argument);
  if (!route) {
    co_await refuse(request, route.error());
    co_return;
  }
  const std::string facts = admin::listed_name_json(request.snapshot->resolver(),
                                                    request.snapshot->refused(), request.argument);
  std::string body;
  wire::openai::encode_model({request.argument, owner_of(request.argument), started_at_, facts},
                             body);
  const net::IoResult written =
      co_await request.exchange.respond(200, "content-type: application/json\r\n", body);
  static_cast<void>(written);
}

}  // namespace weir::server
