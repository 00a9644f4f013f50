// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

namespace weir::wire::openai {

/// One message of the Chat Completions format, put together from items. All pointers are into the
/// request.
struct Turn {
  enum class Side : std::uint8_t { system, developer, user, assistant, tool };
  Side side = Side::user;
  std::vector<const Message*> messages;  ///< more than one where turns were joined
  std::vector<const Reasoning*> reasoning;
  std::vector<const ToolCall*> calls;
  const ToolResult* result = nullptr;  ///< side `tool`
  std::vector<const Part*> moved;      ///< side `user`: images and files of tool results
  std::string_view filler;             ///< text we put there ourselves
};

/// Groups the items of `request` into messages.
///
/// From other dialects, images in tool results move to a user message behind the results, and every
/// call must have its result right behind it and the other way round. `Quirk::strict_roles` joins
/// neighbours of one role and puts a short assistant turn between a tool result and a user.
///
/// Errors: `invalid_request` for an orphan call or result; `unsupported_capability` for an item
/// only its own dialect knows.
Result<std::vector<Turn>> group_turns(const ChatRequest& request, const EncodeOptions& options);

}  // namespace weir::wire::openai
