// SPDX-License-Identifier: Apache-2.0
#include "config/route_builder.hpp"

#include <algorithm>

namespace weir::config {

Resolution make_resolution(const Config& config, std::string name, ResolvedBy how,
                           const RouteConfig* route) {
  static const RouteConfig nothing;
  const RouteConfig& said = route ? *route : nothing;
  Resolution resolution;
  resolution.name = std::move(name);
  resolution.how = how;
  resolution.failover = said.failover.value_or(config.failover);
  resolution.timeouts = said.timeouts;
  resolution.retries = said.retries;
  resolution.hedge = said.hedge.value_or(config.hedge);
  resolution.stream_recovery = said.stream_recovery.value_or(config.stream.recovery);
  resolution.content_filter_failover =
      said.content_filter_failover.value_or(config.content_filter_failover);
  resolution.early_commit = said.early_commit.value_or(config.stream.early_commit);
  resolution.unknown_params = said.unknown_params.value_or(config.unknown_params);
  resolution.trims = said.trim.value_or(config.trim) != Choice::off;
  resolution.max_wait = said.max_wait.value_or(config.limits.max_wait);
  resolution.content_rules = config.content_rules;
  resolution.content_rules.insert(resolution.content_rules.end(), said.content_rules.begin(),
                                  said.content_rules.end());
  resolution.params = said.params;
  return resolution;
}

// ---- steps ----------------------------------------------------------------------------------

bool StepAssembly::has(const Target& target) const {
  for (const Step& step : resolution_.steps) {
    for (const Target& known : step.targets) {
      if (known.name == target.name) return true;
    }
  }
  return false;
}

/// A target that several ways lead to is tried once.
void StepAssembly::add_one(Target target) {
  if (has(target)) return;
  if (!is_own_step_open_) {
    resolution_.steps.push_back({strategy_, {}, {}});
    is_own_step_open_ = true;
  }
  resolution_.steps.back().targets.push_back(std::move(target));
}

void StepAssembly::add(std::vector<Target> targets, std::int64_t weight) {
  for (Target& target : targets) {
    target.weight = weight;
    add_one(std::move(target));
  }
}

void StepAssembly::add_nested(const std::string& name, const Resolution& nested,
                              std::int64_t weight) {
  for (const Step& step : nested.steps) {
    if (strategy_ != Strategy::priority) {
      add(step.targets, weight);
      continue;
    }
    Step kept{step.strategy, {}, name};
    for (const Target& target : step.targets) {
      if (!has(target)) kept.targets.push_back(target);
    }
    if (kept.targets.empty()) continue;
    resolution_.steps.push_back(std::move(kept));
    is_own_step_open_ = false;
  }
}

// ---- routes ---------------------------------------------------------------------------------

void RouteBuilder::problem(const std::string& path, std::string text) {
  problems_.push_back({std::string(resolver_.config().source_of(path)), path, std::move(text)});
}

void RouteBuilder::define(const std::string& name, Definition definition) {
  const std::string path = definition.path;
  const auto [place, is_new] = definitions_.emplace(name, std::move(definition));
  if (is_new) return;
  problem(path, "the name is taken by " + place->second.path);
}

void RouteBuilder::define_all() {
  const Config& config = resolver_.config();
  for (const RouteConfig& route : config.models) {
    define(route.name, {ResolvedBy::route, "models." + route.name, &route, nullptr});
  }
  for (const auto& [name, target] : config.tiers) {
    define(name, {ResolvedBy::tier, "tiers." + name, nullptr, &target});
  }
  for (const auto& [name, target] : config.tasks) {
    define(name, {ResolvedBy::task, "tasks." + name, nullptr, &target});
  }
}

void RouteBuilder::build_all() {
  define_all();
  for (const auto& [name, definition] : definitions_) {
    const auto star = name.find('*');
    if (definition.route && star != std::string::npos) {
      resolver_.wildcards_.push_back(
          {name.substr(0, star), name.substr(star + 1), definition.route});
    } else {
      build(name);
    }
  }
  // The longer the fixed part, the more a wildcard means just this name.
  std::sort(resolver_.wildcards_.begin(), resolver_.wildcards_.end(),
            [](const Resolver::Wildcard& a, const Resolver::Wildcard& b) {
              const auto fixed = [](const Resolver::Wildcard& w) {
                return w.prefix.size() + w.suffix.size();
              };
              return std::pair(fixed(b), a.route->name) < std::pair(fixed(a), b.route->name);
            });
  for (const Resolver::Wildcard& wildcard : resolver_.wildcards_) {
    check_wildcard(*wildcard.route, "models." + wildcard.route->name);
  }
}

RouteBuilder::Frozen RouteBuilder::build(const std::string& name) {
  if (const auto built = resolver_.named_.find(name); built != resolver_.named_.end()) {
    return built->second;
  }
  const Definition& definition = definitions_.at(name);
  if (definition.route && name.find('*') != std::string::npos) {
    problem(definition.path, "a route with a * can't be the target of another");
    return nullptr;
  }
  const auto seen = std::find(under_way_.begin(), under_way_.end(), name);
  if (seen != under_way_.end()) {
    std::string circle;
    for (auto step = seen; step != under_way_.end(); ++step) circle += *step + " -> ";
    problem(definition.path, "leads back to itself: " + circle + name);
    return nullptr;
  }
  under_way_.push_back(name);
  Frozen resolution =
      definition.route ? build_route(name, definition) : build_alias(name, definition);
  under_way_.pop_back();
  // Kept also when it is null, so that one mistake is told once.
  resolver_.named_.emplace(name, resolution);
  return resolution;
}

RouteBuilder::Frozen RouteBuilder::build_route(const std::string& name,
                                               const Definition& definition) {
  const Config& config = resolver_.config();
  const Strategy strategy = definition.route->strategy.value_or(config.strategy);
  auto resolution = std::make_shared<Resolution>(
      make_resolution(config, name, ResolvedBy::route, definition.route));
  StepAssembly steps(*resolution, strategy);
  bool is_right = true;
  for (std::size_t i = 0; i < definition.route->targets.size(); ++i) {
    const std::string path = definition.path + ".targets[" + std::to_string(i) + "]";
    is_right &= add_target(steps, definition.route->targets[i], strategy, path);
  }
  return is_right ? resolution : nullptr;
}

RouteBuilder::Frozen RouteBuilder::build_alias(const std::string& name,
                                               const Definition& definition) {
  const Config& config = resolver_.config();
  if (definitions_.contains(*definition.target)) {
    const Frozen nested = build(*definition.target);
    if (!nested) return nullptr;
    auto resolution = std::make_shared<Resolution>(*nested);
    resolution->how = definition.how;
    return resolution;
  }
  auto resolution =
      std::make_shared<Resolution>(make_resolution(config, name, definition.how, nullptr));
  StepAssembly steps(*resolution, config.strategy);
  const TargetRef target{*definition.target, 1};
  return add_target(steps, target, config.strategy, definition.path) ? resolution : nullptr;
}

bool RouteBuilder::add_target(StepAssembly& steps, const TargetRef& target, Strategy strategy,
                              const std::string& path) {
  if (definitions_.contains(target.target)) {
    if (strategy == Strategy::weighted) {
      problem(path, "weights are for models, and " + target.target + " is a route");
      return false;
    }
    const Frozen nested = build(target.target);
    if (nested) steps.add_nested(target.target, *nested, target.weight);
    return nested != nullptr;
  }
  auto targets = resolver_.model_targets(target.target);
  if (targets.empty()) targets = resolver_.builtin_targets(target.target);
  // Local servers are asked only when the gateway runs; until then a built-in name may be empty.
  if (targets.empty() && !is_builtin_name(target.target)) {
    std::vector<std::string> routes;  // the resolver knows only those that are built already
    for (const auto& [name, definition] : definitions_) routes.push_back(name);
    problem(path, resolver_.unknown(target.target, routes).message);
    return false;
  }
  steps.add(std::move(targets), target.weight);
  return true;
}

/// A target with a `*` is known only when it is asked for; its provider can be checked now.
void RouteBuilder::check_wildcard(const RouteConfig& route, const std::string& path) {
  for (std::size_t i = 0; i < route.targets.size(); ++i) {
    const std::string full = path + ".targets[" + std::to_string(i) + "]";
    const std::string& target = route.targets[i].target;
    const auto star = target.find('*');
    if (star == std::string::npos) {
      Resolution scratch;
      StepAssembly steps(scratch, Strategy::priority);
      add_target(steps, route.targets[i], Strategy::priority, full);
      continue;
    }
    const auto slash = target.find('/');
    const bool has_provider = slash != std::string::npos && slash < star &&
                              resolver_.config().find_provider(target.substr(0, slash));
    if (!has_provider || target.find('*', star + 1) != std::string::npos) {
      problem(full, "a target with a * is of the form provider/*, with a configured provider");
    }
  }
}

}  // namespace weir::config
