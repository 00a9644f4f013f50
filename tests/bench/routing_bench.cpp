// SPDX-License-Identifier: Apache-2.0
//
// What it costs to choose: the first target of a route, and the next one when it failed.
//
//   routing_bench [CALLS]      default: 20000
//
// Prints processor time per decision, for routes of 3 and of 1,000 targets.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "pipeline/succession.hpp"
#include "shared_state/gate.hpp"
#include "still_world.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const pipeline::Route> make_route(shared_state::Gate& gate, std::size_t count) {
  auto route = std::make_shared<pipeline::Route>();
  route->name = "smart";
  pipeline::Step step;
  for (std::size_t i = 0; i < count; ++i) {
    auto upstream = std::make_shared<pipeline::Upstream>();
    upstream->name = "provider" + std::to_string(i);
    gate.attach(*upstream);
    auto target = std::make_shared<pipeline::Target>();
    target->upstream = upstream;
    target->name = upstream->name + "/model";
    gate.attach(*target);
    step.targets.push_back(std::move(target));
  }
  route->steps.push_back(std::move(step));
  return route;
}

void run(std::size_t targets, std::size_t calls) {
  shared_state::Gate gate({});
  const auto route = make_route(gate, targets);
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
  std::printf("%5zu targets: %.2f us of CPU to choose the first, %.2f us to fail over\n", targets,
              each(choosing), each(failing_over));
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  const std::size_t calls = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
  weir::run(3, calls == 0 ? 1 : calls);
  weir::run(1'000, calls == 0 ? 1 : calls);
  return 0;
}
