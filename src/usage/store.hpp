// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/reader.hpp"
#include "ledger/windows.hpp"
#include "usage/rollup.hpp"

namespace weir::usage {

/// The sums of a ledger by the hour and by the day, and where each call stands in it: made of the
/// ledger's files, so that they can be made of them again at any time.
///
/// May wait for a disk or the network. Threads: one at a time; several may be open on one place.
/// Errors of all members: `store_unavailable`; what was to be changed is then as it was, or as it
/// was to be, and `position` tells which.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  /// How far the ledger was read.
  virtual Result<ledger::Position> position() = 0;

  /// Calls that a reader gives from `from` on are to be taken; those taken and not committed are
  /// forgotten.
  virtual void begin(const ledger::Position& from) = 0;
  /// Takes the next of them. `call` is not needed any more when this returns.
  virtual void take(const ledger::CallRecord& call, const ledger::Place& place,
                    const Alternatives& alternatives) = 0;

  enum class Added {
    all,
    /// Nothing, since another has read on from `from` meanwhile.
    none,
    /// Nothing yet, since some are there already, which change nothing (S-11.4). It is known now
    /// which: begun from the same position again, they are passed over.
    none_yet,
  };
  /// Adds what was taken, all or none, together with the reader's position behind it.
  virtual Result<Added> commit(const ledger::Position& to) = 0;

  /// Where a call stands. Nothing when it is not known.
  virtual Result<std::optional<ledger::Place>> find(std::string_view request_id) = 0;

  using WindowUses = ledger::WindowUses;
  /// What was taken of windows of quotas and budgets, by all who share the store; those that no
  /// call was taken from are missing.
  virtual Result<WindowUses> used(const std::vector<std::string>& windows) = 0;

  struct Sums {
    std::int64_t start_ms = 0;
    const Labels* labels = nullptr;  ///< lives as long as the store
    std::string_view figures;        ///< encoded; valid during the call
  };
  using ReadSums = std::function<void(const Sums& sums)>;
  /// Calls `read` with the sums of each hour or day from `from_ms` to before `before_ms`, by time,
  /// of all who share the store. What is of the same time and has the same labels may come in
  /// parts.
  virtual Result<> read(bool by_day, std::int64_t from_ms, std::int64_t before_ms,
                        const ReadSums& read) = 0;

  /// Forgets everything of this ledger, to begin anew.
  virtual Result<> clear() = 0;
  /// Forgets hours, not days, before `before_ms`, where calls of then stand, and windows that
  /// nothing was taken from since and that have an end; some at a time.
  struct Forgotten {
    std::int64_t rows = 0;
    bool may_be_more = false;
  };
  virtual Result<Forgotten> forget(std::int64_t before_ms) = 0;
};

}  // namespace weir::usage
