// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "engine/snapshot.hpp"
#include "pipeline/call.hpp"
#include "shared_state/limits.hpp"

namespace weir::engine {

/// What somebody wants to know before a request is sent.
struct ExplainAsk {
  std::string model;              ///< empty: that of the request, else the default one
  std::string_view request = {};  ///< a chat in OpenAI's form; empty: a short one
  pipeline::CallOptions options = {};
  pipeline::Caller caller = {};  ///< who would ask, as far as it is known
};

/// Where such a request would go now, as one JSON object: what the name means, the targets in the
/// order they would be tried, why one is passed over, and the figures that strategies go by.
/// Nothing is sent, and nothing changes but whose turn it would be next. Errors: those of the
/// request, and `model_unavailable`. `limits` may be null.
Result<std::string> explain_request(const Snapshot& snapshot, shared_state::Gate& gate,
                                    shared_state::Limits* limits, const ExplainAsk& ask,
                                    Random& random, std::int64_t unix_ms);

}  // namespace weir::engine
