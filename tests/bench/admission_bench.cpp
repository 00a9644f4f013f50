// SPDX-License-Identifier: Apache-2.0
//
// What it costs to admit a call: the limits and budgets of its key, user, team, route, provider and
// of the whole, taken, settled and given back.
//
//   admission_bench [KEYS [CALLS]]      default: 100000 keys, 1000000 calls
//
// Prints processor time per call.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "shared_state/limits.hpp"
#include "still_world.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;
using policy::LimitScope;
using policy::LimitUnit;

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
  pipeline::Call call{.loop = loop,
                      .cancellation = cancellation,
                      .request_id = "req_1",
                      .route = route,
                      .options = {}};
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
  const std::int64_t began = bench::cpu_ns();
  for (std::size_t i = 0; i < calls; ++i) {
    chance = chance * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    call.caller = callers[(chance >> 33U) % key_count];
    call.admission = 0;
    call.windows = {};
    if (!limits.admit(call, chat)) ++refused;
    const auto reserved = limits.reserve(call, chat, target, false);
    if (reserved) limits.settle(*reserved, call, row);
    limits.release(call, result);
  }
  const std::int64_t took = bench::cpu_ns() - began;
  std::printf("%zu keys, %zu calls (%llu refused): %.2f us of CPU per call\n", key_count, calls,
              static_cast<unsigned long long>(refused),
              static_cast<double>(took) / 1e3 / static_cast<double>(calls));
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  const std::size_t keys = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  const std::size_t calls = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  weir::run(keys == 0 ? 1 : keys, calls);
  return 0;
}
