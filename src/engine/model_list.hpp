// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "config/detected.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"
#include "wire/ollama/detection.hpp"

/// Lists of models as providers tell them.
namespace weir::engine {

/// More than any provider has; what a hostile list has beyond is not read.
inline constexpr std::size_t listed_models_max = 2'000;

/// Reads the answer to a provider's listing of models: of each its id and whatever else that kind
/// of server tells about it. Entries without a usable id are passed over. Errors:
/// `upstream_malformed`.
/// Source: the providers' pages on their model lists, gathered 2026-11.
Result<std::vector<config::DetectedModel>> read_model_list(wire::Dialect dialect,
                                                           std::string_view body);

/// What an Ollama tells of one model, in our words. Without a name in `facts` the id is empty.
config::DetectedModel to_detected(const wire::ollama::ModelFacts& facts);

}  // namespace weir::engine
