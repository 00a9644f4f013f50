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

/// To what was used of a window, or taken in all.
template <class Use>
void add(Use& use, const Demand& demand) {
  use.requests += demand.requests;
  use.input_tokens += demand.input_tokens;
  use.output_tokens += demand.output_tokens;
}

}  // namespace

Demand Demand::operator-(const Demand& other) const {
  return {.requests = requests - other.requests,
          .input_tokens = input_tokens - other.input_tokens,
          .output_tokens = output_tokens - other.output_tokens};
}

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
  set_windows(limits, now);
  set_rates(limits.rates, now);
  set_budgets(limits.budgets);
  concurrency_.set_limit(limits.concurrency);
  reserved_permille_ = limits.reserved_permille;
  spill_permille_ = limits.spill_permille;
}

/// What was used of a window is kept while it lasts, whether there is a rule about it or not.
void Account::set_windows(const LimitSet& limits, const Moment& now) {
  advance_windows(now);
  std::vector<OpenWindow> windows;
  const auto add = [&](const policy::Calendar& calendar) {
    const bool is_there = std::any_of(windows.begin(), windows.end(), [&](const OpenWindow& one) {
      return one.calendar == calendar;
    });
    if (is_there) return;
    OpenWindow* const known = find_window(calendar);
    OpenWindow& open = windows.emplace_back(known == nullptr ? OpenWindow{calendar} : *known);
    if (known == nullptr) open.window = calendar.window_at(now.unix_ms);
    if (!open.is_named) open.since = epoch_ + 1;
    open.is_named = true;
  };
  for (const LimitRule& rule : limits.rates) {
    if (rule.rate.calendar) add(*rule.rate.calendar);
  }
  for (const policy::BudgetRule& rule : limits.budgets) add(rule.calendar);
  named_windows_ = windows.size();
  for (OpenWindow& open : windows_) {
    const bool is_named = std::any_of(windows.begin(), windows.end(), [&](const OpenWindow& one) {
      return one.calendar == open.calendar;
    });
    if (is_named || now.unix_ms >= open.window.end_ms) continue;
    OpenWindow& past = windows.emplace_back(std::move(open));
    if (past.is_named) past.until = epoch_;
    past.is_named = false;
  }
  windows_ = std::move(windows);
  ++epoch_;
}

Account::OpenWindow* Account::find_window(const policy::Calendar& calendar) {
  const auto found = std::find_if(windows_.begin(), windows_.end(),
                                  [&](const OpenWindow& one) { return one.calendar == calendar; });
  return found == windows_.end() ? nullptr : &*found;
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
  meters_ = std::move(meters);
  rules_ = rates;
}

/// A quota begins with what its window has seen, as it would after a restart.
Account::Meter Account::new_meter(const LimitRule& rule, const Moment& now) {
  Meter meter{.limiter = policy::Limiter(rule.rate),
              .since = now.steady,
              .in_force = rule.rate.limit,
              .unit = rule.unit,
              .is_short = !rule.rate.calendar.has_value()};
  if (meter.is_short) return meter;
  const policy::WindowUse& use = find_window(*rule.rate.calendar)->use;
  const Demand used{use.requests, use.input_tokens, use.output_tokens};
  meter.limiter.correct(used.of(rule.unit), now, now);
  return meter;
}

void Account::set_budgets(const std::vector<policy::BudgetRule>& rules) {
  std::vector<Purse> budgets;
  for (const policy::BudgetRule& rule : rules) {
    const auto before = std::find_if(budgets_.begin(), budgets_.end(), [&](const Purse& purse) {
      return purse.rule.calendar == rule.calendar;
    });
    const bool is_new = before == budgets_.end();
    Purse& purse = budgets.emplace_back(is_new ? Purse{.rule = rule} : *before);
    // More or less of the same: its marks are elsewhere now.
    if (purse.rule.nanousd != rule.nanousd) purse.told_permille = 0;
    purse.rule = rule;
    OpenWindow* const open = find_window(rule.calendar);
    purse.window = static_cast<std::size_t>(open - windows_.data());
    if (!is_new) continue;
    // Whoever was told of its marks before it was taken away, or the process ended, is not told
    // again (U-6).
    std::vector<BudgetEvent> told_before;
    tell_marks(purse, told_before);
  }
  budgets_ = std::move(budgets);
}

bool Account::has_past(const Moment& now) const {
  return std::any_of(windows_.begin(), windows_.end(),
                     [&](const OpenWindow& open) { return now.unix_ms < open.window.end_ms; });
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
  for (const Balance& balance : balances_) {
    const std::int64_t needed = demand.of(balance.unit) + part_of(balance.limit, permille);
    if (balance.until <= now.steady || needed <= balance.left) continue;
    const Duration wait = balance.until - now.steady;
    offer({.unit = balance.unit,
           .limit = balance.limit,
           .left = std::max<std::int64_t>(0, balance.left),
           .window = {},
           .reset = wait,
           .wait = wait});
  }
  return longest;
}

