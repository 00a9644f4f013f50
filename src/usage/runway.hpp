// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "providers/provider_table.hpp"
#include "usage/store.hpp"

/// How far the free tiers still go.
namespace weir::usage {

struct FreeTier {
  std::string provider;
  providers::PlanLimits limits;
};

struct Allowance {
  std::int64_t limit = 0;  ///< 0 = none known
  std::int64_t used = 0;
  [[nodiscard]] std::int64_t left() const { return std::max<std::int64_t>(0, limit - used); }
};

struct Runway {
  struct Provider {
    std::string name;
    Allowance requests_today;
    Allowance tokens_today;
    Allowance requests_month;
    Allowance tokens_month;
  };
  std::vector<Provider> providers;
  std::int64_t requests_left = 0;  ///< today, over all with a known limit
  std::int64_t tokens_left = 0;
  std::int64_t requests_per_hour = 0;  ///< at these providers, over the last hour or two
  std::int64_t tokens_per_hour = 0;

  /// Until the first of both has run out; nothing at the present rate.
  [[nodiscard]] std::optional<std::int64_t> minutes_left() const;
};

/// Days and months are those of UTC. Errors: `store_unavailable`.
Result<Runway> runway(Store& store, const std::vector<FreeTier>& tiers, std::int64_t now_ms);

}  // namespace weir::usage
