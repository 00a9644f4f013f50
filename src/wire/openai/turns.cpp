// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/turns.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "wire/field_names.hpp"

namespace weir::wire::openai {
namespace {

using Side = Turn::Side;

Side side_of(Role role) {
  switch (role) {
    case Role::system:
      return Side::system;
    case Role::developer:
      return Side::developer;
    case Role::user:
      return Side::user;
    case Role::assistant:
      return Side::assistant;
  }
  return Side::user;
}

class Grouper {
 public:
  explicit Grouper(const ChatRequest& request)
      : is_native_(request.origin == Dialect::openai_chat) {
    turns_.reserve(request.items.size());
  }

  void add(const Message& message) {
    const Side side = side_of(message.role);
    if (side != Side::assistant) attach_reasoning();
    if (!continues(side) || (message.begins_turn && !awaits_results())) open(side);
    turns_.back().messages.push_back(&message);
    if (side == Side::assistant) attach_reasoning();
  }
  void add(const ToolCall& call) {
    if (!continues(Side::assistant)) open(Side::assistant);
    turns_.back().calls.push_back(&call);
    attach_reasoning();
  }
  void add(const ToolResult& result) {
    attach_reasoning();
    open(Side::tool);
    turns_.back().result = &result;
  }
  void add(const Reasoning& reasoning) { reasoning_.push_back(&reasoning); }

  std::vector<Turn> take() {
    attach_reasoning();
    return std::move(turns_);
  }

 private:
  void open(Side side) { turns_.emplace_back().side = side; }
  [[nodiscard]] bool continues(Side side) const {
    return !turns_.empty() && turns_.back().side == side;
  }
  /// Other formats let text follow a call within the model's turn; here that text may not come
  /// between the call and its result.
  [[nodiscard]] bool awaits_results() const {
    return !is_native_ && !turns_.empty() && !turns_.back().calls.empty();
  }
  /// Reasoning belongs to what the model said next, or, when nothing follows, to what it said last.
  void attach_reasoning() {
    if (reasoning_.empty()) return;
    if (!continues(Side::assistant)) open(Side::assistant);
    auto& target = turns_.back().reasoning;
    target.insert(target.end(), reasoning_.begin(), reasoning_.end());
    reasoning_.clear();
  }

  bool is_native_;
  std::vector<Turn> turns_;
  std::vector<const Reasoning*> reasoning_;  ///< seen, but not yet part of a turn
};

/// Every call is answered by the results right behind its turn, each result answers one of them.
Result<> check_pairs(const std::vector<Turn>& turns, std::string_view conversation) {
  const auto refuse = [&](std::string_view what, const std::string& id) {
    return Error(ErrorCode::invalid_request, std::string(what) + " \"" + id + "\"",
                 std::string(conversation));
  };
  std::vector<std::string_view> open;
  for (const Turn& turn : turns) {
    if (turn.side == Side::tool) {
      const auto found = std::find(open.begin(), open.end(), turn.result->call_id);
      if (found == open.end())
        return refuse("there is no call for the result", turn.result->call_id);
      open.erase(found);
      continue;
    }
    if (!open.empty()) return refuse("there is no result for the call", std::string(open.front()));
    for (const ToolCall* call : turn.calls) open.push_back(call->id);
  }
  if (!open.empty()) return refuse("there is no result for the call", std::string(open.front()));
  return {};
}

void append_moved(std::vector<Turn>& out, std::vector<const Part*>& moved) {
  if (moved.empty()) return;
  out.emplace_back().side = Side::user;
  out.back().moved = std::exchange(moved, {});
}

/// Collects what a tool message can't hold into a user turn behind the group of results.
std::vector<Turn> with_moved_parts(std::vector<Turn> turns) {
  const auto is_result = [](const Turn& turn) { return turn.result != nullptr; };
  if (std::none_of(turns.begin(), turns.end(), is_result)) return turns;
  std::vector<Turn> out;
  out.reserve(turns.size() + 1);
  std::vector<const Part*> moved;
  for (Turn& turn : turns) {
    if (turn.side != Side::tool) append_moved(out, moved);
    if (turn.result != nullptr) {
      for (const Part& part : turn.result->parts) {
        if (part.kind != PartKind::text && part.kind != PartKind::refusal) moved.push_back(&part);
      }
    }
    out.push_back(std::move(turn));
  }
  append_moved(out, moved);
  return out;
}

template <class T>
void append_all(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::vector<Turn> with_strict_roles(std::vector<Turn> turns) {
  std::vector<Turn> out;
  for (Turn& turn : turns) {
    const bool is_neighbour = !out.empty() && out.back().side == turn.side;
    // Calls must stay right before their results, so nothing joins behind them.
    if (is_neighbour && turn.side != Side::tool && out.back().calls.empty()) {
      append_all(out.back().messages, turn.messages);
      append_all(out.back().reasoning, turn.reasoning);
      append_all(out.back().moved, turn.moved);
      out.back().calls = std::move(turn.calls);
      continue;
    }
    if (!out.empty() && out.back().side == Side::tool && turn.side == Side::user) {
      out.emplace_back().side = Side::assistant;
      out.back().filler = "OK.";
    }
    out.push_back(std::move(turn));
  }
  return out;
}

}  // namespace

Result<std::vector<Turn>> group_turns(const ChatRequest& request, const EncodeOptions& options) {
  const std::string_view conversation = field_names(request.origin).conversation;
  Grouper grouper(request);
  for (const Item& item : request.items) {
    if (const auto* opaque = std::get_if<OpaqueItem>(&item)) {
      return Error(ErrorCode::unsupported_capability,
                   "the conversation holds an item that only its own API knows",
                   options.field_of(opaque->place, conversation));
    }
    if (const auto* message = std::get_if<Message>(&item)) grouper.add(*message);
    if (const auto* call = std::get_if<ToolCall>(&item)) grouper.add(*call);
    if (const auto* result = std::get_if<ToolResult>(&item)) grouper.add(*result);
    if (const auto* reasoning = std::get_if<Reasoning>(&item)) grouper.add(*reasoning);
  }
  std::vector<Turn> turns = grouper.take();
  if (request.origin != Dialect::openai_chat) {
    WEIR_TRY(check_pairs(turns, conversation));
    turns = with_moved_parts(std::move(turns));
  }
  if (has(options.quirks, Quirk::strict_roles)) turns = with_strict_roles(std::move(turns));
  return turns;
}

}  // namespace weir::wire::openai
