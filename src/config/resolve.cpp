// SPDX-License-Identifier: Apache-2.0
#include "config/resolve.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/edit_distance.hpp"
#include "config/route_builder.hpp"

namespace weir::config {
namespace {

constexpr std::size_t name_bytes_max = 512;
constexpr std::string_view automatic_name = "auto";
constexpr std::string_view fast_name = "fast";
constexpr std::string_view local_name = "local";
constexpr std::array builtin_names{automatic_name, fast_name, local_name, providers::mock_provider};

constexpr std::string_view no_provider =
    "; no provider is configured: set a key such as OPENAI_API_KEY, start a local server such as "
    "Ollama, or use `mock`";

/// Of a name that is known, with no target behind it.
Error unavailable(const Resolver& resolver, std::string_view name) {
  std::string text = "nothing stands behind '" + std::string(name) + "'";
  text += resolver.order().empty()
              ? no_provider
              : "; no provider that is configured has told of a model for it yet";
  return Error(ErrorCode::model_unavailable, std::move(text), "model");
}

/// The text that the `*` of `wildcard` stands for in `name`; nothing when it doesn't match.
template <class Wildcard>
std::optional<std::string_view> match(const Wildcard& wildcard, std::string_view name) {
  const std::size_t fixed = wildcard.prefix.size() + wildcard.suffix.size();
  if (name.size() <= fixed) return std::nullopt;
  if (!name.starts_with(wildcard.prefix) || !name.ends_with(wildcard.suffix)) return std::nullopt;
  return name.substr(wildcard.prefix.size(), name.size() - fixed);
}

}  // namespace

bool is_builtin_name(std::string_view name) {
  return std::find(builtin_names.begin(), builtin_names.end(), name) != builtin_names.end();
}

std::string_view name(ResolvedBy how) noexcept {
  switch (how) {
    case ResolvedBy::route:
      return "route";
    case ResolvedBy::tier:
      return "tier";
    case ResolvedBy::task:
      return "task";
    case ResolvedBy::wildcard:
      return "wildcard";
    case ResolvedBy::provider:
      return "provider";
    case ResolvedBy::model:
      return "model";
    case ResolvedBy::automatic:
      return "automatic";
  }
  return "";
}

std::size_t Resolution::target_count() const {
  std::size_t count = 0;
  for (const Step& step : steps) count += step.targets.size();
  return count;
}

Resolver::Resolver(std::shared_ptr<const Config> config, DetectedModels detected)
    : config_(std::move(config)), detected_(std::move(detected)) {
  for (std::size_t i = 0; i < config_->providers.size(); ++i) {
    const ProviderConfig& provider = config_->providers[i];
    const bool is_builtin_mock = provider.spec->name == providers::mock_provider;
    if (provider.enabled && !is_builtin_mock) order_.push_back(i);
  }
  const auto rank = config_->prefer == Prefer::free ? &providers::ProviderSpec::free_order
                                                    : &providers::ProviderSpec::order;
  std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    const auto place = [&](std::size_t i) {
      return std::pair(config_->providers[i].spec->*rank, i);
    };
    return place(a) < place(b);
  });
}

std::shared_ptr<const Resolver> Resolver::make(std::shared_ptr<const Config> config,
                                               DetectedModels detected,
                                               std::vector<Problem>& problems) {
  const std::size_t problems_before = problems.size();
  std::shared_ptr<Resolver> resolver(new Resolver(std::move(config), std::move(detected)));
  RouteBuilder(*resolver, problems).build_all();
  if (problems.size() > problems_before) return nullptr;
  return resolver;
}

Result<Resolver::Frozen> Resolver::resolve(std::string_view asked) const {
  const std::string_view fallback =
      config_->default_model.empty() ? automatic_name : config_->default_model;
  const std::string_view name = asked.empty() ? fallback : asked;
  if (name.size() > name_bytes_max) return unknown(name);
  if (const auto found = named_.find(name); found != named_.end()) {
    if (found->second->steps.empty()) return unavailable(*this, name);
    return found->second;
  }
  for (const Wildcard& wildcard : wildcards_) {
    if (match(wildcard, name)) return resolve_wildcard(wildcard, name);
  }
  auto targets = model_targets(name);
  auto how = name.find('/') != std::string_view::npos && targets.size() == 1 ? ResolvedBy::provider
                                                                             : ResolvedBy::model;
  if (targets.empty()) {
    targets = builtin_targets(name);
    how = ResolvedBy::automatic;
  }
  if (targets.empty()) return is_builtin_name(name) ? unavailable(*this, name) : unknown(name);
  auto resolution =
      std::make_shared<Resolution>(make_resolution(*config_, std::string(name), how, nullptr));
  resolution->steps.push_back({config_->strategy, std::move(targets)});
  return Frozen(std::move(resolution));
}

