// SPDX-License-Identifier: Apache-2.0
#include "shared_state/account.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace weir::shared_state {
namespace {

using namespace std::chrono_literals;

// A burst of refusals is one sign, and what a provider took for a while it goes on to take.
constexpr Duration shrink_interval = 5s;
constexpr Duration grow_interval = 10s;
constexpr std::int64_t shrink_permille = 700;
constexpr std::int64_t shrunk_permille_min = 100;
constexpr std::int64_t grow_permille = 50;

std::int64_t part_of(std::int64_t whole, std::int64_t permille) {
  return whole / 1000 * permille + whole % 1000 * permille / 1000;
}

/// No other request would be let in for a while; how long exactly depends on how long the others
/// take.
constexpr Duration until_somebody_leaves = 1s;

}  // namespace

std::int64_t Demand::of(LimitUnit unit) const {
  switch (unit) {
    case LimitUnit::requests:
      return requests;
    case LimitUnit::input_tokens:
      return input_tokens;
    case LimitUnit::output_tokens:
      return output_tokens;
    case LimitUnit::total_tokens:
      return input_tokens + output_tokens;
    case LimitUnit::concurrent_requests:
    case LimitUnit::nanousd:
      break;
  }
  return 0;
}

void Account::set(const LimitSet& limits, const Moment& now) {
  set_rates(limits.rates, now);
  set_budgets(limits.budgets, now);
  concurrency_.set_limit(limits.concurrency);
  collect_calendars();
  reserved_permille_ = limits.reserved_permille;
  spill_permille_ = limits.spill_permille;
}

void Account::set_rates(const std::vector<LimitRule>& rates, const Moment& now) {
  std::vector<Meter> meters;
  meters.reserve(rates.size());
  for (const LimitRule& rule : rates) {
    const auto before = std::find_if(rules_.begin(), rules_.end(), [&](const LimitRule& one) {
      return one.unit == rule.unit && one.rate.counts_like(rule.rate);
    });
    if (before == rules_.end()) {
      meters.push_back(new_meter(rule, now));
      continue;
    }
    const auto its_meter = meters_.begin() + (before - rules_.begin());
    Meter& meter = meters.emplace_back(std::move(*its_meter));
    // What the provider said or showed of its limit since goes on to hold where the rule does.
    if (before->rate.limit != rule.rate.limit) {
      meter.in_force = rule.rate.limit;
      meter.limiter.set_limit(rule.rate.limit, now);
    }
    meters_.erase(its_meter);
    rules_.erase(before);
  }
  for (Meter& meter : meters_) {
    const LimitRule& rule = rule_of(meter);
    if (!rule.rate.calendar) continue;
    const policy::CalendarWindow window = rule.rate.calendar->window_at(now.unix_ms);
    past_quotas_.push_back({rule, std::move(meter.limiter), window, now.steady});
  }
  meters_ = std::move(meters);
  rules_ = rates;
}

/// A quota that comes back goes on where it was: nothing is zeroed within a window (U-1).
Account::Meter Account::new_meter(const LimitRule& rule, const Moment& now) {
  Meter meter{.limiter = policy::Limiter(rule.rate),
              .since = now.steady,
              .in_force = rule.rate.limit,
              .unit = rule.unit,
              .is_short = !rule.rate.calendar.has_value()};
  const auto past =
      std::find_if(past_quotas_.begin(), past_quotas_.end(), [&](const PastQuota& one) {
        return one.rule.unit == rule.unit && one.rule.rate.counts_like(rule.rate);
      });
  if (past == past_quotas_.end()) return meter;
  meter.limiter = std::move(past->limiter);
  meter.limiter.set_limit(rule.rate.limit, now);
  past_quotas_.erase(past);
  return meter;
}

void Account::set_budgets(const std::vector<policy::BudgetRule>& rules, const Moment& now) {
  for (Purse& purse : budgets_) {
    purse.advance(now.unix_ms);
    purse.ended_ms = now.unix_ms;
    past_budgets_.push_back(std::move(purse));
  }
  std::vector<Purse> budgets;
  for (const policy::BudgetRule& rule : rules) {
    const auto before =
        std::find_if(past_budgets_.begin(), past_budgets_.end(),
                     [&](const Purse& purse) { return purse.rule.calendar == rule.calendar; });
    Purse& purse =
        budgets.emplace_back(before == past_budgets_.end() ? Purse{.rule = rule} : *before);
    if (before != past_budgets_.end()) past_budgets_.erase(before);
    // More or less of the same: its marks are elsewhere now.
    if (purse.rule.nanousd != rule.nanousd) purse.told_permille = 0;
    purse.rule = rule;
    purse.advance(now.unix_ms);
  }
  budgets_ = std::move(budgets);
}

