// SPDX-License-Identifier: Apache-2.0
#include "engine/limit_entries.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "config/limit_sets.hpp"
#include "providers/catalog.hpp"

namespace weir::engine {

using policy::LimitScope;

namespace {

/// Of the models that the catalog or the configuration knows, and of the others.
std::set<std::string> pools_of(const config::ProviderConfig& provider) {
  std::set<std::string> pools;
  const auto add = [&](std::string_view model) {
    const std::string_view pool = config::limit_pool_of(provider, model);
    if (!pool.empty()) pools.emplace(pool);
  };
  for (const providers::Model& model : providers::models_of(provider.spec->name)) add(model.id);
  for (const config::ModelOverride& model : provider.models) add(model.id);
  add(config::other_models);
  return pools;
}

}  // namespace

std::vector<shared_state::Limits::Entry> limit_entries(const config::Config& config,
                                                       const NameOfKey& name_of_key) {
  std::vector<shared_state::Limits::Entry> entries;
  const auto add = [&](LimitScope scope, std::string name, policy::LimitSet limits) {
    if (limits.is_empty()) return;
    entries.push_back({{scope, std::move(name)}, std::move(limits)});
  };
  add(LimitScope::global, {}, config::limit_set_of(config.rates, config.budget));
  for (const config::ClientConfig& key : config.key_settings) {
    add(LimitScope::key, name_of_key(key.key), config::limit_set_of(key.limits, key.budget));
  }
  for (const config::ClientConfig& user : config.users) {
    add(LimitScope::user, user.name, config::limit_set_of(user.limits, user.budget));
  }
  for (const config::ClientConfig& team : config.teams) {
    add(LimitScope::team, team.name, config::limit_set_of(team.limits, team.budget));
  }
  for (const config::ClientConfig& organisation : config.organisations) {
    add(LimitScope::organisation, organisation.name,
        config::limit_set_of(organisation.limits, organisation.budget));
  }
  for (const config::RouteConfig& route : config.models) {
    add(LimitScope::route, route.name, config::limit_set_of(route.limits, route.budget));
  }
  for (const config::ProviderConfig& provider : config.providers) {
    add(LimitScope::provider, provider.name, config::limit_set_of(provider));
    for (std::size_t i = 0; i < provider.api_keys.size(); ++i) {
      add(LimitScope::provider_key,
          shared_state::Limits::name_of_key(provider.name, provider.key_name(i)),
          config::limit_set_of_key(provider, i));
    }
    for (const config::ModelOverride& model : provider.models) {
      add(LimitScope::model, provider.name + "/" + model.id,
          config::limit_set_of(model.limits, model.budget));
    }
    const std::set<std::string> pools = pools_of(provider);
    for (std::size_t i = 0; i < std::max<std::size_t>(1, provider.api_keys.size()); ++i) {
      for (const std::string& pool : pools) {
        add(LimitScope::target,
            shared_state::Limits::name_of_pool(provider.name, provider.key_name(i), pool),
            config::limit_set_of_pool(provider, pool, i));
      }
    }
  }
  return entries;
}

}  // namespace weir::engine
