// SPDX-License-Identifier: Apache-2.0
#include "wire/canonical.hpp"

#include <algorithm>
#include <array>

#include "json/object_reader.hpp"
#include "wire/codec.hpp"

namespace weir::wire {
namespace {

constexpr std::array<std::string_view, dialect_count> dialect_names{
    "openai_chat", "openai_responses", "anthropic", "gemini", "ollama"};
constexpr std::array<std::string_view, 7> effort_names{"none", "minimal", "low", "medium",
                                                       "high", "xhigh",   "max"};
constexpr std::array<std::string_view, 8> finish_names{
    "none", "stop", "stop_sequence", "length", "tool_calls", "content_filter", "pause", "other"};

constexpr std::array<std::string_view, 4> seal_formats{"", "openai-responses-v1",
                                                       "anthropic-claude-v1", "google-gemini-v1"};

}  // namespace

std::string_view seal_format(Vendor vendor) noexcept {
  return seal_formats[static_cast<std::size_t>(vendor)];
}
Vendor vendor_of_seal_format(std::string_view format) noexcept {
  for (std::size_t i = 0; i < seal_formats.size(); ++i) {
    if (seal_formats[i] == format) return static_cast<Vendor>(i);
  }
  return Vendor::unknown;
}

std::string_view name(Dialect dialect) noexcept {
  return dialect_names[static_cast<std::size_t>(dialect)];
}
std::string_view name(Effort effort) noexcept {
  return effort_names[static_cast<std::size_t>(effort)];
}
std::string_view name(Finish finish) noexcept {
  return finish_names[static_cast<std::size_t>(finish)];
}

std::optional<Effort> effort_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < effort_names.size(); ++i) {
    if (effort_names[i] == name) return static_cast<Effort>(i);
  }
  return std::nullopt;
}

std::int64_t budget_of(Effort effort) noexcept {
  switch (effort) {
    case Effort::none:
      return 0;
    case Effort::minimal:
    case Effort::low:
      return 1024;
    case Effort::medium:
      return 8192;
    case Effort::high:
    case Effort::xhigh:
    case Effort::max:
      return 24576;
  }
  return 0;
}

Effort effort_of_budget(std::int64_t tokens) noexcept {
  if (tokens == 0) return Effort::none;
  if (tokens < 0) return Effort::medium;  // "the model decides"
  if (tokens <= 2048) return Effort::low;
  if (tokens <= 12000) return Effort::medium;
  return Effort::high;
}

const std::string* Extra::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const RawMember& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->json;
}

bool is_content(const StreamEvent& event) noexcept {
  using enum StreamEvent::Type;
  switch (event.type) {
    case text:
    case refusal:
    case reasoning:
      return !event.text.empty();
    case reasoning_signature:
    case reasoning_encrypted:
    case tool_call_begin:
    case tool_call_delta:
    case tool_call_end:
    case finish:
      return true;
    case start:
    case usage:
    case error:
      return false;
  }
  return false;
}

bool link_tool_names(std::vector<Item>& items) {
  bool is_complete = true;
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto* result = std::get_if<ToolResult>(&items[i]);
    if (result == nullptr || !result->name.empty()) continue;
    for (std::size_t k = i; k-- > 0;) {
      const auto* call = std::get_if<ToolCall>(&items[k]);
      if (call != nullptr && call->id == result->call_id) {
        result->name = call->name;
        break;
      }
    }
    is_complete = is_complete && !result->name.empty();
  }
  return is_complete;
}

std::string EncodeOptions::field_of(Place place, std::string_view otherwise) const {
  std::string path;
  if (asked && place.offset > 0) path = json::path_at(*asked, place.offset);
  return path.empty() ? std::string(otherwise) : path;
}

void EncodeNotes::drop(std::string_view what) {
  if (std::find(dropped.begin(), dropped.end(), what) == dropped.end()) dropped.emplace_back(what);
}

}  // namespace weir::wire
