// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/content.hpp"
#include "wire/members.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::anthropic {
namespace {

void read_system(json::ObjectReader& root, std::vector<Item>& items) {
  const auto system = root.value("system");
  if (!system || system->is_null()) return;
  const json::Path path = root.path("system");
  TurnReader(Role::system, items, root.problem()).read_content(*system, path);
}

Role read_role(json::ObjectReader& message) {
  const std::string role = message.required_string("role");
  if (role == "assistant") return Role::assistant;
  if (role == "system") return Role::system;
  if (role != "user") message.fail("role", "must be user, assistant or system");
  return Role::user;
}

void read_messages(json::ObjectReader& root, std::vector<Item>& items) {
  const auto messages = root.array("messages");
  if (!messages) return root.fail("messages", "is required");
  const json::Path path = root.path("messages");
  std::size_t i = 0;
  for (const json::Value element : messages->elements()) {
    const json::Path element_path{&path, {}, i++};
    json::ObjectReader message(element, element_path, root.problem());
    TurnReader turn(read_role(message), items, root.problem());
    const json::Path content_path = message.path("content");
    if (const auto content = message.value("content")) {
      turn.read_content(*content, content_path);
    } else {
      message.fail("content", "is required");
    }
    turn.keep_members(message);
  }
}

Tool read_tool(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  Tool tool;
  tool.place = place_of(value);
  tool.name = reader.required_string("name");
  const std::string type = reader.string("type").value_or("custom");
  if (type != "custom") {
    tool.kind = ToolKind::hosted;
    tool.hosted = std::string(value.raw());
    return tool;
  }
  if (value.find("type")) tool.extra.members.push_back({"type", "\"custom\""});
  tool.description = reader.string("description").value_or("");
  if (const auto schema = reader.object("input_schema")) {
    tool.parameters = std::string(schema->raw());
  }
  tool.strict = reader.boolean("strict");
  keep_unread(reader, tool.extra);
  return tool;
}

void read_tools(json::ObjectReader& root, ChatRequest& request) {
  const auto tools = root.array("tools");
  if (!tools) return;
  const json::Path path = root.path("tools");
  std::size_t i = 0;
  for (const json::Value tool : tools->elements()) {
    request.tools.push_back(read_tool(tool, {&path, {}, i++}, root.problem()));
  }
}

void read_tool_choice(json::ObjectReader& root, ChatRequest& request) {
  using enum ToolChoice::Mode;
  const auto value = root.object("tool_choice");
  if (!value) return;
  const json::Path path = root.path("tool_choice");
  json::ObjectReader reader(*value, path, root.problem());
  const std::string type = reader.required_string("type");
  ToolChoice& choice = request.tool_choice;
  if (type == "auto") {
    choice.mode = automatic;
  } else if (type == "any") {
    choice.mode = required;
  } else if (type == "none") {
    choice.mode = none;
  } else if (type == "tool") {
    choice.mode = named;
    choice.name = reader.required_string("name");
  }
  const auto is_serial = reader.boolean("disable_parallel_tool_use");
  Extra unknown;
  keep_unread(reader, unknown);
  if (choice.mode == unset || !unknown.empty()) {
    choice = {};
    choice.mode = opaque;
    choice.opaque = std::string(value->raw());
  } else if (is_serial) {
    request.parallel_tool_calls = !*is_serial;
  }
}

void read_thinking_settings(json::ObjectReader& root, ReasoningSettings& reasoning) {
  const auto value = root.object("thinking");
  if (!value) return;
  const json::Path path = root.path("thinking");
  json::ObjectReader reader(*value, path, root.problem());
  const std::string type = reader.required_string("type");
  reasoning.enabled = type != "disabled";
  reasoning.budget_tokens = reader.integer("budget_tokens", 0, tokens_asked_max);
  const auto display = reader.string("display");
  const auto keep = [&](std::string_view key, std::string_view text) {
    auto& kept = reasoning.extra.members.emplace_back();
    kept.key = key;
    json::append_string(kept.json, text);
  };
  if (display == "summarized" || display == "omitted") {
    reasoning.wants_text = display == "summarized";
  } else if (display) {
    keep("display", *display);
  }
  if (type != "enabled" && type != "adaptive" && type != "disabled") keep("type", type);
  keep_unread(reader, reasoning.extra);
}

void read_format(json::Value value, const json::Path& path, json::Problem& problem,
                 OutputFormat& format) {
  json::ObjectReader reader(value, path, problem);
  const std::string type = reader.required_string("type");
  const auto schema = type == "json_schema" ? reader.object("schema") : std::nullopt;
  Extra unknown;
  keep_unread(reader, unknown);
  if (!schema || !unknown.empty()) {
    format.kind = OutputFormat::Kind::opaque;
    format.schema = std::string(value.raw());
    return;
  }
  format.kind = OutputFormat::Kind::json_schema;
  format.schema = std::string(schema->raw());
}

void read_output_config(json::ObjectReader& root, ChatRequest& request) {
  const auto value = root.object("output_config");
  if (!value) return;
  const json::Path path = root.path("output_config");
  json::ObjectReader reader(*value, path, root.problem());
  if (const auto effort = reader.string("effort")) {
    request.reasoning.effort = effort_from_name(*effort);
    if (!request.reasoning.effort) reader.fail("effort", "is no effort that is known");
  }
  if (const auto format = reader.object("format")) {
    const json::Path format_path = reader.path("format");
    read_format(*format, format_path, root.problem(), request.format);
  }
  keep_unread_of(reader, "output_config", request.extra);
}

void read_metadata(json::ObjectReader& root, ChatRequest& request) {
  const auto value = root.object("metadata");
  if (!value) return;
  const json::Path path = root.path("metadata");
  json::ObjectReader reader(*value, path, root.problem());
  request.user = reader.string("user_id").value_or("");
  Extra others;
  keep_unread_of(reader, "metadata", others);
  if (const auto* object = others.find("metadata")) request.metadata = *object;
}

void read_stop(json::ObjectReader& root, std::vector<std::string>& stop) {
  const auto sequences = root.array("stop_sequences");
  if (!sequences) return;
  const json::Path path = root.path("stop_sequences");
  std::size_t i = 0;
  for (const json::Value sequence : sequences->elements()) {
    const json::Path element{&path, {}, i++};
    if (sequence.is_string()) {
      stop.push_back(sequence.as_string());
    } else {
      root.problem().set(ErrorCode::invalid_request, element, "expected a string");
    }
  }
}

}  // namespace

Result<ChatRequest> decode_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  refuse_routing_members(root, problem);
  ChatRequest request;
  request.origin = Dialect::anthropic;
  request.model = reader.string("model").value_or("");  // the gateway has a default
  request.output_tokens_max = reader.integer("max_tokens", 0, tokens_asked_max);
  request.stream = reader.boolean("stream").value_or(false);
  request.wants_stream_usage = true;  // its streams always tell it
  read_system(reader, request.items);
  read_messages(reader, request.items);
  link_tool_names(request.items);
  read_tools(reader, request);
  read_tool_choice(reader, request);
  read_thinking_settings(reader, request.reasoning);
  read_output_config(reader, request);
  read_metadata(reader, request);
  read_stop(reader, request.stop);
  request.sampling.temperature = reader.number("temperature");
  request.sampling.top_p = reader.number("top_p");
  request.sampling.top_k = reader.integer("top_k");
  request.service_tier = reader.string("service_tier").value_or("");
  keep_unread(reader, request.extra);
  WEIR_TRY(problem.result());
  return request;
}

}  // namespace weir::wire::anthropic
