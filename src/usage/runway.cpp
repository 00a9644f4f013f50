// SPDX-License-Identifier: Apache-2.0
#include "usage/runway.hpp"

#include "base/money.hpp"
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

Result<Runway> runway(Store& store, const std::vector<FreeTier>& tiers, std::int64_t now_ms) {
  Runway out;
  std::map<std::string, std::size_t, std::less<>> places;
  for (const FreeTier& tier : tiers) {
    places.emplace(tier.provider, out.providers.size());
    Runway::Provider& one = out.providers.emplace_back();
    one.name = tier.provider;
    one.requests_today.limit = tier.limits.requests_per_day;
    one.tokens_today.limit = tier.limits.tokens_per_day;
    one.requests_month.limit = tier.limits.requests_per_month;
    one.tokens_month.limit = tier.limits.tokens_per_month;
  }
  const std::int64_t month = month_of(now_ms).first;
  const std::int64_t today = now_ms - now_ms % day_ms;
  const std::int64_t rate_start = now_ms - now_ms % hour_ms - hour_ms;
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
  bool is_damaged = false;
  const auto take = [&](const Store::Sums& sums) {
    const auto place = places.find(label(*sums.labels, Dimension::provider));
    if (place == places.end()) return;
    Figures figures;
    is_damaged = is_damaged || !figures.decode(sums.figures, false);
    Runway::Provider& one = out.providers[place->second];
    const std::int64_t used = tokens_of(figures);
    if (sums.start_ms >= month) {
      one.requests_month.used += figures.attempts;
      one.tokens_month.used += used;
    }
    if (sums.start_ms >= today) {
      one.requests_today.used += figures.attempts;
      one.tokens_today.used += used;
    }
    if (sums.start_ms >= rate_start) {
      requests += figures.attempts;
      tokens += used;
    }
  };
  WEIR_TRY(store.read(false, std::min(month, rate_start), now_ms + hour_ms, take));
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
