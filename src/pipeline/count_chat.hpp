// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "tokens/chat_tally.hpp"
#include "wire/canonical.hpp"

namespace weir::pipeline {

/// The input tokens of `request` to `model` at a provider of this type: all turns, tools, images
/// and the schema of the answer. Audio and files are left out: what they cost is not in them.
/// Cost: linear, 100 ms and less for every MB of text; the first count of a kind loads its table.
tokens::Tally count_chat(std::string_view provider, std::string_view model,
                         const wire::ChatRequest& request);

}  // namespace weir::pipeline
