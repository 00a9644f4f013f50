// SPDX-License-Identifier: Apache-2.0
#include "api/options_text.hpp"

#include <array>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "providers/catalog.hpp"

namespace weir::api {
namespace {

constexpr std::array<std::string_view, 9> strategy_names{
    "priority",   "round_robin", "weighted", "least_recently_used", "least_latency", "least_cost",
    "least_busy", "health",      "sticky"};

void write_model(json::Writer& json, const ModelOptions& model) {
  json.key(model.id).begin_object();
  if (!model.aliases.empty()) {
    json.key("alias").begin_array();
    for (const auto& alias : model.aliases) json.string(alias);
    json.end_array();
  }
  if (model.context_tokens > 0) json.member("context", model.context_tokens);
  if (model.output_tokens_max > 0) json.member("max_output", model.output_tokens_max);
  if (!model.input_price.empty() || !model.output_price.empty()) {
    json.key("price").begin_object();
    if (!model.input_price.empty()) json.member("input", model.input_price);
    if (!model.output_price.empty()) json.member("output", model.output_price);
    json.end_object();
  }
  if (model.capabilities) {
    json.key("capabilities").begin_array();
    for (const Capability capability : *model.capabilities) {
      json.string(providers::capability_names[static_cast<std::size_t>(capability)].name);
    }
    json.end_array();
  }
  json.end_object();
}

Result<> write_more(json::Writer& json, const std::string& place,
                    const std::map<std::string, std::string>& more) {
  for (const auto& [name, value] : more) {
    json::Document document;
    if (!document.parse(value)) {
      return Error(ErrorCode::invalid_request, "is no JSON", place + "more." + name);
    }
    json.key(name).raw(value);
  }
  return {};
}

Result<> write_provider(json::Writer& json, const ProviderOptions& provider) {
  json.key(provider.name).begin_object();
  if (provider.implementation) {
    // Answered in the process: no address, no key.
    json.member("type", "custom").member("mock", true);
  } else {
    if (!provider.type.empty()) json.member("type", provider.type);
    if (!provider.api_key.empty()) json.member("api_key", provider.api_key);
    if (!provider.base_url.empty()) json.member("base_url", provider.base_url);
    if (provider.is_mock) json.member("mock", true);
  }
  if (!provider.headers.empty()) {
    json.key("headers").begin_object();
    for (const auto& [name, value] : provider.headers) json.member(name, value);
    json.end_object();
  }
  if (!provider.models.empty()) {
    json.key("models").begin_object();
    for (const ModelOptions& model : provider.models) write_model(json, model);
    json.end_object();
  }
  WEIR_TRY(write_more(json, "providers." + provider.name + ".", provider.more));
  json.end_object();
  return {};
}

Result<> write_route(json::Writer& json, const RouteOptions& route) {
  json.key(route.name).begin_object();
  if (route.strategy) json.member("strategy", name(*route.strategy));
  if (route.may_fail_over) json.member("failover", *route.may_fail_over);
  json.key("targets").begin_array();
  for (const RouteTarget& target : route.targets) {
    json.begin_object().member("target", target.target).member("weight", target.weight);
    json.end_object();
  }
  json.end_array();
  WEIR_TRY(write_more(json, "models." + route.name + ".", route.more));
  json.end_object();
  return {};
}

void write_names(json::Writer& json, std::string_view section,
                 const std::map<std::string, std::string>& names) {
  if (names.empty()) return;
  json.key(section).begin_object();
  for (const auto& [name, target] : names) json.member(name, target);
  json.end_object();
}

void write_settings(json::Writer& json, const GatewayOptions& options) {
  // Nothing listens here, so no address can be our own.
  json.member("listen", "127.0.0.1:0").key("admin").begin_object().member("listen", "off");
  json.end_object();
  json.member("threads", options.threads).member("failover", options.may_fail_over);
  json.member("strategy", name(options.strategy));
  if (options.prefers_free) json.member("prefer", "free");
  if (options.has_environment_providers) json.member("env_providers", true);
  if (!options.default_model.empty()) json.member("default_model", options.default_model);
  json.member("drain_timeout", std::to_string(options.drain_timeout.count()) + "ms");
  json.key("limits").begin_object().member("max_inflight", options.calls_in_flight_max);
  json.member("queue_length", options.calls_waiting_max).end_object();
  if (!options.data_dir.empty()) json.member("data_dir", options.data_dir);
}

}  // namespace

std::string_view name(Strategy strategy) noexcept {
  static_assert(static_cast<std::size_t>(Strategy::sticky) + 1 == strategy_names.size());
  return strategy_names[static_cast<std::size_t>(strategy)];
}

Result<std::string> options_text(const GatewayOptions& options) {
  static_assert(providers::capability_names.size() ==
                static_cast<std::size_t>(Capability::logprobs) + 1);
  std::string text;
  json::Writer json(text);
  json.begin_object();
  write_settings(json, options);
  if (!options.providers.empty()) {
    json.key("providers").begin_object();
    for (const ProviderOptions& provider : options.providers) {
      WEIR_TRY(write_provider(json, provider));
    }
    json.end_object();
  }
  if (!options.routes.empty()) {
    json.key("models").begin_object();
    for (const RouteOptions& route : options.routes) WEIR_TRY(write_route(json, route));
    json.end_object();
  }
  write_names(json, "tiers", options.tiers);
  write_names(json, "tasks", options.tasks);
  WEIR_TRY(write_more(json, "", options.more));
  json.end_object();
  return text;
}

Result<config::Config> checked(config::Loaded loaded) {
  if (!loaded.ok()) return Error(ErrorCode::invalid_request, loaded.report());
  return std::move(loaded.config);
}

Result<config::Config> read_config(std::string_view text, const config::Environment& environment) {
  return checked(config::load_text("options", text, environment));
}

}  // namespace weir::api
