// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
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
  };

  /// `files` outlives the ledger.
  Ledger(store::SpoolFiles& files, const std::string& data_directory, Options options)
      : journal_options_(options.journal),
        spool_(files, folder_of(data_directory), std::move(options.spool)) {}

  /// Of one thread, known by a random number. Lives as long as the ledger. Precondition: not
  /// started.
  LaneJournal& add_thread(std::uint64_t stream) {
    journals_.push_back(
        std::make_unique<LaneJournal>(spool_, spool_.add_lane(stream), journal_options_));
    return *journals_.back();
  }

  void start() { spool_.start(); }
  /// Precondition: nobody uses a journal any more.
  void stop() { spool_.stop(); }

  [[nodiscard]] Spool& spool() { return spool_; }
  [[nodiscard]] const Spool& spool() const { return spool_; }

 private:
  LaneJournal::Options journal_options_;
  Spool spool_;
  std::vector<std::unique_ptr<LaneJournal>> journals_;
};

}  // namespace weir::ledger
