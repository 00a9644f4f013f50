// SPDX-License-Identifier: Apache-2.0
#include "server/ollama_calls.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "pipeline/bell.hpp"
#include "pipeline/raw_operation.hpp"
#include "wire/passthrough.hpp"

namespace weir::server {
namespace {

constexpr std::string_view json_type = "application/json";
/// A server that is busy loading still says what it runs.
constexpr std::chrono::seconds running_wait_max{5};
/// One that has just changed its models tells them at once.
constexpr std::chrono::seconds listing_wait_max{5};

bool is_ollama(const engine::Snapshot& snapshot, std::size_t provider) {
  return snapshot.config().providers[provider].dialect == wire::Dialect::ollama &&
         snapshot.raw_route(provider) != nullptr;
}

std::vector<std::size_t> ollama_servers(const engine::Snapshot& snapshot) {
  std::vector<std::size_t> servers;
  for (std::size_t i = 0; i < snapshot.config().providers.size(); ++i) {
    if (is_ollama(snapshot, i)) servers.push_back(i);
  }
  return servers;
}

/// A model at one of the servers.
struct Place {
  std::size_t provider = 0;
  std::string model;
};

/// Errors: `invalid_request`.
Result<Place> find_place(const engine::Snapshot& snapshot, const std::string& name) {
  const std::vector<std::size_t> servers = ollama_servers(snapshot);
  if (servers.empty()) {
    return Error(ErrorCode::invalid_request, "there is no Ollama server behind this gateway");
  }
  const std::size_t slash = name.find('/');
  const auto named = slash == std::string::npos
                         ? std::nullopt
                         : snapshot.config().find_provider(std::string_view(name).substr(0, slash));
  if (!named) return Place{servers.front(), name};
  if (std::find(servers.begin(), servers.end(), *named) == servers.end()) {
    return Error(ErrorCode::invalid_request, name.substr(0, slash) + " is no Ollama server",
                 "model");
  }
  return Place{*named, name.substr(slash + 1)};
}

/// A request about one model, as its server gets it.
struct ModelRequest {
  Place place;
  std::string body;
};

Result<ModelRequest> read_model_request(ClientRequest& request) {
  WEIR_TRY_ASSIGN(root, request.read_json());
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  const auto old_name = reader.string("name");
  const std::string name = reader.string("model").value_or(old_name.value_or(""));
  if (name.empty()) reader.fail("model", "is required");
  WEIR_TRY(problem.result());
  WEIR_TRY_ASSIGN(place, find_place(*request.snapshot, name));
  ModelRequest made{std::move(place), {}};
  wire::patch_model(root, {.model = made.place.model}, made.body);
  return made;
}

/// Keeps an answer.
class KeptAnswer final : public pipeline::ClientChannel {
 public:
  net::Task<bool> respond(int status, std::string_view /*fields*/, std::string_view body) override {
    status_ = status;
    body_ = body;
    co_return true;
  }
  net::Task<bool> begin(int status, std::string_view /*fields*/) override {
    status_ = status;
    co_return true;
  }
  net::Task<bool> write(std::string_view bytes) override {
    body_.append(bytes);
    co_return true;
  }
  net::Task<bool> end() override { co_return true; }
  [[nodiscard]] bool takes_heartbeats() const override { return false; }

  /// Empty unless there was one.
  [[nodiscard]] std::string_view body() const {
    return status_ == 200 ? body_ : std::string_view();
  }

