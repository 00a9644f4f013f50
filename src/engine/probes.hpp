// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/random.hpp"
#include "engine/listing.hpp"
#include "engine/snapshot.hpp"
#include "health/probe_figures.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/attempt.hpp"

namespace weir::engine {

/// Asks providers at intervals whether they answer, where that is set. Only ever for the free
/// listing, never for an answer of a model, and none more often than every 30 s (Z-2). What comes
/// of it is counted apart: no breaker, no cooldown and no figure of the traffic changes by it,
/// since who lists models need not be able to run one.
///
/// For its loop's thread, `figures` for any.
class Probes {
 public:
  Probes(net::Loop& loop, pipeline::ExchangeFactory& exchanges, const pipeline::WallClock& wall,
         Random& random);
  ~Probes();
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  static bool is_needed(const Snapshot& snapshot);
  /// The providers from now on; each is first asked after its interval.
  void set_snapshot(const Snapshot& snapshot);
  /// Ends what is under way and asks no more.
  void stop();

  [[nodiscard]] health::Probed figures() const;

 private:
  struct Entry;

  void arm(Entry& entry);
  void begin(const std::shared_ptr<Entry>& entry);
  net::Task<void> probe(std::shared_ptr<Entry> entry);

  net::Loop& loop_;
  pipeline::ExchangeFactory& exchanges_;
  const pipeline::WallClock& wall_;
  Random& random_;
  std::vector<std::shared_ptr<Entry>> entries_;
  net::TaskSet tasks_;
  mutable std::mutex mutex_;  // of the figures
  health::Probed figures_;
};

}  // namespace weir::engine
