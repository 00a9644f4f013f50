// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/detected.hpp"
#include "config/loader.hpp"
#include "weir/result.hpp"

/// Which targets does a model name mean.
namespace weir::config {

/// A number of tokens and who says so.
struct TokenFact {
  std::int64_t tokens = 0;  ///< 0 = unknown
  providers::FactSource source = providers::FactSource::none;
};

/// Facts about a model at a provider: the catalog's, with what the provider itself said over them,
/// and the operator's over all.
struct ModelFacts {
  const providers::Model* catalog = nullptr;  ///< null: not in the catalog
  const ModelOverride* override_ = nullptr;   ///< null: nothing said in the configuration
  bool is_detected = false;                   ///< the provider lists it
  providers::PriceBook prices;                ///< all zero for local servers
  TokenFact context;
  TokenFact output_max;
  providers::CapabilityTable capabilities;
  wire::ModelTraits traits;
  providers::ChatTools chat_tools = providers::ChatTools::yes;
  bool responses_only = false;
};

/// What is known about `model` (a client's word for it) at `provider`, which may have `detected` it
/// (null: it was not asked, or does not have it). The result points into `provider` and the
/// catalog.
ModelFacts model_facts(const ProviderConfig& provider, std::string_view model,
                       const DetectedModel* detected);

/// One place a request can go.
struct Target {
  std::size_t provider = 0;  ///< index in `Config::providers`
  std::string name;          ///< `provider/model`, the same for every way of naming it
  std::string model;         ///< id on the wire
  std::int64_t weight = 1;
  ModelFacts facts;
};

/// Targets among which the strategy chooses; the next step is taken when all of one have failed.
struct Step {
  Strategy strategy = Strategy::priority;
  std::vector<Target> targets;
  std::string of = {};  ///< the route or tier that it is of, as the asked route names it; or empty
};

enum class ResolvedBy : std::uint8_t { route, tier, task, wildcard, provider, model, automatic };
std::string_view name(ResolvedBy how) noexcept;

/// What a name means, frozen with the snapshot it belongs to.
struct Resolution {
  std::string name;  ///< of the route; for a model its own
  ResolvedBy how = ResolvedBy::route;
  std::vector<Step> steps;  ///< none is empty, nor is the list in what `resolve` gives
  bool failover = true;
  Timeouts timeouts;      ///< of the route
  RetrySettings retries;  ///< of the route
  Hedge hedge;
  Choice stream_recovery = Choice::automatic;
  bool content_filter_failover = false;
  WaitOrOff early_commit;
  UnknownParams unknown_params = UnknownParams::automatic;
  bool trims = false;
  milliseconds max_wait{0};
  std::vector<guard::RuleSpec> content_rules;  ///< of the whole, then of the route
  std::vector<DefaultParam> params;

  [[nodiscard]] std::size_t target_count() const;
};

/// The timeouts in force for an attempt: the file's, the provider's, the route's and the model's,
/// each over the one before.
Timeouts timeouts_for(const Config& config, const Resolution& route, const Target& target);

/// The retry settings in force for an attempt, in the same way.
RetryPolicy retries_for(const Config& config, const Resolution& route, const Target& target);

/// The names of one configuration snapshot. A local server offers what it said when it was asked,
/// and before that what the catalog believes. Immutable, so that any thread may ask. Keeps the
/// configuration alive, into which its results point.
class Resolver {
 public:
  /// Checks and freezes all routes, tiers and tasks. Problems: a name that is used twice among
  /// them, a cycle, a target that means nothing. With problems the result is null.
  static std::shared_ptr<const Resolver> make(std::shared_ptr<const Config> config,
                                              DetectedModels detected,
                                              std::vector<Problem>& problems);

  /// What `name` means: a route, tier or task; a wildcard route, whose `*` stands for the same text
  /// in its targets; `provider/model`; a model id at every provider that offers it, in the default
  /// order; the built-in names `auto`, `fast`, `local`, `mock`. An empty one is `default_model`,
  /// else `auto`. Errors: `route_unknown`; `model_unavailable`: known, with nothing behind it.
  [[nodiscard]] Result<std::shared_ptr<const Resolution>> resolve(std::string_view name) const;

  /// Every name worth listing: routes, tiers, tasks and built-in names, then the models of each
  /// enabled provider as `provider/model`.
  [[nodiscard]] std::vector<std::string> listed_names() const;
  /// The models that the provider at `index` is known to have: those configured and detected, else
  /// those of the catalog that still answer.
  [[nodiscard]] std::vector<std::string> models_of(std::size_t index) const;
  /// True for the name of a route, tier or task.
  [[nodiscard]] bool is_route(std::string_view name) const { return named_.contains(name); }
  /// What is known about `model` at the provider at `index`.
  [[nodiscard]] ModelFacts facts_of(std::size_t index, std::string_view model) const;
  /// What that provider listed; null when it was not asked or never answered.
  [[nodiscard]] const DetectedList* detected_at(std::size_t index) const;
  [[nodiscard]] const DetectedModels& detected() const noexcept { return detected_; }
  [[nodiscard]] std::shared_ptr<const Config> shared_config() const noexcept { return config_; }
  /// Indexes of the enabled providers in the order in force (`prefer`), best first; without `mock`.
  [[nodiscard]] const std::vector<std::size_t>& order() const noexcept { return order_; }
  [[nodiscard]] const Config& config() const noexcept { return *config_; }

 private:
  friend class RouteBuilder;

  /// A route whose name has a `*`.
  struct Wildcard {
    std::string prefix;
    std::string suffix;
    const RouteConfig* route;
  };
  using Frozen = std::shared_ptr<const Resolution>;

  Resolver(std::shared_ptr<const Config> config, DetectedModels detected);

  [[nodiscard]] Result<Frozen> resolve_wildcard(const Wildcard& wildcard,
                                                std::string_view name) const;
  /// `provider/model` and bare ids; no target when `name` is neither.
  [[nodiscard]] std::vector<Target> model_targets(std::string_view name) const;
  [[nodiscard]] Target target_at(std::size_t provider, std::string_view model) const;
  [[nodiscard]] bool offers(std::size_t provider, std::string_view model) const;
  [[nodiscard]] std::vector<Target> builtin_targets(std::string_view name) const;
  /// Names the nearest of all listed names and of `more`.
  [[nodiscard]] Error unknown(std::string_view name,
                              const std::vector<std::string>& more = {}) const;

  std::shared_ptr<const Config> config_;
  DetectedModels detected_;
  std::vector<std::size_t> order_;
  std::map<std::string, Frozen, std::less<>> named_;
  std::vector<Wildcard> wildcards_;  ///< the most specific first
};

}  // namespace weir::config
