// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "json/document.hpp"

namespace weir::wire::anthropic {

/// Appends the request `root` with marks (`cache_control`) where its beginning is worth caching:
/// behind tools and system prompt, and from the second turn on behind the whole conversation. What
/// is short, or was marked by its author, stays as it is. Precondition: an object.
void append_with_cache_marks(json::Value root, std::string& out);

}  // namespace weir::wire::anthropic
