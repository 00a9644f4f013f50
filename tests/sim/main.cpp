// SPDX-License-Identifier: Apache-2.0
//
// The gateway's pipeline in simulated weather:
//
//   weir-sim [--seed N] [--requests M] [--seeds COUNT] [--trace]
//   weir-sim --nth-failure [--seed N] [--requests M]
//
// Runs COUNT seeds from N on. When an invariant breaks, prints the seed, the rule and the trace,
// and ends with status 1. The same seed gives the same trace.
//
// The second form runs one seed in fine weather again and again: the first time the first call that
// reaches out of the program fails (a connection, a read, a write, the ledger, a client), then the
// second alone, until there is no such call.
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/recycled.hpp"
#include "sim/world.hpp"

namespace {

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t requests = 200;
  std::uint64_t seeds = 1;
  bool traces = false;
  bool fails_each_call = false;
};

std::optional<Arguments> read_arguments(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    if (name == "--trace") {
      arguments.traces = true;
      continue;
    }
    if (name == "--nth-failure") {
      arguments.fails_each_call = true;
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

weir::sim::Report run(weir::sim::WorldOptions options) {
  auto world = std::make_unique<weir::sim::World>(options);
  weir::sim::Report report = world->run();
  // A run that was broken off leaves requests waiting, which no destructor would forgive.
  [[maybe_unused]] const auto* left = report.broken ? world.release() : nullptr;
  return report;
}

/// Runs, and tells what was broken. If so, once more for the trace: should it come out another way,
/// that is the worse bug.
weir::sim::Report run_and_tell(weir::sim::WorldOptions options) {
  weir::sim::Report report = run(options);
  if (report.broken && !options.keeps_trace) {
    const std::uint64_t first = report.trace_hash;
    options.keeps_trace = true;
    report = run(options);
    if (report.trace_hash != first) std::puts("the same seed gave another run");
  }
  for (const std::string& line : report.trace) std::puts(line.c_str());
  if (report.broken) {
    std::printf("seed %" PRIu64 ": %s\n", options.seed, report.broken->c_str());
  }
  return report;
}

int fail_each_call(const Arguments& arguments) {
  weir::sim::WorldOptions options{.seed = arguments.seed, .requests = arguments.requests};
  for (options.nth_failure = 1;; ++options.nth_failure) {
    const weir::sim::Report report = run_and_tell(options);
    if (report.broken) {
      std::printf("failed call: %" PRIu64 "\n", options.nth_failure);
      return 1;
    }
    if (!report.has_failed_once) break;
  }
  std::printf("each of %" PRIu64 " calls has failed once\n", options.nth_failure - 1);
  return 0;
}

}  // namespace

int main(int count, char** values) {
  const std::optional<Arguments> arguments = read_arguments(count, values);
  if (!arguments) {
    std::fputs(
        "usage: weir-sim [--seed N] [--requests M] [--seeds COUNT] [--trace] [--nth-failure]\n",
        stderr);
    return 64;
  }
  weir::keep_memory_of_this_thread();
  if (arguments->fails_each_call) return fail_each_call(*arguments);
  std::map<std::string, std::uint64_t, std::less<>> outcomes;
  double virtual_seconds = 0;
  std::uint64_t attempts = 0;
  std::int64_t billed = 0;
  std::uint64_t hash = 0;
  const auto begun = std::chrono::steady_clock::now();
  for (std::uint64_t seed = arguments->seed; seed < arguments->seed + arguments->seeds; ++seed) {
    const weir::sim::Report report = run_and_tell(
        {.seed = seed, .requests = arguments->requests, .keeps_trace = arguments->traces});
    if (report.broken) return 1;
    for (const auto& [outcome, times] : report.outcomes) outcomes[outcome] += times;
    virtual_seconds += report.virtual_seconds;
    attempts += report.attempts;
    billed += report.billed_nanousd;
    hash = report.trace_hash;
  }
  const std::chrono::duration<double> real = std::chrono::steady_clock::now() - begun;
  for (const auto& [outcome, times] : outcomes) {
    std::printf("%-18s %" PRIu64 "\n", outcome.c_str(), times);
  }
  std::printf("%" PRIu64 " attempts, %.0f s of virtual time in %.2f s (%.0f x)\n", attempts,
              virtual_seconds, real.count(), virtual_seconds / real.count());
  std::printf("%" PRId64 " n$ charged or exposed, as the providers bill\n", billed);
  std::printf("last trace %016" PRIx64 "\n", hash);
  return 0;
}
