// SPDX-License-Identifier: Apache-2.0
#include "wire/portability.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/ascii.hpp"
#include "wire/field_names.hpp"

namespace weir::wire {
namespace {

struct BoundMember {
  Dialect origin;
  std::string_view name;
};
constexpr std::array bound_members{
    BoundMember{Dialect::openai_chat, "audio"},
    BoundMember{Dialect::openai_responses, "conversation"},
    BoundMember{Dialect::openai_responses, "prompt"},
    BoundMember{Dialect::anthropic, "container"},
    BoundMember{Dialect::anthropic, "mcp_servers"},
    BoundMember{Dialect::gemini, "cachedContent"},
    BoundMember{Dialect::gemini, "cached_content"},
};

constexpr std::size_t tool_name_max = 64;

/// What may stand in a tool's name beside letters, digits, `_` and `-`.
std::string_view more_name_chars(Dialect target) { return target == Dialect::gemini ? ".:" : ""; }

bool takes_name(Dialect target, std::string_view name) {
  if (target == Dialect::ollama) return true;  // names are only text to it
  const std::string_view more = more_name_chars(target);
  return !name.empty() && name.size() <= tool_name_max &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return ascii::is_alnum(c) || c == '_' || c == '-' ||
                  more.find(c) != std::string_view::npos;
         });
}

Error unsupported_name(std::string_view name, std::string field) {
  return {ErrorCode::unsupported_capability,
          "the target takes no tool name like \"" + std::string(name) + "\"", std::move(field)};
}

Result<> check_names(const ChatRequest& request, const EncodeOptions& options, Dialect target) {
  for (const Tool& tool : request.tools) {
    if (tool.kind != ToolKind::hosted && !takes_name(target, tool.name)) {
      return unsupported_name(tool.name, options.field_of(tool.place, "tools"));
    }
  }
  for (const Item& item : request.items) {
    const auto* call = std::get_if<ToolCall>(&item);
    if (call != nullptr && !takes_name(target, call->name)) {
      const std::string_view all = field_names(request.origin).conversation;
      return unsupported_name(call->name, options.field_of(call->place, all));
    }
  }
  return {};
}

bool says_nothing(std::string_view json) {
  return json == "null" || json == "[]" || json == "\"\"";
}

}  // namespace

Result<> check_portable(const ChatRequest& request, const EncodeOptions& options, Dialect target) {
  if (request.origin == target) return {};
  if (!request.previous_response_id.empty()) {
    return Error(ErrorCode::unsupported_capability, "the target keeps no earlier responses",
                 "previous_response_id");
  }
  for (const BoundMember& member : bound_members) {
    if (member.origin != request.origin) continue;
    const std::string* value = request.extra.find(member.name);
    if (value == nullptr || says_nothing(*value)) continue;
    return Error(ErrorCode::unsupported_capability,
                 "this is known to the client's own kind of provider only",
                 std::string(member.name));
  }
  return check_names(request, options, target);
}

namespace {

/// Ways in which coding agents offer more tools than a request lists. Models of other dialects can
/// do without: the tools of every day stand beside them.
bool is_tool_group(const Tool& tool) {
  return tool.kind == ToolKind::hosted && (tool.name == "namespace" || tool.name == "tool_search");
}

}  // namespace

bool has_tool_groups(const ChatRequest& request, Dialect target) {
  return request.origin == Dialect::openai_responses && target != request.origin &&
         std::any_of(request.tools.begin(), request.tools.end(), is_tool_group);
}

void leave_out_tool_groups(ChatRequest& request, EncodeNotes& notes) {
  for (const Tool& tool : request.tools) {
    if (is_tool_group(tool)) notes.drop("tools." + tool.name);
  }
  std::erase_if(request.tools, is_tool_group);
}

}  // namespace weir::wire
