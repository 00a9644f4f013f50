// SPDX-License-Identifier: Apache-2.0
#include "sim/world.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.hpp"
#include "config/loader.hpp"
#include "json/document.hpp"
#include "pipeline/chat_operation.hpp"
#include "pipeline/codecs.hpp"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Wall time at the start of every run.
constexpr std::int64_t epoch_ms = 1'795'000'000'000;

constexpr std::string_view config_text = R"(
providers:
  alpha: { type: custom, base_url: "http://10.0.0.1:1001/v1", api_key: sk-a }
  beta:  { type: custom, base_url: "http://10.0.0.2:1002/v1", api_key: sk-b }
  gamma: { type: custom, base_url: "http://10.0.0.3:1003/v1", api_key: sk-c }
models:
  three: { targets: [alpha/m, beta/m, gamma/m] }
  spread: { strategy: round_robin, targets: [alpha/m, beta/n, gamma/m] }
  alone: { targets: [alpha/m] }
)";
constexpr std::array<std::string_view, 3> routes{"three", "spread", "alone"};

}  // namespace

/// One request from arrival to end.
struct World::Serving {
  Serving(net::Loop& loop, ClientPlan plan) : client(loop, plan) {}
  SimClient client;
  std::string_view route;
  std::string body;
};

World::World(const WorldOptions& options)
    : options_(options),
      weather_random_(options.seed * 3),
      client_random_(options.seed * 3 + 1),
      loop_random_(options.seed * 3 + 2),
      trace_(options.keeps_trace),
      connector_(loop_,
                 [this](const net::Origin& origin) -> const Reception* {
                   const std::size_t index = std::size_t{origin.port} - 1001;
                   return index < providers_.size() ? providers_[index]->receive() : nullptr;
                 }),
      pool_(loop_),
      client_context_{loop_, connector_, pool_},
      gate_({.seed = options.seed}),
      attempts_(*this, gate_, *this, loop_random_, {}) {
  for (const char* name : {"alpha", "beta", "gamma"}) {
    providers_.push_back(std::make_unique<Provider>(loop_, weather_random_, trace_, name));
  }
  make_snapshot();
}

World::~World() = default;

std::int64_t World::unix_ms() const {
  return epoch_ms +
         std::chrono::duration_cast<milliseconds>(loop_.now().time_since_epoch()).count();
}

std::unique_ptr<net::Exchange> World::make(const pipeline::Target& target,
                                           net::Cancellation& cancellation) {
  return std::make_unique<net::HttpExchange>(client_context_, target.upstream->origin,
                                             target.upstream->pool_key, cancellation);
}

void World::make_snapshot() {
  const config::Environment environment;
  config::Loaded loaded = config::load_text("sim.yaml", config_text, environment);
  WEIR_ASSERT(loaded.ok());
  auto made = engine::Snapshot::make(std::move(loaded.config), environment, gate_, nullptr);
  WEIR_ASSERT(made);
  snapshot_ = *std::move(made);
}

Report World::run() {
  arrive();
  std::uint64_t steps = 0;
  constexpr std::uint64_t steps_max = 50'000'000;
  while (!report_.broken && loop_.step()) {
    if (++steps > steps_max) fail(0, "it never ends");
    if (arrived_ == options_.requests && tasks_.running() == 0) break;
  }
  if (!report_.broken) {
    check_rest();
    pool_.close();
    while (loop_.step()) {
    }
  }
  report_.trace_hash = trace_.hash();
  report_.virtual_seconds = std::chrono::duration<double>(loop_.now().time_since_epoch()).count();
  report_.trace = trace_.lines();
  return report_;
}

