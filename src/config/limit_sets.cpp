// SPDX-License-Identifier: Apache-2.0
#include "config/limit_sets.hpp"

#include <algorithm>
#include <optional>

#include "base/assert.hpp"
#include "config/section_reader.hpp"
#include "config/tree.hpp"

namespace weir::config {
namespace {

using namespace std::chrono_literals;
using policy::LimitUnit;
using policy::Period;

class Rates {
 public:
  Rates(const UsageLimits& limits, policy::LimitSet& out) : limits_(limits), out_(out) {}

  void add(LimitUnit unit, std::int64_t limit, policy::Duration window) {
    if (limit == 0) return;
    policy::RateRule rate;
    rate.limit = limit;
    rate.window = window;
    rate.algorithm = limits_.algorithm;
    const bool is_bucket = rate.algorithm == policy::Algorithm::token_bucket;
    if (is_bucket && unit == LimitUnit::requests) rate.burst = limits_.burst;
    out_.rates.push_back({unit, rate, false});
  }

  void add(LimitUnit unit, std::int64_t limit, Period period) {
    if (limit == 0) return;
    auto calendar = policy::Calendar::make(
        period, limits_.time_zone, std::chrono::floor<std::chrono::minutes>(limits_.reset_at));
    WEIR_ASSERT(calendar.has_value());
    policy::RateRule rate;
    rate.limit = limit;
    rate.calendar = *std::move(calendar);
    out_.rates.push_back({unit, rate, false});
  }

  /// What comes at once is limited beside what comes in a minute: a bucket alone would let a
  /// burst pass on top of that.
  void add_burst() {
    const bool has_bucket = limits_.algorithm == policy::Algorithm::token_bucket;
    if (limits_.burst == 0 || limits_.requests_per_minute == 0 || has_bucket) return;
    policy::RateRule rate;
    rate.limit = limits_.requests_per_minute;
    rate.window = 1min;
    rate.algorithm = policy::Algorithm::token_bucket;
    rate.burst = limits_.burst;
    out_.rates.push_back({LimitUnit::requests, rate, false});
  }

