// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/resolve.hpp"

namespace weir::config {

/// Starts the resolution of a route with the settings of the route and, where it has none, of the
/// whole; `route` may be null.
Resolution make_resolution(const Config& config, std::string name, ResolvedBy how,
                           const RouteConfig* route);

/// `auto`, `fast`, `local`, `mock`: always known, though there may be nothing behind them yet.
bool is_builtin_name(std::string_view name);

/// Puts the steps of a resolution together. A route's own targets share one step; a nested route of
/// a `priority` route keeps its own steps and strategies, in any other route its targets join.
class StepAssembly {
 public:
  StepAssembly(Resolution& resolution, Strategy strategy)
      : resolution_(resolution), strategy_(strategy) {}

  void add(std::vector<Target> targets, std::int64_t weight);
  void add_nested(const std::string& name, const Resolution& nested, std::int64_t weight);

 private:
  void add_one(Target target);
  [[nodiscard]] bool has(const Target& target) const;

  Resolution& resolution_;
  Strategy strategy_;
  bool is_own_step_open_ = false;
};

/// Builds all named routes of a resolver, checking them on the way.
class RouteBuilder {
 public:
  RouteBuilder(Resolver& resolver, std::vector<Problem>& problems)
      : resolver_(resolver), problems_(problems) {}

  void build_all();

 private:
  using Frozen = std::shared_ptr<const Resolution>;
  struct Definition {
    ResolvedBy how = ResolvedBy::route;
    std::string path;                     ///< in the configuration, for problems
    const RouteConfig* route = nullptr;   ///< of a route
    const std::string* target = nullptr;  ///< of a tier or task
  };

  void define(const std::string& name, Definition definition);
  void define_all();
  Frozen build(const std::string& name);
  Frozen build_route(const std::string& name, const Definition& definition);
  Frozen build_alias(const std::string& name, const Definition& definition);
  /// Adds what `target` means; false, with a problem, when that is nothing.
  bool add_target(StepAssembly& steps, const TargetRef& target, Strategy strategy,
                  const std::string& path);
  void check_wildcard(const RouteConfig& route, const std::string& path);
  void problem(const std::string& path, std::string text);

  Resolver& resolver_;
  std::vector<Problem>& problems_;
  std::map<std::string, Definition, std::less<>> definitions_;
  std::vector<std::string> under_way_;  ///< names being built, outermost first
};

}  // namespace weir::config
