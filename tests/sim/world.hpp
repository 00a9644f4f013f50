// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "engine/snapshot.hpp"
#include "net/client.hpp"
#include "pipeline/attempt_loop.hpp"
#include "shared_state/gate.hpp"
#include "shared_state/limits.hpp"
#include "sim/books.hpp"
#include "sim/client.hpp"
#include "sim/network.hpp"
#include "sim/provider.hpp"
#include "sim/retry_watch.hpp"
#include "sim/trace.hpp"
#include "sim/virtual_loop.hpp"
#include "sim/watched_gate.hpp"

namespace weir::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::uint64_t requests = 200;
  /// The n-th call that does something outside of the program fails, and nothing else does; 0: the
  /// weather decides.
  std::uint64_t nth_failure = 0;
  bool keeps_trace = false;
};

/// How a run went.
struct Report {
  std::uint64_t trace_hash = 0;
  double virtual_seconds = 0;
  std::map<std::string, std::uint64_t, std::less<>> outcomes;
  std::uint64_t attempts = 0;
  std::int64_t billed_nanousd = 0;    ///< by all providers
  bool has_failed_once = false;       ///< there was an n-th call
  std::optional<std::string> broken;  ///< the first invariant that did not hold
  std::vector<std::string> trace;
};

/// The gateway's real pipeline between simulated clients and simulated providers, in one thread, on
/// a clock that jumps. After each thing that happens the invariants are checked.
class World final : private pipeline::WallClock, private pipeline::ExchangeFactory {
 public:
  explicit World(const WorldOptions& options);
  ~World() override;

  Report run();

 private:
  struct Serving;
  [[nodiscard]] std::int64_t unix_ms() const override;
  std::unique_ptr<net::Exchange> make(const pipeline::Target& target,
                                      net::Cancellation& cancellation) override;
  void make_snapshot();
  void arrive();
  void step_clock();
  void begin(ClientPlan plan, std::string_view route,
             std::shared_ptr<const pipeline::Caller> caller);
  [[nodiscard]] Serving& serving_of(std::uint64_t request);
  net::Task<void> serve(Serving& serving);
  void take_steps();
  void check_step();
  void check_limits();
  void check_call(Serving& serving, const pipeline::CallResult& result);
  void check_attempts(const Serving& serving, const pipeline::CallResult& result);
  void check_nobody_was_left_out(const Serving& serving, const pipeline::CallResult& result);
  void check_it_has_ended(std::uint64_t request);
  void check_afterwards(std::uint64_t request);
  void check_rest();
  void check_books();
  void check_everyone_serves();
  void fail(std::uint64_t request, const std::string& rule);

  WorldOptions options_;
  VirtualLoop loop_;
  SeededRandom weather_random_;
  SeededRandom client_random_;
  SeededRandom loop_random_;
  Trace trace_;
  std::vector<std::unique_ptr<Provider>> providers_;
  Fuse fuse_;
  VirtualConnector connector_;
  net::UpstreamPool pool_;
  net::ClientContext client_context_;
  shared_state::Gate gate_;
  WatchedGate watched_gate_;
  shared_state::Limits limits_;
  RetryWatch retry_watch_;
  WatchedLimits watched_limits_;
  Ledger ledger_;
  std::vector<std::shared_ptr<const pipeline::Caller>> callers_;
  std::shared_ptr<const engine::Snapshot> snapshot_;
  pipeline::AttemptLoop attempts_;
  net::TaskSet tasks_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Serving>> servings_;  ///< by number
  std::uint64_t arrived_ = 0;
  std::int64_t wall_offset_ms_ = 0;  ///< the clock on the wall is set now and then
  std::int64_t charged_nanousd_ = 0;
  Report report_;
};

}  // namespace weir::sim
