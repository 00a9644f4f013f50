// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "pipeline/call.hpp"
#include "engine/snapshot.hpp"
#include "weir/statistics.hpp"

namespace weir::api {

/// Counts what calls did. For any thread.
class Figures {
 public:
  using Tags = std::map<std::string, std::string>;

  /// A call has ended; `targets` is how many different ones were asked.
  void count(const pipeline::CallResult& result, std::size_t targets, const Tags& tags);

  [[nodiscard]] FailoverStatistics failover() const;
  [[nodiscard]] std::map<std::string, UsageTotals> by_tag() const;

 private:
  void count_tags(const pipeline::CallResult& result, const Tags& tags);

  mutable std::mutex mutex_;
  FailoverStatistics failover_;
  std::map<std::string, UsageTotals> by_tag_;
};

UsageTotals totals_of(const pipeline::TrafficCounters& counters);
ProviderHealth health_of(const pipeline::TrafficCounters& counters);

}  // namespace weir::api