 private:
  int status_ = 0;
  std::string body_;
};

/// Writes the models of one server's answer under the names they have here.
void append_running(std::string_view body, std::string_view provider, json::Writer& json) {
  json::Document document;
  const auto models = document.parse(body) ? document.root().find("models") : std::nullopt;
  if (!models || !models->is_array()) return;
  for (const json::Value model : models->elements()) {
    if (!model.is_object()) continue;
    json.begin_object();
    for (const json::Member member : model.members()) {
      const bool is_name = member.key.equals("name") || member.key.equals("model");
      json.key(member.key.as_string());
      if (is_name && member.value.is_string()) {
        json.string(std::string(provider) + "/" + member.value.as_string());
      } else {
        json.raw(member.value.raw());
      }
    }
    json.end_object();
  }
}

}  // namespace

/// Sees to it that a server's models are known as they are now before the client learns that they
/// have changed: who reads that may ask for them in the same moment.
class OllamaCalls::ChangingChannel final : public pipeline::PassingChannel {
 public:
  ChangingChannel(pipeline::ClientChannel& inner, OllamaCalls& calls, ClientRequest& request,
                  std::size_t provider)
      : PassingChannel(inner), calls_(calls), request_(request), provider_(provider) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    if (status < 300) co_await make_known();
    const bool is_taken = co_await inner().respond(status, fields, body);
    co_return is_taken;
  }
  net::Task<bool> end() override {
    co_await make_known();
    const bool is_taken = co_await inner().end();
    co_return is_taken;
  }

 private:
  net::Task<void> make_known() {
    if (!calls_.on_models_changed_) co_return;
    net::Loop& loop = calls_.loop_;
    const auto bell = std::make_shared<pipeline::Bell>();
    calls_.on_models_changed_(request_.snapshot->config().providers[provider_].name,
                              [&loop, bell] { loop.post([bell] { bell->ring(); }); });
    pipeline::BellWait known(loop, loop.now() + listing_wait_max, request_.exchange.cancellation(),
                             *bell);
    co_await known;
  }

  OllamaCalls& calls_;
  ClientRequest& request_;
  const std::size_t provider_;
};

bool OllamaCalls::has(Endpoint endpoint) noexcept {
  return endpoint == Endpoint::ollama_pull || endpoint == Endpoint::ollama_delete ||
         endpoint == Endpoint::ollama_ps;
}

net::Task<void> OllamaCalls::answer(ClientRequest& request) {
  switch (request.route->endpoint) {
    case Endpoint::ollama_pull:
      co_await forward(request, "/api/pull");
      break;
    case Endpoint::ollama_delete:
      co_await forward(request, "/api/delete");
      break;
    default:
      co_await list_running(request);
  }
}

net::Task<void> OllamaCalls::forward(ClientRequest& request, std::string path) {
  Result<ModelRequest> read = read_model_request(request);
  if (!read) {
    co_await refuse(request, std::move(read).error());
    co_return;
  }
  pipeline::RawAsk ask;
  ask.method = request.route->method;
  ask.rest = std::move(path);
  ask.content_type = json_type;
  ask.text = std::move(read->body);
  const std::size_t provider = read->place.provider;
  pipeline::RawOperation operation(std::move(ask));
  HttpChannel client(request.exchange);
  ChangingChannel channel(client, *this, request, provider);
  static_cast<void>(
      co_await calls_.run(request, operation, request.snapshot->raw_route(provider), channel));
}

net::Task<void> OllamaCalls::list_running(ClientRequest& request) {
  std::string body;
  json::Writer json(body);
  json.begin_object().key("models").begin_array();
  const std::vector<std::size_t> servers = ollama_servers(*request.snapshot);
  for (const std::size_t provider : servers) {
    pipeline::RawAsk ask;
    ask.method = "GET";
    ask.rest = "/api/ps";
    pipeline::RawOperation operation(std::move(ask));
    auto route = std::make_shared<pipeline::Route>(*request.snapshot->raw_route(provider));
    route->request_total = running_wait_max;
    KeptAnswer answer;
    // One that does not answer runs nothing for us.
    static_cast<void>(co_await calls_.run(request, operation, std::move(route), answer));
    append_running(answer.body(), request.snapshot->config().providers[provider].name, json);
  }
  json.end_array().end_object();
  co_await respond(request, 200, json_type, std::move(body));
}

}  // namespace weir::server
