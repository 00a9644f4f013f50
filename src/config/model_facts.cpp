// SPDX-License-Identifier: Apache-2.0
//
// What is known about a model at a provider, from the catalog and the operator.

#include "config/resolve.hpp"

namespace weir::config {
namespace {

/// Azure's names of deployments are the user's own; the model behind one is what has a price.
std::string_view model_behind(const ProviderConfig& provider, std::string_view model) {
  for (const auto& [id, deployment] : provider.deployments) {
    if (deployment == model) return id;
  }
  return model;
}

providers::PriceList free_of_charge() {
  providers::PriceList list;
  list.set(providers::PriceKind::input, TokenPrice());
  list.set(providers::PriceKind::output, TokenPrice());
  return list;
}

void apply(const ModelOverride& said, ModelFacts& facts) {
  facts.prices = facts.prices.with(said.prices);
  if (said.context != 0) facts.context_tokens = said.context;
  if (said.max_output != 0) facts.output_tokens_max = said.max_output;
  facts.traits.output_tokens_max = facts.output_tokens_max;
  if (!said.capabilities) return;
  facts.capabilities = said.capabilities;
  facts.traits.reasons = has(*said.capabilities, providers::Capability::reasoning);
  facts.traits.takes_json_schema = has(*said.capabilities, providers::Capability::json_schema);
}

}  // namespace

ModelFacts model_facts(const ProviderConfig& provider, std::string_view model) {
  ModelFacts facts;
  facts.override_ = provider.find_model(model);
  const std::string_view id =
      facts.override_ ? std::string_view(facts.override_->id) : model_behind(provider, model);
  if (const auto found = providers::find_model(provider.spec->name, id)) {
    facts.catalog = found.model;
    facts.prices = found.model->prices;
    facts.context_tokens = found.model->context_tokens;
    facts.output_tokens_max = found.model->output_tokens_max;
    facts.capabilities = found.model->capabilities;
    facts.traits = providers::traits_of(*found.model);
    facts.chat_tools = found.model->chat_tools;
    facts.responses_only = found.model->responses_only;
  }
  if (provider.local) facts.prices = free_of_charge();
  if (facts.override_) apply(*facts.override_, facts);
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
