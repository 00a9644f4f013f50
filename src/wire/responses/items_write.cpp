// SPDX-License-Identifier: Apache-2.0
#include "wire/members.hpp"
#include "wire/responses/items.hpp"

namespace weir::wire::responses {
namespace {

bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view first_of(const std::string& own, std::string_view other) {
  return own.empty() ? other : std::string_view(own);
}

void write_status(json::Writer& json, const Extra& extra, const OutputStyle& style) {
  if (style.is_own) {
    write_extra(json, extra);
  } else {
    json.member("status", style.status);
  }
}

void write_item(json::Writer& json, const Message& message, const OutputStyle& style) {
  json.begin_object().member("id", first_of(message.id, style.id)).member("type", "message");
  json.member("role", "assistant");
  write_status(json, message.extra, style);
  json.key("content").begin_array();
  std::string_view logprobs = style.logprobs;
  for (const Part& part : message.parts) {
    if (part.kind == PartKind::opaque && style.is_own) json.raw(part.text);
    if (part.kind != PartKind::text && part.kind != PartKind::refusal) continue;
    write_output_part(json, part, style.is_own, logprobs);
    if (part.kind == PartKind::text) logprobs = {};
  }
  json.end_array().end_object();
}

void write_item(json::Writer& json, const ToolCall& call, const OutputStyle& style) {
  const bool is_custom = call.kind == ToolKind::custom;
  json.begin_object().member("id", first_of(call.item_id, style.id));
  json.member("type", is_custom ? "custom_tool_call" : "function_call");
  json.member("call_id", call.id).member("name", call.name);
  json.member(is_custom ? "input" : "arguments", call.arguments);
  if (!call.signature.empty()) json.member("signature", call.signature);
  write_status(json, call.extra, style);
  json.end_object();
}

/// Thoughts of other dialects become a summary, the only form that every client shows. A foreign
/// seal travels along with its maker's mark, for clients that send back what they don't know.
void write_item(json::Writer& json, const Reasoning& reasoning, const OutputStyle& style) {
  const Extra& extra = reasoning.extra;
  json.begin_object().member("id", first_of(reasoning.id, style.id)).member("type", "reasoning");
  const bool is_text_summary =
      !style.is_own && reasoning.summary.empty() && !reasoning.text.empty();
  if (!style.is_own || extra.find("summary") == nullptr) {
    write_summary(json, is_text_summary ? std::vector{reasoning.text} : reasoning.summary);
  }
  const bool has_raw_content = style.is_own && extra.find("content") != nullptr;
  if (!reasoning.text.empty() && !is_text_summary && !has_raw_content) {
    json.key("content").begin_array().begin_object();
    json.member("type", "reasoning_text").member("text", reasoning.text).end_object().end_array();
  }
  if (!reasoning.encrypted.empty()) json.member("encrypted_content", reasoning.encrypted);
  if (!reasoning.signature.empty()) json.member("signature", reasoning.signature);
  const bool is_sealed = !reasoning.encrypted.empty() || !reasoning.signature.empty();
  const bool is_foreign =
      reasoning.sealed_by != Vendor::unknown && reasoning.sealed_by != Vendor::openai;
  if (is_sealed && is_foreign) json.member("format", seal_format(reasoning.sealed_by));
  if (style.is_own) write_extra(json, extra);
  json.end_object();
}

void write_item(json::Writer& json, const OpaqueItem& item, const OutputStyle& /*style*/) {
  json.raw(item.json);
}

void write_item(json::Writer& /*json*/, const ToolResult& /*result*/,
                const OutputStyle& /*style*/) {}

}  // namespace

bool is_output(const Item& item, bool is_own) noexcept {
  if (std::holds_alternative<OpaqueItem>(item)) return is_own;
  return !std::holds_alternative<ToolResult>(item);
}

std::string_view id_prefix(const Item& item) noexcept {
  if (const auto* call = std::get_if<ToolCall>(&item)) {
    return call->kind == ToolKind::custom ? "ctc" : "fc";
  }
  return std::holds_alternative<Reasoning>(item) ? "rs" : "msg";
}

std::string derived_item_id(std::string_view prefix, std::string_view answer_id,
                            std::size_t output_index) {
  constexpr std::size_t answer_chars_max = 40;  // ids are at most 64 characters long
  const auto type_end = answer_id.find_first_of("_-");
  if (type_end != std::string_view::npos) answer_id.remove_prefix(type_end + 1);
  std::string id(prefix);
  id.push_back('_');
  for (const char c : answer_id.substr(0, answer_chars_max)) {
    if (is_alphanumeric(c)) id.push_back(c);
  }
  return id.append("_").append(std::to_string(output_index));
}

bool is_derived_item_id(std::string_view id) noexcept {
  constexpr std::string_view digits = "0123456789";
  const auto first = id.find('_');
  const auto last = id.rfind('_');
  return last != first && last + 1 < id.size() &&
         id.find_first_not_of(digits, last + 1) == std::string_view::npos;
}

void write_output_item(json::Writer& json, const Item& item, const OutputStyle& style) {
  std::visit([&](const auto& value) { write_item(json, value, style); }, item);
}

void write_output_part(json::Writer& json, const Part& part, bool is_own,
                       std::string_view logprobs) {
  json.begin_object();
  if (part.kind == PartKind::refusal) {
    json.member("type", "refusal").member("refusal", part.text);
  } else {
    json.member("type", "output_text").member("text", part.text);
    const bool has_annotations = is_own && part.extra.find("annotations") != nullptr;
    if (!has_annotations) json.key("annotations").raw("[]");
    if (!logprobs.empty()) json.key("logprobs").raw(logprobs);
  }
  if (is_own) write_extra(json, part.extra);
  json.end_object();
}

void write_summary(json::Writer& json, const std::vector<std::string>& summary) {
  json.key("summary").begin_array();
  for (const auto& text : summary) {
    json.begin_object().member("type", "summary_text").member("text", text).end_object();
  }
  json.end_array();
}

}  // namespace weir::wire::responses
