// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/plan.hpp"

namespace weir::pipeline {

std::string_view name(Strategy strategy) noexcept;

/// How a request's target was chosen, as one line of JSON: every target in the order of the plan,
/// why it was passed over or how its attempt ended, and the figures the strategies go by. `chosen`
/// may be null. Targets that begin beyond `bytes_max`, by default what a header line can hold, are
/// counted only.
std::string explain(const Call& call, const Operation& operation, const Candidates& plan,
                    const Candidate* chosen, std::size_t bytes_max = 6 * 1024);

}  // namespace weir::pipeline
