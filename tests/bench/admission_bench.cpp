// SPDX-License-Identifier: Apache-2.0
//
// What it costs to admit a call: the limits and budgets of its key, user, team, route, provider and
// of the whole, looked at and taken from; and to settle and release it when it is over. How long
// the check of its key takes is told by key_check.
//
//   admission_bench [KEYS [CALLS]]      default: 100000 keys, 1000000 calls
//
// Prints processor time per call.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared_state/limits.hpp"
#include "still_world.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;
using policy::LimitScope;
using policy::LimitUnit;

constexpr std::size_t calls_in_flight = 256;

/// Four rates and a budget.
policy::LimitSet every_kind() {
  policy::LimitSet set;
  for (const auto unit : {LimitUnit::requests, LimitUnit::total_tokens}) {
    policy::RateRule minute;
    minute.limit = 1'000'000'000'000;
    minute.window = 1min;
    set.rates.push_back({unit, minute, false});
    policy::RateRule day;
    day.limit = 1'000'000'000'000;
    day.calendar = *policy::Calendar::make(policy::Period::day, "Europe/Berlin");
    set.rates.push_back({unit, day, false});
  }
  set.concurrency = 1'000'000;
  set.budgets.push_back({.nanousd = std::int64_t{1} << 60,
                         .calendar = *policy::Calendar::make(policy::Period::month, "UTC")});
  return set;
}

void run(std::size_t key_count, std::size_t calls) {
  const bench::StillClock wall;
  shared_state::Limits limits(wall);
  const net::TimePoint now(1h);
  const policy::LimitSet set = every_kind();
  std::vector<std::shared_ptr<const pipeline::Caller>> callers;
  for (std::size_t i = 0; i < key_count; ++i) {
    pipeline::Caller caller;
    caller.key = "key_" + std::to_string(i * 7'919);
    caller.user = "user" + std::to_string(i / 4);
    caller.team = "team" + std::to_string(i / 100);
    limits.set({LimitScope::key, caller.key}, set, now);
    limits.set({LimitScope::user, caller.user}, set, now);
    limits.set({LimitScope::team, caller.team}, set, now);
    callers.push_back(std::make_shared<const pipeline::Caller>(std::move(caller)));
  }
  limits.set({LimitScope::route, "smart"}, set, now);
  limits.set({LimitScope::global, ""}, set, now);
  limits.set({LimitScope::provider, "openai"}, set, now);

  bench::StillLoop loop;
  net::Cancellation cancellation;
  auto route = std::make_shared<pipeline::Route>();
  route->name = "smart";
  auto upstream = std::make_shared<pipeline::Upstream>();
  upstream->name = "openai";
  pipeline::Target target;
  target.name = "openai/m";
  target.upstream = upstream;
  providers::OwnPrices prices;
  prices.prices.set(providers::PriceKind::input, *TokenPrice::parse_usd_per_million("1"));
  prices.prices.set(providers::PriceKind::output, *TokenPrice::parse_usd_per_million("10"));
  target.prices = providers::price_book(nullptr, prices);
  const bench::Chat chat;
  struct Flight {
    pipeline::Call call;
    std::optional<shared_state::Limits::Reservation> reserved = {};
  };
  std::vector<Flight> flights;
  for (std::size_t i = 0; i < calls_in_flight; ++i) {
    flights.push_back({pipeline::Call{.loop = loop,
                                      .cancellation = cancellation,
                                      .request_id = "req_1",
                                      .route = route,
                                      .options = {}}});
  }
  pipeline::AttemptRow row;
  row.target = &target;
  row.is_charged = true;
  row.usage.input = 900;
  row.usage.output = 300;
  row.cost_nanousd = 3'900'000;
  pipeline::CallResult result;
  result.usage = row.usage;

  std::uint64_t refused = 0;
  std::uint64_t chance = 1;
  std::int64_t admitting_ns = 0;
  std::int64_t settling_ns = 0;
  for (std::size_t done = 0; done < calls; done += calls_in_flight) {
    for (Flight& flight : flights) {  // the check of the key hands it over
      chance = chance * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
      flight.call.caller = callers[(chance >> 33U) % key_count];
    }
    const std::int64_t began = bench::cpu_ns();
    for (Flight& flight : flights) {
      flight.call.admission = 0;
      flight.call.windows = {};
      if (!limits.admit(flight.call, chat)) ++refused;
      auto reserved = limits.reserve(flight.call, chat, target, false);
      flight.reserved.reset();
      if (reserved) flight.reserved = *std::move(reserved);
    }
    const std::int64_t admitted = bench::cpu_ns();
    for (Flight& flight : flights) {
      if (flight.reserved) limits.settle(*flight.reserved, flight.call, row);
      limits.release(flight.call, result);
    }
    admitting_ns += admitted - began;
    settling_ns += bench::cpu_ns() - admitted;
  }
  const auto us_each = [calls](std::int64_t ns) {
    return static_cast<double>(ns) / 1e3 / static_cast<double>(calls);
  };
  std::printf(
      "%zu keys, %zu calls (%llu refused), us of CPU per call: admission %.2f, settlement %.2f\n",
      key_count, calls, static_cast<unsigned long long>(refused), us_each(admitting_ns),
      us_each(settling_ns));
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  const std::size_t keys = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  const std::size_t calls = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  weir::run(keys == 0 ? 1 : keys, calls);
  return 0;
}
