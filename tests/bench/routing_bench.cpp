// SPDX-License-Identifier: Apache-2.0
//
// What it costs to choose: the first target of a route, and the next one when it failed.
//
//   routing_bench [CALLS]      default: 20000
//
// Prints processor time per decision for each strategy, over routes of 3 and of 1,000 targets that
// all differ in what the strategies go by.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/hash.hpp"
#include "pipeline/explain.hpp"
#include "pipeline/succession.hpp"
#include "shared_state/gate.hpp"
#include "still_world.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// Figures and prices such as targets have under load.
void vary(pipeline::Target& target, SeededRandom& random) {
  const auto price = [&] {
    return TokenPrice::from_nano_per_million(random.uniform(1, 30'000'000'000)).value();
  };
  target.prices.base.set(providers::PriceKind::input, price());
  target.prices.base.set(providers::PriceKind::output, price());
  target.weight = random.uniform(1, 100);
  pipeline::TrafficCounters& counters = *target.counters;
  counters.in_flight = static_cast<std::int32_t>(random.uniform(0, 50));
  counters.first_content_us = random.uniform(100'000, 2'000'000);
  counters.last_used_ms = bench::still_unix_ms - random.uniform(0, 60'000);
  if (random.uniform(0, 9) > 0) return;
  counters.failing_permille = random.uniform(1, 1'000);
  counters.last_failure_ms = bench::still_unix_ms - random.uniform(0, 60'000);
}

std::shared_ptr<const pipeline::Route> make_route(shared_state::Gate& gate,
                                                  pipeline::Strategy strategy, std::size_t count) {
  SeededRandom random(2);
  auto route = std::make_shared<pipeline::Route>();
  route->name = "smart";
  pipeline::Step step;
  step.strategy = strategy;
  for (std::size_t i = 0; i < count; ++i) {
    auto upstream = std::make_shared<pipeline::Upstream>();
    upstream->name = "provider" + std::to_string(i);
    gate.attach(*upstream);
    auto target = std::make_shared<pipeline::Target>();
    target->upstream = upstream;
    target->name = upstream->name + "/model";
    target->name_hash = hash_of(target->name);
    gate.attach(*target);
    vary(*target, random);
    step.targets.push_back(std::move(target));
  }
  route->steps.push_back(std::move(step));
  return route;
}

void run(pipeline::Strategy strategy, std::size_t targets, std::size_t calls) {
  shared_state::Gate gate({});
  const auto route = make_route(gate, strategy, targets);
  bench::StillLoop loop;
  SeededRandom random(1);
  net::Cancellation cancellation;
  const bench::Chat chat;
  const pipeline::Call call{.loop = loop,
                            .cancellation = cancellation,
                            .request_id = "req_1",
                            .route = route,
                            .options = {}};
  pipeline::AttemptEnd broken;
  broken.set(policy::FailureClass::reset_sent);
  std::int64_t choosing = 0;
  std::int64_t failing_over = 0;
  for (std::size_t i = 0; i < calls; ++i) {
    const std::int64_t begun = bench::cpu_ns();
    pipeline::Succession succession(call, chat, gate, nullptr, random, loop.now() + 590s,
                                    bench::still_unix_ms);
    auto first = succession.first();
    const std::int64_t chosen = bench::cpu_ns();
    auto next = succession.after(*first.candidate, broken);
    failing_over += bench::cpu_ns() - chosen;
    choosing += chosen - begun;
    succession.give_back(first);
    succession.give_back(next);
  }
  const auto each = [&](std::int64_t ns) {
    return static_cast<double>(ns) / 1e3 / static_cast<double>(calls);
  };
  std::printf("%-20s %5zu targets: %.2f us of CPU to choose the first, %.2f us to fail over\n",
              std::string(pipeline::name(strategy)).c_str(), targets, each(choosing),
              each(failing_over));
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  const std::size_t asked = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
  const std::size_t calls = std::max<std::size_t>(1, asked);
  constexpr auto last = static_cast<int>(weir::pipeline::Strategy::sticky);
  for (int strategy = 0; strategy <= last; ++strategy) {
    for (const std::size_t targets : {std::size_t{3}, std::size_t{1'000}}) {
      weir::run(static_cast<weir::pipeline::Strategy>(strategy), targets, calls);
    }
  }
  return 0;
}
