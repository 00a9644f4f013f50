// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ledger/record.hpp"
#include "policy/limit_set.hpp"
#include "usage/figures.hpp"

/// From records of calls to sums by the hour.
namespace weir::usage {

inline constexpr std::int64_t hour_ms = 3'600'000;
inline constexpr std::int64_t day_ms = 24 * hour_ms;

/// What else a call could have cost.
struct Alternatives {
  std::int64_t cheapest = 0;  ///< nano-dollars
  std::int64_t dearest = 0;
  std::int64_t uncached = 0;  ///< where it was served, without a prompt cache
};

/// Knows the prices that other targets would have asked for. For the thread that folds.
class Comparison {
 public:
  virtual ~Comparison() = default;
  /// Nothing known: what the call did cost, three times.
  virtual Alternatives of(const ledger::CallRecord& call) {
    return {call.cost_nanousd, call.cost_nanousd, call.cost_nanousd};
  }
};

/// The sums of some calls, by hour and labels.
///
/// A call counts once, at the target that answered; each attempt counts with its tokens and its
/// money at its own provider and model. So the sums by provider are the providers' bills, and all
/// sums together are those of the ledger, to the nano-dollar.
///
/// So are those of the windows that calls and attempts were taken from: what a budget has spent is
/// the sum over all that carry its window's id (U-1).
class Rollup {
 public:
  struct Key {
    std::int64_t hour_start_ms = 0;
    Labels labels;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  using Sums = std::unordered_map<Key, Figures, KeyHash>;
  using Windows = std::unordered_map<std::string, policy::WindowUse>;

  Rollup() = default;  // no copies: `sum_` is in `sums_`
  Rollup(Rollup&&) = default;
  Rollup& operator=(Rollup&&) = default;
  ~Rollup() = default;

  void add(const ledger::CallRecord& call, const Alternatives& alternatives);

  [[nodiscard]] const Sums& sums() const { return sums_; }
  [[nodiscard]] const Windows& windows() const { return windows_; }

 private:
  void set(Dimension dimension, std::string_view value);
  /// Of what `key_` says besides, and goes on to say of these two.
  Figures& sum_of(std::string_view provider, std::string_view model);

  Sums sums_;
  Windows windows_;
  Key key_;                 ///< of the call that is added; here, so that its texts keep their room
  Figures* sum_ = nullptr;  ///< of `key_`; null: to be looked for
};

}  // namespace weir::usage
