// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "health/sketch.hpp"
#include "ledger/record.hpp"
#include "pipeline/route.hpp"

/// What the calls of the ledger had come to under another configuration.
namespace weir::usage {

/// How long answers of each target took, as far as the ledger tells.
class RecordedTimes {
 public:
  void add(const ledger::CallRecord& call);
  /// Null where nothing is recorded.
  [[nodiscard]] const health::Sketch* of(std::string_view target) const;

 private:
  std::map<std::string, health::Sketch, std::less<>> times_;
};

/// Sums of one route, as it was and as it had been.
struct WhatIfRow {
  std::int64_t requests = 0;
  std::int64_t unserved = 0;  ///< no target of the other configuration could take them
  std::int64_t unpriced = 0;  ///< the price of the target is not known
  std::int64_t untimed = 0;   ///< no time of the target is recorded
  std::int64_t cost = 0;      ///< nano-dollars
  std::int64_t projected_cost = 0;
  health::Sketch times;
  health::Sketch projected_times;
  std::map<std::string, std::int64_t> targets;  ///< requests of each
};

/// Replays calls. The target of each is the one that the strategy of the route's first fitting step
/// would prefer: the cheapest for its tokens, the fastest as recorded, or one drawn by weight; the
/// draw depends on the request's id alone, so that every replay gives the same. Breakers, limits
/// and failures are not replayed.
class WhatIf {
 public:
  /// Finds the route that a name means; null: none. `times` outlives this.
  using FindRoute = std::function<const pipeline::Route*(const std::string& name)>;
  WhatIf(FindRoute find_route, const RecordedTimes& times)
      : find_route_(std::move(find_route)), times_(times) {}

  void add(const ledger::CallRecord& call);
  [[nodiscard]] const std::map<std::string, WhatIfRow>& rows() const { return rows_; }
  [[nodiscard]] WhatIfRow total() const;

 private:
  [[nodiscard]] const pipeline::Target* choose(const ledger::CallRecord& call) const;
  [[nodiscard]] const pipeline::Target* preferred(
      pipeline::Strategy strategy, const std::vector<const pipeline::Target*>& fitting,
      const ledger::CallRecord& call) const;

  FindRoute find_route_;
  const RecordedTimes& times_;
  std::map<std::string, WhatIfRow> rows_;
};

}  // namespace weir::usage
