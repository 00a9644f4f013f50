// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/loop_test_support.hpp"
#include "shared_state/limits.hpp"

namespace weir::shared_state {

/// A wall clock that is set by hand.
class HandClock final : public pipeline::WallClock {
 public:
  [[nodiscard]] std::int64_t unix_ms() const override { return ms.load(); }
  std::atomic<std::int64_t> ms{1'790'000'000'000};
};

/// One who calls, on a thread of its own: with a clock, a request and a target.
class Client {
 public:
  explicit Client(Limits& limits, std::string key = "k", std::string user = "",
                  std::string team = "", std::string organisation = "")
      : limits_(limits) {
    pipeline::Caller caller;
    caller.key = std::move(key);
    caller.user = std::move(user);
    caller.team = std::move(team);
    caller.organisation = std::move(organisation);
    caller_ = std::make_shared<const pipeline::Caller>(std::move(caller));
    auto route = std::make_shared<pipeline::Route>();
    route->name = "r";
    route_ = std::move(route);
    auto upstream = std::make_shared<pipeline::Upstream>();
    upstream->name = "p";
    target.upstream = std::move(upstream);
    target.name = target.limit_pool = "p/m";
    providers::OwnPrices prices;
    prices.prices.set(providers::PriceKind::input, *TokenPrice::parse_usd_per_million("1"));
    prices.prices.set(providers::PriceKind::output, *TokenPrice::parse_usd_per_million("10"));
    target.prices = providers::price_book(nullptr, prices);
    operation.output_wanted = 50;
  }

  /// A call that is on its way.
  struct Going {
    std::unique_ptr<pipeline::Call> call;
    pipeline::Accounting::Reservation attempt;
    Error error;  ///< unless it was admitted
    [[nodiscard]] bool is_admitted() const { return call != nullptr; }
  };

  [[nodiscard]] std::unique_ptr<pipeline::Call> make_call() {
    pipeline::CallOptions options;
    options.priority = priority;
    return std::make_unique<pipeline::Call>(pipeline::Call{.loop = loop,
                                                           .cancellation = cancellation_,
                                                           .request_id = "req_1",
                                                           .route = route_,
                                                           .options = std::move(options),
                                                           .caller = caller_});
  }

  /// Admits a call and one attempt of it.
  Going begin() {
    Going going;
    auto call = make_call();
    if (auto admitted = limits_.admit(*call, operation); !admitted) {
      going.error = std::move(admitted).error();
      return going;
    }
    auto reserved = limits_.reserve(*call, operation, target, is_last_resort);
    if (!reserved) {
      going.error = std::move(reserved).error();
      limits_.release(*call, {});
      return going;
    }
    going.attempt = *reserved;
    going.call = std::move(call);
    return going;
  }
  /// Ends it with so many tokens used.
  void end(Going going, std::int64_t input = 100, std::int64_t output = 50,
           policy::FailureClass failure = policy::FailureClass::ok) {
    pipeline::AttemptRow row;
    row.target = &target;
    row.failure = failure;
    row.usage.input = input;
    row.usage.output = output;
    row.is_charged = failure == policy::FailureClass::ok;
    const std::int64_t cost = providers::bill(target.prices, row.usage, {}).nanousd;
    (row.is_charged ? row.cost_nanousd : row.exposure_nanousd) = cost;
    limits_.settle(going.attempt, *going.call, row);
    pipeline::CallResult result;
    if (row.is_charged) result.usage = row.usage;
    result.rows.push_back(row);
    limits_.release(*going.call, result);
  }
  /// A whole call. True: it was admitted.
  bool ask() {
    Going going = begin();
    if (!going.is_admitted()) {
      refusal = std::move(going.error);
      return false;
    }
    end(std::move(going));
    return true;
  }
  /// How many of so many calls are admitted.
  int ask_times(int count) {
    int admitted = 0;
    for (int i = 0; i < count; ++i) admitted += ask() ? 1 : 0;
    return admitted;
  }

