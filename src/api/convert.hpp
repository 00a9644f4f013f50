// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "weir/chat.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

/// Between the public values and the canonical form.
namespace weir::api {

/// Errors: `invalid_request` with the path: a schema that is no JSON object, a result without its
/// call.
Result<wire::ChatRequest> to_canonical(const ChatRequest& request);
/// For providers of the user's own. What the public form has no place for is left out.
ChatRequest to_public(const wire::ChatRequest& request);

/// Messages, calls and reasoning of an answer; other items are left out.
std::vector<Item> to_public(const std::vector<wire::Item>& items);
std::vector<wire::Item> to_canonical(const std::vector<Item>& items);

Usage to_public(const wire::Usage& usage);
wire::Usage to_canonical(const Usage& usage);
Finish to_public(wire::Finish finish);
wire::Finish to_canonical(Finish finish);

}  // namespace weir::api
