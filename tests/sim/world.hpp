// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "engine/snapshot.hpp"
#include "net/client.hpp"
#include "pipeline/attempt_loop.hpp"
#include "shared_state/gate.hpp"
#include "sim/client.hpp"
#include "sim/network.hpp"
#include "sim/provider.hpp"
#include "sim/trace.hpp"
#include "sim/virtual_loop.hpp"

namespace weir::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::uint64_t requests = 200;
  bool keeps_trace = false;
};

/// How a run went.
struct Report {
  std::uint64_t trace_hash = 0;
  double virtual_seconds = 0;
  std::map<std::string, std::uint64_t, std::less<>> outcomes;
  std::uint64_t attempts = 0;
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
  net::Task<void> serve(Serving& serving);
  void check_call(const Serving& serving, const pipeline::CallResult& result);
  void check_nothing_outlives(std::uint64_t request);
  void check_rest();
  void fail(std::uint64_t request, const std::string& rule);

  WorldOptions options_;
  VirtualLoop loop_;
  SeededRandom weather_random_;
  SeededRandom client_random_;
  SeededRandom loop_random_;
  Trace trace_;
  std::vector<std::unique_ptr<Provider>> providers_;
  VirtualConnector connector_;
  net::UpstreamPool pool_;
  net::ClientContext client_context_;
  shared_state::Gate gate_;
  std::shared_ptr<const engine::Snapshot> snapshot_;
  pipeline::AttemptLoop attempts_;
  net::TaskSet tasks_;
  std::vector<std::unique_ptr<Serving>> servings_;
  std::uint64_t arrived_ = 0;
  Report report_;
};

}  // namespace weir::sim