  pipeline::VirtualLoop loop;
  pipeline::Target target;
  pipeline::PlainOperation operation;  ///< 100 tokens of input, 50 of output
  std::optional<pipeline::Priority> priority;
  bool is_last_resort = false;
  Error refusal;  ///< the latest

 private:
  Limits& limits_;
  net::Cancellation cancellation_;
  std::shared_ptr<const pipeline::Caller> caller_;
  std::shared_ptr<const pipeline::Route> route_;
};

inline LimitRule rule(LimitUnit unit, std::int64_t limit,
                      policy::Algorithm algorithm = policy::Algorithm::automatic,
                      Duration window = std::chrono::minutes(1)) {
  policy::RateRule rate;
  rate.limit = limit;
  rate.window = window;
  rate.algorithm = algorithm;
  return {unit, rate, false};
}

inline LimitSet only(LimitRule rule) {
  LimitSet set;
  set.rates.push_back(rule);
  return set;
}

inline LimitSet daily_quota(LimitUnit unit, std::int64_t limit, std::string_view zone = "") {
  policy::RateRule rate;
  rate.limit = limit;
  rate.calendar = *policy::Calendar::make(policy::Period::day, zone);
  return only({unit, rate, false});
}

inline LimitSet daily_budget(std::int64_t nanousd, bool is_hard = true) {
  LimitSet set;
  set.budgets.push_back({.nanousd = nanousd,
                         .calendar = *policy::Calendar::make(policy::Period::day, ""),
                         .is_hard = is_hard});
  return set;
}

/// Of the clients' loops.
inline constexpr policy::TimePoint start = policy::TimePoint(std::chrono::hours(1));
inline constexpr std::int64_t day_ms = 86'400'000;
/// Of a call with 100 tokens of input and 50 of output.
inline constexpr std::int64_t price = 100 * 1'000 + 50 * 10'000;

class LimitsTest : public ::testing::Test {
 protected:
  void limit(policy::LimitScope scope, std::string name, const LimitSet& set) {
    limits.set({scope, std::move(name)}, set, start);
  }
  [[nodiscard]] LimitStatus status_of(policy::LimitScope scope) const {
    for (const LimitStatus& status : limits.status(client.loop.now())) {
      if (status.owner.scope == scope) return status;
    }
    ADD_FAILURE() << "no such limit";
    return {};
  }
  [[nodiscard]] std::int64_t used(policy::LimitScope scope) const { return status_of(scope).used; }
  void restore(const std::map<std::string, policy::WindowUse>& before) {
    const auto find = [&](const std::string& id) -> std::optional<policy::WindowUse> {
      const auto found = before.find(id);
      if (found == before.end()) return std::nullopt;
      return found->second;
    };
    limits.restore(find, start);
  }

  /// On both clocks.
  void pass(std::chrono::milliseconds time) {
    client.loop.run_for(time);
    wall.ms += time.count();
  }
  /// With the head of the answer to `hearer`, or to whoever ends next.
  void tell_requests(const policy::RateLimit& told, const Client::Going* hearer = nullptr) {
    policy::RateSnapshot limits_told;
    limits_told.requests = told;
    tell(limits_told, hearer);
  }
  void tell_tokens(const policy::RateLimit& told, const Client::Going* hearer = nullptr) {
    policy::RateSnapshot limits_told;
    limits_told.tokens = told;
    tell(limits_told, hearer);
  }

  HandClock wall;
  std::vector<BudgetEvent> events;
  Limits limits{wall,
                {.on_budget = [this](const BudgetEvent& event) { events.push_back(event); },
                 .closes_lines = [this] { return closes_lines; }}};
  bool closes_lines = false;
  Client client{limits, "k", "u", "t", "o"};

 private:
  void tell(const policy::RateSnapshot& told, const Client::Going* hearer) {
    const std::uint64_t reservation = hearer == nullptr ? 0 : hearer->attempt.id;
    client.target.reported->set(told, wall.unix_ms(), reservation);
  }
};

}  // namespace weir::shared_state
