// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "guard/rules.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

namespace weir::guard {

/// The same as `hold_request_to` for a request that was never written in a client's dialect: masks
/// what `rules`, which may be null, find in its texts. Errors: `content_filtered`.
Result<> hold_chat_to(wire::ChatRequest& request, const Rules* rules);

/// One text of a request as `rules`, which may be null, leave it; nothing: as it is. Errors:
/// `content_filtered`.
Result<std::optional<std::string>> hold_text_to(std::string_view text, const Rules* rules);

}  // namespace weir::guard
