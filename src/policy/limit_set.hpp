// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/limiters.hpp"

/// What one key, user, provider, ... may use and spend, as plain data.
namespace weir::policy {

/// Whose a limit is. The client's side comes first, then the provider's, each from inner to outer.
enum class LimitScope : std::uint8_t {
  key,
  user,
  team,
  organisation,  ///< some teams
  route,
  global,
  model,   ///< of one provider, as the configuration limits it
  target,  ///< the models that a provider's plan counts together
  provider_key,
  provider,
};
inline constexpr std::size_t limit_scope_count = static_cast<std::size_t>(LimitScope::provider) + 1;
std::string_view name(LimitScope scope) noexcept;

constexpr bool is_of_client(LimitScope scope) { return scope <= LimitScope::global; }

enum class LimitUnit : std::uint8_t {
  requests,
  input_tokens,
  output_tokens,
  total_tokens,
  concurrent_requests,
  nanousd,  ///< of a budget
};
std::string_view name(LimitUnit unit) noexcept;

/// So much of a unit over some time. Precondition: not `concurrent_requests`, not `nanousd`.
struct LimitRule {
  LimitUnit unit = LimitUnit::requests;
  RateRule rate;
  /// It stands in no configuration: the provider's own word about it is believed.
  bool is_assumed = false;
};

/// So much money over a calendar's window (U-1).
struct BudgetRule {
  std::int64_t nanousd = 0;
  Calendar calendar;
  std::int32_t soft_permille = 800;  ///< of it; when that is spent, it is told
  bool is_hard = true;               ///< refuses what does not fit
  std::string downgrade = {};        ///< route for calls once the soft mark is passed; empty: none
};

/// What was used and spent in one window.
struct WindowUse {
  std::int64_t requests = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t nanousd = 0;
  bool operator==(const WindowUse&) const = default;
};

/// How many steps of priority there are, from `low` to `critical`.
inline constexpr std::size_t priority_count = 4;

struct LimitSet {
  std::vector<LimitRule> rates;
  std::int64_t concurrency = 0;  ///< requests at once; 0 = no limit
  std::vector<BudgetRule> budgets;
  /// Shares of every rate that are kept for requests of this priority and above.
  std::array<std::int32_t, priority_count> reserved_permille{};
  /// Share of a quota above which a target is used only when no other is left.
  std::int32_t spill_permille = 1'000;
  /// Of models that a provider counts together: what it tells of them is kept here, even where
  /// nothing else limits them.
  bool is_pool = false;

  [[nodiscard]] bool is_empty() const {
    return rates.empty() && concurrency == 0 && budgets.empty() && !is_pool;
  }
};

/// One thing that may have limits, by name. `global` has no name.
struct LimitOwner {
  LimitScope scope = LimitScope::global;
  std::string name;
  auto operator<=>(const LimitOwner&) const = default;
};

}  // namespace weir::policy
