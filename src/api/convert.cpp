// SPDX-License-Identifier: Apache-2.0
#include "api/convert.hpp"

#include <array>
#include <cmath>

#include "json/document.hpp"
#include "wire/quantities.hpp"

namespace weir::api {
namespace {

// Both enumerations of each pair list the same names in the same order.
static_assert(static_cast<int>(Role::assistant) == static_cast<int>(wire::Role::assistant));
static_assert(static_cast<int>(Effort::max) == static_cast<int>(wire::Effort::max));
static_assert(static_cast<int>(Part::Kind::refusal) == static_cast<int>(wire::PartKind::refusal));

wire::Part canonical_part(const Part& part) {
  wire::Part out;
  out.kind = static_cast<wire::PartKind>(part.kind);
  out.text = part.text;
  out.data = part.data;
  out.url = part.url;
  out.mime = part.mime;
  out.name = part.name;
  return out;
}

wire::Item canonical_item(const Item& item) {
  if (const auto* message = std::get_if<Message>(&item)) {
    wire::Message out;
    out.role = static_cast<wire::Role>(message->role);
    for (const Part& part : message->parts) out.parts.push_back(canonical_part(part));
    // Servers that know only the oldest form of the format take a plain string.
    out.is_plain_string =
        message->parts.size() == 1 && message->parts.front().kind == Part::Kind::text;
    return out;
  }
  if (const auto* call = std::get_if<ToolCall>(&item)) {
    wire::ToolCall out;
    out.id = call->id;
    out.name = call->name;
    out.arguments = call->arguments;
    out.signature = call->signature;
    return out;
  }
  if (const auto* result = std::get_if<ToolResult>(&item)) {
    wire::ToolResult out;
    out.call_id = result->call_id;
    out.parts.push_back(wire::Part::text_of(result->text));
    out.is_error = result->is_error;
    out.is_plain_string = true;
    return out;
  }
  const auto& reasoning = std::get<Reasoning>(item);
  wire::Reasoning out;
  out.id = reasoning.id;
  out.summary = reasoning.summary;
  out.text = reasoning.text;
  out.signature = reasoning.signature;
  out.encrypted = reasoning.encrypted;
  out.sealed_by = wire::vendor_of_seal_format(reasoning.sealed_by);
  return out;
}

Result<wire::Tool> canonical_tool(const ToolSpec& tool, const std::string& path) {
  wire::Tool out;
  out.name = tool.name;
  out.description = tool.description;
  out.parameters = tool.parameters;
  if (tool.name.empty()) return Error(ErrorCode::invalid_request, "must not be empty", path);
  json::Document document;
  if (!tool.parameters.empty() &&
      (!document.parse(tool.parameters) || !document.root().is_object())) {
    return Error(ErrorCode::invalid_request, "must be a JSON Schema object", path + ".parameters");
  }
  return out;
}

wire::ToolChoice canonical_choice(const ToolChoice& choice, bool has_tools) {
  wire::ToolChoice out;
  if (!has_tools) return out;
  switch (choice.mode) {
    case ToolChoice::Mode::automatic:
      break;  // what every provider does unless told otherwise
    case ToolChoice::Mode::none:
      out.mode = wire::ToolChoice::Mode::none;
      break;
    case ToolChoice::Mode::required:
      out.mode = wire::ToolChoice::Mode::required;
      break;
    case ToolChoice::Mode::named:
      out.mode = wire::ToolChoice::Mode::named;
      out.name = choice.name;
      break;
  }
  return out;
}

Result<wire::OutputFormat> canonical_format(const OutputFormat& format) {
  wire::OutputFormat out;
  if (format.kind == OutputFormat::Kind::json_object) {
    out.kind = wire::OutputFormat::Kind::json_object;
  } else if (format.kind == OutputFormat::Kind::json_schema) {
    out.kind = wire::OutputFormat::Kind::json_schema;
    out.name = format.name.empty() ? "answer" : format.name;
    out.schema = format.schema;
    json::Document document;
    if (!document.parse(format.schema) || !document.root().is_object()) {
      return Error(ErrorCode::invalid_request, "must be a JSON Schema object", "format.schema");
    }
  }
  return out;
}

Part public_part(const wire::Part& part) {
  Part out;
  out.kind = static_cast<Part::Kind>(part.kind);
  out.text = part.text;
  out.data = part.data;
  out.url = part.url;
  out.mime = part.mime;
  out.name = part.name;
  return out;
}

Message public_message(const wire::Message& message) {
  Message out;
  out.role = static_cast<Role>(message.role);
  for (const wire::Part& part : message.parts) {
    if (part.kind != wire::PartKind::opaque) out.parts.push_back(public_part(part));
  }
  return out;
}

ToolResult public_result(const wire::ToolResult& result) {
  ToolResult out;
  out.call_id = result.call_id;
  out.is_error = result.is_error;
  for (const wire::Part& part : result.parts) out.text += part.text;
  return out;
}

void copy_format(const wire::OutputFormat& format, OutputFormat& out) {
  using Kind = wire::OutputFormat::Kind;
  if (format.kind == Kind::json_object) out.kind = OutputFormat::Kind::json_object;
  if (format.kind != Kind::json_schema) return;
  out.kind = OutputFormat::Kind::json_schema;
  out.name = format.name;
  out.schema = format.schema;
}

void copy_choice(const wire::ToolChoice& choice, ToolChoice& out) {
  using Mode = wire::ToolChoice::Mode;
  if (choice.mode == Mode::none) out.mode = ToolChoice::Mode::none;
  if (choice.mode == Mode::required) out.mode = ToolChoice::Mode::required;
  if (choice.mode != Mode::named) return;
  out.mode = ToolChoice::Mode::named;
  out.name = choice.name;
}

}  // namespace

std::vector<wire::Item> to_canonical(const std::vector<Item>& items) {
  std::vector<wire::Item> out;
  out.reserve(items.size());
  for (const Item& item : items) out.push_back(canonical_item(item));
  return out;
}

std::vector<Item> to_public(const std::vector<wire::Item>& items) {
  std::vector<Item> out;
  out.reserve(items.size());
  for (const wire::Item& item : items) {
    if (const auto* message = std::get_if<wire::Message>(&item)) {
      out.emplace_back(public_message(*message));
    } else if (const auto* call = std::get_if<wire::ToolCall>(&item)) {
      ToolCall made{call->id, call->name, call->arguments, call->signature};
      out.emplace_back(std::move(made));
    } else if (const auto* result = std::get_if<wire::ToolResult>(&item)) {
      out.emplace_back(public_result(*result));
    } else if (const auto* thought = std::get_if<wire::Reasoning>(&item)) {
      Reasoning made{thought->text,      thought->summary,
                     thought->id,        thought->signature,
                     thought->encrypted, std::string(wire::seal_format(thought->sealed_by))};
      out.emplace_back(std::move(made));
    }
  }
  return out;
}

Result<wire::ChatRequest> to_canonical(const ChatRequest& request) {
  // JSON has no word for these.
  if (!std::isfinite(request.temperature.value_or(0)) ||
      !std::isfinite(request.top_p.value_or(0))) {
    return Error(ErrorCode::invalid_request, "must be a finite number", "temperature");
  }
  if (request.items.empty()) {
    return Error(ErrorCode::invalid_request, "must not be empty", "items");
  }
  const std::int64_t output_max = request.output_tokens_max.value_or(1);
  if (output_max < 1 || output_max > wire::tokens_asked_max) {
    return Error(ErrorCode::invalid_request, "is out of range", "output_tokens_max");
  }
  wire::ChatRequest out;
  out.model = request.model;
  out.items = to_canonical(request.items);
  if (!wire::link_tool_names(out.items)) {
    return Error(ErrorCode::invalid_request, "a tool result stands without its call", "items");
  }
  for (std::size_t i = 0; i < request.tools.size(); ++i) {
    WEIR_TRY_ASSIGN(tool, canonical_tool(request.tools[i], "tools[" + std::to_string(i) + "]"));
    out.tools.push_back(std::move(tool));
  }
  out.tool_choice = canonical_choice(request.tool_choice, !out.tools.empty());
  WEIR_TRY_ASSIGN(format, canonical_format(request.format));
  out.format = std::move(format);
  out.output_tokens_max = request.output_tokens_max;
  out.sampling.temperature = request.temperature;
  out.sampling.top_p = request.top_p;
  out.sampling.seed = request.seed;
  out.stop = request.stop;
  if (request.effort) out.reasoning.effort = static_cast<wire::Effort>(*request.effort);
  out.user = request.user;
  return out;
}

ChatRequest to_public(const wire::ChatRequest& request) {
  ChatRequest out;
  out.model = request.model;
  out.items = to_public(request.items);
  for (const wire::Tool& tool : request.tools) {
    out.tools.push_back({tool.name, tool.description, tool.parameters});
  }
  copy_choice(request.tool_choice, out.tool_choice);
  copy_format(request.format, out.format);
  out.output_tokens_max = request.output_tokens_max;
  out.temperature = request.sampling.temperature;
  out.top_p = request.sampling.top_p;
  out.seed = request.sampling.seed;
  out.stop = request.stop;
  if (request.reasoning.effort) out.effort = static_cast<Effort>(*request.reasoning.effort);
  out.user = request.user;
  return out;
}

Usage to_public(const wire::Usage& usage) {
  Usage out;
  out.input = usage.input;
  out.input_cache_read = usage.input_cache_read;
  out.input_cache_write = usage.input_cache_write + usage.input_cache_write_1h;
  out.output = usage.output;
  out.output_reasoning = usage.output_reasoning;
  return out;
}

wire::Usage to_canonical(const Usage& usage) {
  wire::Usage out;
  out.input = usage.input;
  out.input_cache_read = usage.input_cache_read;
  out.input_cache_write = usage.input_cache_write;
  out.output = usage.output;
  out.output_reasoning = usage.output_reasoning;
  return out;
}

Finish to_public(wire::Finish finish) {
  switch (finish) {
    case wire::Finish::none:
      return Finish::none;
    case wire::Finish::stop:
      return Finish::stop;
    case wire::Finish::stop_sequence:
      return Finish::stop_sequence;
    case wire::Finish::length:
      return Finish::length;
    case wire::Finish::tool_calls:
      return Finish::tool_calls;
    case wire::Finish::content_filter:
      return Finish::content_filter;
    case wire::Finish::pause:
    case wire::Finish::other:
      return Finish::other;
  }
  return Finish::other;
}

wire::Finish to_canonical(Finish finish) {
  constexpr std::array finishes{wire::Finish::none,          wire::Finish::stop,
                                wire::Finish::stop_sequence, wire::Finish::length,
                                wire::Finish::tool_calls,    wire::Finish::content_filter,
                                wire::Finish::other};
  return finishes[static_cast<std::size_t>(finish)];
}

}  // namespace weir::api