bool Account::has_past(const Moment& now) const {
  const auto goes_on = [&](const auto& past) { return now.unix_ms < past.window.end_ms; };
  return std::any_of(past_quotas_.begin(), past_quotas_.end(), goes_on) ||
         std::any_of(past_budgets_.begin(), past_budgets_.end(), goes_on);
}

void Account::prefetch() const {
  constexpr std::size_t line_bytes = 64;
  const auto fetch = [](const auto& list) {
    const char* const begin = reinterpret_cast<const char*>(list.data());
    const std::size_t bytes = list.size() * sizeof(list[0]);
    for (std::size_t at = 0; at < bytes; at += line_bytes) __builtin_prefetch(begin + at, 1);
  };
  fetch(meters_);
  fetch(budgets_);
  fetch(windows_);
}

// ---- rates --------------------------------------------------------------------------------------

std::int64_t Account::kept_permille(pipeline::Priority priority) const {
  std::int64_t permille = 0;
  for (std::size_t i = static_cast<std::size_t>(priority) + 1; i < reserved_permille_.size(); ++i) {
    permille += reserved_permille_[i];
  }
  return permille;
}

std::optional<Obstacle> Account::obstacle(const Demand& demand, pipeline::Priority priority,
                                          bool may_use_last, const Moment& now) {
  std::optional<Obstacle> longest;
  const auto offer = [&](const Obstacle& obstacle) {
    if (!longest || obstacle.wait > longest->wait) longest = obstacle;
  };
  if (!demand.is_replay && !concurrency_.may_enter()) {
    offer({.unit = LimitUnit::concurrent_requests,
           .limit = concurrency_.limit(),
           .left = 0,
           .window = {},
           .reset = until_somebody_leaves,
           .wait = until_somebody_leaves});
  }
  const std::int64_t permille = kept_permille(priority);
  for (Meter& meter : meters_) {
    if (demand.is_replay && meter.unit != LimitUnit::requests) continue;
    const std::int64_t cost = demand.of(meter.unit);
    const std::int64_t whole = meter.limiter.burst().value_or(meter.in_force);
    // The part of the limit that is not for this request.
    std::int64_t kept = part_of(whole, permille);
    const bool spills = !meter.is_short && !may_use_last;
    if (spills) kept = std::max(kept, meter.in_force - part_of(meter.in_force, spill_permille_));
    const Duration wait = meter.limiter.wait(cost + kept, now);
    if (wait == Duration::zero()) continue;
    const std::int64_t used = meter.limiter.used(now);
    offer({.unit = meter.unit,
           .limit = meter.in_force,
           .left = std::max<std::int64_t>(0, whole - used),
           .window = rule_of(meter).rate.window,
           .reset = meter.limiter.reset(now),
           .wait = wait});
  }
  for (const Closed& closed : closed_) {
    if (closed.until <= now.steady) continue;
    const Duration wait = closed.until - now.steady;
    offer({.unit = closed.unit,
           .limit = closed.limit,
           .left = 0,
           .window = {},
           .reset = wait,
           .wait = wait});
  }
  return longest;
}

void Account::take(const Demand& demand, const Moment& now) {
  if (!demand.is_replay) concurrency_.enter();
  for (Meter& meter : meters_) meter.limiter.take(demand.of(meter.unit), now);
}

void Account::settle(const Demand& demand, const Demand& actual, const Moment& taken,
                     const Moment& now) {
  concurrency_.leave();
  for (Meter& meter : meters_) {
    const std::int64_t difference = actual.of(meter.unit) - demand.of(meter.unit);
    // What a meter never took it can't give back.
    const bool has_taken = meter.since <= taken.steady;
    if (difference != 0 && has_taken) meter.limiter.correct(difference, taken, now);
  }
  for (PastQuota& past : past_quotas_) {
    const LimitUnit unit = past.rule.unit;
    const std::int64_t difference = actual.of(unit) - demand.of(unit);
    if (taken.steady <= past.ended) past.limiter.correct(difference, taken, now);
  }
}

// ---- what the provider says of its rates --------------------------------------------------------

void Account::shrink(const Moment& now) {
  if (now.steady - changed_at_ < shrink_interval) return;
  changed_at_ = now.steady;
  for (Meter& meter : meters_) {
    if (!meter.is_short) continue;
    const std::int64_t least =
        std::max<std::int64_t>(1, part_of(rule_of(meter).rate.limit, shrunk_permille_min));
    meter.in_force = std::max(least, part_of(meter.in_force, shrink_permille));
    meter.limiter.set_limit(meter.in_force, now);
  }
}

