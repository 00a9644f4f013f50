// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/database/postgres.hpp"
#include "usage/store.hpp"

namespace weir::usage {

/// The sums of the ledgers of several gateways in one database, and a row for each of their calls
/// and attempts, for SQL.
///
/// Each gateway writes rows of its own, told apart by the id of its ledger, so that none waits for
/// another and each can make its own anew; what is read is the sum over all.
class PostgresStore final : public Store {
 public:
  /// `ledger` is the id of the ledger that is added here: the same for each process that reads that
  /// ledger, and of no other. `url` as in `store::PostgresDatabase::open`.
  static Result<std::unique_ptr<Store>> open(const std::string& url, std::string ledger);

  Result<ledger::Position> position() override;
  void begin(const ledger::Position& from) override;
  void take(const ledger::CallRecord& call, const ledger::Place& place,
            const Alternatives& alternatives) override;
  /// Never `none_yet`.
  Result<Added> commit(const ledger::Position& to) override;
  /// Of a call of this ledger: others stand elsewhere.
  Result<std::optional<ledger::Place>> find(std::string_view request_id) override;
  Result<WindowUses> used(const std::vector<std::string>& windows) override;
  Result<> read(bool by_day, std::int64_t from_ms, std::int64_t before_ms,
                const ReadSums& read) override;
  Result<> clear() override;
  Result<Forgotten> forget(std::int64_t before_ms) override;

 private:
  /// A sum's place: length of time, its start, and the id of its labels.
  struct SumKey {
    std::int64_t slot = 0;
    std::int64_t start_ms = 0;
    std::int64_t series = 0;
    auto operator<=>(const SumKey&) const = default;
  };
  using SeriesIds = std::map<Labels, std::int64_t>;
  struct TakenCall {
    ledger::CallRecord call;
    ledger::Place place;
    Alternatives alternatives;
  };

  PostgresStore(store::PostgresDatabase database, std::string ledger)
      : database_(std::move(database)), ledger_(std::move(ledger)) {}
  /// Those of the calls that were not there.
  Result<std::set<std::string, std::less<>>> add_calls();
  Result<> add_attempts(const std::vector<const ledger::CallRecord*>& calls);
  Result<SeriesIds> series_of(const Rollup& rollup);
  Result<> merge(std::map<SumKey, Figures> sums);
  Result<> add_windows(const Rollup& rollup, std::int64_t ended_ms);
  Result<> learn_series(const store::PostgresRows& sums);
  Result<store::PostgresRows> change(const char* sql, std::vector<std::string> parameters = {});

  store::PostgresDatabase database_;
  std::string ledger_;
  ledger::Position from_;
  std::vector<TakenCall> taken_;
  std::map<std::int64_t, Labels> series_;  ///< the names of those that were read
};

}  // namespace weir::usage
