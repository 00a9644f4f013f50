// SPDX-License-Identifier: Apache-2.0
#pragma once

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
};

/// The order in which a request's targets are tried: steps in order, inside a step by its strategy;
/// targets whose capabilities are not known come after those that are; providers the client prefers
/// come first. Targets that can't take the request stay in the list, with the reason.
std::vector<Candidate> make_plan(const Call& call, const Operation& operation, Random& random);

}  // namespace weir::pipeline
