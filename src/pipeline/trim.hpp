// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "pipeline/route.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

namespace weir::pipeline {

/// Makes `request` fit the window of `target`: leaves out its oldest turns, each with all that
/// belongs to it, but never the last one nor what the system says. Where the client gave no output
/// limit, what is left of the window becomes it. The answer is the number of turns left out.
/// Errors: `unsupported_capability` where the last turn alone is too long. Precondition: the
/// window's size is known. Cost: of `count_chat`, times the logarithm of the number of turns.
Result<std::size_t> trim_to_window(wire::ChatRequest& request, const Target& target);

}  // namespace weir::pipeline
