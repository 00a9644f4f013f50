// SPDX-License-Identifier: Apache-2.0
#include "sim/world.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/assert.hpp"
#include "base/money.hpp"
#include "config/loader.hpp"
#include "engine/limit_entries.hpp"
#include "json/document.hpp"
#include "pipeline/chat_operation.hpp"
#include "pipeline/codecs.hpp"

namespace weir::sim {
namespace {

using pipeline::AttemptRow;
using pipeline::CallResult;
using pipeline::Outcome;
using policy::LimitUnit;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Dialect;

/// Wall time at the start of every run.
constexpr std::int64_t epoch_ms = 1'795'000'000'000;

/// Every level has a limit or a budget; some are tight. `@` is what one key may spend.
constexpr std::string_view config_text = R"(
budget: { total: 1000 }
limits: { tokens_per_minute: 100000000 }
keys:
  - { key: sk-weir-test-key-one, name: one, user: ann, team: red, priority: high }
  - { key: sk-weir-test-key-two, name: two, user: bob, team: red, limits: { requests_per_minute: 150, concurrency: 20 } }
  - { key: sk-weir-test-key-three, name: three, team: red, priority: low, budget: { daily: @, total: 1000 } }
users:
  ann: { budget: { total: 1000 }, limits: { tokens_per_hour: 100000000 } }
teams:
  red: { organisation: acme, budget: { monthly: 1000, total: 1000 } }
organisations:
  acme: { budget: { total: 1000 }, limits: { tokens_per_hour: 100000000 } }
providers:
  alpha:
    type: custom
    base_url: "http://10.0.0.1:1001/v1"
    api_key: sk-a
    budget: { total: 1000 }
    limits: { requests_per_minute: 120, algorithm: token_bucket }
    models: { m: { price: { input: 1, output: 2 } } }
  beta:
    type: custom
    base_url: "http://10.0.0.2:1002/v1"
    api_key: sk-b
    budget: { total: 1000 }
    models: { m: { price: { input: 0.5, output: 3 } }, n: { price: { input: 0.5, output: 3 } } }
  gamma:
    type: custom
    base_url: "http://10.0.0.3:1003/v1"
    api_key: sk-c
    on_disconnect: drain
    limits: { concurrency: 4 }
    models: { m: { price: { input: 0.25, output: 1 } } }
  delta:
    type: anthropic
    base_url: "http://10.0.0.4:1004"
    api_key: sk-d
    models: { claude-sonnet-4-5: { price: { input: 3, output: 15 } } }
  echo:
    type: ollama
    base_url: "http://10.0.0.5:1005"
    models: { m: { price: { input: 0.1, output: 0.2 } } }
models:
  three: { targets: [alpha/m, beta/m, gamma/m], budget: { total: 1000 } }
  spread: { strategy: round_robin, targets: [alpha/m, beta/n, gamma/m] }
  mixed: { strategy: least_latency, targets: [delta/claude-sonnet-4-5, echo/m, beta/m] }
  claude: { targets: [delta/claude-sonnet-4-5, alpha/m] }
  alone: { targets: [alpha/m] }
)";
constexpr std::array<std::string_view, 5> routes{"three", "spread", "mixed", "claude", "alone"};
constexpr std::array dialects{Dialect::openai_chat, Dialect::openai_chat, Dialect::anthropic,
                              Dialect::ollama};

/// The same prices; in the order of the ports.
constexpr std::array tariffs{
    Tariff{"alpha", "custom", "m", Dialect::openai_chat, 1'000, 2'000},
    Tariff{"beta", "custom", "m", Dialect::openai_chat, 500, 3'000},
    Tariff{"gamma", "custom", "m", Dialect::openai_chat, 250, 1'000},
    Tariff{"delta", "anthropic", "claude-sonnet-4-5", Dialect::anthropic, 3'000, 15'000},
    Tariff{"echo", "ollama", "m", Dialect::ollama, 100, 200},
};

std::uint64_t number_in(std::string_view request_id) {
  std::uint64_t number = 0;
  request_id.remove_prefix(std::string_view("req_").size());
  std::from_chars(request_id.data(), request_id.data() + request_id.size(), number);
  return number;
}

}  // namespace

/// One request from arrival to end.
struct World::Serving {
  Serving(net::Loop& loop, Fuse& fuse, ClientPlan plan) : client(loop, fuse, plan) {}
  SimClient client;
  std::string id;
  std::shared_ptr<const pipeline::Route> route;
  std::shared_ptr<const pipeline::Caller> caller;
  std::string body;
  net::TimePoint arrived;
  std::int64_t input_tokens = 0;
  bool has_ended = false;
  std::map<std::string, std::int64_t, std::less<>> booked;  ///< by provider, once it has ended
};

World::World(const WorldOptions& options)
    : options_(options),
      weather_random_(options.seed * 3),
      client_random_(options.seed * 3 + 1),
      loop_random_(options.seed * 3 + 2),
      trace_(options.keeps_trace),
      fuse_(options.nth_failure),
      connector_(loop_, fuse_,
                 [this](const net::Origin& origin) -> const Reception* {
                   const std::size_t index = std::size_t{origin.port} - 1001;
                   return index < providers_.size() ? providers_[index]->receive() : nullptr;
                 }),
      pool_(loop_),
      client_context_{loop_, connector_, pool_},
      gate_({.seed = options.seed,
             .on_transition =
                 [this](const shared_state::Transition& change) {
                   watched_gate_.on_transition(change);
                 }}),
      watched_gate_(gate_, [this](const std::string& rule) { fail(0, rule); }),
      limits_(*this),
      retry_watch_(watched_gate_, [this](std::string_view id,
                                         const std::string& rule) { fail(number_in(id), rule); }),
      watched_limits_(
          limits_, retry_watch_,
          [this](std::string_view id, const std::string& rule) { fail(number_in(id), rule); }),
      ledger_(fuse_, weather_random_, options.seed % 2 == 0,
              [this](std::string_view id, const std::string& rule) { fail(number_in(id), rule); }),
      attempts_(*this, watched_gate_, *this, loop_random_, {}, &watched_limits_, &ledger_) {
  for (const Tariff& tariff : tariffs) {
    providers_.push_back(std::make_unique<Provider>(
        loop_, weather_random_, trace_, tariff,
        [this](std::uint64_t request) { return serving_of(request).input_tokens; }));
    if (options.nth_failure > 0) providers_.back()->calm();
  }
  if (options.nth_failure > 0) ledger_.calm();
  make_snapshot();
}

World::~World() = default;

std::int64_t World::unix_ms() const {
  return epoch_ms + wall_offset_ms_ +
         std::chrono::duration_cast<milliseconds>(loop_.now().time_since_epoch()).count();
}

std::unique_ptr<net::Exchange> World::make(const pipeline::Target& target,
                                           net::Cancellation& cancellation) {
  return std::make_unique<net::HttpExchange>(client_context_, target.upstream->origin,
                                             target.upstream->pool_key, cancellation);
}

void World::make_snapshot() {
  const config::Environment environment;
  // It lasts for most of what its clients ask.
  const NanoUsd allowance(static_cast<std::int64_t>(300'000 * options_.requests));
  std::string text(config_text);
  text.replace(text.find('@'), 1, to_usd_text(allowance));
  config::Loaded loaded = config::load_text("sim.yaml", text, environment);
  WEIR_ASSERT(loaded.ok());
  const auto name_of_key = [&](const config::Secret& key) { return std::string(key.reveal()); };
  limits_.configure(engine::limit_entries(loaded.config, name_of_key), loop_.now());
  for (const config::ClientConfig& key : loaded.config.key_settings) {
    pipeline::Caller caller;
    caller.key = name_of_key(key.key);
    caller.user = key.user;
    caller.team = key.team;
    for (const auto& team : loaded.config.teams) {
      if (team.name == key.team) caller.organisation = team.organisation;
    }
    caller.priority = static_cast<pipeline::Priority>(key.priority);
    callers_.push_back(std::make_shared<const pipeline::Caller>(std::move(caller)));
  }
  auto made = engine::Snapshot::make(std::move(loaded.config), environment, gate_, nullptr);
  WEIR_ASSERT(made);
  snapshot_ = *std::move(made);
}

Report World::run() {
  arrive();
  take_steps();
  report_.has_failed_once = fuse_.has_blown();
  fuse_.disarm();
  if (!report_.broken) check_rest();
  if (!report_.broken) check_everyone_serves();
  if (!report_.broken) check_books();
  if (!report_.broken) {
    pool_.close();
    while (loop_.step()) {
    }
  }
  report_.trace_hash = trace_.hash();
  report_.virtual_seconds = std::chrono::duration<double>(loop_.now().time_since_epoch()).count();
  report_.trace = trace_.lines();
  return report_;
}

/// Until everyone who comes was served.
void World::take_steps() {
  const std::uint64_t steps_max = 1'000'000 + 20'000 * options_.requests;
  for (std::uint64_t steps = 0; !report_.broken && loop_.step(); ++steps) {
    if (steps > steps_max) fail(0, "it never ends");
    check_step();
    if (steps % 16 == 0) check_limits();
    if (tasks_.running() == 0 && arrived_ == options_.requests) break;
  }
}

/// What holds after every step, whatever is under way: nothing is held but by those who are there,
/// and once by each. What a request, an attempt or a record may be is checked as it comes
/// (`Books`).
void World::check_step() {
  const std::size_t calls = tasks_.running();
  if (watched_limits_.calls() > calls) fail(0, "admitted, and nobody is there (I-1)");
  if (ledger_.open() > calls) fail(0, "the ledger waits for a call that has ended (I-1)");
  if (limits_.open_reservations() != watched_limits_.calls() + watched_limits_.attempts()) {
    fail(0, "what is set aside is not what calls and attempts under way have reserved (I-1)");
  }
  for (const auto& [number, serving] : servings_) {
    if (const auto broken = serving->client.broken()) fail(number, std::string(*broken));
  }
  if (calls > 0) return;
  if (watched_gate_.lent() != 0) fail(0, "a permit was not given back (I-2)");
  if (watched_limits_.attempts() != 0) fail(0, "something is set aside for nobody (I-2)");
}

/// The next client comes, and has the one after it come later.
void World::arrive() {
  if (arrived_ == options_.requests) return;
  ClientPlan plan;
  plan.number = ++arrived_;
  plan.words = static_cast<std::uint32_t>(client_random_.uniform(1, 30));
  plan.is_stream = client_random_.uniform(0, 2) > 0;
  plan.tells_limit = client_random_.uniform(0, 1) > 0;
  plan.dialect = dialects[static_cast<std::size_t>(client_random_.uniform(0, 3))];
  const bool has_weather = options_.nth_failure == 0;
  if (client_random_.uniform(0, 9) == 0 && has_weather) {
    plan.leaves_after = milliseconds(client_random_.uniform(0, 20'000));
  }
  if (client_random_.uniform(0, 9) == 0) {
    plan.write_pause = milliseconds(client_random_.uniform(1, 300));
  }
  if (client_random_.uniform(0, 99) == 0 && has_weather) step_clock();
  const auto route = routes[static_cast<std::size_t>(client_random_.uniform(0, 4))];
  begin(plan, route, callers_[static_cast<std::size_t>(client_random_.uniform(0, 2))]);
  loop_.after(milliseconds(client_random_.uniform(0, 200)), [this] { arrive(); });
}

/// Somebody sets the clock on the wall: no wait may depend on it (W-1).
void World::step_clock() {
  wall_offset_ms_ += milliseconds(seconds(client_random_.uniform(-3'600, 3'600))).count();
}

void World::begin(ClientPlan plan, std::string_view route,
                  std::shared_ptr<const pipeline::Caller> caller) {
  auto serving = std::make_unique<Serving>(loop_, fuse_, plan);
  const auto found = snapshot_->route(route);
  WEIR_ASSERT(found);
  serving->id = "req_" + std::to_string(plan.number);
  serving->route = *found;
  serving->caller = std::move(caller);
  const std::string text = std::to_string(plan.number) + "." + std::to_string(plan.words);
  serving->body = speech_of(plan.dialect)
                      .request({.model = route,
                                .text = text,
                                .is_stream = plan.is_stream,
                                .output_tokens_max = plan.tells_limit ? 10 * plan.words : 0});
  serving->arrived = loop_.now();
  Serving& begun = *serving;
  servings_.emplace(plan.number, std::move(serving));
  tasks_.spawn(serve(begun));
}

World::Serving& World::serving_of(std::uint64_t request) {
  const auto found = servings_.find(request);
  WEIR_ASSERT(found != servings_.end());  // I-7: nobody asks for a request that is long over
  return *found->second;
}

net::Task<void> World::serve(Serving& serving) {
  const ClientPlan& plan = serving.client.plan();
  net::CallbackAlarm leaving([this, &serving] {
    const std::uint64_t number = serving.client.plan().number;
    loop_.after(milliseconds(250), [this, number] { check_it_has_ended(number); });
    serving.client.leave();  // last: it may end this very task
  });
  if (plan.leaves_after) loop_.arm_exact(leaving, loop_.now() + *plan.leaves_after);

  json::Document document;
  const auto parsed = document.parse(serving.body);
  WEIR_ASSERT(parsed);
  auto peek = pipeline::codec_of(plan.dialect).peek_request(document.root());
  WEIR_ASSERT(peek);
  pipeline::ChatOperation operation({.client = plan.dialect,
                                     .root = document.root(),
                                     .peek = *std::move(peek),
                                     .request_id = serving.id,
                                     .unix_seconds = unix_ms() / 1000,
                                     .upstream_fields = {}});
  serving.input_tokens = operation.input_tokens_estimate();
  pipeline::Delivery delivery(serving.client, plan.dialect, serving.id);
  pipeline::Call call{.loop = loop_,
                      .cancellation = serving.client.cancellation(),
                      .request_id = serving.id,
                      .route = serving.route,
                      .options = {},
                      .caller = serving.caller};
  CallResult result;
  co_await attempts_.run(call, operation, delivery, result);
  leaving.disarm();
  check_call(serving, result);
}

void World::check_call(Serving& serving, const CallResult& result) {
  const std::uint64_t number = serving.client.plan().number;
  const std::string_view outcome = pipeline::name(result.outcome);
  serving.has_ended = true;
  trace_.add(loop_.now(), "request", outcome, number);
  report_.outcomes[std::string(outcome)] += 1;
  report_.attempts += static_cast<std::uint64_t>(result.attempts);
  if (const auto broken = serving.client.judge(result)) fail(number, *broken);
  if (result.cost_nanousd < 0) fail(number, "a negative cost (I-4)");
  check_attempts(serving, result);
  check_nobody_was_left_out(serving, result);
  check_limits();
  loop_.after(milliseconds(250) + milliseconds(50), [this, number] { check_afterwards(number); });
}

/// Takes longer than the rest of a step, so that not every one is followed by it.
void World::check_limits() {
  for (const shared_state::LimitStatus& status : limits_.status(loop_.now())) {
    if (status.used < 0 || status.reserved < 0) {
      fail(0, "a negative count of " + status.owner.name + " (I-4)");
    }
    const bool is_money = status.unit == LimitUnit::nanousd && status.is_hard;
    if (is_money && status.used + status.reserved > status.limit) {
      fail(0, "the budget of " + status.owner.name + " is overspent (U-3)");
    }
  }
}

/// I-6, and that each of them is booked.
void World::check_attempts(const Serving& serving, const CallResult& result) {
  const std::uint64_t number = serving.client.plan().number;
  const pipeline::RetryPolicy& policy = serving.route->retries;
  int counted = 0;
  std::map<const pipeline::Target*, int> visits;
  for (const AttemptRow& row : result.rows) {
    serving_of(number).booked[row.target->upstream->name] +=
        row.cost_nanousd + row.exposure_nanousd;
    charged_nanousd_ += row.cost_nanousd + row.exposure_nanousd;
    trace_.add(loop_.now(), row.target->upstream->name, policy::name(row.failure), number);
    const bool has_lost = row.failure == policy::FailureClass::client;
    if (policy::traits(row.failure).counts_as_attempt && !has_lost) counted += 1;
    if (++visits[row.target] > policy.attempts_per_target) {
      fail(number, "too many attempts at " + row.target->name + " (I-6)");
    }
  }
  if (counted > policy.max_attempts) fail(number, "too many attempts (I-6)");
  if (result.attempts != static_cast<int>(result.rows.size())) {
    fail(number, "an attempt without a row (S-11.5)");
  }
}

/// R-5, R-10: who fails had nobody left to ask.
void World::check_nobody_was_left_out(const Serving& serving, const CallResult& result) {
  const std::uint64_t number = serving.client.plan().number;
  const bool was_refused = watched_limits_.was_refused(serving.id);
  const auto late = loop_.now() - serving.arrived + seconds(2);
  // Later, while the ledger or the client takes its time, more may be possible than was before.
  const bool is_later =
      ledger_.is_to_be_kept() || serving.client.plan().write_pause > net::Duration::zero();
  if (result.outcome != Outcome::failed || was_refused || is_later ||
      late > serving.route->request_total || result.rows.empty()) {
    return;
  }
  int counted = 0;
  int timeouts = 0;
  for (const AttemptRow& row : result.rows) {
    counted += policy::traits(row.failure).counts_as_attempt ? 1 : 0;
    timeouts += row.failure == policy::FailureClass::timeout_sent ? 1 : 0;
  }
  const auto next = policy::traits(result.rows.back().failure).next_target;
  if (next == policy::NextTarget::no || timeouts > 1 ||
      counted >= serving.route->retries.max_attempts) {
    return;
  }
  for (const auto& step : serving.route->steps) {
    for (const auto& target : step.targets) {
      const bool was_asked =
          std::any_of(result.rows.begin(), result.rows.end(),
                      [&](const AttemptRow& row) { return row.target == target.get(); });
      if (was_asked || !watched_gate_.permit(*target, loop_.now()).is_granted) continue;
      fail(number, "it failed, and " + target->name + " was not asked (R-10)");
    }
  }
}

/// S-10.2. One provider is read on from, to learn what it bills (S-10.5).
void World::check_it_has_ended(std::uint64_t request) {
  const auto found = servings_.find(request);
  if (found == servings_.end() || found->second->has_ended) return;
  const auto& gamma = providers_[2];
  if (!gamma->was_asked(request)) fail(request, "it goes on without its client (S-10.2)");
}

/// Once bytes on their way have arrived: I-7, and that the providers' bills are what was booked
/// (S-11.9).
void World::check_afterwards(std::uint64_t request) {
  const Serving& serving = serving_of(request);
  for (const auto& provider : providers_) {
    if (provider->is_serving(request)) {
      fail(request, "an attempt at " + provider->name() + " outlives its request (I-7)");
    }
    const std::int64_t billed = provider->bill(request);
    const auto found = serving.booked.find(provider->name());
    const std::int64_t booked = found == serving.booked.end() ? 0 : found->second;
    if (billed != booked) {
      fail(request, provider->name() + " bills " + std::to_string(billed) + ", and " +
                        std::to_string(booked) + " is booked (S-11.9)");
    }
    report_.billed_nanousd += billed;
    provider->forget(request);
  }
  servings_.erase(request);
}

/// With no request in flight nothing is held back, at any level (I-2).
void World::check_rest() {
  const auto rest = loop_.now() + seconds(1);
  while (loop_.now() < rest && loop_.step()) {
  }
  for (const auto& upstream : snapshot_->upstreams()) {
    if (upstream->counters->in_flight.load() != 0) fail(0, upstream->name + ": in flight (I-2)");
  }
  for (const shared_state::LimitStatus& status : limits_.status(loop_.now())) {
    const bool holds_places = status.unit == LimitUnit::concurrent_requests && status.used != 0;
    if (holds_places || status.reserved != 0) {
      fail(0, "reserved for nobody: " + status.owner.name + " (I-2)");
    }
  }
  for (const auto& provider : providers_) {
    if (!provider->is_book_empty()) fail(0, provider->name() + " served nobody's request (I-7)");
  }
}

/// I-3: budgets, ledger and the providers' books tell of the same money.
void World::check_books() {
  const auto& sums = ledger_.sums();
  for (const shared_state::LimitStatus& status : limits_.status(loop_.now())) {
    if (status.unit != LimitUnit::nanousd || status.period != "total") continue;
    const auto found = sums.find(status.owner);
    const Ledger::Sums sum = found == sums.end() ? Ledger::Sums() : found->second;
    const bool is_of_client = policy::is_of_client(status.owner.scope) &&
                              status.owner.scope != policy::LimitScope::global;
    const std::int64_t spent = sum.cost_nanousd + (is_of_client ? 0 : sum.exposure_nanousd);
    if (status.used != spent) {
      fail(0, "the budget of " + status.owner.name + " has " + std::to_string(status.used) +
                  ", the ledger " + std::to_string(spent) + " (I-3)");
    }
  }
  if (charged_nanousd_ != report_.billed_nanousd) {
    fail(0, "charged and exposure are not what the providers bill (S-11.9)");
  }
}

/// When the weather is fine again, every target comes back: no breaker, cooldown, probation or
/// permit keeps it away for good (B-5, K-3, I-2).
void World::check_everyone_serves() {
  for (const auto& provider : providers_) provider->calm();
  ledger_.calm();
  const auto fine = loop_.now() + hours(2);
  loop_.at(fine, [] {});
  while (loop_.now() < fine && loop_.step()) {
  }
  const std::uint64_t completed = report_.outcomes["completed"];
  std::uint64_t asked = 0;
  for (int round = 0; round < 2; ++round) {
    for (const Tariff& tariff : tariffs) {
      ClientPlan plan;
      plan.number = options_.requests + ++asked;
      plan.words = 3;
      plan.is_stream = round == 0;
      begin(plan, std::string(tariff.name) + "/" + std::string(tariff.model), nullptr);
      const auto later = loop_.now() + seconds(10);
      loop_.at(later, [] {});
      while (loop_.now() < later && loop_.step()) {
      }
    }
  }
  const bool were_all = report_.outcomes["completed"] == completed + asked;
  if (!report_.broken && !were_all) fail(0, "in fine weather somebody is still shut out (I-2)");
  check_rest();
}

void World::fail(std::uint64_t request, const std::string& rule) {
  if (report_.broken) return;
  report_.broken = "request " + std::to_string(request) + ": " + rule;
}

}  // namespace weir::sim