void Account::take(const Demand& demand, const Moment& now) {
  if (!demand.is_replay) concurrency_.enter();
  for (Meter& meter : meters_) meter.limiter.take(demand.of(meter.unit), now);
  for (Balance& balance : balances_) balance.left -= demand.of(balance.unit);
  add(taken_, demand);
  advance_windows(now);
  for (OpenWindow& open : windows_) {
    if (open.is_named) add(open.use, demand);
  }
}

void Account::settle(const Taking& taking, const Demand& actual, std::uint32_t epoch,
                     const Moment& now) {
  concurrency_.leave();
  const Demand difference = actual - taking.demand;
  for (Meter& meter : meters_) {
    const std::int64_t of_unit = difference.of(meter.unit);
    // What a meter never took it can't give back.
    const bool has_taken = meter.since <= taking.at.steady;
    if (of_unit != 0 && has_taken) meter.limiter.correct(of_unit, taking.at, now);
  }
  for (Balance& balance : balances_) {
    if (taking.number > balance.since) balance.left -= difference.of(balance.unit);
  }
  advance_windows(now);
  for (OpenWindow& open : windows_) {
    if (open.holds(epoch)) add(open.use, difference);
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

void Account::heed(const ProviderWord& word, const Moment& now) {
  heed(LimitUnit::requests, word.limits.requests, word, now);
  heed(LimitUnit::total_tokens, word.limits.tokens, word, now);
  heed(LimitUnit::input_tokens, word.limits.input_tokens, word, now);
  heed(LimitUnit::output_tokens, word.limits.output_tokens, word, now);
}

/// What is told is as it was when the answer began, or its attempt; those that began since are
/// taken off. Some may have been counted already: until the last of them was answered less is asked
/// for than there is, not more.
void Account::heed(LimitUnit unit, const policy::RateLimit& told, const ProviderWord& word,
                   const Moment& now) {
  const std::int64_t told_ms = word.told_ms;
  correct_limits(unit, told, now);
  const auto known = std::find_if(balances_.begin(), balances_.end(),
                                  [&](const Balance& one) { return one.unit == unit; });
  const bool has_known = known != balances_.end();
  const bool is_same = has_known && known->told_ms == told_ms && known->told == told.remaining;
  // Attempts end in another order than their answers began.
  const bool is_older = has_known && known->told_ms > told_ms && known->until > now.steady;
  if (is_same || is_older) return;
  const Duration age = std::chrono::milliseconds(std::max<std::int64_t>(0, now.unix_ms - told_ms));
  const bool is_current = told.remaining && told.reset && *told.reset > age;
  if (!is_current) {
    if (has_known) balances_.erase(known);
    return;
  }
  Balance& balance = has_known ? *known : balances_.emplace_back();
  balance = {.unit = unit,
             .limit = told.limit.value_or(0),
             .told = *told.remaining,
             .left = *told.remaining - word.taken_later.of(unit),
             .told_ms = told_ms,
             .since = word.heard_by,
             .until = now.steady + (*told.reset - age)};
}

/// What is assumed of a rate is as the provider says.
void Account::correct_limits(LimitUnit unit, const policy::RateLimit& told, const Moment& now) {
  if (!told.limit || *told.limit <= 0) return;
  // Figures per minute are full again within one; others speak of another limit than ours.
  const bool is_of_minute = !told.is_of_day && (!told.reset || *told.reset <= 60s);
  for (Meter& meter : meters_) {
    LimitRule& rule = rule_of(meter);
    if (!rule.is_assumed || rule.unit != unit || rule.rate.limit == *told.limit) continue;
    const auto& calendar = rule.rate.calendar;
    const bool is_day = calendar && calendar->period() == policy::Period::day;
    const bool is_meant = told.is_of_day ? is_day : is_of_minute && rule.rate.window == 60s;
    if (!is_meant) continue;
    rule.rate.limit = *told.limit;
    meter.in_force = *told.limit;
    meter.limiter.set_limit(*told.limit, now);
  }
}

// ---- money --------------------------------------------------------------------------------------

bool Account::has_passed(const Purse& purse, std::int32_t permille) const {
  const std::int64_t spent = windows_[purse.window].use.nanousd;
  return Int128{spent} * 1000 >= Int128{purse.rule.nanousd} * permille;
}

std::int64_t Account::left_of(const Purse& purse) const {
  return purse.rule.nanousd - windows_[purse.window].use.nanousd - reserved_nanousd_;
}

std::optional<Obstacle> Account::money_obstacle(std::int64_t nanousd, const Moment& now) {
  advance_windows(now);
  for (const Purse& purse : budgets_) {
    const std::int64_t left = left_of(purse);
    if (!purse.rule.is_hard || nanousd <= left) continue;
    const std::int64_t end_ms = windows_[purse.window].window.end_ms;
    const std::chrono::milliseconds rest(
        std::min<std::int64_t>(end_ms - now.unix_ms, 31LL * 24 * 3'600'000));
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
  advance_windows(now);
  std::optional<std::int64_t> least;
  for (const Purse& purse : budgets_) {
    if (!purse.rule.is_hard) continue;
    const std::int64_t left = left_of(purse);
    least = std::min(least.value_or(left), left);
  }
  return least;
}

std::string_view Account::downgrade(const Moment& now) {
  advance_windows(now);
  for (const Purse& purse : budgets_) {
    if (purse.rule.downgrade.empty()) continue;
    if (has_passed(purse, purse.rule.soft_permille)) return purse.rule.downgrade;
  }
  return {};
}

void Account::spend(std::int64_t reserved, std::int64_t nanousd, std::uint32_t epoch,
                    const Moment& now, std::vector<BudgetEvent>& events) {
  reserved_nanousd_ -= reserved;
  WEIR_ASSERT(reserved_nanousd_ >= 0);
  if (nanousd == 0) return;
  advance_windows(now);
  for (OpenWindow& open : windows_) {
    if (open.holds(epoch)) open.use.nanousd += nanousd;
  }
  for (Purse& purse : budgets_) tell_marks(purse, events);
}

void Account::tell_marks(Purse& purse, std::vector<BudgetEvent>& events) const {
  const OpenWindow& open = windows_[purse.window];
  if (purse.window_id != open.window.id) purse.told_permille = 0;
  purse.window_id = open.window.id;
  for (const std::int32_t mark : {purse.rule.soft_permille, 1'000}) {
    if (!has_passed(purse, mark) || purse.told_permille >= mark) continue;
    purse.told_permille = mark;
    events.push_back({owner_, purse.rule.calendar.period(), open.window.id, mark, open.use.nanousd,
                      purse.rule.nanousd});
  }
}

// ---- windows ------------------------------------------------------------------------------------

/// They only go forward (W-2).
void Account::advance_windows(const Moment& now) {
  for (OpenWindow& open : windows_) {
    if (now.unix_ms < open.window.end_ms) continue;
    open.window = open.calendar.window_at(now.unix_ms);
    open.id = nullptr;
    open.use = {};
    open.since = ++epoch_;
    open.until.reset();
  }
}

std::uint32_t Account::epoch(const Moment& now) {
  advance_windows(now);
  return epoch_;
}

void Account::name_windows(const Moment& now) {
  advance_windows(now);
  for (OpenWindow& open : windows_) {
    if (open.id != nullptr || !open.is_named) continue;
    std::string id(policy::name(owner_.scope));
    if (!owner_.name.empty()) id.append(":").append(owner_.name);
    id.append(":").append(open.calendar.label(open.window));
    open.id = std::make_shared<const std::string>(std::move(id));
  }
}

void Account::append_windows(std::vector<SharedText>& out, const Moment& now) {
  name_windows(now);
  for (const OpenWindow& open : windows_) {
    if (open.is_named) out.push_back(open.id);
  }
}

std::optional<std::int64_t> Account::windows_start_ms(const Moment& now) {
  advance_windows(now);
  std::optional<std::int64_t> oldest;
  for (const OpenWindow& open : windows_) {
    if (!open.is_named) continue;
    oldest = std::min(open.window.start_ms, oldest.value_or(open.window.start_ms));
  }
  return oldest;
}

void Account::restore(const UsedBefore& used, const Moment& now) {
  name_windows(now);
  for (OpenWindow& open : windows_) {
    const auto before = open.is_named ? used(*open.id) : std::nullopt;
    if (!before) continue;
    const Demand demand{before->requests, before->input_tokens, before->output_tokens};
    add(open.use, demand);
    open.use.nanousd += before->nanousd;
    for (Meter& meter : meters_) {
      if (rule_of(meter).rate.calendar != open.calendar) continue;
      meter.limiter.correct(demand.of(meter.unit), now, now);
    }
  }
  // Who was told before the start is not told again (U-6).
  std::vector<BudgetEvent> told_before;
  for (Purse& purse : budgets_) tell_marks(purse, told_before);
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
    for (const Balance& balance : balances_) {
      if (balance.unit != status.unit || balance.until <= now.steady) continue;
      if (balance.left <= 0) status.wait = std::max(status.wait, balance.until - now.steady);
      if (balance.limit == meter.in_force) {
        status.used = std::max(status.used, balance.limit - balance.left);
      }
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
  advance_windows(now);
  for (const Purse& purse : budgets_) {
    const OpenWindow& open = windows_[purse.window];
    LimitStatus& status = out.emplace_back();
    status.owner = owner_;
    status.unit = LimitUnit::nanousd;
    status.algorithm = "budget";
    status.period = policy::name(purse.rule.calendar.period());
    status.zone = purse.rule.calendar.zone_name();
    status.limit = status.in_force = purse.rule.nanousd;
    status.used = open.use.nanousd;
    status.reserved = reserved_nanousd_;
    status.is_hard = purse.rule.is_hard;
    constexpr std::int64_t century_ms = 100LL * 365 * 24 * 3'600'000;
    const bool ends = open.window.end_ms - now.unix_ms < century_ms;
    if (ends) status.reset = std::chrono::milliseconds(open.window.end_ms - now.unix_ms);
  }
}

}  // namespace weir::shared_state
