// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "api/core.hpp"
#include "weir/gateway.hpp"

/// What a gateway tells about itself: capabilities, tasks and figures.
namespace weir {
namespace {

providers::Capability catalog_capability(Capability capability) {
  return providers::capability_names[static_cast<std::size_t>(capability)].capability;
}

Support support_of(const config::ModelFacts& facts, Capability capability) {
  switch (facts.capabilities.can(catalog_capability(capability))) {
    case providers::Tri::no:
      return Support::no;
    case providers::Tri::yes:
      return Support::yes;
    case providers::Tri::unknown:
      break;
  }
  return Support::unknown;
}

bool offers(const config::Resolver& resolver, std::size_t provider, Capability capability) {
  const auto models = resolver.models_of(provider);
  return std::any_of(models.begin(), models.end(), [&](const std::string& model) {
    return support_of(resolver.facts_of(provider, model), capability) == Support::yes;
  });
}

/// The less, the better.
int trouble(HealthState state) {
  switch (state) {
    case HealthState::unknown:
    case HealthState::healthy:
      return 0;
    case HealthState::degraded:
      return 1;
    case HealthState::failing:
      return 2;
    case HealthState::cut_off:
      return 3;
  }
  return 3;
}

}  // namespace

Result<std::string> Gateway::best_provider(Capability capability) const {
  const auto snapshot = core_->snapshot();
  const config::Resolver& resolver = snapshot->resolver();
  const auto health = core_->health();
  const pipeline::Upstream* best = nullptr;
  int least_trouble = 0;
  for (const std::size_t index : resolver.order()) {
    if (!offers(resolver, index, capability)) continue;
    const pipeline::Upstream& upstream = *snapshot->upstreams()[index];
    const auto seen = health.find(upstream.name);
    const int its_trouble =
        trouble(seen == health.end() ? HealthState::unknown : seen->second.state);
    if (best != nullptr && its_trouble >= least_trouble) continue;
    best = &upstream;
    least_trouble = its_trouble;
  }
  if (best == nullptr) {
    return Error(ErrorCode::unsupported_capability,
                 "no provider is known to have a model for this");
  }
  return best->name;
}

Result<std::string> Gateway::model_for_task(std::string_view task) const {
  const auto snapshot = core_->snapshot();
  const auto& tasks = snapshot->config().tasks;
  const bool is_known = std::any_of(tasks.begin(), tasks.end(),
                                    [&](const auto& entry) { return entry.first == task; });
  if (!is_known) {
    return Error(ErrorCode::route_unknown, "there is no task '" + std::string(task) + "'");
  }
  WEIR_TRY_ASSIGN(resolution, snapshot->resolver().resolve(task));
  return resolution->steps.front().targets.front().name;
}

Result<Support> Gateway::supports(std::string_view model, Capability capability) const {
  WEIR_TRY_ASSIGN(resolution, core_->snapshot()->resolver().resolve(model));
  Support best = Support::no;
  for (const config::Step& step : resolution->steps) {
    for (const config::Target& target : step.targets) {
      const Support support = support_of(target.facts, capability);
      if (support == Support::yes) return Support::yes;
      if (support == Support::unknown) best = Support::unknown;
    }
  }
  return best;
}

UsageStatistics Gateway::usage() const {
  UsageStatistics usage;
  for (const auto& upstream : core_->snapshot()->upstreams()) {
    const UsageTotals totals = api::totals_of(*upstream->counters);
    usage.total.calls += totals.calls;
    usage.total.input_tokens += totals.input_tokens;
    usage.total.output_tokens += totals.output_tokens;
    usage.total.cost_nanousd += totals.cost_nanousd;
    usage.by_provider.emplace(upstream->name, totals);
  }
  usage.by_tag = core_->figures().by_tag();
  return usage;
}

FailoverStatistics Gateway::failover() const { return core_->figures().failover(); }

std::map<std::string, ProviderHealth> Gateway::health() const { return core_->health(); }

LedgerStatistics Gateway::ledger() const { return core_->ledger(); }

}  // namespace weir
