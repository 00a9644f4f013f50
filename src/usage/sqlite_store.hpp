// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
  void begin(const ledger::Position& from) override;
  void take(const ledger::CallRecord& call, const ledger::Place& place,
            const Alternatives& alternatives) override;
  Result<Added> commit(const ledger::Position& to) override;
  Result<std::optional<ledger::Place>> find(std::string_view request_id) override;
  Result<WindowUses> used(const std::vector<std::string>& windows) override;
  Result<> read(bool by_day, std::int64_t from_ms, std::int64_t before_ms,
                const ReadSums& read) override;
  Result<> clear() override;
  Result<Forgotten> forget(std::int64_t before_ms) override;

 private:
  explicit SqliteStore(store::SqliteDatabase database) : database_(std::move(database)) {}
  struct TakenCall {
    std::int64_t span = 0;
    std::uint64_t digest = 0;
    std::uint64_t number = 0;  ///< of those taken
    ledger::Place place;
  };
  using Places = std::set<std::pair<std::uint64_t, std::uint64_t>>;

  Result<> prepare();
  Result<> add_places();
  Result<> add_to_span(std::span<const TakenCall> calls);
  Result<std::int64_t> find_known(std::span<const TakenCall> calls);
  void pass_over(const TakenCall& call);
  Result<std::optional<ledger::Place>> find_call(std::string_view request_id);
  Result<> add_sums();
  Result<> add_windows();
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
  ledger::Position from_;
  std::vector<TakenCall> taken_;
  Rollup rollup_;              ///< of them
  std::int64_t ended_ms_ = 0;  ///< of the last of them
  Places passed_over_;         ///< from `from_` on: their calls are there
  std::map<Labels, std::int64_t> ids_;
  std::map<std::int64_t, Labels> series_;
};

}  // namespace weir::usage
