// SPDX-License-Identifier: Apache-2.0
//
// What is known about a model at a provider: from rules, the catalog, the provider itself and the
// operator.

#include <vector>

#include "base/http_url.hpp"
#include "base/ip_range.hpp"
#include "config/resolve.hpp"

namespace weir::config {
namespace {

using providers::FactSource;

/// Azure's names of deployments are the user's own; the model behind one is what has a price.
std::string_view model_behind(const ProviderConfig& provider, std::string_view model) {
  for (const auto& [id, deployment] : provider.deployments) {
    if (deployment == model) return id;
  }
  return model;
}

/// On this machine or in the operator's own network: nobody sends a bill (U-5).
bool is_on_own_ground(const ProviderConfig& provider) {
  if (provider.local) return true;
  const auto url = parse_http_url(provider.base_url);
  if (!url) return false;
  const auto address = parse_ip_address(url->host);
  return url->is_loopback() || (address && is_private_address(*address));
}

/// U-5: what a model without a price of its own is booked at.
providers::PriceBook assumed_prices(const ProviderConfig& provider,
                                    const providers::OwnPrices& own) {
  if (is_on_own_ground(provider)) return providers::free_book(own);
  std::vector<providers::PriceList> stated;
  for (const ModelOverride& model : provider.models) stated.push_back(model.prices.prices);
  return providers::dearest_book(provider.spec->name, stated);
}

providers::PriceBook prices_of(const ProviderConfig& provider, const ModelFacts& facts) {
  const providers::OwnPrices own =
      facts.override_ ? facts.override_->prices : providers::OwnPrices();
  if (provider.local) return providers::free_book(own);
  providers::PriceBook book = providers::price_book(facts.catalog, own);
  return book.is_known() ? book : assumed_prices(provider, own);
}

void state(std::int64_t tokens, FactSource source, TokenFact& fact) {
  if (tokens > 0) fact = {tokens, source};
}

void apply_catalog(const providers::Model& listed, ModelFacts& facts) {
  facts.catalog = &listed;
  state(listed.context_tokens, FactSource::catalog, facts.context);
  state(listed.output_tokens_max, FactSource::catalog, facts.output_max);
  facts.capabilities.lay_over(providers::stated_by_list(listed.capabilities), FactSource::catalog);
  facts.traits = providers::traits_of(listed);
  facts.chat_tools = listed.chat_tools;
  facts.responses_only = listed.responses_only;
}

void apply_detected(const DetectedModel& detected, ModelFacts& facts) {
  facts.is_detected = true;
  state(detected.context_tokens, FactSource::detection, facts.context);
  state(detected.output_tokens_max, FactSource::detection, facts.output_max);
  facts.capabilities.lay_over(detected.capabilities, FactSource::detection);
}

void apply_override(const ModelOverride& said, ModelFacts& facts) {
  state(said.context, FactSource::configuration, facts.context);
  state(said.max_output, FactSource::configuration, facts.output_max);
  facts.capabilities.lay_over(said.capabilities, FactSource::configuration);
}

/// What an encoder goes by follows from the table; of the unknown it assumes the usual.
void set_traits(ModelFacts& facts) {
  using providers::Capability;
  using providers::Tri;
  const auto can = [&](Capability capability) { return facts.capabilities.can(capability); };
  facts.traits.output_tokens_max = facts.output_max.tokens;
  facts.traits.reasons = can(Capability::reasoning) == Tri::yes;
  facts.traits.takes_json_schema = can(Capability::json_schema) != Tri::no;
  facts.traits.takes_prefill = can(Capability::prefill) == Tri::yes;
}

}  // namespace

ModelFacts model_facts(const ProviderConfig& provider, std::string_view model,
                       const DetectedModel* detected) {
  ModelFacts facts;
  facts.override_ = provider.find_model(model);
  const std::string_view id =
      facts.override_ ? std::string_view(facts.override_->id) : model_behind(provider, model);
  facts.capabilities.lay_over(
      providers::capability_rules(provider.spec->name, provider.dialect, id), FactSource::rule);
  if (const auto found = providers::find_model(provider.spec->name, id)) {
    apply_catalog(*found.model, facts);
  }
  if (detected != nullptr) apply_detected(*detected, facts);
  if (facts.override_) apply_override(*facts.override_, facts);
  facts.prices = prices_of(provider, facts);
  set_traits(facts);
  return facts;
}

Timeouts timeouts_for(const Config& config, const Resolution& route, const Target& target) {
  const Timeouts of_route =
      config.timeouts.with(config.providers[target.provider].timeouts).with(route.timeouts);
  const ModelOverride* said = target.facts.override_;
  return said ? of_route.with(said->timeouts) : of_route;
}

RetryPolicy retries_for(const Config& config, const Resolution& route, const Target& target) {
  const RetrySettings& of_provider = config.providers[target.provider].retries;
  return decide(config.retries.with(of_provider).with(route.retries), route.target_count());
}

}  // namespace weir::config
