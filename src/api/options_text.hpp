// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "config/loader.hpp"
#include "weir/options.hpp"
#include "weir/result.hpp"

namespace weir::api {

/// The options as a configuration file would say them, in JSON: one reader, one set of rules and
/// one set of messages for both. Errors: `invalid_request` for a member of `more` that is no JSON.
Result<std::string> options_text(const GatewayOptions& options);

/// Reads `text` as a configuration. Errors: `invalid_request` with all problems, one a line.
Result<config::Config> read_config(std::string_view text, const config::Environment& environment);

/// The configuration that `loaded` holds, or its problems as above.
Result<config::Config> checked(config::Loaded loaded);

std::string_view name(Strategy strategy) noexcept;

}  // namespace weir::api
