// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "ledger/spool.hpp"
#include "pipeline/call.hpp"

namespace weir::ledger {

/// Writes the calls of one thread into its lane.
class LaneJournal final : public pipeline::Journal {
 public:
  struct Options {
    bool is_power_safe = false;     ///< calls wait for the syncs of what was written of them
    bool serves_unwritten = false;  ///< calls are made also when they can't be written down
  };
  /// All outlive the journal.
  LaneJournal(Spool& spool, Lane& lane, Options options)
      : spool_(spool), lane_(lane), options_(options) {}

  Result<> open(pipeline::Call& call, const pipeline::Operation& operation) override;
  void note(const pipeline::Call& call, const pipeline::AttemptRow& row) override;
  void close(pipeline::Call& call, const pipeline::CallResult& result) override;
  /// `open` would not refuse a call. For the lane's own thread.
  [[nodiscard]] bool takes_calls() const {
    const Intake intake = spool_.intake();
    if (intake == Intake::closed) return false;
    return options_.serves_unwritten || (intake == Intake::open && lane_.may_open());
  }
  [[nodiscard]] bool is_to_be_kept() const override { return options_.is_power_safe; }
  net::Task<bool> kept(net::Loop& loop) override;

 private:
  class Synced;

  /// Why no call is taken while the intake is not open; nothing: it is all the same.
  [[nodiscard]] Result<> refuse(Intake intake) const;

  Spool& spool_;
  Lane& lane_;
  Options options_;
  std::vector<AttemptView> attempts_;  ///< of the record that is being written
};

}  // namespace weir::ledger
