// SPDX-License-Identifier: Apache-2.0
#include "wire/anthropic/turns.hpp"

#include <algorithm>
#include <utility>

#include "wire/field_names.hpp"
#include "wire/members.hpp"

namespace weir::wire::anthropic {
namespace {

/// Stands in where the format wants a user to speak and none does.
constexpr std::string_view filler_text = "Continue.";

bool is_system(Role role) { return role == Role::system || role == Role::developer; }

bool is_empty_text(const Part& part) { return part.kind == PartKind::text && part.text.empty(); }

class Builder {
 public:
  Builder(const ChatRequest& request, const EncodeOptions& options, EncodeNotes& notes)
      : request_(request),
        options_(options),
        is_native_(request.origin == Dialect::anthropic),
        notes_(notes) {}

  Result<> add(const Item& item);
  Result<Conversation> finish();

 private:
  Result<> add_message(const Message& message);
  Result<> add_call(const ToolCall& call);
  Result<> add_result(const ToolResult& result);
  Result<> add_reasoning(const Reasoning& reasoning);
  /// The last turn if it is of `role`, else a new one. Errors: calls are left without result.
  Result<Turn*> turn_of(Role role);
  [[nodiscard]] Result<> check_results_are_complete() const;
  void give_system_text_to_a_user();
  void trim_prefill();
  [[nodiscard]] Error error(std::string message) const {
    return {ErrorCode::invalid_request, std::move(message),
            std::string(field_names(request_.origin).conversation)};
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  bool is_native_;
  EncodeNotes& notes_;
  Conversation conversation_;
  std::vector<const ToolCall*> calls_;  ///< of the last assistant turn
};

Result<> Builder::check_results_are_complete() const {
  if (calls_.empty()) return {};
  const Turn& last = conversation_.turns.back();
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    if (i >= last.results.size() || last.results[i] == nullptr) {
      return error("tool call \"" + calls_[i]->id + "\" has no result in the turn behind it");
    }
  }
  return {};
}

Result<Turn*> Builder::turn_of(Role role) {
  auto& turns = conversation_.turns;
  const bool is_same = !turns.empty() && turns.back().role == role;
  if (is_same) return &turns.back();
  // The turn behind the calls may hold their results and is checked when it is left itself.
  const bool follows_calls = !turns.empty() && turns.back().role == Role::assistant;
  if (!follows_calls || role != Role::user) {
    WEIR_TRY(check_results_are_complete());
    calls_.clear();
  }
  turns.emplace_back().role = role;
  return &turns.back();
}

Result<> Builder::add(const Item& item) {
  if (const auto* message = std::get_if<Message>(&item)) return add_message(*message);
  if (const auto* call = std::get_if<ToolCall>(&item)) return add_call(*call);
  if (const auto* result = std::get_if<ToolResult>(&item)) return add_result(*result);
  if (const auto* reasoning = std::get_if<Reasoning>(&item)) return add_reasoning(*reasoning);
  const auto& opaque = std::get<OpaqueItem>(item);
  if (!is_native_) {
    return Error(ErrorCode::unsupported_capability,
                 "the conversation holds an item that only the client's own format can express",
                 options_.field_of(opaque.place, field_names(request_.origin).conversation));
  }
  WEIR_TRY_ASSIGN(turn, turn_of(opaque.is_from_model ? Role::assistant : Role::user));
  turn->blocks.emplace_back(&opaque);
  return {};
}

Result<> Builder::add_message(const Message& message) {
  if (!message.name.empty()) notes_.drop("name");
  const bool is_leading = conversation_.turns.empty();
  if (is_system(message.role) && is_leading) {
    conversation_.is_system_plain_string = conversation_.system.empty() && message.is_plain_string;
    for (const Part& part : message.parts) {
      if (!is_empty_text(part)) conversation_.system.push_back(&part);
    }
    return {};
  }
  Role role = message.role;
  // From Opus 4.8 on the models take system text in the middle. A client of this dialect knows what
  // its model takes; but in front of tool results it never may stand.
  const bool keeps_role = is_native_ && check_results_are_complete();
  if (is_system(role) && !keeps_role) role = Role::user;
  const bool is_marked = is_system(message.role) && role == Role::user;
  for (const Part& part : message.parts) {
    if (is_empty_text(part)) continue;
    WEIR_TRY_ASSIGN(turn, turn_of(role));
    if (turn->blocks.empty()) turn->starts_as_plain_string = message.is_plain_string && !is_marked;
    if (is_marked && part.kind == PartKind::text) {
      turn->blocks.emplace_back("<system>\n" + part.text + "\n</system>");
      drop_replayed(notes_, part.extra);
    } else {
      turn->blocks.emplace_back(&part);
    }
    if (turn->extra == nullptr && !message.extra.empty()) turn->extra = &message.extra;
  }
  return {};
}

Result<> Builder::add_call(const ToolCall& call) {
  if (call.kind != ToolKind::function) {
    return Error(ErrorCode::unsupported_capability,
                 "calls of the custom tool \"" + call.name + "\" carry free text, not JSON",
                 options_.field_of(call.place, field_names(request_.origin).conversation));
  }
  WEIR_TRY_ASSIGN(turn, turn_of(Role::assistant));
  const bool is_known = std::any_of(calls_.begin(), calls_.end(),
                                    [&](const ToolCall* other) { return other->id == call.id; });
  if (is_known) return error("two tool calls of one turn have the id \"" + call.id + "\"");
  calls_.push_back(&call);
  turn->blocks.emplace_back(&call);
  return {};
}

Result<> Builder::add_result(const ToolResult& result) {
  const auto call = std::find_if(calls_.begin(), calls_.end(), [&](const ToolCall* candidate) {
    return candidate->id == result.call_id;
  });
  if (call == calls_.end()) {
    return error("tool result \"" + result.call_id + "\" answers no call of the turn before it");
  }
  WEIR_TRY_ASSIGN(turn, turn_of(Role::user));
  turn->results.resize(calls_.size());
  auto& slot = turn->results[static_cast<std::size_t>(call - calls_.begin())];
  if (slot != nullptr) return error("tool call \"" + result.call_id + "\" has two results");
  slot = &result;
  return {};
}

/// Only what Anthropic's own seal covers is taken back, whichever dialect carried it here.
Result<> Builder::add_reasoning(const Reasoning& reasoning) {
  const bool is_sealed = !reasoning.signature.empty() || !reasoning.encrypted.empty();
  if (!is_sealed || reasoning.sealed_by != Vendor::anthropic) {
    notes_.drop("reasoning_items");
    return {};
  }
  WEIR_TRY_ASSIGN(turn, turn_of(Role::assistant));
  turn->blocks.emplace_back(&reasoning);
  return {};
}

void Builder::give_system_text_to_a_user() {
  Turn& turn = conversation_.turns.emplace_back();
  turn.starts_as_plain_string = conversation_.is_system_plain_string;
  for (const Part* part : conversation_.system) turn.blocks.emplace_back(part);
  conversation_.system.clear();
}

/// An unfinished turn must not end in white space.
void Builder::trim_prefill() {
  Turn& turn = conversation_.turns.back();
  const auto* last = std::get_if<const Part*>(&turn.blocks.back());
  if (last == nullptr || (*last)->kind != PartKind::text) return;
  const std::string& text = (*last)->text;
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end != std::string::npos && end + 1 == text.size()) return;
  turn.blocks.pop_back();
  if (end != std::string::npos) turn.blocks.emplace_back(text.substr(0, end + 1));
  if (turn.blocks.empty()) conversation_.turns.pop_back();
}

Result<Conversation> Builder::finish() {
  WEIR_TRY(check_results_are_complete());
  auto& turns = conversation_.turns;
  if (turns.empty() && conversation_.system.empty()) return error("holds no content");
  if (turns.empty()) give_system_text_to_a_user();
  if (is_native_) return std::move(conversation_);
  if (conversation_.ends_in_prefill() && options_.traits.takes_prefill) trim_prefill();
  const auto filler = [] {
    Turn turn;
    turn.blocks.emplace_back(std::string(filler_text));
    return turn;
  };
  if (turns.empty() || (conversation_.ends_in_prefill() && !options_.traits.takes_prefill)) {
    turns.push_back(filler());
  }
  if (turns.front().role == Role::assistant) turns.insert(turns.begin(), filler());
  return std::move(conversation_);
}

}  // namespace

bool Conversation::has_lost_thoughts() const {
  if (turns.size() < 2 || turns.back().results.empty()) return false;
  const auto& blocks = turns[turns.size() - 2].blocks;
  return std::none_of(blocks.begin(), blocks.end(), [](const Block& block) {
    return std::holds_alternative<const Reasoning*>(block);
  });
}

Result<Conversation> build_conversation(const ChatRequest& request, const EncodeOptions& options,
                                        EncodeNotes& notes) {
  Builder builder(request, options, notes);
  for (const Item& item : request.items) WEIR_TRY(builder.add(item));
  return builder.finish();
}

}  // namespace weir::wire::anthropic
