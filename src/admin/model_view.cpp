// SPDX-License-Identifier: Apache-2.0
#include "admin/model_view.hpp"

namespace weir::admin {
namespace {

void append_tokens(json::Writer& json, std::string_view name, const config::TokenFact& fact) {
  json.key(name);
  if (fact.tokens == 0) {
    json.null();
    return;
  }
  json.begin_object().member("value", fact.tokens);
  json.member("source", providers::name(fact.source)).end_object();
}

void append_capabilities(json::Writer& json, const providers::CapabilityTable& capabilities) {
  json.key("capabilities").begin_object();
  for (const auto& row : providers::capability_names) {
    const auto [value, source] = capabilities.of(row.capability);
    json.key(row.name).begin_object().member("value", providers::name(value));
    json.member("source", providers::name(source)).end_object();
  }
  json.end_object();
}

/// The stated prices for `unit`.
void append_prices(json::Writer& json, const providers::PriceBook& prices,
                   providers::PriceUnit unit) {
  constexpr std::int64_t million = 1'000'000;
  for (std::size_t i = 0; i < providers::price_kind_count; ++i) {
    const auto kind = static_cast<providers::PriceKind>(i);
    const auto price = prices.base.stated(kind);
    if (!price || prices.is_assumed || providers::row_of(kind).unit != unit) continue;
    const std::int64_t nano = price->nano_per_million();
    const bool is_each = unit == providers::PriceUnit::one;
    json.key(providers::row_of(kind).name)
        .raw(to_usd_text(NanoUsd(is_each ? nano / million : nano)));
  }
}

void append_prices(json::Writer& json, const providers::PriceBook& prices) {
  json.key("usd_per_million_tokens").begin_object();
  append_prices(json, prices, providers::PriceUnit::million_tokens);
  json.end_object().key("usd_each").begin_object();
  append_prices(json, prices, providers::PriceUnit::one);
  json.end_object().member("price_version", prices.version);
}

/// The provider and the model of `provider/model`; nothing when `name` is none.
std::optional<std::pair<std::size_t, std::string_view>> parts_of(const config::Resolver& resolver,
                                                                 std::string_view name) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos || resolver.is_route(name)) return std::nullopt;
  const auto provider = resolver.config().find_provider(name.substr(0, slash));
  if (!provider) return std::nullopt;
  return std::pair(*provider, name.substr(slash + 1));
}

/// Where a fact about a model comes from: the configuration's place, the catalog, or nowhere.
std::string_view source_of(const config::Config& config, const std::string& path,
                           bool is_in_catalog) {
  const std::string_view source = config.source_of(path);
  if (source != "default") return source;
  return is_in_catalog ? "catalog" : "unknown";
}

/// What becomes of a model of the catalog.
void append_future(json::Writer& json, const providers::Model& model) {
  json.member("status", providers::name(model.status));
  if (!model.retires.empty()) json.member("retires", model.retires.view());
  if (!model.replaced_by.empty()) json.member("replaced_by", model.replaced_by.view());
  const std::string notice = providers::retirement_notice(model);
  if (!notice.empty()) json.member("notice", notice);
}

void append_model(json::Writer& json, const config::Resolver& resolver, std::size_t index,
                  const std::string& id, const Refused& refused) {
  const config::Config& config = resolver.config();
  const config::ProviderConfig& provider = config.providers[index];
  config::ModelFacts facts = resolver.facts_of(index, id);
  apply_refused(refused, provider.name + "/" + id, facts);
  const std::string path = "providers." + provider.name + ".models." + id;
  const bool is_in_catalog = facts.catalog != nullptr;
  json.begin_object().member("id", id);
  json.member("source", facts.override_     ? config.source_of(path)
                        : facts.is_detected ? "detection"
                        : is_in_catalog     ? "catalog"
                                            : "configuration");
  append_facts(json, facts);
  json.member("prices_source", provider.local ? std::string_view("local, free of charge")
                                              : source_of(config, path + ".price", is_in_catalog));
  if (is_in_catalog) append_future(json, *facts.catalog);
  json.end_object();
}

void append_targets(json::Writer& json, const config::Resolver& resolver, std::string_view name) {
  const auto found = resolver.resolve(name);
  if (!found) return;
  json.member("kind", config::name((*found)->how)).key("targets").begin_array();
  for (const config::Step& step : (*found)->steps) {
    for (const config::Target& target : step.targets) json.string(target.name);
  }
  json.end_array();
}

}  // namespace

void apply_refused(const Refused& refused, std::string_view name, config::ModelFacts& facts) {
  const auto found = refused.find(name);
  if (found == refused.end()) return;
  providers::StatedCapabilities learnt;
  for (const auto& row : providers::capability_names) {
    const bool is_refused = providers::has(found->second, row.capability);
    const bool is_open = facts.capabilities.can(row.capability) == providers::Tri::unknown;
    if (is_refused && is_open) learnt.say(row.capability, false);
  }
  facts.capabilities.lay_over(learnt, providers::FactSource::learnt);
}

void append_facts(json::Writer& json, const config::ModelFacts& facts) {
  append_tokens(json, "context_tokens", facts.context);
  append_tokens(json, "output_tokens_max", facts.output_max);
  append_capabilities(json, facts.capabilities);
  append_prices(json, facts.prices);
}

void append_models(json::Writer& json, const config::Resolver& resolver, std::size_t provider,
                   const Refused& refused) {
  json.begin_array();
  for (const std::string& id : resolver.models_of(provider)) {
    append_model(json, resolver, provider, id, refused);
  }
  json.end_array();
}

std::string models_json(const config::Resolver& resolver) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("providers").begin_array();
  const auto& all = resolver.config().providers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    json.begin_object().member("name", all[i].name).member("enabled", all[i].enabled);
    json.member("local", all[i].local).member("mock", all[i].mock);
    append_models(json.key("models"), resolver, i, {});
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

std::string listed_name_json(const config::Resolver& resolver, const Refused& refused,
                             std::string_view name) {
  std::string out;
  json::Writer json(out);
  json.begin_object();
  if (const auto parts = parts_of(resolver, name)) {
    const auto [provider, model] = *parts;
    config::ModelFacts facts = resolver.facts_of(provider, model);
    apply_refused(refused, name, facts);
    json.member("kind", "model").member("provider", resolver.config().providers[provider].name);
    append_facts(json, facts);
  } else {
    append_targets(json, resolver, name);
  }
  json.end_object();
  return out;
}

}  // namespace weir::admin
