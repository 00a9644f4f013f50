// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

namespace weir::wire {

/// Refuses what a request says in its own dialect only and what can't be left out without changing
/// the answer: members that stand for content kept at one provider (`conversation`, `prompt`,
/// `cachedContent`, an earlier response) or for tools there (`mcp_servers`), and names of tools
/// that `target` does not take. Within one dialect everything passes.
///
/// Errors: `unsupported_capability` with the client's path of the member.
Result<> check_portable(const ChatRequest& request, const EncodeOptions& options, Dialect target);

/// True when the request lists groups of tools (`namespace`, `tool_search`) that only its own
/// dialect knows.
bool has_tool_groups(const ChatRequest& request, Dialect target);
/// Leaves them out, and names them in `notes`.
void leave_out_tool_groups(ChatRequest& request, EncodeNotes& notes);

}  // namespace weir::wire
