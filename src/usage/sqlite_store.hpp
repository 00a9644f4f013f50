// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/database/sqlite.hpp"
#include "usage/store.hpp"

namespace weir::usage {

/// The sums of one ledger in a file.
class SqliteStore final : public Store {
 public:
  /// Errors also: a file that a later version wrote.
  static Result<std::unique_ptr<Store>> open(const std::string& path);

  Result<ledger::Position> position() override;
  Result<bool> add(const std::vector<Entry>& entries, const ledger::Position& from,
                   const ledger::Position& to) override;
  Result<std::optional<ledger::Place>> find(std::string_view request_id) override;
  Result<WindowUses> used(const std::vector<std::string>& windows) override;
  Result<> read(bool by_day, std::int64_t from_ms, std::int64_t before_ms,
                const ReadSums& read) override;
  Result<> clear() override;
  Result<Forgotten> forget(std::int64_t before_ms) override;

 private:
  explicit SqliteStore(store::SqliteDatabase database) : database_(std::move(database)) {}
  struct FreshCall {
    std::int64_t span = 0;
    std::uint64_t digest = 0;
    const Entry* entry = nullptr;
  };

  Result<> prepare();
  Result<std::vector<FreshCall>> add_places(const std::vector<Entry>& entries);
  Result<std::size_t> add_to_span(std::span<FreshCall> calls);
  Result<std::int64_t> mark_known(std::span<const FreshCall> calls, std::vector<bool>& is_known);
  Result<std::optional<ledger::Place>> find_call(std::string_view request_id);
  Result<> add_windows(const Rollup& rollup, const std::vector<Entry>& entries);
  Result<std::int64_t> series_of(const Labels& labels);
  Result<> load_series();
  Result<> merge(std::int64_t slot, std::int64_t start_ms, std::int64_t series,
                 const Figures& figures);
  Result<std::string> position_text();

  store::SqliteDatabase database_;
  store::SqliteStatement get_position_;
  store::SqliteStatement set_position_;
  store::SqliteStatement list_places_;
  store::SqliteStatement add_places_;
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
  store::SqliteStatement forget_places_;
  std::map<Labels, std::int64_t> ids_;
  std::map<std::int64_t, Labels> series_;
};

}  // namespace weir::usage
