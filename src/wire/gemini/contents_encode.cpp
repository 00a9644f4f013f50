// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/contents_encode.hpp"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wire/field_names.hpp"
#include "wire/gemini/content.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/seals.hpp"

namespace weir::wire::gemini {
namespace {

// Stands where Gemini insists on a user turn and the conversation has none.
constexpr std::string_view filler_text = "Continue.";
constexpr std::string_view no_result_text = "no result";

bool is_system(const Item& item) {
  const auto* message = std::get_if<Message>(&item);
  return message != nullptr && (message->role == Role::system || message->role == Role::developer);
}

std::string_view without_prefix(std::string_view model) {
  constexpr std::string_view prefix = "models/";
  if (model.starts_with(prefix)) model.remove_prefix(prefix.size());
  return model;
}

class ContentsWriter {
 public:
  ContentsWriter(json::Writer& json, const ChatRequest& request, const EncodeOptions& options,
                 EncodeNotes& notes)
      : json_(json),
        items_(request.items),
        options_(options),
        notes_(notes),
        field_(field_names(request.origin).conversation),
        is_own_(request.origin == Dialect::gemini),
        is_taken_(items_.size()) {
    // Backwards, so that the list of each id ends with its first result.
    for (std::size_t i = items_.size(); i-- > 0;) {
      const auto* result = std::get_if<ToolResult>(&items_[i]);
      if (result != nullptr) results_[result->call_id].push_back(i);
    }
  }

  Result<> write() {
    std::size_t first = 0;
    while (first < items_.size() && is_system(items_[first])) ++first;
    // Contents must not be empty: system text alone is sent as the user's.
    if (first == items_.size()) first = 0;
    if (first > 0) WEIR_TRY(write_system(first));
    json_.key("contents").begin_array();
    for (std::size_t i = first; i < items_.size(); ++i) WEIR_TRY(write_item(i));
    close_step();
    const bool ends_with_model = side_ == Side::model && !is_own_ && !options_.traits.takes_prefill;
    if (ends_with_model) {
      write_filler();
      notes_.drop("prefill");
    }
    close_content();
    json_.end_array();
    if (is_empty_) return refuse("there is no message to send");
    return {};
  }

 private:
  enum class Side : std::uint8_t { none, user, model };

  [[nodiscard]] Error refuse(std::string message) const {
    return {ErrorCode::invalid_request, std::move(message), std::string(field_)};
  }

  Result<> write_system(std::size_t count) {
    json_.key("systemInstruction").begin_object().key("parts").begin_array();
    std::string joined;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& message = std::get<Message>(items_[i]);
      if (is_own_) {
        for (const Part& part : message.parts) WEIR_TRY(put(part));
        continue;
      }
      for (const Part& part : message.parts) drop_replayed(notes_, part.extra);
      const std::string text = joined_text(message.parts);
      if (!joined.empty() && !text.empty()) joined.append("\n\n");
      joined.append(text);
    }
    if (!joined.empty()) write_part(json_, Part::text_of(std::move(joined)), false);
    json_.end_array();
    if (is_own_) write_extra(json_, std::get<Message>(items_[0]).extra);
    json_.end_object();
    return {};
  }

  Result<> write_item(std::size_t i) {
    const Item& item = items_[i];
    if (const auto* message = std::get_if<Message>(&item)) return write_message(*message);
    if (const auto* call = std::get_if<ToolCall>(&item)) return add_call(*call, i);
    if (const auto* result = std::get_if<ToolResult>(&item)) return add_result(*result, i);
    if (const auto* reasoning = std::get_if<Reasoning>(&item)) {
      // Thoughts are bound to the model that had them; others' are left out.
      if (reasoning->sealed_by != Vendor::google) {
        notes_.drop("reasoning");
        return {};
      }
      if (!is_own_ && reasoning->signature.empty()) return {};
      begin_part(Side::model);
      write_thought(json_, reasoning->text, reasoning->signature,
                    is_own_ ? &reasoning->extra : nullptr);
      return {};
    }
    return Error(ErrorCode::unsupported_capability,
                 "the conversation holds an item that can't be sent to Gemini",
                 options_.field_of(std::get<OpaqueItem>(item).place, field_));
  }

  Result<> write_message(const Message& message) {
    if (!message.name.empty()) notes_.drop("name");
    const bool is_model = message.role == Role::assistant;
    if (!is_model || message.begins_turn) close_step();
    if (is_own_ && message.begins_turn) close_content();
    if (is_system(message) && !is_own_) {
      const std::string text = joined_text(message.parts);
      if (text.empty()) return {};
      begin_part(Side::user);
      write_part(json_, Part::text_of("<system>\n" + text + "\n</system>"), false);
      return {};
    }
    for (const Part& part : message.parts) {
      // Gemini refuses a part without content; its own may be empty but for a signature.
      if (!is_own_ && part.kind == PartKind::text && part.text.empty()) continue;
      begin_part(is_model ? Side::model : Side::user);
      WEIR_TRY(put(part));
    }
    return {};
  }

  Result<> put(const Part& part) {
    if (!is_own_) {
      const std::string_view reason = why_not_writable(part);
      if (!reason.empty()) {
        return Error(ErrorCode::unsupported_capability, std::string(reason),
                     options_.field_of(part.place, field_));
      }
      if (!part.detail.empty() && part.detail != "auto") notes_.drop("detail");
      drop_replayed(notes_, part.extra);
    }
    write_part(json_, part, is_own_);
    return {};
  }

