// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "base/http_url.hpp"
#include "config/limit_sets.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "net/http/head_writer.hpp"
#include "net/proxy_url.hpp"
#include "shared_state/limits.hpp"

namespace weir::engine {
namespace {

/// Names are the clients' to choose: beyond this many built routes the oldest memory is given up.
constexpr std::size_t routes_kept_max = 10'000;
/// Before the names of raw routes. No other has it: they have no line breaks.
constexpr std::string_view raw_prefix = "passthrough\n";

std::string proxy_of(const config::ProviderConfig& provider, const HttpUrl& url,
                     const config::Environment& environment) {
  const std::string_view own = provider.proxy.reveal();
  if (own == "none") return {};
  if (!own.empty()) return std::string(own);
  if (url.is_loopback()) return {};
  for (const char* name : {"NO_PROXY", "no_proxy"}) {
    std::string_view list = environment.get(name).value_or("");
    while (!list.empty()) {
      std::string_view entry = list.substr(0, list.find(','));
      list.remove_prefix(std::min(list.size(), entry.size() + 1));
      while (entry.starts_with(' ')) entry.remove_prefix(1);
      while (entry.ends_with(' ')) entry.remove_suffix(1);
      if (entry.starts_with('.')) entry.remove_prefix(1);
      if (entry == "*" || url.host == entry) return {};
      const bool is_suffix = !entry.empty() && url.host.size() > entry.size() &&
                             std::string_view(url.host).ends_with(entry) &&
                             url.host[url.host.size() - entry.size() - 1] == '.';
      if (is_suffix) return {};
    }
  }
  const auto names = url.is_tls ? std::array{"HTTPS_PROXY", "https_proxy"}
                                : std::array{"http_proxy", "HTTP_PROXY"};
  for (const char* name : names) {
    if (const auto value = environment.get(name)) return std::string(*value);
  }
  return {};
}

Result<> set_proxy(net::Origin& origin, const std::string& proxy) {
  if (proxy.empty()) return {};
  auto url = net::parse_proxy_url(proxy);
  if (!url) return Error(url.error().code, "the proxy: " + url.error().message);
  origin.proxy_host = std::move(url->host);
  origin.proxy_port = url->port;
  origin.proxy_authorization = std::move(url->authorization);
  return {};
}

void append_key_field(std::string& out, providers::Auth auth, std::string_view key) {
  if (key.empty() || auth == providers::Auth::none) return;
  std::string value;
  if (auth == providers::Auth::bearer || auth == providers::Auth::optional_bearer)
    value = "Bearer ";
  value.append(key);
  net::http::append_field(out, providers::header_name(auth), value);
}

/// The header lines that go with every request to the provider.
std::string fields_of(const config::ProviderConfig& provider, const pipeline::Upstream& upstream,
                      std::string_view key) {
  std::string out;
  using net::http::append_field;
  append_field(out, "host", upstream.authority);
  const net::Origin& origin = upstream.origin;
  if (origin.uses_absolute_form() && !origin.proxy_authorization.empty()) {
    append_field(out, "proxy-authorization", origin.proxy_authorization);
  }
  append_field(out, "user-agent", "weir");
  append_key_field(out, provider.api->auth, key);
  if (!provider.api->header.name.empty()) {
    append_field(out, provider.api->header.name, provider.api->header.value);
  }
  if (!provider.organization.empty())
    append_field(out, "openai-organization", provider.organization);
  if (!provider.project.empty()) append_field(out, "openai-project", provider.project);
  for (const auto& [name, value] : provider.headers) append_field(out, name, value.reveal());
  return out;
}

policy::RetryBudget::Options retry_budget_of(const config::Config& config,
                                             const config::ProviderConfig& provider) {
  const config::RetryPolicy decided = config::decide(config.retries.with(provider.retries), 1);
  return {.ratio_permille = decided.retry_budget_ratio.permille,
          .floor = decided.retry_budget_floor,
          .window = decided.retry_budget_window};
}

/// Nothing where nobody said when a day's allowance comes back.
std::optional<policy::Calendar> quota_day_of(const config::ProviderConfig& provider) {
  const config::UsageLimits& limits = provider.limits;
  // Whose days a provider counts does not hang on the plan that was bought.
  const std::string_view known = provider.spec->free_limits.time_zone;
  const std::string_view zone = limits.time_zone.empty() ? known : limits.time_zone;
  if (zone.empty() && limits.reset_at == config::milliseconds(0)) return std::nullopt;
  auto day = policy::Calendar::make(policy::Period::day, zone,
                                    std::chrono::floor<std::chrono::minutes>(limits.reset_at));
  if (!day) return std::nullopt;
  return *day;
}

/// What only some providers have, and so far as this entry asks for it.
void set_strengths(pipeline::Upstream& upstream, const config::ProviderConfig& provider) {
  const bool is_ollama = provider.dialect == wire::Dialect::ollama;
  const bool is_anthropic = provider.dialect == wire::Dialect::anthropic;
  upstream.pulls_models = is_ollama && provider.pull != config::Choice::off;
  upstream.marks_prompt_cache = is_anthropic && provider.prompt_cache != config::Choice::off;
  if (!is_ollama || provider.keep_alive.empty()) return;
  // A number is seconds, anything else a duration in Ollama's own words.
  json::Document number;
  if (number.parse(provider.keep_alive) && number.root().is_number()) {
    upstream.keep_alive = provider.keep_alive;
  } else {
    json::append_string(upstream.keep_alive, provider.keep_alive);
  }
}

Result<std::shared_ptr<pipeline::Upstream>> make_upstream(const config::Config& config,
                                                          const config::ProviderConfig& provider,
                                                          const config::Environment& environment) {
  auto upstream = std::make_shared<pipeline::Upstream>();
  upstream->name = provider.name;
  upstream->type = provider.spec->name;
  upstream->is_local = provider.local;
  upstream->is_mock = provider.mock || provider.spec->name == providers::mock_provider;
  upstream->quirks = provider.spec->quirks;
  using config::Timeout;
  const config::Timeouts timeouts = config.timeouts.with(provider.timeouts);
  upstream->connect_timeouts.dns = timeouts.in_force(Timeout::dns, provider.local);
  upstream->connect_timeouts.connect = timeouts.in_force(Timeout::connect, provider.local);
  upstream->pool_idle = timeouts.in_force(Timeout::pool_idle, provider.local);
  const auto head_bytes = static_cast<std::size_t>(config.limits.upstream_header_bytes.bytes);
  upstream->limits.head.field_bytes_max = head_bytes;
  upstream->limits.head.fields_bytes_max = head_bytes;
  upstream->limits.interim_max = static_cast<int>(config.limits.upstream_interim_responses);
  upstream->body_bytes_max = static_cast<std::size_t>(config.limits.upstream_body_bytes_max.bytes);
  upstream->event_bytes_max = static_cast<std::size_t>(config.limits.event_bytes_max.bytes);
  upstream->retry_budget = retry_budget_of(config, provider);
  upstream->target_breaker =
      config::decide(config.breaker.with(provider.breaker), policy::target_breaker());
  upstream->endpoint_breaker = config::decide(
      config.provider_breaker.with(provider.provider_breaker), policy::provider_breaker());
  upstream->cooldowns = config::decide(config.cooldown.with(provider.cooldown));
  upstream->quota_day = quota_day_of(provider);
  upstream->tells_requests_of_day =
      provider.spec->limit_headers == providers::LimitHeaders::x_ratelimit_day;
  upstream->in_flight_max = config.limits.provider_max_inflight;
  upstream->drains_on_disconnect = provider.on_disconnect == config::OnDisconnect::drain;
  upstream->drain_max = provider.drain_max;
  upstream->drains_max = provider.drains_max;
  set_strengths(*upstream, provider);
  if (upstream->is_mock) return upstream;

  WEIR_TRY_ASSIGN(url, parse_http_url(provider.base_url));
  net::Origin& origin = upstream->origin;
  origin.host = url.host;
  origin.port = url.port;
  origin.is_tls = url.is_tls;
  origin.allows_private = provider.allow_private || provider.address_is_operators;
  origin.ca_file = provider.ca_file;
  WEIR_TRY(set_proxy(origin, proxy_of(provider, url, environment)));
  const bool is_v6 = origin.host.find(':') != std::string::npos;
  upstream->authority = is_v6 ? "[" + origin.host + "]" : origin.host;
  const std::uint16_t usual_port = origin.is_tls ? 443 : 80;
  if (origin.port != usual_port) upstream->authority += ":" + std::to_string(origin.port);
  upstream->pool_key = std::string(origin.is_tls ? "https://" : "http://") + upstream->authority +
                       "|" + origin.ca_file + "|" + origin.proxy_host + ":" +
                       std::to_string(origin.proxy_port);
  const std::string_view key =
      provider.api_keys.empty() ? std::string_view() : provider.api_keys.front().reveal();
  upstream->fields = fields_of(provider, *upstream, key);
  upstream->key_name = provider.key_name(0);
  return upstream;
}

/// `first` with another of the provider's keys.
std::shared_ptr<pipeline::Upstream> with_key(const pipeline::Upstream& first,
                                             const config::ProviderConfig& provider,
                                             std::size_t place) {
  auto upstream = std::make_shared<pipeline::Upstream>(first);
  const std::string_view key = provider.api_keys[place].reveal();
  upstream->key_name = provider.key_name(place);
  if (!first.is_mock) upstream->fields = fields_of(provider, first, key);
  return upstream;
}

pipeline::TargetTimeouts timeouts_of(const config::Config& config, const config::Resolution& route,
                                     const config::Target& target) {
  const config::Timeouts set = config::timeouts_for(config, route, target);
  const bool is_local = config.providers[target.provider].local;
  using config::Timeout;
  const auto value = [&](Timeout id) { return set.in_force(id, is_local); };
  pipeline::TargetTimeouts timeouts;
  timeouts.connect.dns = value(Timeout::dns);
  timeouts.connect.connect = value(Timeout::connect);
  timeouts.request_write_stall = value(Timeout::request_write_stall);
  timeouts.pool_idle = value(Timeout::pool_idle);
  timeouts.first_byte = value(Timeout::first_byte);
  timeouts.first_content = value(Timeout::first_content);
  timeouts.stream_idle = value(Timeout::stream_idle);
  timeouts.content_idle = config::content_idle(set, is_local, target.facts.traits.reasons);
  timeouts.stream_total = value(Timeout::stream_total);
  timeouts.after_finish = value(Timeout::after_finish);
  timeouts.attempt_total_min = config::attempt_total(set, is_local, 0);
  timeouts.attempt_total_max = config::attempt_total(set, is_local, 1'000'000);
  return timeouts;
}

/// The loop is the route's: it is decided by the settings in force for its first target.
pipeline::RetryPolicy retries_of(const config::Config& config, const config::Resolution& route) {
  const config::RetryPolicy decided =
      config::retries_for(config, route, route.steps.front().targets.front());
  pipeline::RetryPolicy policy;
  policy.is_enabled = decided.enabled;
  policy.max_attempts = decided.max_attempts;
  policy.attempts_per_target = decided.attempts_per_target;
  policy.retry_on_total_timeout = decided.retry_on_total_timeout;
  policy.backoff.base = decided.backoff_base;
  policy.backoff.cap = decided.backoff_cap;
  policy.backoff.other_target_jitter = decided.failover_jitter;
  policy.backoff.jitter = decided.jitter;
  policy.backoff.inline_wait_max = decided.max_inline_wait;
  policy.backoff.attempt_budget_min = decided.min_attempt_budget;
  return policy;
}

/// The deployment that stands for `model` at Azure, else the model's own id.
std::string wire_model(const config::ProviderConfig& provider, const std::string& model) {
  const auto found = provider.deployments.find(model);
  if (found != provider.deployments.end()) return found->second;
  if (!provider.deployment.empty()) return provider.deployment;
  return model;
}

pipeline::Strategy strategy_of(config::Strategy strategy) {
  // Both enumerations list the same strategies in the same order.
  static_assert(static_cast<int>(config::Strategy::sticky) ==
                static_cast<int>(pipeline::Strategy::sticky));
  return static_cast<pipeline::Strategy>(strategy);
}

pipeline::UnknownParams unknown_params_of(config::UnknownParams said) {
  static_assert(static_cast<int>(config::UnknownParams::reject) ==
                static_cast<int>(pipeline::UnknownParams::reject));
  return static_cast<pipeline::UnknownParams>(said);
}

pipeline::HedgePolicy hedge_of(const config::Hedge& said, const config::HedgingSettings& hedging) {
  using Mode = pipeline::HedgePolicy::Mode;
  pipeline::HedgePolicy policy;
  if (said.mode == config::Choice::off) policy.mode = Mode::off;
  if (said.mode == config::Choice::on) policy.mode = Mode::after;
  policy.after = said.after;
  policy.options = {.p95_permille = hedging.p95_share.permille,
                    .delay_min = hedging.delay_min,
                    .delay_max = hedging.delay_max,
                    .samples_min = hedging.samples_min,
                    .unknown = hedging.unknown,
                    .unknown_reasoning = hedging.unknown_reasoning,
                    .share_permille = hedging.requests_share.permille};
  return policy;
}

/// Other servers under a provider's type may speak no more of its API than chat.
bool keeps_responses(const config::ProviderConfig& provider) {
  const providers::ProviderSpec& spec = *provider.api;
  const bool is_own_address =
      provider.base_url == spec.base_url || spec.base_url.find('{') != std::string_view::npos;
  return spec.keeps_responses && is_own_address;
}

pipeline::StreamPolicy stream_of(const config::Config& config, const config::Resolution& route) {
  const config::StreamSettings& said = config.stream;
  return {.early_commit = route.early_commit.after,
          .heartbeat = said.heartbeat,
          .hold_back_tokens = said.hold_back_tokens,
          .hold_back_max = said.hold_back_max,
          .recovers = route.stream_recovery != config::Choice::off,
          .recovery_attempts = static_cast<int>(said.recovery_attempts)};
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::make(
    std::shared_ptr<const config::Resolver> resolver, const config::Environment& environment,
    shared_state::Gate& gate, const Snapshot* previous) {
  std::shared_ptr<Snapshot> snapshot(new Snapshot(std::move(resolver), gate));
  if (previous != nullptr) snapshot->memory_ = previous->memory_;
  std::vector<std::vector<std::shared_ptr<pipeline::Upstream>>> upstreams;
  for (const auto& provider : snapshot->config().providers) {
    auto upstream = make_upstream(snapshot->config(), provider, environment);
    if (!upstream) {
      Error error = std::move(upstream).error();
      error.message = "provider " + provider.name + ": " + error.message;
      return error;
    }
    (*upstream)->counters = snapshot->counters_of(provider.name);
    auto& keyed = upstreams.emplace_back();
    keyed.push_back(*std::move(upstream));
    for (std::size_t i = 1; i < provider.api_keys.size(); ++i) {
      keyed.push_back(with_key(*keyed.front(), provider, i));
    }
  }
  // Only now, when nothing can fail any more: the gate lets go of what an old key ran into.
  for (auto& keyed : upstreams) {
    for (auto& upstream : keyed) gate.attach(*upstream);
    snapshot->upstreams_.push_back(keyed.front());
    snapshot->other_keys_.emplace_back(keyed.begin() + 1, keyed.end());
  }
  // Who asks next must not wait for a thousand targets to be made (H-2). One is made in no time.
  if (previous != nullptr) {
    for (const std::string& name : previous->wide_routes_in_use()) {
      static_cast<void>(snapshot->route(name));  // it may mean nothing any more
    }
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

Result<std::shared_ptr<const Snapshot>> Snapshot::make(config::Config config,
                                                       const config::Environment& environment,
                                                       shared_state::Gate& gate,
                                                       const Snapshot* previous) {
  std::vector<config::Problem> problems;
  auto resolver = config::Resolver::make(std::make_shared<const config::Config>(std::move(config)),
                                         {}, problems);
  if (!resolver) {
    std::string text;
    for (const auto& problem : problems) text += problem.message() + "\n";
    return Error(ErrorCode::invalid_request, std::move(text));
  }
  return make(std::move(resolver), environment, gate, previous);
}

std::shared_ptr<pipeline::TrafficCounters> Snapshot::counters_of(const std::string& name) const {
  const std::lock_guard lock(memory_->mutex);
  if (memory_->counters.size() >= routes_kept_max) {
    // Clients may ask for any model of a provider; what no target uses any more goes.
    std::erase_if(memory_->counters,
                  [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  auto& counters = memory_->counters[name];
  if (!counters) counters = std::make_shared<pipeline::TrafficCounters>();
  return counters;
}

std::shared_ptr<pipeline::Learnt> Snapshot::learnt_of(const std::string& name) const {
  const std::lock_guard lock(memory_->mutex);
  if (memory_->learnt.size() >= routes_kept_max) {
    // Targets in use keep theirs; what one of them learns now is learnt again.
    std::erase_if(memory_->learnt, [](const auto& entry) {
      return entry.second->refused.load(std::memory_order_relaxed) == 0;
    });
  }
  auto& learnt = memory_->learnt[name];
  if (!learnt) learnt = std::make_shared<pipeline::Learnt>();
  return learnt;
}

std::map<std::string, providers::Capabilities, std::less<>> Snapshot::refused() const {
  std::map<std::string, providers::Capabilities, std::less<>> all;
  const std::lock_guard lock(memory_->mutex);
  for (const auto& [name, learnt] : memory_->learnt) {
    const auto refused = learnt->refused.load(std::memory_order_relaxed);
    if (refused != 0) all.emplace(name, refused);
  }
  return all;
}

std::size_t Snapshot::names_counted() const {
  const std::lock_guard lock(memory_->mutex);
  return memory_->counters.size();
}

std::vector<std::pair<std::string, std::shared_ptr<const pipeline::TrafficCounters>>>
Snapshot::traffic() const {
  const std::lock_guard lock(memory_->mutex);
  return {memory_->counters.begin(), memory_->counters.end()};
}

void Snapshot::forget_refused(std::string_view provider) const {
  const std::string prefix = std::string(provider) + "/";
  const std::lock_guard lock(memory_->mutex);
  for (auto entry = memory_->learnt.lower_bound(prefix);
       entry != memory_->learnt.end() && entry->first.starts_with(prefix); ++entry) {
    entry->second->forget();
  }
}

Result<std::shared_ptr<const pipeline::Route>> Snapshot::route(std::string_view name) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = routes_.find(name); found != routes_.end()) return found->second;
  }
  WEIR_TRY_ASSIGN(resolution, resolver_->resolve(name));
  auto route = build(*resolution, name);  // others need not wait for it
  const std::lock_guard lock(mutex_);
  if (routes_.size() >= routes_kept_max) routes_.clear();
  return routes_.try_emplace(std::string(name), std::move(route)).first->second;
}

std::vector<std::string> Snapshot::wide_routes_in_use() const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, route] : routes_) {
    if (route->target_count() > 1 && !name.starts_with(raw_prefix)) names.push_back(name);
  }
  return names;
}

Result<std::shared_ptr<const pipeline::Route>> Snapshot::passthrough(
    std::string_view provider) const {
  const auto index = config().find_provider(provider);
  auto route = index && config().providers[*index].passthrough ? raw_route(*index) : nullptr;
  if (!route) {
    return Error(ErrorCode::route_unknown, "no provider of this name is open to pass-through");
  }
  // What passes through is nobody's dialect, so that nothing in it could be found.
  if (!config().content_rules.empty()) {
    return Error(ErrorCode::not_allowed,
                 "pass-through is closed, since content rules hold for every route");
  }
  return route;
}

std::shared_ptr<const pipeline::Route> Snapshot::raw_route(std::size_t provider) const {
  const config::ProviderConfig& entry = config().providers[provider];
  if (!entry.enabled || upstreams_[provider]->is_mock) return nullptr;
  const std::string key = std::string(raw_prefix) + entry.name;
  const std::lock_guard lock(mutex_);
  if (const auto made = routes_.find(key); made != routes_.end()) return made->second;
  config::Target target;
  target.provider = provider;
  target.name = entry.name + "/*";
  config::Resolution resolution;
  resolution.name = target.name;
  resolution.failover = false;
  resolution.retries.enabled = false;  // what the provider may have done is not for us to say twice
  resolution.steps.emplace_back().targets.push_back(std::move(target));
  auto route = build(resolution, resolution.name);
  routes_.emplace(key, route);
  return route;
}

std::shared_ptr<const pipeline::Route> Snapshot::build(const config::Resolution& found,
                                                       std::string_view found_as) const {
  auto route = std::make_shared<pipeline::Route>();
  route->name = found.name;
  route->found_as = found_as;
  route->failover = found.failover;
  route->content_filter_failover = found.content_filter_failover;
  route->retries = retries_of(config(), found);
  route->rejects_unpriced = config().unpriced == config::Unpriced::reject;
  route->hedge = hedge_of(found.hedge, config().hedging);
  route->stream = stream_of(config(), found);
  if (!found.content_rules.empty()) {
    auto rules = guard::Rules::compile(found.content_rules);
    WEIR_ASSERT(rules.has_value());  // the configuration was refused otherwise
    route->content_rules = *std::move(rules);
  }
  // The loop's own time is the route's, as its retries are: what its first target's provider has
  // goes over that of the whole.
  const config::ProviderConfig& first =
      config().providers[found.steps.front().targets.front().provider];
  const auto timeouts = config().timeouts.with(first.timeouts).with(found.timeouts);
  route->queue_wait = config().limits.queue_wait;
  route->max_wait = found.max_wait;
  route->request_total = timeouts.in_force(config::Timeout::request_total, false);
  for (const auto& step : found.steps) {
    pipeline::Step built;
    built.strategy = strategy_of(step.strategy);
    built.of = step.of;
    for (const auto& target : step.targets) {
      built.targets.push_back(build_keyed(found, target));
    }
    route->steps.push_back(std::move(built));
  }
  return route;
}

std::shared_ptr<const pipeline::Target> Snapshot::build_keyed(const config::Resolution& route,
                                                              const config::Target& found) const {
  const bool as_responses = found.facts.responses_only;
  auto target = build(route, found, upstreams_[found.provider], as_responses);
  for (const auto& upstream : other_keys_[found.provider]) {
    target->other_keys.push_back(build(route, found, upstream, as_responses));
  }
  return target;
}

std::shared_ptr<pipeline::Target> Snapshot::build(
    const config::Resolution& route, const config::Target& found,
    std::shared_ptr<const pipeline::Upstream> upstream, bool as_responses) const {
  const config::ProviderConfig& provider = config().providers[found.provider];
  auto target = std::make_shared<pipeline::Target>();
  target->upstream = std::move(upstream);
  target->name = found.name;
  target->name_hash = hash_of(found.name);
  target->model = wire_model(provider, found.model);
  target->dialect = target->upstream->is_mock ? wire::Dialect::openai_chat : provider.dialect;
  if (as_responses) target->dialect = wire::Dialect::openai_responses;
  set_paths(*target, provider, target->model);
  target->traits = found.facts.traits;
  target->capabilities = found.facts.capabilities;
  target->context_tokens = found.facts.context.tokens;
  target->catalog = found.facts.catalog;
  target->prices = found.facts.prices;
  if (target->catalog != nullptr) target->notice = providers::retirement_notice(*target->catalog);
  target->weight = found.weight;
  target->timeouts = timeouts_of(config(), route, found);
  for (const auto& param : route.params) target->params.emplace_back(param.name, param.json);
  for (const auto& param : provider.params) target->params.emplace_back(param.name, param.json);
  target->unknown_params = unknown_params_of(route.unknown_params);
  target->trims = route.trims;
  if (const auto* const own = config::limited_model(provider, found.model)) {
    target->limited_model = provider.name + "/" + own->id;
  }
  if (const auto pool = config::limit_pool_of(provider, found.model); !pool.empty()) {
    target->limit_pool =
        shared_state::Limits::name_of_pool(provider.name, target->upstream->key_name, pool);
  }
  target->counters = counters_of(found.name);
  if (!as_responses) target->learnt = learnt_of(found.name);
  gate_.attach(*target);
  const bool is_chat = target->dialect == wire::Dialect::openai_chat && !target->upstream->is_mock;
  if (is_chat && found.facts.chat_tools == providers::ChatTools::never) {
    target->with_tools = build(route, found, target->upstream, true);
  }
  if (is_chat && keeps_responses(provider)) {
    target->on_responses =
        target->with_tools ? target->with_tools : build(route, found, target->upstream, true);
  }
  return target;
}

void Snapshot::set_paths(pipeline::Target& target, const config::ProviderConfig& provider,
                         std::string_view model) const {
  if (target.upstream->is_mock) {
    target.chat_path = target.chat_stream_path = "/v1/chat/completions";
    target.embeddings_path = "/v1/embeddings";
    return;
  }
  const providers::Endpoint endpoint{provider.base_url, provider.api_version};
  const auto url = parse_http_url(provider.base_url);
  WEIR_ASSERT(url.has_value());
  target.base_path = url->path;
  const auto path = [&](providers::Operation operation) {
    const std::string rest = providers::operation_path(*provider.api, endpoint, operation, model);
    return rest.empty() ? rest : url->path + rest;
  };
  using providers::Operation;
  if (target.dialect == wire::Dialect::openai_responses) {
    target.chat_path = target.chat_stream_path = path(Operation::responses);
  } else {
    target.chat_path = path(Operation::chat);
    target.chat_stream_path = path(Operation::chat_stream);
  }
  target.completions_path = path(Operation::completions);
  target.embeddings_path = path(Operation::embeddings);
  for (std::size_t i = 0; i < providers::service_count; ++i) {
    target.service_paths[i] =
        providers::service_path(*provider.api, endpoint, static_cast<providers::Service>(i), model);
  }
}

}  // namespace weir::engine