void Account::grow(const Moment& now) {
  if (now.steady - changed_at_ < grow_interval) return;
  changed_at_ = now.steady;
  for (Meter& meter : meters_) {
    const std::int64_t limit = rule_of(meter).rate.limit;
    if (meter.in_force >= limit) continue;
    const std::int64_t step = std::max<std::int64_t>(1, part_of(limit, grow_permille));
    meter.in_force = std::min(limit, meter.in_force + step);
    meter.limiter.set_limit(meter.in_force, now);
  }
}

void Account::heed(LimitUnit unit, std::optional<std::int64_t> limit,
                   std::optional<std::int64_t> left, std::optional<Duration> reset,
                   const Moment& now) {
  // Figures per minute are full again within one; others speak of another limit than ours.
  const bool is_of_minute = !reset || *reset <= 60s;
  for (Meter& meter : meters_) {
    LimitRule& rule = rule_of(meter);
    const bool is_meant = limit && *limit > 0 && is_of_minute && rule.is_assumed &&
                          rule.unit == unit && rule.rate.window == 60s;
    if (!is_meant || rule.rate.limit == *limit) continue;
    rule.rate.limit = *limit;
    meter.in_force = *limit;
    meter.limiter.set_limit(*limit, now);
  }
  const auto closed = std::find_if(closed_.begin(), closed_.end(),
                                   [&](const Closed& one) { return one.unit == unit; });
  const bool is_used_up = left && *left <= 0 && reset && *reset > Duration::zero();
  if (!is_used_up) {
    if (closed != closed_.end()) closed_.erase(closed);
    return;
  }
  Closed& entry = closed == closed_.end() ? closed_.emplace_back() : *closed;
  entry = {unit, now.steady + *reset, limit.value_or(0)};
}

// ---- money --------------------------------------------------------------------------------------

void Account::Purse::advance(std::int64_t unix_ms) {
  if (unix_ms < window.end_ms) return;
  window = rule.calendar.window_at(unix_ms);
  spent = 0;
  told_permille = 0;
}

std::optional<Obstacle> Account::money_obstacle(std::int64_t nanousd, const Moment& now) {
  for (Purse& purse : budgets_) {
    purse.advance(now.unix_ms);
    const std::int64_t left = purse.left(reserved_nanousd_);
    if (!purse.rule.is_hard || nanousd <= left) continue;
    const std::chrono::milliseconds rest(
        std::min<std::int64_t>(purse.window.end_ms - now.unix_ms, 31LL * 24 * 3'600'000));
    return Obstacle{.unit = LimitUnit::nanousd,
                    .limit = purse.rule.nanousd,
                    .left = std::max<std::int64_t>(0, left),
                    .window = {},
                    .reset = rest,
                    .wait = policy::never};
  }
  return std::nullopt;
}

std::optional<std::int64_t> Account::money_left(const Moment& now) {
  std::optional<std::int64_t> least;
  for (Purse& purse : budgets_) {
    purse.advance(now.unix_ms);
    if (!purse.rule.is_hard) continue;
    const std::int64_t left = purse.left(reserved_nanousd_);
    least = std::min(least.value_or(left), left);
  }
  return least;
}

std::string_view Account::downgrade(const Moment& now) {
  for (Purse& purse : budgets_) {
    if (purse.rule.downgrade.empty()) continue;
    purse.advance(now.unix_ms);
    if (purse.has_passed(purse.rule.soft_permille)) return purse.rule.downgrade;
  }
  return {};
}

void Account::spend(std::int64_t reserved, std::int64_t nanousd, std::int64_t since_ms,
                    const Moment& now, std::vector<BudgetEvent>& events) {
  reserved_nanousd_ -= reserved;
  WEIR_ASSERT(reserved_nanousd_ >= 0);
  for (Purse& purse : budgets_) {
    purse.advance(now.unix_ms);
    if (since_ms < purse.window.start_ms) continue;  // that window is over
    purse.spent += nanousd;
    tell_marks(purse, events);
  }
  for (Purse& past : past_budgets_) {
    const bool is_of_it = past.window.start_ms <= since_ms && since_ms <= past.ended_ms;
    if (is_of_it) past.spent += nanousd;
  }
}

