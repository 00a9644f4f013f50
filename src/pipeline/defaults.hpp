// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

/// What a configuration adds to requests that leave it out: `params`, by OpenAI's names.
namespace weir::pipeline {

using Params = std::vector<std::pair<std::string, std::string>>;  ///< name and raw JSON

/// `root`, an object in OpenAI's dialect, as text with those of `params` added that it lacks.
std::string with_params(json::Value root, const Params& params);

/// Sets what `request`, from any dialect, leaves unset. Errors: `invalid_request`.
Result<> fill_defaults(wire::ChatRequest& request, const Params& params);

}  // namespace weir::pipeline
