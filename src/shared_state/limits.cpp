// SPDX-License-Identifier: Apache-2.0
#include "shared_state/limits.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "providers/pricing.hpp"

namespace weir::shared_state {
namespace {

using namespace std::chrono_literals;
using policy::LimitScope;

/// U-9: the shortest answer that is worth paying for, and the longest of a model that tells none.
constexpr std::int64_t output_tokens_least = 256;
constexpr std::int64_t output_tokens_unknown = 4'096;
/// L-9.
constexpr Duration leak_after = 60s;
/// Of keys that were given out and revoked again, say.
constexpr std::size_t retired_max = 10'000;

pipeline::Priority priority_of(const pipeline::Call& call) {
  if (call.options.priority) return *call.options.priority;
  return call.caller == nullptr ? pipeline::Priority::normal : call.caller->priority;
}

Demand used_by(const wire::Usage& usage) {
  return {
      .requests = 1, .input_tokens = usage.input_total(), .output_tokens = usage.output_total()};
}

std::string window_text(Duration window) {
  if (window == 1min) return " per minute";
  if (window == 1h) return " per hour";
  if (window == 1s) return " per second";
  return " per " + std::to_string(window / 1s) + " s";
}

std::string words_for(LimitUnit unit) {
  switch (unit) {
    case LimitUnit::requests:
      return "requests";
    case LimitUnit::input_tokens:
      return "input tokens";
    case LimitUnit::output_tokens:
      return "output tokens";
    case LimitUnit::total_tokens:
      return "tokens";
    case LimitUnit::concurrent_requests:
      return "requests at once";
    case LimitUnit::nanousd:
      return "dollars";
  }
  return "requests";
}

std::string whose(const LimitOwner& owner) {
  switch (owner.scope) {
    case LimitScope::key:
      return "this key";  // its name is nobody's business
    case LimitScope::global:
      return "this gateway";
    case LimitScope::provider_key:
      return "a key of the provider " + owner.name.substr(0, owner.name.find(' '));
    default:
      return "the " + std::string(name(owner.scope)) + " " + owner.name;
  }
}

Error describe(const LimitOwner& owner, const Obstacle& obstacle) {
  const bool is_money = obstacle.unit == LimitUnit::nanousd;
  const bool is_hopeless = obstacle.wait == policy::never;
  Error error;
  if (is_money) {
    error = {ErrorCode::budget_exceeded, "the budget of " + whose(owner) + " of $" +
                                             to_usd_text(NanoUsd(obstacle.limit)) +
                                             " does not allow this request"};
  } else {
    std::string what = std::to_string(obstacle.limit) + " " + words_for(obstacle.unit);
    if (obstacle.window > Duration::zero()) what += window_text(obstacle.window);
    error = is_hopeless
                ? Error(ErrorCode::request_exceeds_limit,
                        "this request is larger than the limit of " + whose(owner) + ": " + what)
                : Error(ErrorCode::rate_limited, whose(owner) + " is at its limit: " + what);
  }
  if (!is_money && !is_hopeless) {
    error.retry_after = std::chrono::ceil<std::chrono::milliseconds>(obstacle.wait);
  }
  ExceededLimit exceeded;
  exceeded.scope = name(owner.scope);
  exceeded.name = owner.name;
  exceeded.unit = name(obstacle.unit);
  exceeded.limit = obstacle.limit;
  exceeded.left = obstacle.left;
  exceeded.window = std::chrono::ceil<std::chrono::seconds>(obstacle.window);
  exceeded.reset = std::chrono::ceil<std::chrono::milliseconds>(obstacle.reset);
  error.exceeded = std::make_shared<const ExceededLimit>(std::move(exceeded));
  return error;
}

/// One of several keys is an account of its own: what it hears is nothing about the others.
LimitScope scope_of_all(const pipeline::Upstream& upstream) {
  return upstream.key_name.empty() ? LimitScope::provider : LimitScope::provider_key;
}

/// Refused for now because others were there before.
Error behind_others(const std::string& provider) {
  Error error(ErrorCode::overloaded, "others wait for the provider " + provider);
  error.retry_after = 1s;
  return error;
}

}  // namespace

/// No two moments of the accounts of any `Limits` have the same number.
std::uint64_t Limits::next_as_of() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void Limits::Shares::add(std::shared_ptr<Account> account, bool has_rates, bool has_money) {
  if (account == nullptr) return;
  items[size++] = {std::move(account), has_rates, has_money};
}

Moment Limits::moment(const pipeline::Call& call) const {
  return {call.loop.now(), wall_.unix_ms()};
}

// ---- whose limits there are ---------------------------------------------------------------------

std::shared_ptr<Account> Limits::find(LimitScope scope, std::string_view name) {
  ByName& accounts = of(scope);
  if (accounts.empty()) return nullptr;
  const auto found = accounts.find(name);
  return found == accounts.end() ? nullptr : found->second;
}

/// Whoever has no limits is looked at no more, but what was spent is remembered until the windows
/// end: taking a budget away and setting it up again makes it no larger (U-1).
void Limits::retire(const LimitOwner& owner, const Moment& now) {
  ByName& accounts = of(owner.scope);
  const auto found = accounts.find(owner.name);
  if (found == accounts.end()) return;
  const std::shared_ptr<Account> account = std::move(found->second);
  accounts.erase(found);
  accounts_as_of_ = next_as_of();
  account->set({}, now);
  if (!account->has_past(now)) return;
  if (retired_.size() >= retired_max) {
    std::erase_if(retired_, [&](const auto& entry) { return !entry.second->has_past(now); });
  }
  if (retired_.size() < retired_max) retired_.emplace(owner, account);
}

void Limits::set_locked(const LimitOwner& owner, const LimitSet& limits, const Moment& now) {
  if (limits.is_empty()) {
    retire(owner, now);
    return;
  }
  auto& account = of(owner.scope)[owner.name];
  if (account == nullptr) {
    const auto retired = retired_.extract(owner);
    account = retired ? std::move(retired.mapped()) : std::make_shared<Account>(owner);
    accounts_as_of_ = next_as_of();
  }
  account->set(limits, now);
  has_any_.store(true, std::memory_order_relaxed);
  for (const policy::BudgetRule& budget : limits.budgets) {
    if (!budget.downgrade.empty()) has_downgrades_.store(true, std::memory_order_relaxed);
  }
}

void Limits::configure(std::vector<Entry> entries, policy::TimePoint now) {
  const Moment moment{now, wall_.unix_ms()};
  const std::lock_guard lock(mutex_);
  std::set<LimitOwner> named;
  for (const Entry& entry : entries) {
    set_locked(entry.owner, entry.limits, moment);
    named.insert(entry.owner);
  }
  for (const LimitOwner& before : configured_) {
    if (!named.contains(before)) set_locked(before, {}, moment);
  }
  configured_ = std::move(named);
}

void Limits::set(const LimitOwner& owner, const LimitSet& limits, policy::TimePoint now) {
  const Moment moment{now, wall_.unix_ms()};
  const std::lock_guard lock(mutex_);
  set_locked(owner, limits, moment);
}

bool Limits::has_windows() const {
  const std::lock_guard lock(mutex_);
  for (const ByName& accounts : accounts_) {
    for (const auto& [name, account] : accounts) {
      if (account->has_windows()) return true;
    }
  }
  return false;
}

std::optional<std::int64_t> Limits::windows_start_ms(policy::TimePoint now) {
  const Moment moment{now, wall_.unix_ms()};
  std::optional<std::int64_t> oldest;
  const std::lock_guard lock(mutex_);
  for (ByName& accounts : accounts_) {
    for (auto& [name, account] : accounts) {
      const auto start = account->windows_start_ms(moment);
      if (start) oldest = std::min(*start, oldest.value_or(*start));
    }
  }
  return oldest;
}

void Limits::restore(const UsedBefore& used, policy::TimePoint now) {
  const Moment moment{now, wall_.unix_ms()};
  const std::lock_guard lock(mutex_);
  for (ByName& accounts : accounts_) {
    for (auto& [name, account] : accounts) account->restore(used, moment);
  }
}

/// Among 100,000 keys each look-up is three cache misses, so a caller remembers what was found.
void Limits::refresh(const pipeline::Caller& caller) {
  const auto find_of = [&](LimitScope scope, const std::string& name) {
    return scope != LimitScope::key && name.empty() ? nullptr : find(scope, name);
  };
  caller.memo.accounts = {find_of(LimitScope::key, caller.key),
                          find_of(LimitScope::user, caller.user),
                          find_of(LimitScope::team, caller.team),
                          find_of(LimitScope::organisation, caller.organisation)};
  caller.memo.as_of = accounts_as_of_;
}

void Limits::refresh(const pipeline::Target& target) {
  const pipeline::Upstream& upstream = *target.upstream;
  const std::string key = name_of_key(upstream.name, upstream.key_name);
  target.memo.accounts = {
      find(LimitScope::model, target.limited_model), find(LimitScope::target, target.limit_pool),
      find(LimitScope::provider_key, key), find(LimitScope::provider, upstream.name)};
  target.memo.as_of = accounts_as_of_;
}

template <class Use>
void Limits::for_each_client(const pipeline::Caller* caller, std::string_view route, Use use) {
  const auto offer = [&](LimitScope scope, std::string_view name) {
    if (auto account = find(scope, name)) use(std::move(account));
  };
  if (caller != nullptr) {
    if (caller->memo.as_of != accounts_as_of_) refresh(*caller);
    // All at a time, not one after the other.
    constexpr std::size_t line_bytes = 64;
    for (const std::shared_ptr<void>& account : caller->memo.accounts) {
      const char* const begin = static_cast<const char*>(account.get());
      if (begin == nullptr) continue;
      for (std::size_t at = 0; at < sizeof(Account); at += line_bytes) {
        __builtin_prefetch(begin + at, 1);
      }
    }
    for (const std::shared_ptr<void>& account : caller->memo.accounts) {
      if (account != nullptr) use(std::static_pointer_cast<Account>(account));
    }
  }
  offer(LimitScope::route, route);
  offer(LimitScope::global, {});
}

void Limits::find_clients(const pipeline::Call& call, bool is_attempt, Shares& shares) {
  for_each_client(call.caller.get(), call.route->name, [&](std::shared_ptr<Account> account) {
    // Money is counted for quotas, too: a budget may come to stand beside them.
    if (is_attempt && !account->has_windows()) return;
    if (!is_attempt) account->prefetch();
    shares.add(std::move(account), !is_attempt, is_attempt);
  });
}

std::optional<Limits::Downgrade> Limits::downgrade(const pipeline::Caller* caller,
                                                   std::string_view route) {
  if (!has_downgrades_.load(std::memory_order_relaxed)) return std::nullopt;
  const Moment now{{}, wall_.unix_ms()};
  std::optional<Downgrade> found;
  const std::lock_guard lock(mutex_);
  for_each_client(caller, route, [&](const std::shared_ptr<Account>& account) {
    if (found) return;
    const std::string_view to = account->downgrade(now);
    if (!to.empty() && to != route) found = Downgrade{std::string(to), account->owner()};
  });
  return found;
}

void Limits::find_providers(const pipeline::Target& target, Shares& shares) {
  if (target.memo.as_of != accounts_as_of_) refresh(target);
  for (const std::shared_ptr<void>& account : target.memo.accounts) {
    shares.add(std::static_pointer_cast<Account>(account), true, true);
  }
}

Demand Limits::demand_of(const pipeline::Operation& operation,
                         const pipeline::Target* target) const {
  Demand demand;
  demand.input_tokens = operation.input_tokens_estimate();
  const std::int64_t wanted = operation.output_tokens_wanted();
  demand.output_tokens =
      wanted > 0 ? wanted : output_tokens_default_.load(std::memory_order_relaxed);
  const bool is_bounded = target != nullptr && target->traits.output_tokens_max > 0;
  if (is_bounded) {
    demand.output_tokens = std::min(demand.output_tokens, target->traits.output_tokens_max);
  }
  return demand;
}

// ---- taking -------------------------------------------------------------------------------------

/// The first of those asked that refuses is the one that is named; the wait is the longest, so that
/// whoever comes back then gets in.
std::optional<Limits::Refused> Limits::refusal(Shares& shares, const Demand& demand,
                                               std::int64_t nanousd, const pipeline::Call& call,
                                               bool is_last_resort, const Moment& now) {
  std::optional<Refused> first;
  for (Share& share : shares) {
    std::optional<Obstacle> obstacle;
    if (share.has_rates) {
      obstacle = share.account->obstacle(demand, priority_of(call), is_last_resort, now);
    }
    if (!obstacle && share.has_money) obstacle = share.account->money_obstacle(nanousd, now);
    if (!obstacle) continue;
    // What never fits comes before what fits some time.
    const bool is_hopeless = obstacle->wait == policy::never;
    if (!first || (is_hopeless && first->obstacle.wait != policy::never)) {
      first = Refused{share.account, *obstacle};
    } else {
      first->obstacle.wait = std::max(first->obstacle.wait, obstacle->wait);
    }
  }
  return first;
}

std::uint64_t Limits::book(Shares&& shares, const Demand& demand, std::int64_t nanousd,
                           const Moment& now) {
  for (Share& share : shares) {
    if (share.has_rates) share.account->take(demand, now);
    if (share.has_money) share.account->reserve(nanousd);
    share.epoch = share.account->epoch(now);
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(bookings_.size()));
    bookings_.emplace_back();
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  Booking& booking = bookings_[place];
  booking.shares = std::move(shares);
  booking.taking = {demand, now, ++latest_taking_};
  booking.nanousd = nanousd;
  booking.generation += 1;
  booking.attempts_open = 0;
  booking.call = 0;
  booking.is_open = true;
  booking.has_ended = false;
  ++open_;
  return (std::uint64_t{booking.generation} << 32U) | (place + 1);
}

/// Null where it was closed before: after a minute, as leaked.
Limits::Booking* Limits::open_booking(std::uint64_t id) {
  const auto place = static_cast<std::uint32_t>(id);
  if (place == 0 || place > bookings_.size()) return nullptr;
  Booking& booking = bookings_[place - 1];
  return booking.is_open && booking.generation == id >> 32U ? &booking : nullptr;
}

void Limits::close(Booking& booking, std::uint64_t id) {
  for (Share& share : booking.shares) share.account.reset();
  booking.shares.size = 0;
  booking.is_open = false;
  --open_;
  free_.push_back(static_cast<std::uint32_t>(id) - 1);
}

Error Limits::error_of(const Refused& refused) const {
  Error error = describe(refused.account->owner(), refused.obstacle);
  if (error.code == ErrorCode::budget_exceeded) error.http_status = budget_status_;
  return error;
}

Result<> Limits::admit(pipeline::Call& call, const pipeline::Operation& operation) {
  if (!has_any_.load(std::memory_order_relaxed)) return {};
  const Demand demand = demand_of(operation, nullptr);
  const Moment now = moment(call);
  std::optional<Refused> refused;
  {
    const std::lock_guard lock(mutex_);
    if (!ended_.empty()) release_leaked(now);
    Shares shares;
    find_clients(call, false, shares);
    for (const Share& share : shares) share.account->prefetch_windows();
    refused = refusal(shares, demand, 0, call, true, now);
    if (!refused) {
      call.windows.reserve(2 * shares.size);  // a day's and a month's of each
      for (Share& share : shares) share.account->append_windows(call.windows, now);
      call.admission = book(std::move(shares), demand, 0, now);
    }
  }
  if (refused) return error_of(*refused);
  return {};
}

Result<> Limits::admit_replay(pipeline::Call& call) {
  if (!has_any_.load(std::memory_order_relaxed)) return {};
  const Demand demand{.requests = 1, .input_tokens = 0, .output_tokens = 0, .is_replay = true};
  const Moment now = moment(call);
  std::optional<Refused> refused;
  {
    const std::lock_guard lock(mutex_);
    Shares shares;
    find_clients(call, false, shares);
    refused = refusal(shares, demand, 0, call, true, now);
    if (!refused) {
      for (Share& share : shares) {
        share.account->append_windows(call.windows, now);
        share.account->take(demand, now);
      }
    }
  }
  if (refused) return error_of(*refused);
  return {};
}

Result<pipeline::Accounting::Reservation> Limits::reserve(const pipeline::Call& call,
                                                          const pipeline::Operation& operation,
                                                          const pipeline::Target& target,
                                                          bool is_last_resort) {
  if (!has_any_.load(std::memory_order_relaxed)) return Reservation{};
  const Demand demand = demand_of(operation, &target);
  const Moment now = moment(call);
  std::optional<Refused> refused;
  {
    const std::lock_guard lock(mutex_);
    if (is_behind(call, target.upstream->name, now.steady)) {
      wake_first(target.upstream->name);
      return behind_others(target.upstream->name);
    }
    Shares shares;
    find_providers(target, shares);
    find_clients(call, true, shares);
    if (shares.size == 0) return Reservation{};
    const Price price = price_of(shares, demand, operation, target, now);
    refused = refusal(shares, demand, price.nanousd, call, is_last_resort, now);
    if (!refused) {
      Reservation reservation;
      reservation.output_tokens_max = price.output_tokens_max;
      for (Share& share : shares) {
        if (share.has_rates) share.account->append_windows(reservation.windows, now);
      }
      reservation.id = book_attempt(std::move(shares), demand, price.nanousd, call, now);
      Booking& booking = *open_booking(reservation.id);
      if (const Account* const account = heeding(booking.shares, *target.upstream)) {
        booking.taken_before = account->taken();
      }
      return reservation;
    }
  }
  return error_of(*refused);
}

/// U-9: where a hard budget pays for an answer of any length, it pays for the model's longest, or
/// for the longest that it still covers.
Limits::Price Limits::price_of(Shares& shares, const Demand& demand,
                               const pipeline::Operation& operation, const pipeline::Target& target,
                               const Moment& now) {
  std::optional<std::int64_t> left;
  bool is_paid = false;
  for (Share& share : shares) {
    if (!share.has_money || !share.account->has_budgets()) continue;
    is_paid = true;
    if (const auto own = share.account->money_left(now)) left = std::min(left.value_or(*own), *own);
  }
  if (!is_paid) return {};
  providers::PriceConditions conditions;
  conditions.at = std::chrono::sys_seconds(std::chrono::seconds(now.unix_ms / 1000));
  const auto cost = [&](std::int64_t output_tokens) {
    wire::Usage most;
    most.input = demand.input_tokens;
    most.output = output_tokens;
    return providers::bill(target.prices, most, conditions).nanousd;
  };
  const bool is_open = operation.output_tokens_wanted() == 0 && operation.may_limit_output();
  if (!left || !is_open) return {cost(demand.output_tokens), 0};
  const bool is_longest_known = target.traits.output_tokens_max > 0;
  const std::int64_t longest =
      is_longest_known ? target.traits.output_tokens_max : output_tokens_unknown;
  if (cost(longest) <= *left) return {cost(longest), is_longest_known ? 0 : longest};
  std::int64_t fits = output_tokens_least;
  for (std::int64_t too_long = longest; too_long - fits > 1;) {
    const std::int64_t middle = fits + (too_long - fits) / 2;
    (cost(middle) <= *left ? fits : too_long) = middle;
  }
  return {cost(fits), fits};
}

std::uint64_t Limits::book_attempt(Shares&& shares, const Demand& demand, std::int64_t nanousd,
                                   const pipeline::Call& call, const Moment& now) {
  const std::uint64_t id = book(std::move(shares), demand, nanousd, now);
  if (Booking* of_call = open_booking(call.admission)) {
    of_call->attempts_open += 1;
    Booking* const attempt = open_booking(id);
    attempt->call = call.admission;
    // U-4: the client's money is of the windows in which the call was admitted.
    for (Share& share : attempt->shares) {
      if (share.has_rates) continue;
      share.epoch = 0;
      for (const Share& admitted : of_call->shares) {
        if (admitted.account == share.account) share.epoch = admitted.epoch;
      }
    }
  }
  return id;
}

// ---- giving back --------------------------------------------------------------------------------

void Limits::release(const pipeline::Call& call, const pipeline::CallResult& result) {
  if (call.admission == 0) return;
  Demand actual = used_by(result.usage.value_or(wire::Usage()));
  // Refused by a budget say: what was never tried has taken nothing (L-7, S-11.2).
  if (result.rows.empty()) actual.requests = 0;
  const Moment now = moment(call);
  const std::lock_guard lock(mutex_);
  Booking* booking = open_booking(call.admission);
  if (booking == nullptr) return;
  for (Share& share : booking->shares) {
    share.account->settle(booking->taking, actual, share.epoch, now);
  }
  if (booking->attempts_open == 0) return close(*booking, call.admission);
  for (Share& share : booking->shares) share.account.reset();
  booking->shares.size = 0;
  booking->has_ended = true;
  ended_.emplace_back(call.admission, now.steady);
}

void Limits::settle(Reservation reservation, const pipeline::Call& call,
                    const pipeline::AttemptRow& row) {
  if (reservation.id == 0) return;
  Demand actual = used_by(row.usage);
  if (row.failure == policy::FailureClass::local) actual.requests = 0;  // it was never sent
  const Moment now = moment(call);
  std::vector<BudgetEvent> events;
  {
    const std::lock_guard lock(mutex_);
    Booking* booking = open_booking(reservation.id);
    if (booking == nullptr) return;
    for (Share& share : booking->shares) {
      Account& account = *share.account;
      if (share.has_rates) account.settle(booking->taking, actual, share.epoch, now);
      if (!share.has_money) continue;
      // S-11.9: what the provider bills without anyone to charge it to is still spent.
      const LimitScope scope = account.owner().scope;
      const bool counts_exposure = !policy::is_of_client(scope) || scope == LimitScope::global;
      const std::int64_t spent = row.cost_nanousd + (counts_exposure ? row.exposure_nanousd : 0);
      account.spend(booking->nanousd, spent, share.epoch, now, events);
    }
    heed_provider(*booking, row, now);
    for (const auto& [provider, line] : lines_) {
      const bool is_meant = row.target == nullptr || row.target->upstream->name == provider;
      if (is_meant) line.begin()->second.wake();
    }
    end_attempt(*booking, reservation.id);
  }
  announce(events);
}

void Limits::give_back(Reservation reservation, const pipeline::Call& call) {
  pipeline::AttemptRow unused;
  unused.failure = policy::FailureClass::local;
  settle(reservation, call, unused);
}

void Limits::end_attempt(Booking& booking, std::uint64_t id) {
  const std::uint64_t call = booking.call;
  close(booking, id);
  Booking* of_call = open_booking(call);
  if (of_call == nullptr) return;
  of_call->attempts_open -= 1;
  if (of_call->has_ended && of_call->attempts_open == 0) close(*of_call, call);
}

/// Models that count on their own tell of themselves.
Account* Limits::heeding(Shares& shares, const pipeline::Upstream& upstream) {
  const LimitScope of_all = scope_of_all(upstream);
  Account* found = nullptr;
  for (Share& share : shares) {
    const LimitScope scope = share.account->owner().scope;
    if (scope == LimitScope::target) return share.account.get();
    if (scope == of_all) found = share.account.get();
  }
  return found;
}

void Limits::heed_provider(Booking& booking, const pipeline::AttemptRow& row, const Moment& now) {
  if (row.target == nullptr) return;
  const pipeline::Upstream& upstream = *row.target->upstream;
  Account* const account = heeding(booking.shares, upstream);
  const bool is_pooled = account != nullptr && account->owner().scope == LimitScope::target;
  const LimitScope outermost = is_pooled ? LimitScope::target : scope_of_all(upstream);
  for (Share& share : booking.shares) {
    const LimitScope scope = share.account->owner().scope;
    if (policy::is_of_client(scope) || scope > outermost) continue;
    if (is_pooled && scope != LimitScope::target) continue;
    if (row.failure == policy::FailureClass::rate) {
      share.account->shrink(now);
    } else if (row.failure == policy::FailureClass::ok) {
      share.account->grow(now);
    }
  }
  const auto told = row.target->reported->get();
  const bool is_of_this_attempt = told.unix_ms != 0 && told.unix_ms >= row.started_ms;
  if (account == nullptr || !is_of_this_attempt) return;
  // Or of one that began later and is under way: then it is about what was taken behind that one.
  Booking* const hearer = told.reservation == 0 ? &booking : open_booking(told.reservation);
  if (hearer == nullptr || heeding(hearer->shares, upstream) != account) return;
  ProviderWord word{told.limits, told.unix_ms, hearer->taking.number,
                    account->taken() - hearer->taken_before};
  word.limits.requests.is_of_day = word.limits.requests.is_of_day || upstream.tells_requests_of_day;
  account->heed(word, now);
}

/// L-9: attempts whose call has ended a minute ago are nobody's any more.
void Limits::release_leaked(const Moment& now) {
  while (!ended_.empty() && now.steady - ended_.front().second >= leak_after) {
    const std::uint64_t call = ended_.front().first;
    ended_.pop_front();
    if (open_booking(call) == nullptr) continue;
    for (std::size_t place = 0; place < bookings_.size(); ++place) {
      Booking& booking = bookings_[place];
      if (!booking.is_open || booking.call != call) continue;
      std::vector<BudgetEvent> events;
      for (Share& share : booking.shares) {
        if (share.has_rates) {
          share.account->settle(booking.taking, booking.taking.demand, share.epoch, now);
        }
        if (share.has_money) share.account->spend(booking.nanousd, 0, share.epoch, now, events);
      }
      leaked_.fetch_add(1, std::memory_order_relaxed);
      end_attempt(booking, (std::uint64_t{booking.generation} << 32U) | (place + 1));
    }
  }
}

void Limits::announce(const std::vector<BudgetEvent>& events) const {
  if (!options_.on_budget) return;
  for (const BudgetEvent& event : events) options_.on_budget(event);
}

// ---- waiting in line
// -----------------------------------------------------------------------------

Limits::Rank Limits::rank_of(const pipeline::Call& call, policy::TimePoint now) {
  constexpr Duration step = 10s;
  return {now - step * static_cast<int>(priority_of(call)), 0};
}

bool Limits::is_behind(const pipeline::Call& call, std::string_view provider,
                       policy::TimePoint now) const {
  if (lines_.empty()) return false;
  const auto line = lines_.find(provider);
  if (line == lines_.end()) return false;
  const auto& [first, waiting] = *line->second.begin();
  if (waiting.place == call.line_place) return false;
  const auto place = places_.find(call.line_place);
  const bool is_in_this_line = place != places_.end() && place->second.provider == provider;
  return is_in_this_line || first.time <= rank_of(call, now).time;
}

void Limits::wake_first(std::string_view provider) {
  const auto line = lines_.find(provider);
  if (line != lines_.end()) line->second.begin()->second.wake();
}

bool Limits::enter_line(pipeline::Call& call, const pipeline::Target& target,
                        std::function<void()> wake) {
  const std::string& provider = target.upstream->name;
  const policy::TimePoint now = call.loop.now();
  const std::lock_guard lock(mutex_);
  if (call.line_place != 0) return true;
  if (options_.closes_lines && options_.closes_lines()) return false;
  const auto length = static_cast<std::size_t>(line_length_.load(std::memory_order_relaxed));
  const auto known = lines_.find(provider);
  if ((known == lines_.end() ? 0 : known->second.size()) >= length) return false;
  Line& line = lines_[provider];
  Rank rank = rank_of(call, now);
  rank.number = ++latest_place_;
  call.line_place = rank.number;
  line.emplace(rank, Waiting{std::move(wake), call.line_place});
  places_.emplace(call.line_place, Place{provider, rank});
  // What came free between the refusal and now would wake nobody.
  if (line.begin()->first == rank) line.begin()->second.wake();
  return true;
}

void Limits::leave_line(pipeline::Call& call) {
  if (call.line_place == 0) return;
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(call.line_place);
  call.line_place = 0;
  if (place == places_.end()) return;
  const std::string provider = std::move(place->second.provider);
  const auto line = lines_.find(provider);
  line->second.erase(place->second.rank);
  places_.erase(place);
  if (line->second.empty()) {
    lines_.erase(line);
  } else {
    wake_first(provider);
  }
}

// ---- what there is to see -----------------------------------------------------------------------

std::vector<LimitStatus> Limits::status(policy::TimePoint now) const {
  return status_from(LimitScope::key, now);
}

std::vector<LimitStatus> Limits::provider_status(policy::TimePoint now) const {
  static_assert(!policy::is_of_client(LimitScope::model));
  return status_from(LimitScope::model, now);
}

/// There may be as many accounts as keys: calls get their turn in between.
std::vector<LimitStatus> Limits::status_from(LimitScope first_scope, policy::TimePoint now) const {
  constexpr std::size_t accounts_at_once = 64;
  std::vector<std::shared_ptr<Account>> accounts;
  {
    const std::lock_guard lock(mutex_);
    for (auto i = static_cast<std::size_t>(first_scope); i < accounts_.size(); ++i) {
      for (const auto& [name, account] : accounts_[i]) accounts.push_back(account);
    }
  }
  std::sort(accounts.begin(), accounts.end(),
            [](const auto& a, const auto& b) { return a->owner() < b->owner(); });
  const Moment moment{now, wall_.unix_ms()};
  std::vector<LimitStatus> all;
  for (std::size_t first = 0; first < accounts.size(); first += accounts_at_once) {
    const std::size_t end = std::min(accounts.size(), first + accounts_at_once);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = first; i < end; ++i) accounts[i]->append_status(all, moment);
  }
  return all;
}

std::size_t Limits::open_reservations() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace weir::shared_state