void Account::tell_marks(Purse& purse, std::vector<BudgetEvent>& events) const {
  for (const std::int32_t mark : {purse.rule.soft_permille, 1'000}) {
    if (!purse.has_passed(mark) || purse.told_permille >= mark) continue;
    purse.told_permille = mark;
    events.push_back({owner_, purse.rule.calendar.period(), purse.window.id, mark, purse.spent,
                      purse.rule.nanousd});
  }
}

// ---- windows ------------------------------------------------------------------------------------

void Account::collect_calendars() {
  windows_.clear();
  const auto add = [this](const policy::Calendar& calendar) {
    const bool is_known = std::any_of(windows_.begin(), windows_.end(), [&](const OpenWindow& one) {
      return one.calendar == calendar;
    });
    if (!is_known) windows_.push_back({calendar, {}, {}});
  };
  for (const LimitRule& rule : rules_) {
    if (rule.rate.calendar) add(*rule.rate.calendar);
  }
  for (const Purse& purse : budgets_) add(purse.rule.calendar);
}

void Account::advance_windows(const Moment& now) {
  for (OpenWindow& open : windows_) {
    if (now.unix_ms < open.window.end_ms) continue;
    open.window = open.calendar.window_at(now.unix_ms);
    std::string id(policy::name(owner_.scope));
    if (!owner_.name.empty()) id.append(":").append(owner_.name);
    id.append(":").append(open.calendar.label(open.window));
    open.id = std::make_shared<const std::string>(std::move(id));
  }
}

void Account::append_windows(std::vector<SharedText>& out, const Moment& now) {
  advance_windows(now);
  for (const OpenWindow& open : windows_) out.push_back(open.id);
}

std::optional<std::int64_t> Account::windows_start_ms(const Moment& now) {
  advance_windows(now);
  std::optional<std::int64_t> oldest;
  for (const OpenWindow& open : windows_) {
    oldest = std::min(open.window.start_ms, oldest.value_or(open.window.start_ms));
  }
  return oldest;
}

void Account::restore(const UsedBefore& used, const Moment& now) {
  advance_windows(now);
  for (const OpenWindow& open : windows_) {
    const auto before = used(*open.id);
    if (!before) continue;
    const Demand demand{before->requests, before->input_tokens, before->output_tokens};
    for (Meter& meter : meters_) {
      if (rule_of(meter).rate.calendar != open.calendar) continue;
      meter.limiter.correct(demand.of(meter.unit), now, now);
    }
    for (Purse& purse : budgets_) {
      if (purse.rule.calendar != open.calendar) continue;
      purse.advance(now.unix_ms);
      purse.spent += before->nanousd;
      // Who was told before the start is not told again (U-6).
      std::vector<BudgetEvent> told_before;
      tell_marks(purse, told_before);
    }
  }
}

// ---- what there is to see -----------------------------------------------------------------------

void Account::append_status(std::vector<LimitStatus>& out, const Moment& now) {
  for (Meter& meter : meters_) {
    const policy::RateRule& rate = rule_of(meter).rate;
    LimitStatus& status = out.emplace_back();
    status.owner = owner_;
    status.unit = meter.unit;
    status.window = rate.window;
    if (const auto& calendar = rate.calendar) {
      status.algorithm = "quota";
      status.period = policy::name(calendar->period());
      status.zone = calendar->zone_name();
    } else {
      status.algorithm = policy::name(rate.algorithm);
    }
    status.limit = rate.limit;
    status.in_force = meter.in_force;
    const std::int64_t whole = meter.limiter.burst().value_or(meter.in_force);
    if (whole != meter.in_force) status.burst = whole;
    status.used = meter.limiter.used(now);
    status.reset = meter.limiter.reset(now);
    status.wait = meter.limiter.wait(1, now);
    for (const Closed& closed : closed_) {
      const bool is_meant = closed.unit == status.unit && closed.until > now.steady;
      if (is_meant) status.wait = std::max(status.wait, closed.until - now.steady);
    }
  }
  if (concurrency_.limit() > 0) {
    LimitStatus& status = out.emplace_back();
    status.owner = owner_;
    status.unit = LimitUnit::concurrent_requests;
    status.limit = status.in_force = concurrency_.limit();
    status.used = concurrency_.inside();
    if (!concurrency_.may_enter()) status.wait = until_somebody_leaves;
  }
  for (Purse& purse : budgets_) {
    purse.advance(now.unix_ms);
    LimitStatus& status = out.emplace_back();
    status.owner = owner_;
    status.unit = LimitUnit::nanousd;
    status.algorithm = "budget";
    status.period = policy::name(purse.rule.calendar.period());
    status.zone = purse.rule.calendar.zone_name();
    status.limit = status.in_force = purse.rule.nanousd;
    status.used = purse.spent;
    status.reserved = reserved_nanousd_;
    status.is_hard = purse.rule.is_hard;
    constexpr std::int64_t century_ms = 100LL * 365 * 24 * 3'600'000;
    const bool ends = purse.window.end_ms - now.unix_ms < century_ms;
    if (ends) status.reset = std::chrono::milliseconds(purse.window.end_ms - now.unix_ms);
  }
}

}  // namespace weir::shared_state
