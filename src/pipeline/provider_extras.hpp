// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipeline/route.hpp"
#include "weir/result.hpp"

namespace weir::pipeline {

/// Adds to `body`, a request ready for `target`, what the provider's own settings say and the
/// request does not: how long a model stays loaded (Ollama), what is to be cached (Anthropic).
/// Costs nothing where nothing is set.
Result<> add_provider_extras(const Target& target, std::string& body);

}  // namespace weir::pipeline
