// SPDX-License-Identifier: Apache-2.0
#include "pipeline/count_chat.hpp"

#include <variant>
#include <vector>

namespace weir::pipeline {
namespace {

std::string_view role_name(wire::Role role) {
  switch (role) {
    case wire::Role::system:
      return "system";
    case wire::Role::developer:
      return "developer";
    case wire::Role::user:
      return "user";
    case wire::Role::assistant:
      return "assistant";
  }
  return {};
}

/// One overload for each kind of item.
struct ItemCounter {
  tokens::ChatTally& tally;

  void parts(const std::vector<wire::Part>& all) const {
    for (const wire::Part& part : all) {
      tally.text(part.text);
      if (part.kind == wire::PartKind::image) tally.image({.is_low_detail = part.detail == "low"});
    }
  }
  void operator()(const wire::Message& message) const {
    if (message.begins_turn) tally.message(role_name(message.role), message.name);
    parts(message.parts);
  }
  void operator()(const wire::ToolCall& call) const { tally.tool_call(call.name, call.arguments); }
  void operator()(const wire::ToolResult& result) const {
    tally.message("tool");
    parts(result.parts);
  }
  void operator()(const wire::Reasoning& reasoning) const { tally.text(reasoning.text); }
  void operator()(const wire::OpaqueItem& item) const { tally.text(item.json); }
};

}  // namespace

tokens::Tally count_chat(std::string_view provider, std::string_view model,
                         const wire::ChatRequest& request) {
  tokens::ChatTally tally(provider, model);
  for (const wire::Item& item : request.items) std::visit(ItemCounter{tally}, item);
  for (const wire::Tool& tool : request.tools) {
    tally.tool(tool.name, tool.description, tool.hosted.empty() ? tool.parameters : tool.hosted);
  }
  if (!request.format.schema.empty()) tally.output_schema(request.format.schema);
  return tally.total();
}

}  // namespace weir::pipeline
