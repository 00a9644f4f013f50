// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ledger/journal.hpp"
#include "ledger/spool.hpp"

namespace weir::ledger {

/// The ledger of one running gateway: one journal for each of its threads, over one spool.
class Ledger {
 public:
  struct Options {
    Spool::Options spool;
    LaneJournal::Options journal;
    bool is_strict = false;  ///< what is damaged of earlier processes stays, and none may start
  };

  /// `files` outlives the ledger.
  Ledger(store::SpoolFiles& files, const std::string& data_directory, Options options)
      : journal_options_(options.journal),
        is_strict_(options.is_strict),
        spool_(files, folder_of(data_directory), watched(std::move(options))) {}

  /// Of one thread, known by a random number. Lives as long as the ledger. Precondition: not
  /// started.
  LaneJournal& add_thread(std::uint64_t stream) {
    journals_.push_back(
        std::make_unique<LaneJournal>(spool_, spool_.add_lane(stream), journal_options_));
    return *journals_.back();
  }

  /// Errors: `ledger_unavailable` where `is_strict` and what was written before is damaged. That
  /// nothing can be written now is none: calls are refused until it can be.
  Result<> start() {
    spool_.start();
    if (!is_strict_ || !is_damaged_) return {};
    return Error(ErrorCode::ledger_unavailable,
                 "the ledger is damaged: see weir ledger verify, or start without ledger.strict");
  }
  /// Precondition: nobody uses a journal any more.
  void stop() { spool_.stop(); }

  [[nodiscard]] Spool& spool() { return spool_; }
  [[nodiscard]] const Spool& spool() const { return spool_; }

 private:
  Spool::Options watched(Options options) {
    options.spool.leaves_damage = options.is_strict;
    options.spool.on_recovered =
        [this, tell = std::move(options.spool.on_recovered)](const Recovered& found) {
          if (found.damaged_segments > 0 || found.records_missing > 0) is_damaged_ = true;
          tell(found);
        };
    return std::move(options.spool);
  }

  LaneJournal::Options journal_options_;
  bool is_strict_;
  std::atomic<bool> is_damaged_ = false;  ///< what earlier processes wrote
  Spool spool_;
  std::vector<std::unique_ptr<LaneJournal>> journals_;
};

}  // namespace weir::ledger
