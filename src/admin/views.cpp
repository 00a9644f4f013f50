// SPDX-License-Identifier: Apache-2.0
#include "admin/views.hpp"

#include <algorithm>
#include <chrono>

#include "admin/limits_view.hpp"
#include "config/fields.hpp"
#include "config/values.hpp"
#include "json/writer.hpp"

namespace weir::admin {
namespace {

using config::ProviderConfig;
using shared_state::CircuitStatus;
using shared_state::CooldownStatus;
using shared_state::ProviderStatus;
using State = policy::CircuitBreaker::State;

std::int64_t ms_of(net::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

const ProviderStatus* find_status(const Moment& moment, std::string_view name) {
  const auto found = std::find_if(moment.status.begin(), moment.status.end(),
                                  [&](const ProviderStatus& one) { return one.name == name; });
  return found == moment.status.end() ? nullptr : &*found;
}

/// In one word, for a table or a light.
std::string_view health_of(const Moment& moment, const ProviderConfig& provider,
                           const ProviderStatus* status,
                           const pipeline::TrafficCounters& counters) {
  if (!provider.enabled) return "disabled";
  if (status != nullptr) {
    const State state = status->circuit.state;
    if (state == State::open || state == State::forced_open) return "down";
    if (state == State::half_open) return "recovering";
    if (status->cooldown.remaining > net::Duration::zero()) return "cooling_down";
  }
  const auto look = moment.looks.find(provider.name);
  const bool is_silent = look != moment.looks.end() && !look->second.error.empty();
  if (is_silent &&
      look->second.asked_unix_ms > counters.last_success_ms.load(std::memory_order_relaxed)) {
    return "unreachable";
  }
  if (counters.attempts.load(std::memory_order_relaxed) == 0) return "unused";
  const bool failed_last = counters.last_failure_ms.load(std::memory_order_relaxed) >
                           counters.last_success_ms.load(std::memory_order_relaxed);
  return failed_last ? "failing" : "healthy";
}

void append_circuit(json::Writer& json, const CircuitStatus& circuit) {
  json.begin_object().member("state", policy::name(circuit.state));
  if (circuit.cause) json.member("cause", policy::name(*circuit.cause));
  json.member("openings", static_cast<std::int64_t>(circuit.openings));
  json.member("remaining_ms", ms_of(circuit.remaining)).end_object();
}

void append_cooldown(json::Writer& json, const CooldownStatus& cooldown) {
  if (cooldown.remaining <= net::Duration::zero()) {
    json.null();
    return;
  }
  json.begin_object().member("remaining_ms", ms_of(cooldown.remaining));
  if (cooldown.cause) json.member("cause", policy::name(*cooldown.cause));
  json.end_object();
}

/// Dollars as a JSON number with all of their digits.
void append_dollars(json::Writer& json, std::int64_t nano) { json.raw(to_usd_text(NanoUsd(nano))); }

void append_totals(json::Writer& json, const Totals& totals) {
  const auto integer = [&](std::string_view name, std::uint64_t value) {
    json.member(name, static_cast<std::int64_t>(value));
  };
  json.begin_object();
  integer("attempts", totals.attempts);
  integer("successes", totals.successes);
  integer("failures", totals.failures);
  integer("refusals", totals.refusals);
  integer("input_tokens", totals.input_tokens);
  integer("output_tokens", totals.output_tokens);
  append_dollars(json.key("cost_usd"), totals.cost_nanousd);
  json.end_object();
}

void append_limit(json::Writer& json, std::string_view name, std::int64_t limit) {
  if (limit > 0) json.key(name).begin_object().member("limit", limit).end_object();
}

void append_reported_limit(json::Writer& json, std::string_view name,
                           const policy::RateLimit& limit) {
  if (!limit.limit && !limit.remaining) return;
  json.key(name).begin_object();
  if (limit.limit) json.member("limit", *limit.limit);
  if (limit.limit && limit.remaining) {
    json.member("used", std::max<std::int64_t>(0, *limit.limit - *limit.remaining));
  }
  if (limit.remaining) json.member("left", *limit.remaining);
  if (limit.reset) json.member("reset_ms", limit.reset->count());
  json.end_object();
}

/// What the provider itself said about its limits, and when.
void append_reported(json::Writer& json, const pipeline::ReportedLimits::Reading& reading) {
  json.key("reported");
  if (reading.unix_ms == 0) {
    json.null();
    return;
  }
  json.begin_object();
  append_reported_limit(json, "requests", reading.limits.requests);
  append_reported_limit(json, "tokens", reading.limits.tokens);
  append_reported_limit(json, "input_tokens", reading.limits.input_tokens);
  append_reported_limit(json, "output_tokens", reading.limits.output_tokens);
  json.member("at_unix_ms", reading.unix_ms).end_object();
}

void append_limits(json::Writer& json, const Moment& moment, const ProviderConfig& provider,
                   const pipeline::TrafficCounters& counters) {
  const config::UsageLimits& limits = provider.limits;
  json.begin_object();
  append_limit(json, "requests_per_minute", limits.requests_per_minute);
  append_limit(json, "requests_per_day", limits.requests_per_day);
  append_limit(json, "tokens_per_minute", limits.tokens_per_minute);
  append_limit(json, "tokens_per_day", limits.tokens_per_day);
  append_limit(json, "burst", limits.burst);
  if (limits.concurrency > 0) {
    const std::int64_t used = counters.in_flight.load(std::memory_order_relaxed);
    json.key("concurrency").begin_object().member("limit", limits.concurrency);
    json.member("used", used);
    json.member("left", std::max<std::int64_t>(0, limits.concurrency - used)).end_object();
  }
  append_limits_of(json.key("usage"), moment.limits, provider.name);
  append_reported(json, counters.reported.get());
  json.end_object();
}

// ---- models ---------------------------------------------------------------------------------

/// How the list of models came about.
void append_detection(json::Writer& json, const Moment& moment, std::size_t index) {
  json.key("detection");
  const auto look = moment.looks.find(moment.resolver.config().providers[index].name);
  if (look == moment.looks.end()) {
    json.null();
    return;
  }
  const config::DetectedList* list = moment.resolver.detected_at(index);
  json.begin_object().key("models");
  if (list != nullptr) {
    json.integer(static_cast<std::int64_t>(list->models().size()));
  } else {
    json.null();
  }
  json.member("times_asked", look->second.count);
  json.member("asked_unix_ms", look->second.asked_unix_ms);
  json.member("answered_unix_ms", look->second.answered_unix_ms);
  json.key("error");
  if (look->second.error.empty()) {
    json.null();
  } else {
    json.string(look->second.error);
  }
  json.end_object();
}

void append_probes(json::Writer& json, const Moment& moment, std::string_view provider) {
  json.key("probes");
  const auto found = moment.probed.find(provider);
  if (found == moment.probed.end()) {
    json.null();
    return;
  }
  const health::ProbeFigures& figures = found->second;
  json.begin_object().member("count", figures.count).member("failures", figures.failures);
  json.member("ended_unix_ms", figures.ended_unix_ms).member("latency_ms", figures.latency_ms);
  json.key("error");
  if (figures.error.empty()) {
    json.null();
  } else {
    json.string(figures.error);
  }
  json.end_object();
}

// ---- providers ------------------------------------------------------------------------------

/// What a server that holds models told of its memory.
void append_memory(json::Writer& json, const pipeline::TrafficCounters& counters) {
  const std::int32_t models = counters.models_loaded.load(std::memory_order_relaxed);
  if (models < 0) {
    json.null();
    return;
  }
  json.begin_object().member("models_loaded", models);
  json.member("bytes", counters.memory_bytes.load(std::memory_order_relaxed));
  json.member("vram_bytes", counters.memory_vram_bytes.load(std::memory_order_relaxed));
  json.end_object();
}

void append_traffic(json::Writer& json, const Moment& moment, std::string_view name,
                    const pipeline::TrafficCounters& counters) {
  const Totals all = totals_of(counters);
  const std::uint64_t judged = all.successes + all.failures;
  json.member("in_flight", counters.in_flight.load(std::memory_order_relaxed));
  json.member("queued", counters.queued.load(std::memory_order_relaxed));
  json.member("unwell", counters.is_unwell.load(std::memory_order_relaxed));
  append_memory(json.key("memory"), counters);
  json.key("success_rate");
  if (judged == 0) {
    json.null();
  } else {
    json.number(static_cast<double>(all.successes) / static_cast<double>(judged));
  }
  json.key("latency_ms").begin_object();
  json.member("first_content", counters.first_content_us.load(std::memory_order_relaxed) / 1000);
  json.member("total", counters.latency_us.load(std::memory_order_relaxed) / 1000).end_object();
  append_totals(json.key("today"), moment.day.today(name, counters));
  append_totals(json.key("since_start"), all);
  json.member("last_used_unix_ms", counters.last_used_ms.load(std::memory_order_relaxed));
  json.member("last_success_unix_ms", counters.last_success_ms.load(std::memory_order_relaxed));
  json.member("last_failure_unix_ms", counters.last_failure_ms.load(std::memory_order_relaxed));
}

void append_state(json::Writer& json, const ProviderStatus* status) {
  append_circuit(json.key("circuit"), status == nullptr ? CircuitStatus{} : status->circuit);
  append_cooldown(json.key("cooldown"), status == nullptr ? CooldownStatus{} : status->cooldown);
  json.key("targets").begin_array();
  if (status != nullptr) {
    for (const shared_state::TargetStatus& target : status->targets) {
      json.begin_object().member("name", target.name);
      append_circuit(json.key("circuit"), target.circuit);
      append_cooldown(json.key("cooldown"), target.cooldown);
      json.end_object();
    }
  }
  json.end_array();
}

void append_provider(json::Writer& json, const Moment& moment, std::size_t index) {
  const config::Config& config = moment.resolver.config();
  const ProviderConfig& provider = config.providers[index];
  const pipeline::TrafficCounters& counters = *moment.upstreams[index]->counters;
  const ProviderStatus* status = find_status(moment, provider.name);
  json.begin_object().member("name", provider.name);
  json.member("type", provider.spec->name);
  json.member("dialect", config::show_value(provider.dialect));
  json.member("base_url", provider.base_url);
  json.member("source", config::found_at(config, provider));
  json.member("enabled", provider.enabled).member("local", provider.local);
  json.member("mock", moment.upstreams[index]->is_mock);
  json.key("api_keys").begin_array();
  for (const config::Secret& key : provider.api_keys) json.string(key.to_display());
  json.end_array();
  json.member("health", health_of(moment, provider, status, counters));
  append_state(json, status);
  append_limits(json.key("limits"), moment, provider, counters);
  append_traffic(json, moment, provider.name, counters);
  append_detection(json, moment, index);
  append_probes(json, moment, provider.name);
  append_models(json.key("models"), moment.resolver, index, moment.refused);
  json.end_object();
}

// ---- routes ---------------------------------------------------------------------------------

void append_resolution(json::Writer& json, const config::Config& config,
                       const config::Resolution& found) {
  json.key("steps").begin_array();
  for (const config::Step& step : found.steps) {
    json.begin_object().member("strategy", config::show_value(step.strategy));
    json.key("targets").begin_array();
    for (const config::Target& target : step.targets) {
      json.begin_object().member("name", target.name);
      json.member("provider", config.providers[target.provider].name);
      json.member("model", target.model).member("weight", target.weight).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
  json.member("failover", found.failover);
}

void append_route(json::Writer& json, const config::Resolver& resolver, const std::string& name,
                  const std::string& path) {
  const config::Config& config = resolver.config();
  json.begin_object().member("name", name);
  // A wildcard means something only for a name that fits it.
  if (name.find('*') != std::string::npos) {
    json.member("kind", "wildcard").member("source", config.source_of(path)).end_object();
    return;
  }
  const auto found = resolver.resolve(name);
  if (found) json.member("kind", config::name((*found)->how));
  json.member("source", path.empty() ? std::string_view("built in") : config.source_of(path));
  if (found) {
    append_resolution(json, config, **found);
  } else {
    json.member("unavailable", found.error().message);
  }
  json.end_object();
}

}  // namespace

Totals totals_of(const pipeline::TrafficCounters& counters) {
  constexpr auto order = std::memory_order_relaxed;
  Totals totals;
  totals.attempts = counters.attempts.load(order);
  totals.successes = counters.successes.load(order);
  totals.failures = counters.failures.load(order);
  totals.unpriced = counters.unpriced.load(order);
  totals.impossible_usage = counters.impossible_usage.load(order);
  totals.refusals = counters.refusals.load(order);
  totals.input_tokens = counters.input_tokens.load(order);
  totals.output_tokens = counters.output_tokens.load(order);
  totals.cost_nanousd = counters.cost_nanousd.load(order);
  return totals;
}

void DayStart::advance(std::int64_t unix_ms, Upstreams upstreams) {
  constexpr std::int64_t day_ms = 86'400'000;
  const std::int64_t day = unix_ms / day_ms;
  if (day == day_) return;
  const bool is_first = day_ == -1;
  day_ = day;
  at_start_.clear();
  if (is_first) return;
  for (const auto& upstream : upstreams) {
    at_start_.insert_or_assign(upstream->name, totals_of(*upstream->counters));
  }
}

Totals DayStart::today(std::string_view name, const pipeline::TrafficCounters& counters) const {
  Totals totals = totals_of(counters);
  const auto found = at_start_.find(name);
  if (found == at_start_.end()) return totals;
  const Totals& before = found->second;
  totals.attempts -= before.attempts;
  totals.successes -= before.successes;
  totals.failures -= before.failures;
  totals.unpriced -= before.unpriced;
  totals.impossible_usage -= before.impossible_usage;
  totals.refusals -= before.refusals;
  totals.input_tokens -= before.input_tokens;
  totals.output_tokens -= before.output_tokens;
  totals.cost_nanousd -= before.cost_nanousd;
  return totals;
}

std::string provider_json(const Moment& moment, std::size_t index) {
  std::string out;
  json::Writer json(out);
  append_provider(json, moment, index);
  return out;
}

std::string providers_json(const Moment& moment) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("providers").begin_array();
  for (std::size_t i = 0; i < moment.upstreams.size(); ++i) append_provider(json, moment, i);
  json.end_array().end_object();
  return out;
}

std::string routes_json(const config::Resolver& resolver) {
  const config::Config& config = resolver.config();
  std::string out;
  json::Writer json(out);
  json.begin_object();
  json.member("default_model", config.default_model.empty() ? "auto" : config.default_model);
  json.key("routes").begin_array();
  for (const auto& route : config.models) {
    append_route(json, resolver, route.name, "models." + route.name);
  }
  for (const auto& [name, target] : config.tiers)
    append_route(json, resolver, name, "tiers." + name);
  for (const auto& [name, target] : config.tasks)
    append_route(json, resolver, name, "tasks." + name);
  for (const char* name : {"auto", "fast", "local", "mock"}) {
    const auto found = resolver.resolve(name);
    const bool is_builtin = found && (*found)->how == config::ResolvedBy::automatic;
    if (is_builtin) append_route(json, resolver, name, "");
  }
  json.end_array().end_object();
  return out;
}

std::string config_json(const config::Config& config) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("settings").begin_array();
  for (const config::SettingView& setting : config::list_settings(config)) {
    json.begin_object().member("path", setting.path).member("value", setting.value);
    json.member("source", setting.source).end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace weir::admin
