// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "pipeline/call.hpp"

namespace weir::pipeline {

/// A target of the route, with what the plan says about it.
struct Candidate {
  const Target* target = nullptr;
  std::string skipped;  ///< why it can't be used for this request; empty: it can
  int visits = 0;
  std::uint32_t step = 0;
  std::uint32_t place = 0;      ///< equal for the keys of one model at one provider
  bool is_key_refused = false;  ///< its last attempt ended by the key's fault: another may serve
  SealFate seal_fate = SealFate::read;  ///< of the thoughts that the request carries
  std::string outcome;                  ///< why it was passed over or how its last attempt ended
};

/// The order in which a request's targets are tried: steps in order, inside a step by its strategy
/// (F-1); targets whose capabilities are not known come after those that are, and those who can't
/// read what the conversation carries sealed after those who can (F-8); providers the client
/// prefers come first. Of a provider with several keys the next in turn comes first, the others
/// follow. Targets that can't take the request stay in the list, with the reason (F-2).
std::vector<Candidate> make_plan(const Call& call, const Operation& operation, Random& random,
                                 std::int64_t unix_ms);

/// What this request may cost at `target`, in nano-dollars; the answer's length is a guess where
/// the client did not limit it. Nothing: no price is known.
std::optional<std::int64_t> expected_cost(const Target& target, const Operation& operation);

}  // namespace weir::pipeline
