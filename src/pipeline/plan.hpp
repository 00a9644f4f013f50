// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/recycled.hpp"
#include "pipeline/call.hpp"
#include "pipeline/step_order.hpp"

namespace weir::pipeline {

/// A target of the route, with what the plan says about it.
struct Candidate {
  const Target* target = nullptr;
  std::string skipped;         ///< why it can't be used for this request; empty: it can
  Wish refused = Wish::model;  ///< where it is skipped: what it can't do
  int visits = 0;
  std::uint32_t step = 0;
  std::uint32_t place = 0;      ///< equal for the keys of one model at one provider
  bool is_key_refused = false;  ///< its last attempt ended by the key's fault: another may serve
  bool is_uncertain = false;    ///< nobody knows whether it can do what is asked
  SealFate seal_fate = SealFate::read;  ///< of the thoughts that the request carries
  std::string outcome;                  ///< why it was passed over or how its last attempt ended
};

/// They stay where they are as more come.
using Candidates = std::deque<Candidate, RecyclingAllocator<Candidate>>;

/// The order in which a request's targets are tried: steps in order, inside a step by its strategy
/// (F-1); targets whose capabilities are not known come after those that are, and those who can't
/// read what the conversation carries sealed after those who can (F-8); providers the client
/// prefers come first. Of a provider with several keys the next in turn comes first, the others
/// follow. Targets that can't take the request stay in the list, with the reason (F-2).
///
/// A target is looked at when its turn may have come: most requests are served by the first,
/// however many there are.
class Plan {
 public:
  /// All that is referred to outlives this.
  Plan(const Call& call, const Operation& operation, Random& random, std::int64_t unix_ms);

  /// The candidate at `index`, which stays where it is; null behind the last.
  Candidate* at(std::size_t index);
  /// Those that were looked at so far.
  [[nodiscard]] const Candidates& seen() const { return candidates_; }
  Candidates& all();

 private:
  /// The later a class, the less is to be expected of a candidate. The first is the usual one.
  static constexpr std::size_t class_count = 6;
  [[nodiscard]] static std::size_t class_of(const Candidate& candidate);

  bool grow();
  bool add_late_ones();
  void add_keys_of(const Target& target);
  void add(const Target& target);

  const Call& call_;
  const Operation& operation_;
  std::int64_t unix_ms_;
  Candidates candidates_;
  std::array<std::vector<Candidate>, class_count - 1> late_;  ///< by their class, less the first
  // Where the plan is in the route.
  std::size_t steps_begun_ = 0;
  StepOrder order_;  ///< of the latest of them
  std::uint32_t place_ = 0;
};

}  // namespace weir::pipeline
