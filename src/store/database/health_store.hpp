// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/database/sqlite.hpp"

namespace weir::store {

/// What happened to one series in one stretch of time. What the figures are is the writer's affair.
struct HealthRow {
  std::int64_t slot_ms = 0;  ///< length of the stretch
  std::string series;
  std::int64_t start_ms = 0;  ///< Unix time
  std::string figures;
};

/// The history of providers and targets, in a database file.
///
/// May wait for a disk. Threads: one at a time. Errors of all members: `store_unavailable`.
class HealthStore {
 public:
  /// Errors also: a file that a later version wrote.
  static Result<std::unique_ptr<HealthStore>> open(const std::string& path);

  /// Rows of a series and start that are there already are replaced. All of them or none.
  Result<> put(std::span<const HealthRow> rows);
  struct Question {
    std::int64_t slot_ms = 0;
    std::string series = {};  ///< empty: all
    std::int64_t from_ms = 0;
    std::int64_t before_ms = 0;
    std::size_t rows_max = 0;
  };
  /// By start, then by series.
  Result<std::vector<HealthRow>> find(const Question& question);
  /// Removes rows that began before `before_ms`, and the oldest beyond `rows_max`; at most
  /// `count_max` at once, so that nobody waits long. The answer is how many.
  Result<std::size_t> remove_old(std::int64_t slot_ms, std::int64_t before_ms, std::size_t rows_max,
                                 std::size_t count_max);

 private:
  explicit HealthStore(SqliteDatabase database) : database_(std::move(database)) {}
  Result<> prepare();

  SqliteDatabase database_;
  SqliteStatement insert_;
  SqliteStatement select_;
  SqliteStatement count_;
  SqliteStatement count_old_;
  SqliteStatement delete_;
};

}  // namespace weir::store
