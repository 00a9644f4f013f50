// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/calendar.hpp"
#include "providers/provider_table.hpp"
#include "usage/store.hpp"

/// How far the free tiers still go.
namespace weir::usage {

struct FreeTier {
  std::string provider;
  std::string_view type;  ///< the provider's row, in whose catalog its models are
  std::string model;      ///< the catalog's id, or its row for a family, that counts on its own;
                          ///< empty: all of them
  providers::PlanLimits limits;
  policy::Calendar day;  ///< where the provider's days and months begin
  policy::Calendar month;
};
/// What the catalog knows of the free tier of `type`, the row of a provider's table, under the name
/// `provider`: one, or one for each of its models or families where those count on their own. The
/// days are those of `zone`, from `reset_at` on, where that is not empty. Precondition: the zone
/// exists.
std::vector<FreeTier> free_tiers(const std::string& provider, const providers::ProviderSpec& type,
                                 std::string_view zone, std::chrono::minutes reset_at);

struct Allowance {
  std::int64_t limit = 0;  ///< 0 = none known
  std::int64_t used = 0;
  [[nodiscard]] std::int64_t left() const { return std::max<std::int64_t>(0, limit - used); }
};

struct Runway {
  struct Provider {
    std::string name;
    std::string model;  ///< empty: all of its models together
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

/// Days begin with an hour, since the sums are by the hour. Errors: `store_unavailable`.
Result<Runway> runway(Store& store, const std::vector<FreeTier>& tiers, std::int64_t now_ms);

}  // namespace weir::usage