Result<Resolver::Frozen> Resolver::resolve_wildcard(const Wildcard& wildcard,
                                                    std::string_view name) const {
  const RouteConfig& route = *wildcard.route;
  const Strategy strategy = route.strategy.value_or(config_->strategy);
  const std::string_view captured = match(wildcard, name).value_or("");
  auto resolution = std::make_shared<Resolution>(
      make_resolution(*config_, route.name, ResolvedBy::wildcard, &route));
  StepAssembly steps(*resolution, strategy);
  for (const TargetRef& ref : route.targets) {
    std::string target = ref.target;
    if (const auto star = target.find('*'); star != std::string::npos) {
      target.replace(star, 1, captured);
    }
    if (const auto nested = named_.find(target); nested != named_.end()) {
      steps.add_nested(target, *nested->second, ref.weight);
      continue;
    }
    auto targets = model_targets(target);
    if (targets.empty()) targets = builtin_targets(target);
    steps.add(std::move(targets), ref.weight);
  }
  if (resolution->steps.empty()) return unavailable(*this, name);
  return Frozen(std::move(resolution));
}

// ---- models ---------------------------------------------------------------------------------

std::vector<Target> Resolver::model_targets(std::string_view name) const {
  std::vector<Target> targets;
  const auto slash = name.find('/');
  if (slash != std::string_view::npos && slash + 1 < name.size()) {
    const auto provider = config_->find_provider(name.substr(0, slash));
    if (provider && config_->providers[*provider].enabled) {
      targets.push_back(target_at(*provider, name.substr(slash + 1)));
      return targets;
    }
  }
  for (const std::size_t provider : order_) {
    if (offers(provider, name)) targets.push_back(target_at(provider, name));
  }
  return targets;
}

const DetectedList* Resolver::detected_at(std::size_t index) const {
  const auto found = detected_.find(config_->providers[index].name);
  return found == detected_.end() ? nullptr : found->second.get();
}

ModelFacts Resolver::facts_of(std::size_t index, std::string_view model) const {
  const ProviderConfig& entry = config_->providers[index];
  const DetectedList* detected = detected_at(index);
  const DetectedModel* found = detected ? detected->find(model) : nullptr;
  if (detected && !found) {
    const auto listed = providers::find_model(entry.spec->name, model);
    if (listed) found = detected->find(wire_id(listed, model));
  }
  return model_facts(entry, model, found);
}

bool Resolver::offers(std::size_t provider, std::string_view model) const {
  const ProviderConfig& entry = config_->providers[provider];
  if (entry.find_model(model) || entry.deployments.contains(model)) return true;
  const auto* detected = detected_at(provider);
  const auto listed = providers::find_model(entry.spec->name, model);
  if (detected && detected->find(model)) return true;
  if (entry.local && detected) return listed && detected->find(wire_id(listed, model));
  // A subscription at Azure has what was deployed there; which model one deployment holds, its name
  // tells by custom only.
  if (!entry.deployments.empty()) return false;
  if (!entry.deployment.empty()) {
    const auto deployed = providers::find_model(entry.spec->name, entry.deployment);
    return model == entry.deployment || (listed && deployed.model == listed.model);
  }
  return static_cast<bool>(listed);
}

