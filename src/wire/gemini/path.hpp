// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace weir::wire::gemini {

/// The model's resource name: `x` and `models/x` are `models/x`, tuned models keep their prefix.
[[nodiscard]] std::string resource_name(std::string_view model);

/// The path of a model's method after the version prefix: `/models/x:countTokens`. The id is
/// percent-encoded.
[[nodiscard]] std::string method_path(std::string_view model, std::string_view method);

}  // namespace weir::wire::gemini
