// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "config/config.hpp"
#include "ledger/ledger.hpp"
#include "pipeline/attempt.hpp"
#include "shared_state/limits.hpp"
#include "store/instance.hpp"
#include "weir/statistics.hpp"

namespace weir::api {

/// The ledger of a gateway whose configuration names a data directory: the same files, written in
/// the same order, as `weir serve` writes. Nobody adds them up while the library runs: the records
/// are enough to begin anew from, and what reads the sums makes them.
class Books {
 public:
  /// Takes the data directory. Errors: `invalid_request` when it is in use, `store_unavailable`
  /// when it can't be made. Precondition: it has a name. `wall` outlives the books.
  static Result<std::unique_ptr<Books>> open(const config::Config& config,
                                             const pipeline::WallClock& wall);

  /// Of one thread. Before `start`.
  pipeline::Journal& add_thread(std::uint64_t stream) { return ledger_.add_thread(stream); }
  /// Books what an earlier process left, and lets what was spent before go on to count in `limits`.
  /// Errors: `ledger_unavailable` for damage where it is to be refused, `store_unavailable`.
  Result<> start(shared_state::Limits& limits);
  /// Precondition: nobody uses a journal any more, and the threads that did are still there.
  void stop() { ledger_.stop(); }

  /// For any thread.
  [[nodiscard]] LedgerStatistics statistics() const;

 private:
  Books(const config::Config& config, const pipeline::WallClock& wall, store::Instance instance);
  [[nodiscard]] ledger::Ledger::Options options(const config::LedgerSettings& settings,
                                                const pipeline::WallClock& wall);

  std::string data_directory_;
  store::Instance instance_;
  mutable std::mutex mutex_;  ///< of the next two
  ledger::Recovered recovered_;
  std::string problem_;
  ledger::Ledger ledger_;  ///< the last: its threads tell of the others
};

}  // namespace weir::api
