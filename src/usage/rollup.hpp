// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>

#include "ledger/record.hpp"
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
class Rollup {
 public:
  struct Key {
    std::int64_t hour_start_ms = 0;
    Labels labels;
    auto operator<=>(const Key&) const = default;
  };

  void add(const ledger::CallRecord& call, const Alternatives& alternatives);

  [[nodiscard]] const std::map<Key, Figures>& sums() const { return sums_; }
  [[nodiscard]] std::size_t size() const { return sums_.size(); }
  void clear() { sums_.clear(); }

 private:
  std::map<Key, Figures> sums_;
};

}  // namespace weir::usage
