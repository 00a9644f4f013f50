// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "json/object_reader.hpp"
#include "wire/members.hpp"
#include "wire/quantities.hpp"
#include "wire/responses/codec.hpp"
#include "wire/responses/items.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::responses {
namespace {

Message outside_message(Role role, std::string text) {
  Message message;
  message.role = role;
  message.parts.push_back(Part::text_of(std::move(text)));
  message.is_plain_string = true;
  message.is_outside_list = true;
  return message;
}

void read_input(json::ObjectReader& reader, ChatRequest& request) {
  if (auto instructions = reader.string("instructions")) {
    request.items.emplace_back(outside_message(Role::system, *std::move(instructions)));
  }
  const auto input = reader.value("input");
  if (!input || input->is_null()) return;  // a stored prompt may stand for it
  if (input->is_string()) {
    request.items.emplace_back(outside_message(Role::user, input->as_string()));
    return;
  }
  if (!input->is_array()) return reader.fail("input", "expected a string or an array");
  const json::Path path = reader.path("input");
  auto items = read_items(*input, path, reader.problem());
  request.items.insert(request.items.end(), std::make_move_iterator(items.begin()),
                       std::make_move_iterator(items.end()));
}

Tool read_tool(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  const std::string type = reader.required_string("type");
  Tool tool;
  tool.place = place_of(value);
  if (type == "function") {
    tool.name = reader.required_string("name");
    tool.description = reader.string("description").value_or("");
    if (const auto parameters = reader.object("parameters")) tool.parameters = parameters->raw();
    tool.strict = reader.boolean("strict");
    keep_unread(reader, tool.extra);
    return tool;
  }
  tool.hosted = value.raw();
  if (type == "custom") {
    tool.kind = ToolKind::custom;
    tool.name = reader.required_string("name");
    tool.description = reader.string("description").value_or("");
  } else {
    tool.kind = ToolKind::hosted;
    tool.name = type;
  }
  return tool;
}

void read_tools(json::ObjectReader& reader, ChatRequest& request) {
  const auto list = reader.array("tools");
  if (!list) return;
  const json::Path list_path = reader.path("tools");
  std::size_t i = 0;
  for (const json::Value element : list->elements()) {
    const json::Path path{&list_path, {}, i++};
    request.tools.push_back(read_tool(element, path, reader.problem()));
  }
}

/// The name in `{type: function|custom, name}`; empty for anything else.
std::string named_tool(json::Value value) {
  const auto type = value.find("type");
  const auto tool_name = value.find("name");
  const bool is_named = type && (type->equals("function") || type->equals("custom"));
  if (!is_named || !tool_name || !tool_name->is_string() || value.size() != 2) return {};
  return tool_name->as_string();
}

/// Reads `{type: allowed_tools, mode, tools}`; false when it holds more than names.
bool read_allowed(json::Value value, ToolChoice& choice) {
  const auto mode = value.find("mode");
  const auto tools = value.find("tools");
  if (!mode || !tools || !tools->is_array() || value.size() != 3) return false;
  for (const json::Value tool : tools->elements()) {
    choice.allowed.push_back(named_tool(tool));
    if (choice.allowed.back().empty()) return false;
  }
  choice.is_allowed_required = mode->equals("required");
  return choice.is_allowed_required || mode->equals("auto");
}

void read_tool_choice(json::ObjectReader& reader, ChatRequest& request) {
  using Mode = ToolChoice::Mode;
  const auto value = reader.value("tool_choice");
  if (!value || value->is_null()) return;
  ToolChoice& choice = request.tool_choice;
  if (value->equals("auto")) {
    choice.mode = Mode::automatic;
  } else if (value->equals("none")) {
    choice.mode = Mode::none;
  } else if (value->equals("required")) {
    choice.mode = Mode::required;
  } else if (!value->is_object()) {
    reader.fail("tool_choice", "must be none, auto, required or an object");
  } else if (choice.name = named_tool(*value); !choice.name.empty()) {
    choice.mode = Mode::named;
  } else if (const auto type = value->find("type");
             type && type->equals("allowed_tools") && read_allowed(*value, choice)) {
    choice.mode = Mode::allowed;
  } else {
    choice = {};
    choice.mode = Mode::opaque;
    choice.opaque = value->raw();
  }
}

void read_format(json::ObjectReader& text, ChatRequest& request) {
  const auto value = text.object("format");
  if (!value) return;
  const json::Path path = text.path("format");
  json::ObjectReader reader(*value, path, text.problem());
  OutputFormat& format = request.format;
  const std::string type = reader.required_string("type");
  if (type == "text") {
    format.kind = OutputFormat::Kind::text;
  } else if (type == "json_object") {
    format.kind = OutputFormat::Kind::json_object;
  } else if (type == "json_schema") {
    format.kind = OutputFormat::Kind::json_schema;
    format.name = reader.required_string("name");
    format.description = reader.string("description").value_or("");
    if (const auto schema = reader.object("schema")) format.schema = schema->raw();
    format.strict = reader.boolean("strict");
  } else {
    format.kind = OutputFormat::Kind::opaque;
    format.schema = value->raw();
  }
}

void read_text(json::ObjectReader& reader, ChatRequest& request) {
  const auto value = reader.object("text");
  if (!value) return;
  const json::Path path = reader.path("text");
  json::ObjectReader text(*value, path, reader.problem());
  read_format(text, request);
  request.verbosity = text.string("verbosity").value_or("");
  keep_unread_of(text, "text", request.extra);
}

void read_reasoning(json::ObjectReader& reader, ChatRequest& request) {
  const auto value = reader.object("reasoning");
  if (!value) return;
  const json::Path path = reader.path("reasoning");
  json::ObjectReader settings(*value, path, reader.problem());
  if (const auto effort = settings.string("effort")) {
    request.reasoning.effort = effort_from_name(*effort);
    if (!request.reasoning.effort) settings.fail("effort", "is no known effort");
  }
  request.reasoning.summary = settings.string("summary").value_or("");
  if (!request.reasoning.summary.empty()) request.reasoning.wants_text = true;
  keep_unread(settings, request.reasoning.extra);
}

/// Two of the words in `include` have a place; the others are kept as a list.
void read_include(json::ObjectReader& reader, ChatRequest& request) {
  const auto list = reader.array("include");
  if (!list) return;
  std::string others;
  json::Writer json(others);
  json.begin_array();
  for (const json::Value element : list->elements()) {
    if (element.equals("reasoning.encrypted_content")) {
      request.reasoning.wants_encrypted = true;
    } else if (element.equals("message.output_text.logprobs")) {
      request.logprobs = true;
    } else {
      json.raw(element.raw());
    }
  }
  json.end_array();
  if (others != "[]") request.extra.members.push_back({"include", std::move(others)});
}

void read_user(json::ObjectReader& reader, ChatRequest& request) {
  if (auto id = reader.string("safety_identifier")) {
    request.user = *std::move(id);
  } else if (auto old = reader.string("user")) {
    request.user = *std::move(old);
    request.is_user_old_name = true;
  }
}

void read_settings(json::ObjectReader& reader, ChatRequest& request) {
  request.parallel_tool_calls = reader.boolean("parallel_tool_calls");
  request.output_tokens_max = reader.integer("max_output_tokens", 1, tokens_asked_max);
  request.sampling.temperature = reader.number("temperature", 0, 2);
  request.sampling.top_p = reader.number("top_p", 0, 1);
  request.top_logprobs = reader.integer("top_logprobs", 0, 20);
  request.service_tier = reader.string("service_tier").value_or("");
  request.prompt_cache_key = reader.string("prompt_cache_key").value_or("");
  if (const auto metadata = reader.object("metadata")) request.metadata = metadata->raw();
  request.store = reader.boolean("store");
  request.previous_response_id = reader.string("previous_response_id").value_or("");
}

}  // namespace

Result<ChatRequest> decode_request(json::Value root) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  refuse_routing_members(root, problem);
  ChatRequest request;
  request.origin = Dialect::openai_responses;
  request.model = reader.string("model").value_or("");  // the gateway has a default
  request.stream = reader.boolean("stream").value_or(false);
  request.wants_stream_usage = request.stream;
  read_input(reader, request);
  read_tools(reader, request);
  read_tool_choice(reader, request);
  read_text(reader, request);
  read_reasoning(reader, request);
  read_include(reader, request);
  read_user(reader, request);
  read_settings(reader, request);
  keep_unread(reader, request.extra);
  WEIR_TRY(problem.result());
  return request;
}

}  // namespace weir::wire::responses