Target Resolver::target_at(std::size_t provider, std::string_view model) const {
  const ProviderConfig& entry = config_->providers[provider];
  Target target;
  target.provider = provider;
  target.facts = facts_of(provider, model);
  const std::string_view id =
      target.facts.override_ ? std::string_view(target.facts.override_->id) : model;
  const auto* detected = detected_at(provider);
  const auto deployed = entry.deployments.find(id);
  if (deployed != entry.deployments.end()) {
    target.model = deployed->second;
  } else if (!entry.deployment.empty()) {
    target.model = entry.deployment;
  } else if (detected && detected->find(id)) {
    target.model = id;
  } else {
    const auto listed = providers::find_model(entry.spec->name, id);
    target.model = listed ? wire_id(listed, id) : id;
  }
  target.name = entry.name + "/" + target.model;
  return target;
}

std::vector<std::string> Resolver::models_of(std::size_t index) const {
  const ProviderConfig& entry = config_->providers[index];
  std::vector<std::string> ids;
  std::set<std::string, std::less<>> seen;
  const auto add = [&](std::string_view id) {
    if (seen.emplace(id).second) ids.emplace_back(id);
  };
  for (const ModelOverride& model : entry.models) add(model.id);
  for (const auto& [model, deployment] : entry.deployments) add(model);
  if (!entry.deployment.empty()) add(entry.deployment);
  const auto* detected = detected_at(index);
  if (detected) {
    for (const DetectedModel& model : detected->models()) add(model.id);
  }
  const bool is_told = detected || entry.local || !ids.empty();
  if (is_told && !entry.mock) return ids;
  for (const providers::Model& model : providers::models_of(entry.spec->name)) {
    if (model.status != providers::Status::retired) add(model.id);
  }
  return ids;
}

// ---- names that are always there ------------------------------------------------------------

std::vector<Target> Resolver::builtin_targets(std::string_view name) const {
  std::vector<Target> targets;
  if (name == providers::mock_provider) {
    const auto mock = config_->find_provider(name);
    if (mock && config_->providers[*mock].enabled) targets.push_back(target_at(*mock, name));
    return targets;
  }
  if (name != automatic_name && name != fast_name && name != local_name) return targets;
  for (const std::size_t provider : order_) {
    const ProviderConfig& entry = config_->providers[provider];
    if (name == local_name && !entry.local) continue;
    std::string model(name == fast_name ? entry.spec->fast_model : entry.spec->default_model);
    const bool is_told = !entry.deployments.empty() || !entry.deployment.empty();
    if (model.empty() || (is_told && !offers(provider, model))) {
      const auto known = models_of(provider);
      const auto chat = std::find_if(known.begin(), known.end(), [&](const std::string& id) {
        const auto can = facts_of(provider, id).capabilities.can(providers::Capability::chat);
        return can != providers::Tri::no;
      });
      if (chat == known.end()) continue;
      model = *chat;
    }
    targets.push_back(target_at(provider, model));
  }
  return targets;
}

std::vector<std::string> Resolver::listed_names() const {
  std::vector<std::string> names;
  for (const auto& [name, resolution] : named_) names.push_back(name);
  for (const std::string_view name : builtin_names) {
    if (!named_.contains(name) && !builtin_targets(name).empty()) names.emplace_back(name);
  }
  for (const std::size_t provider : order_) {
    for (const std::string& id : models_of(provider)) {
      names.push_back(config_->providers[provider].name + "/" + id);
    }
  }
  return names;
}

Error Resolver::unknown(std::string_view name, const std::vector<std::string>& more) const {
  constexpr std::size_t shown_max = 100;
  constexpr std::size_t suggestions_max = 3;
  std::string text = "there is no model or route '" + std::string(name.substr(0, shown_max)) + "'";
  if (order_.empty()) {
    text += no_provider;
    return Error(ErrorCode::route_unknown, std::move(text), "model");
  }
  NearestNames nearest(name, suggestions_max);
  for (const std::string& known : more) nearest.offer(known);
  for (const std::string& known : listed_names()) {
    nearest.offer(known);
    const auto slash = known.find('/');
    if (slash != std::string::npos) nearest.offer(std::string_view(known).substr(slash + 1));
  }
  const auto names = std::move(nearest).take();
  for (std::size_t i = 0; i < names.size(); ++i) {
    text.append(i == 0 ? " (did you mean " : i + 1 == names.size() ? " or " : ", ");
    text.append(names[i]);
  }
  if (!names.empty()) text += "?)";
  return Error(ErrorCode::route_unknown, std::move(text), "model");
}

}  // namespace weir::config
