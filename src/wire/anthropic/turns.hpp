// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

/// The canonical list of items, put into the turns that the Messages API insists on.
namespace weir::wire::anthropic {

/// What becomes one content block: a piece of an item, or text of our own.
using Block =
    std::variant<const Part*, const ToolCall*, const Reasoning*, const OpaqueItem*, std::string>;

struct Turn {
  Role role = Role::user;
  /// One per call of the assistant turn before, in the order of the calls; they come first.
  std::vector<const ToolResult*> results;
  std::vector<Block> blocks;
  const Extra* extra = nullptr;         ///< of the first message that has one
  bool starts_as_plain_string = false;  ///< the first block came as a bare string

  /// The whole content can be written as a bare string again.
  [[nodiscard]] bool is_plain_string() const {
    return starts_as_plain_string && results.empty() && blocks.size() == 1;
  }
};

struct Conversation {
  std::vector<const Part*> system;
  bool is_system_plain_string = false;
  std::vector<Turn> turns;

  /// The target is to go on from an unfinished assistant turn.
  [[nodiscard]] bool ends_in_prefill() const {
    return !turns.empty() && turns.back().role == Role::assistant;
  }
  /// The model is in the middle of a tool loop, and what it thought before its calls is not there.
  [[nodiscard]] bool has_lost_thoughts() const;
};

/// Puts the items into alternating turns and checks that every call has its result in the turn
/// right behind it. The result points into `request`.
///
/// What only another dialect's client may send is repaired (system text in the middle, an assistant
/// turn at either end); an Anthropic client's turns are kept, but for joining neighbours.
///
/// Errors: `invalid_request` for calls without result, results without call, no content at all.
Result<Conversation> build_conversation(const ChatRequest& request, const EncodeOptions& options,
                                        EncodeNotes& notes);

}  // namespace weir::wire::anthropic
