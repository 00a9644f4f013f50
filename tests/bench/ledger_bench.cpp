// SPDX-License-Identifier: Apache-2.0
//
// What it costs the thread that serves a call to have it in the ledger: the intent, one attempt and
// the settlement, written into mapped segments.
//
//   ledger_bench FOLDER [CALLS]      default: 1000000
//
// Prints processor time per call; the threads that sync and pack segments are not in it. The ledger
// is made in the folder.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "ledger/journal.hpp"
#include "still_world.hpp"
#include "store/spool_files.hpp"

namespace weir {
namespace {

pipeline::CallResult result_of(const pipeline::Target& target) {
  pipeline::CallResult result;
  result.outcome = pipeline::Outcome::completed;
  result.target = target.name;
  result.provider = target.upstream->name;
  wire::Usage usage;
  usage.input = 900;
  usage.output = 300;
  result.usage = usage;
  result.cost_nanousd = 3'900'000;
  result.attempts = 1;
  pipeline::AttemptRow& row = result.rows.emplace_back();
  row.number = 1;
  row.target = &target;
  row.failure = policy::FailureClass::ok;
  row.is_charged = true;
  row.usage = usage;
  row.cost_nanousd = result.cost_nanousd;
  return result;
}

/// Writes until there are `calls`, or until there is no room.
bool write(ledger::LaneJournal& journal, pipeline::Call& call, const bench::Chat& chat,
           const pipeline::CallResult& result, std::size_t calls, std::size_t& written) {
  for (; written < calls; ++written) {
    call.journal_ticket.reset();
    if (!journal.open(call, chat)) return false;
    journal.note(call, result.rows.front());
    journal.close(call, result);
  }
  return true;
}

int run(const std::string& folder, std::size_t calls) {
  ledger::Spool::Options options;
  options.unix_ms = [] { return bench::still_unix_ms; };
  ledger::Spool spool(store::system_spool_files(), folder, std::move(options));
  ledger::LaneJournal journal(spool, spool.add_lane(1), {});
  spool.start();

  bench::StillLoop loop;
  net::Cancellation cancellation;
  auto route = std::make_shared<pipeline::Route>();
  route->name = "smart";
  auto upstream = std::make_shared<pipeline::Upstream>();
  upstream->name = "openai";
  pipeline::Target target;
  target.name = "openai/gpt-4o-mini";
  target.model = "gpt-4o-mini";
  target.upstream = upstream;
  auto caller = std::make_shared<pipeline::Caller>();
  caller->key = "key_0123456789";
  caller->user = "ann";
  caller->team = "desk";
  const bench::Chat chat;
  pipeline::Call call{.loop = loop,
                      .cancellation = cancellation,
                      .request_id = "req_0123456789abcdefghijklmn",
                      .route = route,
                      .options = {}};
  call.caller = caller;
  call.model = "smart";
  call.started_ms = bench::still_unix_ms;
  const pipeline::CallResult result = result_of(target);

  std::int64_t took = 0;
  for (std::size_t written = 0; written < calls;) {
    const std::int64_t began = bench::cpu_ns();
    const bool has_room = write(journal, call, chat, result, calls, written);
    took += bench::cpu_ns() - began;
    // Faster than a disk can give segments: no gateway is, for longer than the spare ones last.
    if (!has_room) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  spool.stop();
  std::printf("%zu calls: %.2f us of CPU per call\n", calls,
              static_cast<double>(took) / 1e3 / static_cast<double>(calls));
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("ledger_bench FOLDER [CALLS]\n", stderr);
    return 64;
  }
  const std::size_t calls = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  return weir::run(argv[1], calls == 0 ? 1 : calls);
}
