// SPDX-License-Identifier: Apache-2.0
//
// How long the sums of many calls take to make and to ask, and how long one of them takes to find:
// usage_bench FOLDER [CALLS [HOURS]]. The ledger is made in the empty folder. The calls are spread
// over so many hours, by default a month of 30 days, and over 5 providers, 20 models, 40 keys and 8
// teams.
//
// usage_bench --spool FOLDER [CALLS [HOURS]] makes the ledger only, and ends as a process does that
// is killed, for whoever wants to know what the next one makes of it.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/request_id.hpp"
#include "ledger/reader.hpp"
#include "ledger/spool.hpp"
#include "usage/report.hpp"
#include "usage/sqlite_store.hpp"

namespace {

using namespace weir;
using std::chrono::steady_clock;

constexpr std::int64_t month_start_ms = 1'793'491'200'000;  // 2026-11-01
constexpr std::size_t calls_at_once = 5'000;

struct Load {
  std::int64_t calls = 1'000'000;
  std::int64_t hours = 720;
};

std::int64_t ended_ms_of(std::int64_t number, const Load& load) {
  return month_start_ms + number * load.hours * usage::hour_ms / load.calls;
}

std::string id_of(std::int64_t number, const Load& load) {
  SeededRandom random(mixed(static_cast<std::uint64_t>(number)));
  return make_request_id(ended_ms_of(number, load), random);
}

ledger::CallRecord call(std::int64_t number, const Load& load) {
  const std::uint64_t random = mixed(static_cast<std::uint64_t>(number) + 77);
  ledger::CallRecord call;
  call.request_id = id_of(number, load);
  call.key = "key" + std::to_string(random % 40);
  call.user = "user" + std::to_string(random % 40);
  call.team = "team" + std::to_string(random % 8);
  const std::uint64_t model = (random >> 8U) % 20;
  call.provider = "provider" + std::to_string(model % 5);
  call.model = call.route = "model" + std::to_string(model);
  call.target = call.provider + "/" + call.model;
  call.ended_ms = ended_ms_of(number, load);
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

/// Writes the calls into a ledger, and ends it unless it is to look as after a crash. The sum of
/// what they cost.
std::int64_t write_ledger(const std::string& folder, const Load& load, bool is_to_crash) {
  ledger::Spool::Options options;
  options.unix_ms = [] { return month_start_ms; };
  ledger::Spool spool(store::system_spool_files(), ledger::folder_of(folder), std::move(options));
  ledger::Lane& lane = spool.add_lane(1);
  spool.start();
  std::int64_t cost = 0;
  std::vector<ledger::AttemptView> attempts;
  for (std::int64_t number = 0; number < load.calls; ++number) {
    const ledger::CallRecord record = call(number, load);
    const ledger::CallView view = ledger::view_of(record, attempts);
    const auto write = [&](std::span<char> room, std::uint64_t sequence) {
      return ledger::write_call(room, ledger::Kind::settlement, sequence, view);
    };
    // As an intent it is refused where there is no segment yet, and not kept in memory.
    while (!lane.append(ledger::Lane::Need::intent, write)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    cost += record.cost_nanousd;
  }
  if (is_to_crash) std::_Exit(0);
  spool.stop();
  return cost;
}

void add_up(const std::string& folder, usage::Store& store) {
  auto reader = checked(ledger::Reader::open(folder));
  ledger::Position position;
  for (bool is_over = false; !is_over;) {
    store.begin(position);
    for (std::size_t count = 0; count < calls_at_once; ++count) {
      auto* const next = checked(reader.next());
      is_over = next == nullptr;
      if (is_over) break;
      store.take(next->call, next->place, {});
    }
    ledger::Position behind = reader.position();
    checked(store.commit(behind));
    position = std::move(behind);
  }
}

/// As `weir log --id` does it: the slowest of some.
double find_one(const std::string& folder, const Load& load) {
  constexpr std::int64_t tries = 20;
  double slowest = 0;
  for (std::int64_t i = 0; i < tries; ++i) {
    const std::string id = id_of(load.calls / tries * i, load);
    const auto start = steady_clock::now();
    auto store = checked(usage::SqliteStore::open(folder + "/usage.db"));
    const auto place = checked(store->find(id));
    if (!place || checked(ledger::read_at(folder, *place)).request_id != id) {
      std::fprintf(stderr, "%s was not found\n", id.c_str());
      std::exit(1);
    }
    slowest = std::max(slowest, ms_since(start));
  }
  return slowest;
}

}  // namespace

int main(int argc, char** argv) {
  std::span<char*> arguments(argv + 1, argv + argc);
  const bool is_to_crash = !arguments.empty() && std::string_view(arguments[0]) == "--spool";
  if (is_to_crash) arguments = arguments.subspan(1);
  if (arguments.empty()) {
    std::fputs("usage_bench [--spool] FOLDER [CALLS [HOURS]]\n", stderr);
    return 64;
  }
  const std::string folder = arguments[0];
  Load load;
  if (arguments.size() > 1) load.calls = std::atoll(arguments[1]);
  if (arguments.size() > 2) load.hours = std::atoll(arguments[2]);
  auto start = steady_clock::now();
  const std::int64_t cost = write_ledger(folder, load, is_to_crash);
  const double writing = ms_since(start);
  auto store = checked(usage::SqliteStore::open(folder + "/usage.db"));
  start = steady_clock::now();
  add_up(folder, *store);
  const double adding = ms_since(start);

  // As a question is answered: a file opened anew.
  start = steady_clock::now();
  auto asked = checked(usage::SqliteStore::open(folder + "/usage.db"));
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
  const double finding = find_one(folder, load);
  const double each = 1000 / static_cast<double>(load.calls);
  std::printf(
      "%lld calls: written in %.1f s (%.1f us each), added up in %.1f s (%.1f us each); usage by "
      "day and model %.1f ms (%zu rows); one call at most %.2f ms\n",
      static_cast<long long>(load.calls), writing / 1000, writing * each, adding / 1000,
      adding * each, asking, report.rows.size(), finding);
  return 0;
}
