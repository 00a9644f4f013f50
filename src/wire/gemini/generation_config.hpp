// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "weir/result.hpp"
#include "wire/codec.hpp"

namespace weir::wire::gemini {

/// The request's `generationConfig` as JSON: sampling, limits, output format, thinking. Empty when
/// nothing is set.
///
/// Errors: `unsupported_capability` for more stop sequences than Gemini takes.
Result<std::string> generation_config(const ChatRequest& request, const EncodeOptions& options,
                                      EncodeNotes& notes);

}  // namespace weir::wire::gemini
