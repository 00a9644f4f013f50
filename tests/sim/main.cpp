// SPDX-License-Identifier: Apache-2.0
//
// The gateway's pipeline in simulated weather:
//
//   weir-sim [--seed N] [--requests M] [--seeds COUNT] [--trace]
//
// Runs COUNT seeds from N on. When an invariant breaks, prints the seed, the rule and the trace,
// and ends with status 1. The same seed gives the same trace.
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "sim/world.hpp"

namespace {

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t requests = 200;
  std::uint64_t seeds = 1;
  bool traces = false;
};

std::optional<Arguments> read_arguments(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    if (name == "--trace") {
      arguments.traces = true;
      continue;
    }
    std::uint64_t* number = name == "--seed"       ? &arguments.seed
                            : name == "--requests" ? &arguments.requests
                            : name == "--seeds"    ? &arguments.seeds
                                                   : nullptr;
    if (number == nullptr || ++i == count) return std::nullopt;
    const char* const end = values[i] + std::strlen(values[i]);
    if (std::from_chars(values[i], end, *number).ptr != end) return std::nullopt;
  }
  return arguments;
}

weir::sim::Report run(const Arguments& arguments, std::uint64_t seed, bool keeps_trace) {
  auto world = std::make_unique<weir::sim::World>(weir::sim::WorldOptions{
      .seed = seed, .requests = arguments.requests, .keeps_trace = keeps_trace});
  weir::sim::Report report = world->run();
  // A run that was broken off leaves requests waiting, which no destructor would forgive.
  [[maybe_unused]] const auto* left = report.broken ? world.release() : nullptr;
  return report;
}

}  // namespace

int main(int count, char** values) {
  const std::optional<Arguments> arguments = read_arguments(count, values);
  if (!arguments) {
    std::fputs("usage: weir-sim [--seed N] [--requests M] [--seeds COUNT] [--trace]\n", stderr);
    return 64;
  }
  std::map<std::string, std::uint64_t, std::less<>> outcomes;
  double virtual_seconds = 0;
  std::uint64_t attempts = 0;
  std::uint64_t hash = 0;
  const auto begun = std::chrono::steady_clock::now();
  for (std::uint64_t seed = arguments->seed; seed < arguments->seed + arguments->seeds; ++seed) {
    weir::sim::Report report = run(*arguments, seed, arguments->traces);
    if (report.broken && !arguments->traces) {
      // Once more, for the trace: if it comes out another way, that is the worse bug.
      const std::uint64_t first = report.trace_hash;
      report = run(*arguments, seed, true);
      if (report.trace_hash != first) std::puts("the same seed gave another run");
    }
    for (const std::string& line : report.trace) std::puts(line.c_str());
    if (report.broken) {
      std::printf("seed %" PRIu64 ": %s\n", seed, report.broken->c_str());
      return 1;
    }
    for (const auto& [outcome, times] : report.outcomes) outcomes[outcome] += times;
    virtual_seconds += report.virtual_seconds;
    attempts += report.attempts;
    hash = report.trace_hash;
  }
  const std::chrono::duration<double> real = std::chrono::steady_clock::now() - begun;
  for (const auto& [outcome, times] : outcomes) {
    std::printf("%-18s %" PRIu64 "\n", outcome.c_str(), times);
  }
  std::printf("%" PRIu64 " attempts, %.0f s of virtual time in %.2f s (%.0f x)\n", attempts,
              virtual_seconds, real.count(), virtual_seconds / real.count());
  std::printf("last trace %016" PRIx64 "\n", hash);
  return 0;
}
