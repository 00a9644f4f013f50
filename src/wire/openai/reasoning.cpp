// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/reasoning.hpp"

#include <algorithm>
#include <utility>

#include "wire/members.hpp"

namespace weir::wire::openai {
namespace {

std::string string_member(json::Value object, std::string_view key) {
  const auto found = object.find(key);
  return found && found->is_string() ? found->as_string() : std::string();
}

/// Appends the entries of `reasoning_details`. Text that was streamed in pieces is put together
/// again: a piece joins the one before it until a signature closes that.
void read_details(json::Value details, std::vector<Reasoning>& out) {
  for (const json::Value entry : details.elements()) {
    auto detail = read_reasoning_detail(entry);
    if (!detail) continue;
    const bool joins = !out.empty() && detail->encrypted.empty() && out.back().encrypted.empty() &&
                       out.back().signature.empty();
    if (!joins) out.emplace_back();
    out.back().text.append(detail->text);
    out.back().signature = std::move(detail->signature);
    out.back().encrypted = std::move(detail->encrypted);
    if (detail->sealed_by != Vendor::unknown) out.back().sealed_by = detail->sealed_by;
  }
}

bool has_text(const std::vector<Reasoning>& reasoning) {
  return std::any_of(reasoning.begin(), reasoning.end(),
                     [](const Reasoning& item) { return !item.text.empty(); });
}

std::string shown_text(const Reasoning& reasoning) {
  if (!reasoning.text.empty()) return reasoning.text;
  std::string text;
  for (const auto& summary : reasoning.summary) {
    if (!text.empty()) text.append("\n\n");
    text.append(summary);
  }
  return text;
}

/// Says whose seal it is, so that what comes back goes to the same vendor only.
void write_format(json::Writer& json, Vendor sealed_by) {
  if (sealed_by != Vendor::unknown) json.member("format", seal_format(sealed_by));
}

}  // namespace

std::optional<ReasoningDetail> read_reasoning_detail(json::Value entry) {
  const std::string type = string_member(entry, "type");
  ReasoningDetail detail;
  detail.sealed_by = vendor_of_seal_format(string_member(entry, "format"));
  if (type == "reasoning.text") {
    detail.text = string_member(entry, "text");
    detail.signature = string_member(entry, "signature");
  } else if (type == "reasoning.summary") {
    detail.text = string_member(entry, "summary");
  } else if (type == "reasoning.encrypted") {
    detail.encrypted = string_member(entry, "data");
  } else {
    return std::nullopt;
  }
  return detail;
}

void read_reasoning(json::ObjectReader& message, std::vector<Item>& items) {
  std::vector<Reasoning> found;
  Extra raw;
  const auto keep = [&](std::string_view key, std::optional<json::Value> value) {
    if (!value || value->is_null()) return false;
    raw.members.push_back({std::string(key), std::string(value->raw())});
    return true;
  };
  const auto details = message.value("reasoning_details");
  if (keep("reasoning_details", details) && details->is_array()) read_details(*details, found);
  for (const std::string_view key : {"reasoning_content", "reasoning"}) {
    const auto text = message.value(key);
    if (!keep(key, text) || !text->is_string() || has_text(found)) continue;
    if (found.empty()) found.emplace_back();
    found.front().text = text->as_string();
  }
  const bool says_nothing = found.empty() || found.front() == Reasoning{};
  if (says_nothing) found.clear();
  for (auto& reasoning : found) {
    reasoning.extra = std::exchange(raw, {});
    items.emplace_back(std::move(reasoning));
  }
}

void write_reasoning(json::Writer& json, const std::vector<const Reasoning*>& reasoning,
                     bool keeps_extra) {
  if (reasoning.empty()) return;
  if (keeps_extra && !reasoning.front()->extra.empty()) {
    return write_extra(json, reasoning.front()->extra);
  }
  std::string text;
  bool is_sealed = false;
  for (const Reasoning* item : reasoning) {
    text.append(shown_text(*item));
    is_sealed = is_sealed || !item->signature.empty() || !item->encrypted.empty();
  }
  if (!text.empty()) json.member("reasoning_content", text);
  if (!is_sealed) return;
  json.key("reasoning_details").begin_array();
  for (const Reasoning* item : reasoning) {
    if (!item->signature.empty()) {
      write_signed_reasoning(json, item->text, item->signature, item->sealed_by);
    }
    if (!item->encrypted.empty()) {
      write_encrypted_reasoning(json, item->encrypted, item->sealed_by);
    }
  }
  json.end_array();
}

void write_signed_reasoning(json::Writer& json, std::string_view text, std::string_view signature,
                            Vendor sealed_by) {
  json.begin_object().member("type", "reasoning.text");
  json.member("text", text).member("signature", signature);
  write_format(json, sealed_by);
  json.end_object();
}

void write_encrypted_reasoning(json::Writer& json, std::string_view data, Vendor sealed_by) {
  json.begin_object().member("type", "reasoning.encrypted").member("data", data);
  write_format(json, sealed_by);
  json.end_object();
}

std::string thinking_text(json::Value chunk) {
  const auto thinking = chunk.find("thinking");
  if (!thinking) return {};
  if (thinking->is_string()) return thinking->as_string();
  std::string text;
  if (!thinking->is_array()) return text;
  for (const json::Value part : thinking->elements()) text.append(string_member(part, "text"));
  return text;
}

std::string thought_signature(json::Value call) {
  const auto content = call.find("extra_content");
  const auto google = content ? content->find("google") : std::nullopt;
  return google ? string_member(*google, "thought_signature") : std::string();
}

void write_thought_signature(json::Writer& json, std::string_view signature) {
  json.key("extra_content").begin_object().key("google").begin_object();
  json.member("thought_signature", signature).end_object().end_object();
}

}  // namespace weir::wire::openai