 private:
  const UsageLimits& limits_;
  policy::LimitSet& out_;
};

void add_rates(const UsageLimits& limits, policy::LimitSet& out) {
  Rates rates(limits, out);
  rates.add(LimitUnit::requests, limits.requests_per_minute, 1min);
  rates.add(LimitUnit::requests, limits.requests_per_hour, 1h);
  rates.add(LimitUnit::requests, limits.requests_per_day, Period::day);
  rates.add(LimitUnit::requests, limits.requests_per_month, Period::month);
  rates.add(LimitUnit::total_tokens, limits.tokens_per_minute, 1min);
  rates.add(LimitUnit::total_tokens, limits.tokens_per_hour, 1h);
  rates.add(LimitUnit::total_tokens, limits.tokens_per_day, Period::day);
  rates.add(LimitUnit::total_tokens, limits.tokens_per_month, Period::month);
  rates.add(LimitUnit::input_tokens, limits.input_tokens_per_minute, 1min);
  rates.add(LimitUnit::input_tokens, limits.input_tokens_per_hour, 1h);
  rates.add(LimitUnit::input_tokens, limits.input_tokens_per_day, Period::day);
  rates.add(LimitUnit::input_tokens, limits.input_tokens_per_month, Period::month);
  rates.add(LimitUnit::output_tokens, limits.output_tokens_per_minute, 1min);
  rates.add(LimitUnit::output_tokens, limits.output_tokens_per_hour, 1h);
  rates.add(LimitUnit::output_tokens, limits.output_tokens_per_day, Period::day);
  rates.add(LimitUnit::output_tokens, limits.output_tokens_per_month, Period::month);
  rates.add_burst();
}

void add_budgets(const BudgetLimits& budget, policy::LimitSet& out) {
  const auto add = [&](NanoUsd amount, Period period) {
    if (amount.count() == 0) return;
    const auto calendar = policy::Calendar::make(period, budget.time_zone);
    WEIR_ASSERT(calendar.has_value());
    out.budgets.push_back({.nanousd = amount.count(),
                           .calendar = *calendar,
                           .soft_permille = budget.soft_at.permille,
                           .is_hard = budget.is_hard,
                           .downgrade = budget.downgrade});
  };
  add(budget.daily, Period::day);
  add(budget.weekly, Period::week);
  add(budget.monthly, Period::month);
  add(budget.total, Period::total);
}

/// Where another server answers under a provider's type, that one's limits are not known.
bool is_at_own_address(const ProviderConfig& provider) {
  return provider.base_url == provider.spec->base_url ||
         provider.spec->base_url.find('{') != std::string_view::npos;
}

UsageLimits limits_of(const providers::PlanLimits& plan) {
  UsageLimits limits;
  limits.requests_per_minute = plan.requests_per_minute;
  limits.requests_per_day = plan.requests_per_day;
  limits.tokens_per_minute = plan.tokens_per_minute;
  limits.tokens_per_day = plan.tokens_per_day;
  limits.input_tokens_per_minute = plan.input_tokens_per_minute;
  limits.output_tokens_per_minute = plan.output_tokens_per_minute;
  limits.concurrency = plan.concurrency;
  limits.requests_per_month = plan.requests_per_month;
  limits.tokens_per_month = plan.tokens_per_month;
  limits.tokens_per_hour = plan.tokens_per_hour;
  limits.burst = plan.requests_per_second;
  const bool is_zone_known = policy::Calendar::make(Period::day, plan.time_zone).has_value();
  if (is_zone_known) limits.time_zone = plan.time_zone;
  return limits;
}

}  // namespace

policy::LimitSet limit_set_of(const UsageLimits& limits, const BudgetLimits& budget) {
  policy::LimitSet set;
  add_rates(limits, set);
  add_budgets(budget, set);
  set.concurrency = limits.concurrency;
  set.spill_permille = limits.spill_at.permille;
  set.reserved_permille = {0, limits.reserve_normal.permille, limits.reserve_high.permille,
                           limits.reserve_critical.permille};
  return set;
}

namespace {

class NoFiles final : public Files {
 public:
  [[nodiscard]] Result<std::string> read(const std::string& path, std::size_t) const override {
    return Error(ErrorCode::invalid_request, path + ": files are not read here");
  }
};

}  // namespace

Result<policy::LimitSet> read_limit_set(std::string_view limits, std::string_view budget) {
  std::string text = "{\"limits\":";
  text.append(limits.empty() ? "{}" : limits).append(",\"budget\":");
  text.append(budget.empty() ? "{}" : budget).append("}");
  std::vector<Problem> problems;
  const Node root = parse_tree({}, text, problems);
  ClientConfig client;
  if (problems.empty()) {
    // What comes over the network names no variables and no files of ours.
    const Environment no_environment;
    const NoFiles no_files;
    SectionReader::Sources sources;
    SectionReader reader(no_environment, no_files, sources, problems);
    reader.read(root, "", client_fields(), client);
  }
  for (const std::string* zone : {&client.limits.time_zone, &client.budget.time_zone}) {
    if (!problems.empty() || zone->empty()) continue;
    WEIR_TRY_ASSIGN(known, policy::Calendar::make(policy::Period::day, *zone));
    static_cast<void>(known);
  }
  if (problems.empty()) return limit_set_of(client.limits, client.budget);
  return Error(ErrorCode::invalid_request, problems.front().text, problems.front().path);
}

namespace {

/// Wherever its days and months begin.
std::optional<Period> period_of(const policy::LimitRule& rule) {
  return rule.rate.calendar ? std::optional(rule.rate.calendar->period()) : std::nullopt;
}

/// Of the same unit over the same time.
bool is_alike(const policy::LimitRule& one, const policy::LimitRule& other) {
  return one.unit == other.unit && one.rate.window == other.rate.window &&
         period_of(one) == period_of(other);
}

const providers::PlanLimits& plan_of(const ProviderConfig& provider) {
  return provider.plan == Plan::free ? provider.spec->free_limits : provider.spec->paid_limits;
}

bool has_known_plan(const ProviderConfig& provider) {
  return provider.plan != Plan::none && !provider.local && !provider.mock &&
         is_at_own_address(provider);
}

bool counts_models(const ProviderConfig& provider) {
  return has_known_plan(provider) && plan_of(provider).per != providers::PlanUnit::account;
}

/// With what is known of a plan where neither `set` nor `said` speaks of it.
policy::LimitSet with_plan(policy::LimitSet set, const policy::LimitSet& said,
                           const providers::PlanLimits& plan) {
  const policy::LimitSet assumed = limit_set_of(limits_of(plan), {});
  if (set.concurrency == 0 && said.concurrency == 0) set.concurrency = assumed.concurrency;
  for (policy::LimitRule rule : assumed.rates) {
    const bool is_said = std::any_of(said.rates.begin(), said.rates.end(),
                                     [&](const auto& one) { return is_alike(one, rule); });
    if (is_said) continue;
    rule.is_assumed = true;
    set.rates.push_back(rule);
  }
  return set;
}

policy::LimitSet with_plan(policy::LimitSet set, const ProviderConfig& provider) {
  if (!has_known_plan(provider) || counts_models(provider)) return set;
  const policy::LimitSet said = set;
  return with_plan(std::move(set), said, plan_of(provider));
}

}  // namespace

/// Several keys are of several accounts, which have their plan's limits each.
policy::LimitSet limit_set_of(const ProviderConfig& provider) {
  policy::LimitSet set = limit_set_of(provider.limits, provider.budget);
  return provider.api_keys.size() > 1 ? set : with_plan(std::move(set), provider);
}

policy::LimitSet limit_set_of_key(const ProviderConfig& provider, std::size_t place) {
  policy::LimitSet set;
  for (const ProviderKeyConfig& key : provider.key_settings) {
    if (key.place == place) set = limit_set_of(key.limits, key.budget);
  }
  return provider.api_keys.size() > 1 ? with_plan(std::move(set), provider) : set;
}

const ModelOverride* limited_model(const ProviderConfig& provider, std::string_view model) {
  const ModelOverride* own = provider.find_model(model);
  if (own == nullptr) {
    const auto listed = providers::find_model(provider.spec->name, model);
    if (listed) own = provider.find_model(listed.model->id);
  }
  const bool is_limited = own != nullptr && !limit_set_of(own->limits, own->budget).is_empty();
  return is_limited ? own : nullptr;
}

std::string_view limit_pool_of(const ProviderConfig& provider, std::string_view model) {
  if (!counts_models(provider)) return {};
  if (plan_of(provider).per == providers::PlanUnit::model) {
    if (const auto listed = providers::find_model(provider.spec->name, model)) {
      return listed.model->id;
    }
    const ModelOverride* const own = provider.find_model(model);
    return own == nullptr ? other_models : std::string_view(own->id);
  }
  const auto* const row =
      providers::limits_of_model(provider.spec->name, provider.plan == Plan::free, model);
  return row == nullptr ? other_models : row->pattern;
}

policy::LimitSet limit_set_of_pool(const ProviderConfig& provider, std::string_view pool,
                                   std::size_t key_place) {
  const providers::PlanLimits& of_all = plan_of(provider);
  const bool is_free = provider.plan == Plan::free;
  const auto* const row = of_all.per == providers::PlanUnit::model
                              ? providers::limits_of_model(provider.spec->name, is_free, pool)
                              : providers::limits_of_pattern(provider.spec->name, is_free, pool);
  providers::PlanLimits plan = row == nullptr ? of_all : row->limits;
  plan.time_zone = of_all.time_zone;
  policy::LimitSet said = provider.api_keys.size() > 1 ? limit_set_of_key(provider, key_place)
                                                       : limit_set_of(provider.limits, {});
  policy::LimitSet set;
  set.reserved_permille = said.reserved_permille;
  set.spill_permille = said.spill_permille;
  set.is_pool = true;
  // Limits of the model's own stand beside the pool's; what they speak of is not assumed.
  if (of_all.per == providers::PlanUnit::model) {
    if (const ModelOverride* const own = provider.find_model(pool)) {
      const policy::LimitSet of_model = limit_set_of(own->limits, {});
      said.rates.insert(said.rates.end(), of_model.rates.begin(), of_model.rates.end());
      if (said.concurrency == 0) said.concurrency = of_model.concurrency;
    }
  }
  return with_plan(std::move(set), said, plan);
}

}  // namespace weir::config
