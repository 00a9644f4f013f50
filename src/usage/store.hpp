// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/reader.hpp"
#include "store/sqlite.hpp"
#include "usage/rollup.hpp"

namespace weir::usage {

/// The sums of the ledger by the hour and by the day, and where each call stands in it: a database
/// made of the ledger's files, that can be made of them again at any time.
///
/// May wait for a disk. Threads: one at a time; several may be open on one file. Errors of all
/// members: `store_unavailable`.
class Store {
 public:
  /// Errors also: a file that a later version wrote.
  static Result<std::unique_ptr<Store>> open(const std::string& path);

  /// How far the ledger was read.
  Result<ledger::Position> position();

  struct Entry {
    ledger::CallRecord call;
    ledger::Place place;
    Alternatives alternatives;
  };
  /// Adds calls that a reader gave between `from` and `to`, all or none, together with `to`. A call
  /// that is there already changes nothing (S-11.4). False: another has read on from `from`
  /// meanwhile, and nothing was added.
  Result<bool> add(const std::vector<Entry>& entries, const ledger::Position& from,
                   const ledger::Position& to);

  /// Where a call stands. Nothing when it is not known.
  Result<std::optional<ledger::Place>> find(std::string_view request_id);

  /// What was taken of a window of a quota or budget. Nothing when no call was.
  Result<std::optional<policy::WindowUse>> used(std::string_view window);

  struct Sums {
    std::int64_t start_ms = 0;
    const Labels* labels = nullptr;  ///< lives as long as the store
    std::string_view figures;        ///< encoded; valid during the call
  };
  /// Calls `read` with the sums of each hour or day from `from_ms` to before `before_ms`, by time.
  Result<> read(bool by_day, std::int64_t from_ms, std::int64_t before_ms,
                const std::function<void(const Sums& sums)>& read);

  /// Forgets everything, to begin anew.
  Result<> clear();
  /// Forgets hours, not days, before `before_ms`, where calls that ended before stand, and windows
  /// that nothing was taken from since and that have an end; some at a time. True: there may be
  /// more.
  Result<bool> forget(std::int64_t before_ms);

 private:
  explicit Store(store::SqliteDatabase database) : database_(std::move(database)) {}
  Result<> prepare();
  Result<> add_windows(const Rollup& rollup, const std::vector<Entry>& entries);
  Result<std::int64_t> series_of(const Labels& labels);
  Result<> load_series();
  Result<> merge(std::int64_t slot, std::int64_t start_ms, std::int64_t series,
                 const Figures& figures);
  Result<std::string> position_text();

  store::SqliteDatabase database_;
  store::SqliteStatement get_position_;
  store::SqliteStatement set_position_;
  store::SqliteStatement add_call_;
  store::SqliteStatement find_call_;
  store::SqliteStatement add_series_;
  store::SqliteStatement list_series_;
  store::SqliteStatement get_sums_;
  store::SqliteStatement set_sums_;
  store::SqliteStatement list_sums_;
  store::SqliteStatement add_window_;
  store::SqliteStatement get_window_;
  store::SqliteStatement forget_sums_;
  store::SqliteStatement forget_windows_;
  store::SqliteStatement forget_calls_;
  std::map<Labels, std::int64_t> ids_;
  std::map<std::int64_t, Labels> series_;
};

}  // namespace weir::usage