  Result<> add_call(const ToolCall& call, std::size_t at) {
    const bool is_first = step_.empty();
    if (is_first) is_step_signed_ = has_signature(at);
    step_.push_back(&call);
    const bool checks_signatures = options_.traits.reasons && thinks_by_level(options_.model);
    const bool needs_sentinel = is_first && !is_own_ && checks_signatures && call.signature.empty();
    begin_part(Side::model);
    write_call(
        json_, call,
        {.is_own = is_own_,
         .writes_id = knows_id(call),
         .signature = needs_sentinel ? skip_thought_signature : std::string_view(call.signature)});
    return {};
  }

  /// A signature on any call of the step that begins at `at` shows that Gemini made it.
  [[nodiscard]] bool has_signature(std::size_t at) const {
    for (; at < items_.size(); ++at) {
      const auto* call = std::get_if<ToolCall>(&items_[at]);
      if (call != nullptr && !call->signature.empty()) return true;
      if (call == nullptr && !std::holds_alternative<Reasoning>(items_[at])) break;
    }
    return false;
  }

  /// Only ids that Gemini gave go back to it.
  [[nodiscard]] bool knows_id(const ToolCall& call) const {
    return (is_own_ || is_step_signed_) && !call.id.empty() && !is_made_up_call_id(call.id);
  }

  Result<> add_result(const ToolResult& result, std::size_t at) {
    close_step();
    if (is_taken_[at]) return {};
    // A tool that goes on answering (willContinue) is Gemini's own speciality.
    if (!is_own_) {
      return refuse("a tool result refers to the call '" + result.call_id +
                    "', which is not open there");
    }
    begin_part(Side::user);
    const bool has_id = !is_made_up_call_id(result.call_id);
    gemini::write_result(json_, result,
                         {.is_own = true,
                          .name = result.name,
                          .id = has_id ? std::string_view(result.call_id) : std::string_view()});
    return {};
  }

  /// Writes the results of the calls made since the last user turn, one for each, in their order,
  /// wherever in the rest of the conversation they stand.
  void close_step() {
    std::vector<const ToolResult*> answers;
    for (const ToolCall* call : std::exchange(step_, {})) {
      const ToolResult* result = take_result(call->id);
      if (result != nullptr) answers.push_back(result);
      write_answer(*call, result);
    }
    // Images that a tool gave: behind the results, since not every model takes them inside.
    for (const ToolResult* result : answers) {
      for (const Part& part : result->parts) {
        if (part.kind == PartKind::text || part.kind == PartKind::refusal) continue;
        if (!is_own_ && !why_not_writable(part).empty()) {
          notes_.drop("tool result content");
          continue;
        }
        begin_part(Side::user);
        write_part(json_, part, is_own_);
      }
    }
  }

  const ToolResult* take_result(const std::string& call_id) {
    const auto found = results_.find(call_id);
    if (found == results_.end() || found->second.empty()) return nullptr;
    const std::size_t at = found->second.back();
    found->second.pop_back();
    is_taken_[at] = true;
    return &std::get<ToolResult>(items_[at]);
  }

  void write_answer(const ToolCall& call, const ToolResult* result) {
    if (result == nullptr && is_own_) return;
    ToolResult missing;
    if (result == nullptr) {
      missing.is_error = true;
      missing.parts.push_back(Part::text_of(std::string(no_result_text)));
      result = &missing;
    }
    begin_part(Side::user);
    gemini::write_result(json_, *result,
                         {.is_own = is_own_,
                          .name = call.name,
                          .id = knows_id(call) ? std::string_view(call.id) : std::string_view()});
  }

  void begin_part(Side side) {
    if (side_ == side) return;
    if (side_ == Side::none && is_empty_ && side == Side::model && !is_own_) write_filler();
    close_content();
    is_empty_ = false;
    side_ = side;
    json_.begin_object().member("role", side == Side::user ? "user" : "model");
    json_.key("parts").begin_array();
  }

  void close_content() {
    if (std::exchange(side_, Side::none) != Side::none) json_.end_array().end_object();
  }

  void write_filler() {
    begin_part(Side::user);
    write_part(json_, Part::text_of(std::string(filler_text)), false);
  }

  json::Writer& json_;
  const std::vector<Item>& items_;
  const EncodeOptions& options_;
  EncodeNotes& notes_;
  std::string_view field_;
  bool is_own_;
  Side side_ = Side::none;
  bool is_empty_ = true;
  std::vector<const ToolCall*> step_;  ///< calls of the model's turn that await results
  bool is_step_signed_ = false;
  std::unordered_map<std::string_view, std::vector<std::size_t>> results_;  ///< by call id
  std::vector<bool> is_taken_;  ///< by item: a result that was written with its call
};

}  // namespace

Result<> write_contents(json::Writer& json, const ChatRequest& request,
                        const EncodeOptions& options, EncodeNotes& notes) {
  return ContentsWriter(json, request, options, notes).write();
}

bool thinks_by_level(std::string_view model) noexcept {
  return !without_prefix(model).starts_with("gemini-2.");
}
}  // namespace weir::wire::gemini
