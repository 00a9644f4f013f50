// SPDX-License-Identifier: Apache-2.0
//
// How long the sums of many calls take to make and to ask: usage_bench FILE [CALLS]. The calls are
// spread over a month, 5 providers, 20 models, 40 keys and 8 teams.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/hash.hpp"
#include "base/request_id.hpp"
#include "usage/report.hpp"

namespace {

using namespace weir;
using std::chrono::steady_clock;

constexpr std::int64_t month_start_ms = 1'793'491'200'000;  // 2026-11-01
constexpr std::size_t calls_at_once = 5'000;

std::int64_t ended_ms_of(std::int64_t number, std::int64_t calls) {
  return month_start_ms + number * (30 * usage::day_ms / calls);
}

std::string id_of(std::int64_t number, std::int64_t calls) {
  SeededRandom random(mixed(static_cast<std::uint64_t>(number)));
  return make_request_id(ended_ms_of(number, calls), random);
}

ledger::CallRecord call(std::int64_t number, std::int64_t calls) {
  const std::uint64_t random = mixed(static_cast<std::uint64_t>(number) + 77);
  ledger::CallRecord call;
  call.request_id = id_of(number, calls);
  call.key = "key" + std::to_string(random % 40);
  call.user = "user" + std::to_string(random % 40);
  call.team = "team" + std::to_string(random % 8);
  const std::uint64_t model = (random >> 8U) % 20;
  call.provider = "provider" + std::to_string(model % 5);
  call.model = call.route = "model" + std::to_string(model);
  call.target = call.provider + "/" + call.model;
  call.ended_ms = ended_ms_of(number, calls);
  call.started_ms = call.ended_ms - 200 - static_cast<std::int64_t>((random >> 16U) % 4000);
  call.outcome = ledger::Outcome::completed;
  ledger::AttemptRecord attempt;
  attempt.number = 1;
  attempt.target = call.target;
  attempt.provider = call.provider;
  attempt.model = call.model;
  attempt.failure = "ok";
  attempt.flags = ledger::flag::charged;
  attempt.usage.input = 1000;
  attempt.usage.output = 200;
  attempt.cost_nanousd = 1 + static_cast<std::int64_t>(random % 1'000'000);
  call.usage = attempt.usage;
  call.cost_nanousd = attempt.cost_nanousd;
  call.attempts.push_back(attempt);
  return call;
}

double ms_since(steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

template <class Value>
Value checked(Result<Value> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

/// The sum of what was added.
std::int64_t fill(usage::Store& store, std::int64_t calls) {
  std::int64_t cost = 0;
  ledger::Position position;
  std::vector<usage::Store::Entry> entries;
  for (std::int64_t number = 0; number < calls;) {
    entries.clear();
    for (; number < calls && entries.size() < calls_at_once; ++number) {
      entries.push_back({call(number, calls), {1, static_cast<std::uint64_t>(number)}, {}});
      cost += entries.back().call.cost_nanousd;
    }
    ledger::Position next = position;
    ++next.segments_read;
    checked(store.add(entries, position, next));
    position = next;
  }
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage_bench FILE [CALLS]\n", stderr);
    return 64;
  }
  const std::int64_t calls = argc > 2 ? std::atoll(argv[2]) : 1'000'000;
  auto store = checked(usage::Store::open(argv[1]));
  auto start = steady_clock::now();
  const std::int64_t cost = fill(*store, calls);
  const double filling = ms_since(start);

  // As a question is answered: a file opened anew.
  start = steady_clock::now();
  auto asked = checked(usage::Store::open(argv[1]));
  const auto report =
      checked(usage::ask(*asked, {.period = usage::Period::day,
                                  .by = {usage::Dimension::model},
                                  .from_ms = month_start_ms,
                                  .before_ms = month_start_ms + 31 * usage::day_ms}));
  const double asking = ms_since(start);
  if (report.total.cost != cost) {
    std::fputs("the sum is wrong\n", stderr);
    return 1;
  }
  start = steady_clock::now();
  auto indexed = checked(usage::Store::open(argv[1]));
  if (!checked(indexed->find(id_of(calls / 2, calls)))) return 1;
  const double finding = ms_since(start);
  std::printf(
      "%lld calls: added in %.1f s (%.1f us each); usage by day and model %.1f ms "
      "(%zu rows); one call %.2f ms\n",
      static_cast<long long>(calls), filling / 1000, filling * 1000 / static_cast<double>(calls),
      asking, report.rows.size(), finding);
  return 0;
}
