// SPDX-License-Identifier: Apache-2.0
#include "usage/runway.hpp"

#include <map>
#include <set>
#include <utility>

#include "base/money.hpp"
#include "providers/catalog.hpp"
#include "usage/report.hpp"
#include "usage/series.hpp"

namespace weir::usage {
namespace {

std::int64_t tokens_of(const Figures& figures) {
  return figures.input + figures.input_cache_read + figures.input_cache_write + figures.output +
         figures.output_reasoning;
}

/// What is left by the day; a monthly limit may leave less.
std::int64_t left_today(const Allowance& today, const Allowance& month) {
  if (month.limit == 0) return today.left();
  return today.limit == 0 ? month.left() : std::min(today.left(), month.left());
}

}  // namespace

std::optional<std::int64_t> Runway::minutes_left() const {
  constexpr std::int64_t minutes_per_hour = 60;
  std::optional<std::int64_t> least;
  const auto consider = [&](std::int64_t left, std::int64_t per_hour, bool has_limit) {
    if (!has_limit || per_hour <= 0) return;
    const auto minutes = static_cast<std::int64_t>(Int128{left} * minutes_per_hour / per_hour);
    least = least ? std::min(*least, minutes) : minutes;
  };
  const auto has = [&](Allowance Provider::* day, Allowance Provider::* month) {
    return std::any_of(providers.begin(), providers.end(), [&](const Provider& one) {
      return (one.*day).limit > 0 || (one.*month).limit > 0;
    });
  };
  consider(requests_left, requests_per_hour,
           has(&Provider::requests_today, &Provider::requests_month));
  consider(tokens_left, tokens_per_hour, has(&Provider::tokens_today, &Provider::tokens_month));
  return least;
}

std::vector<FreeTier> free_tiers(const std::string& provider, const providers::ProviderSpec& type,
                                 std::string_view zone, std::chrono::minutes reset_at) {
  const providers::PlanLimits& plan = type.free_limits;
  const std::string_view place = zone.empty() ? plan.time_zone : zone;
  const auto day = policy::Calendar::make(policy::Period::day, place, reset_at);
  const auto month = policy::Calendar::make(policy::Period::month, place, reset_at);
  if (!day || !month) return {};  // this machine doesn't know the provider's zone
  std::vector<FreeTier> tiers;
  if (plan.per == providers::PlanUnit::account) {
    tiers.push_back({provider, type.name, {}, plan, *day, *month});
    return tiers;
  }
  if (plan.per == providers::PlanUnit::family) {
    std::set<const providers::ModelLimits*> families;
    for (const providers::Model& model : providers::models_of(type.name)) {
      const auto* const family = providers::limits_of_model(type.name, true, model.id);
      if (family == nullptr || !families.insert(family).second) continue;
      tiers.push_back(
          {provider, type.name, std::string(family->pattern), family->limits, *day, *month});
    }
    return tiers;
  }
  for (const providers::Model& model : providers::models_of(type.name)) {
    const bool is_offered =
        model.status == providers::Status::active || model.status == providers::Status::deprecated;
    if (!is_offered) continue;
    const auto* const own = providers::limits_of_model(type.name, true, model.id);
    const providers::PlanLimits& limits = own == nullptr ? plan : own->limits;
    tiers.push_back(
        {provider, type.name, std::string(std::string_view(model.id)), limits, *day, *month});
  }
  return tiers;
}

Result<Runway> runway(Store& store, const std::vector<FreeTier>& tiers, std::int64_t now_ms) {
  Runway out;
  struct Start {
    std::int64_t day;
    std::int64_t month;
  };
  std::vector<Start> starts;
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> places;
  std::map<std::string_view, std::string_view> types;
  const std::int64_t rate_start = now_ms - now_ms % hour_ms - hour_ms;
  std::int64_t from = rate_start;
  for (const FreeTier& tier : tiers) {
    places.emplace(std::pair(std::string_view(tier.provider), std::string_view(tier.model)),
                   out.providers.size());
    types.emplace(tier.provider, tier.type);
    Runway::Provider& one = out.providers.emplace_back();
    one.name = tier.provider;
    one.model = tier.model;
    one.requests_today.limit = tier.limits.requests_per_day;
    one.tokens_today.limit = tier.limits.tokens_per_day;
    one.requests_month.limit = tier.limits.requests_per_month;
    one.tokens_month.limit = tier.limits.tokens_per_month;
    const Start& start = starts.emplace_back(
        Start{tier.day.window_at(now_ms).start_ms, tier.month.window_at(now_ms).start_ms});
    from = std::min(from, start.month);
  }
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
  bool is_damaged = false;
  const auto place_of = [&](const Labels& labels) {
    const std::string_view provider = label(labels, Dimension::provider);
    const auto of_all = places.find({provider, std::string_view()});
    const auto type = types.find(provider);
    if (of_all != places.end() || type == types.end()) return of_all;
    const std::string_view model = label(labels, Dimension::model);
    if (const auto* const row = providers::limits_of_model(type->second, true, model)) {
      const auto of_family = places.find({provider, row->pattern});
      if (of_family != places.end()) return of_family;
    }
    const auto listed = providers::find_model(type->second, model);
    return listed ? places.find({provider, listed.model->id}) : places.end();
  };
  const auto take = [&](const Store::Sums& sums) {
    const auto place = place_of(*sums.labels);
    if (place == places.end()) return;
    Figures figures;
    is_damaged = is_damaged || !figures.decode(sums.figures, false);
    Runway::Provider& one = out.providers[place->second];
    const Start& start = starts[place->second];
    const std::int64_t used = tokens_of(figures);
    if (sums.start_ms >= start.month) {
      one.requests_month.used += figures.attempts;
      one.tokens_month.used += used;
    }
    if (sums.start_ms >= start.day) {
      one.requests_today.used += figures.attempts;
      one.tokens_today.used += used;
    }
    if (sums.start_ms >= rate_start) {
      requests += figures.attempts;
      tokens += used;
    }
  };
  WEIR_TRY(store.read(false, from, now_ms + hour_ms, take));
  if (is_damaged) return damaged_sums();
  for (const Runway::Provider& one : out.providers) {
    out.requests_left += left_today(one.requests_today, one.requests_month);
    out.tokens_left += left_today(one.tokens_today, one.tokens_month);
  }
  const std::int64_t passed = now_ms - rate_start;
  out.requests_per_hour = static_cast<std::int64_t>(Int128{requests} * hour_ms / passed);
  out.tokens_per_hour = static_cast<std::int64_t>(Int128{tokens} * hour_ms / passed);
  return out;
}

}  // namespace weir::usage
