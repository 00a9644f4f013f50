// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "pipeline/relay.hpp"
#include "pipeline/route.hpp"
#include "wire/canonical.hpp"

namespace weir::pipeline {

/// Puts an unfinished answer behind `request`, for a model of `target` that goes on from there
/// (S-9.12): what may still come is what was asked for less what was said and thought.
/// `output_limit` holds where the request names no longest answer; 0 = any.
void append_begun_answer(wire::ChatRequest& request, const Target& target, const StreamSoFar& begun,
                         std::int64_t output_limit);

}  // namespace weir::pipeline