/// The next client comes, and has the one after it come later.
void World::arrive() {
  if (arrived_ == options_.requests) return;
  ClientPlan plan;
  plan.number = ++arrived_;
  plan.words = static_cast<std::uint32_t>(client_random_.uniform(1, 60));
  plan.is_stream = client_random_.uniform(0, 2) > 0;
  if (client_random_.uniform(0, 9) == 0) {
    plan.leaves_after = milliseconds(client_random_.uniform(0, 20'000));
  }
  if (client_random_.uniform(0, 9) == 0) {
    plan.write_pause = milliseconds(client_random_.uniform(1, 300));
  }
  auto serving = std::make_unique<Serving>(loop_, plan);
  serving->route = routes[static_cast<std::size_t>(client_random_.uniform(0, 2))];
  serving->body = R"({"model":")" + std::string(serving->route) + R"(","stream":)" +
                  (plan.is_stream ? "true" : "false") +
                  R"(,"messages":[{"role":"user","content":")" + std::to_string(plan.number) + "." +
                  std::to_string(plan.words) + R"("}]})";
  servings_.push_back(std::move(serving));
  tasks_.spawn(serve(*servings_.back()));
  loop_.after(milliseconds(client_random_.uniform(0, 200)), [this] { arrive(); });
}

net::Task<void> World::serve(Serving& serving) {
  const ClientPlan& plan = serving.client.plan();
  net::CallbackAlarm leaving([&serving] { serving.client.leave(); });
  if (plan.leaves_after) loop_.arm_exact(leaving, loop_.now() + *plan.leaves_after);

  json::Document document;
  const auto parsed = document.parse(serving.body);
  WEIR_ASSERT(parsed);
  auto peek = pipeline::codec_of(wire::Dialect::openai_chat).peek_request(document.root());
  WEIR_ASSERT(peek);
  const std::string id = "req_" + std::to_string(plan.number);
  pipeline::ChatOperation operation({.client = wire::Dialect::openai_chat,
                                     .root = document.root(),
                                     .peek = *std::move(peek),
                                     .request_id = id,
                                     .unix_seconds = unix_ms() / 1000,
                                     .upstream_fields = {}});
  const auto route = snapshot_->route(serving.route);
  WEIR_ASSERT(route);
  pipeline::Delivery delivery(serving.client, wire::Dialect::openai_chat, id);
  pipeline::Call call{.loop = loop_,
                      .cancellation = serving.client.cancellation(),
                      .request_id = id,
                      .route = *route,
                      .options = {}};
  const pipeline::CallResult result = co_await attempts_.run(call, operation, delivery);
  leaving.disarm();
  check_call(serving, result);
}

void World::check_call(const Serving& serving, const pipeline::CallResult& result) {
  const std::uint64_t number = serving.client.plan().number;
  const std::string_view outcome = pipeline::name(result.outcome);
  trace_.add(loop_.now(), "request", outcome, number);
  report_.outcomes[std::string(outcome)] += 1;
  report_.attempts += static_cast<std::uint64_t>(result.attempts);
  if (const auto broken = serving.client.judge(result)) fail(number, *broken);
  if (result.cost_nanousd < 0) fail(number, "a negative cost (I-4)");
  loop_.after(milliseconds(250) + milliseconds(50),
              [this, number] { check_nothing_outlives(number); });
}

/// I-7; the last 50 ms are the way to the provider, which only then sees that we have gone.
void World::check_nothing_outlives(std::uint64_t request) {
  for (const auto& provider : providers_) {
    for (const auto& service : provider->book()) {
      if (service->request == request && service->is_open) {
        fail(request, "an attempt at " + provider->name() + " outlives its request (I-7)");
      }
    }
    provider->forget_before(loop_.now() - seconds(5));
  }
}

/// With no request in flight nothing is held back (I-2).
void World::check_rest() {
  const auto rest = loop_.now() + seconds(1);
  while (loop_.now() < rest && loop_.step()) {
  }
  for (const auto& upstream : snapshot_->upstreams()) {
    if (upstream->counters->in_flight.load() != 0) fail(0, upstream->name + ": in flight (I-2)");
  }
}

void World::fail(std::uint64_t request, const std::string& rule) {
  if (report_.broken) return;
  report_.broken = "request " + std::to_string(request) + ": " + rule;
}

}  // namespace weir::sim
