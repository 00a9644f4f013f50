// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/tools.hpp"

#include <algorithm>
#include <utility>

#include "wire/field_names.hpp"
#include "wire/members.hpp"
#include "wire/openai/parts.hpp"
#include "wire/openai/reasoning.hpp"

namespace weir::wire::openai {
namespace {

using Mode = ToolChoice::Mode;

void read_function(json::ObjectReader& function, Tool& tool) {
  tool.name = function.required_string("name");
  tool.description = function.string("description").value_or("");
  if (const auto parameters = function.object("parameters")) tool.parameters = parameters->raw();
  tool.strict = function.boolean("strict");
}

Tool read_tool(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  const std::string type = reader.required_string("type");
  const json::Path nested_path = reader.path(type);
  Tool tool;
  tool.place = place_of(value);
  if (type == "function") {
    const auto function = reader.value("function");
    if (!function) return reader.fail("function", "is required"), tool;
    json::ObjectReader nested(*function, nested_path, problem);
    read_function(nested, tool);
    keep_unread_of(nested, "function", tool.extra);
    keep_unread(reader, tool.extra);
  } else if (type == "custom") {
    tool.kind = ToolKind::custom;
    const auto custom = reader.value("custom");
    if (!custom) return reader.fail("custom", "is required"), tool;
    json::ObjectReader nested(*custom, nested_path, problem);
    tool.name = nested.required_string("name");
    tool.description = nested.string("description").value_or("");
    if (nested.object("format")) tool.hosted = value.raw();
    keep_unread_of(nested, "custom", tool.extra);
    keep_unread(reader, tool.extra);
  } else {
    tool.kind = ToolKind::hosted;
    tool.name = type;
    tool.hosted = value.raw();
  }
  return tool;
}

/// `tool_choice` as an object: one tool, or a set of allowed ones.
void read_choice_object(json::ObjectReader& root, json::Value value, ToolChoice& choice) {
  const json::Path path = root.path("tool_choice");
  json::ObjectReader reader(value, path, root.problem());
  const std::string type = reader.required_string("type");
  if (type == "function" || type == "custom") {
    const auto named = reader.object(type);
    const json::Path named_path = reader.path(type);
    if (!named) return reader.fail(type, "is required");
    choice.mode = Mode::named;
    choice.name = json::ObjectReader(*named, named_path, root.problem()).required_string("name");
  } else if (type == "allowed_tools") {
    const auto allowed = reader.object(type);
    const json::Path allowed_path = reader.path(type);
    if (!allowed) return reader.fail(type, "is required");
    json::ObjectReader set(*allowed, allowed_path, root.problem());
    choice.mode = Mode::allowed;
    choice.is_allowed_required = set.string("mode").value_or("auto") == "required";
    const auto tools = set.array("tools");
    if (!tools) return set.fail("tools", "is required");
    for (const json::Value tool : tools->elements()) {
      const auto function = tool.find("function");
      const auto custom = tool.find("custom");
      const auto name = function ? function->find("name")
                        : custom ? custom->find("name")
                                 : std::nullopt;
      if (!name || !name->is_string()) return set.fail("tools", "every entry needs a tool's name");
      choice.allowed.push_back(name->as_string());
    }
  } else {
    choice.mode = Mode::opaque;
    choice.opaque = value.raw();
  }
}

void read_tool_choice(json::ObjectReader& root, ToolChoice& choice) {
  const auto value = root.value("tool_choice");
  if (!value || value->is_null()) return;
  if (!value->is_string()) return read_choice_object(root, *value, choice);
  const std::string word = value->as_string();
  if (word == "auto") {
    choice.mode = Mode::automatic;
  } else if (word == "none") {
    choice.mode = Mode::none;
  } else if (word == "required" || word == "any") {
    choice.mode = Mode::required;
  } else {
    root.fail("tool_choice", "must be auto, none, required or an object");
  }
}

void read_deprecated(json::ObjectReader& root, ChatRequest& request) {
  if (const auto functions = root.array("functions")) {
    const json::Path path = root.path("functions");
    std::size_t i = 0;
    for (const json::Value value : functions->elements()) {
      const json::Path element{&path, {}, i++};
      json::ObjectReader function(value, element, root.problem());
      Tool tool;
      tool.place = place_of(value);
      read_function(function, tool);
      keep_unread_of(function, "function", tool.extra);
      request.tools.push_back(std::move(tool));
    }
  }
  const auto call = root.value("function_call");
  if (!call || call->is_null() || request.tool_choice.mode != Mode::unset) return;
  if (call->is_object()) {
    const json::Path path = root.path("function_call");
    request.tool_choice.mode = Mode::named;
    request.tool_choice.name =
        json::ObjectReader(*call, path, root.problem()).required_string("name");
  } else if (call->equals("none")) {
    request.tool_choice.mode = Mode::none;
  } else if (call->equals("auto")) {
    request.tool_choice.mode = Mode::automatic;
  } else {
    root.fail("function_call", "must be auto, none or an object");
  }
}

/// Text as it is; an object, as Mistral writes arguments, as its JSON.
std::string read_arguments(json::ObjectReader& reader, std::string_view key) {
  const auto value = reader.value(key);
  if (!value || value->is_null()) return {};
  if (value->is_string()) return value->as_string();
  std::string compact;
  json::append_compact(compact, value->raw());
  return compact;
}

/// A custom tool with a format, from Responses: the members stand flat there.
void write_foreign_format(json::Writer& json, const Tool& tool) {
  json::Document document;
  if (tool.hosted.empty() || !document.parse(tool.hosted)) return;
  const auto format = document.root().find("format");
  if (!format || !format->is_object()) return;
  const auto syntax = format->find("syntax");
  const auto definition = format->find("definition");
  if (!syntax || !definition) return;
  json.key("format").begin_object().member("type", "grammar").key("grammar").begin_object();
  json.key("definition").raw(definition->raw()).key("syntax").raw(syntax->raw());
  json.end_object().end_object();
}

void write_nested_extra(json::Writer& json, const Tool& tool, std::string_view key, bool keeps) {
  const std::string* others = keeps ? tool.extra.find(key) : nullptr;
  if (others != nullptr) write_members_of(json, *others);
}

void write_tool(json::Writer& json, const Tool& tool, Taken taken) {
  const bool is_native = taken == Taken::everything;
  if (is_native && !tool.hosted.empty()) {
    json.raw(tool.hosted);
    return;
  }
  const std::string_view type = tool.kind == ToolKind::custom ? "custom" : "function";
  json.begin_object().member("type", type).key(type).begin_object().member("name", tool.name);
  if (!tool.description.empty()) json.member("description", tool.description);
  if (tool.kind == ToolKind::custom) {
    write_foreign_format(json, tool);
  } else {
    if (!tool.parameters.empty()) json.key("parameters").raw(tool.parameters);
    if (tool.strict) json.member("strict", *tool.strict);
  }
  write_nested_extra(json, tool, type, is_native);
  json.end_object();
  write_taken(json, tool.extra, taken, type);
  json.end_object();
}

const Tool* find_tool(const ChatRequest& request, std::string_view name) {
  const auto found = std::find_if(request.tools.begin(), request.tools.end(),
                                  [&](const Tool& tool) { return tool.name == name; });
  return found == request.tools.end() ? nullptr : &*found;
}

void write_tool_name(json::Writer& json, const ChatRequest& request, std::string_view name) {
  const Tool* tool = find_tool(request, name);
  const bool is_custom = tool != nullptr && tool->kind == ToolKind::custom;
  const std::string_view type = is_custom ? "custom" : "function";
  json.begin_object().member("type", type).key(type).begin_object();
  json.member("name", name).end_object().end_object();
}

void write_tool_choice(json::Writer& json, const ChatRequest& request, Quirks quirks) {
  const ToolChoice& choice = request.tool_choice;
  const std::string_view required = has(quirks, Quirk::required_is_any) ? "any" : "required";
  switch (choice.mode) {
    case Mode::unset:
      break;
    case Mode::automatic:
      json.member("tool_choice", "auto");
      break;
    case Mode::none:
      json.member("tool_choice", "none");
      break;
    case Mode::required:
      json.member("tool_choice", required);
      break;
    case Mode::named:
      json.key("tool_choice");
      write_tool_name(json, request, choice.name);
      break;
    case Mode::allowed:
      json.key("tool_choice").begin_object().member("type", "allowed_tools");
      json.key("allowed_tools").begin_object();
      json.member("mode", choice.is_allowed_required ? "required" : "auto");
      json.key("tools").begin_array();
      for (const auto& name : choice.allowed) write_tool_name(json, request, name);
      json.end_array().end_object().end_object();
      break;
    case Mode::opaque:
      json.key("tool_choice").raw(choice.opaque);
      break;
  }
}

/// A target that knows no `tool_choice` is led by what it is offered: nothing, one tool, some.
/// That a call must come can't be said; it is noted.
ChatRequest narrowed(const ChatRequest& request, EncodeNotes& notes) {
  ChatRequest out;
  out.origin = request.origin;
  const ToolChoice& choice = request.tool_choice;
  std::copy_if(request.tools.begin(), request.tools.end(), std::back_inserter(out.tools),
               [&](const Tool& tool) {
                 if (choice.mode == Mode::none) return false;
                 if (choice.mode == Mode::named) return tool.name == choice.name;
                 if (choice.mode != Mode::allowed) return true;
                 return std::find(choice.allowed.begin(), choice.allowed.end(), tool.name) !=
                        choice.allowed.end();
               });
  const bool must_call = choice.mode == Mode::required || choice.mode == Mode::named ||
                         choice.mode == Mode::opaque || choice.is_allowed_required;
  if (must_call) notes.drop(field_names(request.origin).tool_choice);
  return out;
}

Result<> check_tools(const ChatRequest& request, const EncodeOptions& options, bool is_native) {
  if (is_native) return {};
  for (const Tool& tool : request.tools) {
    if (tool.kind == ToolKind::hosted) {
      return Error(ErrorCode::unsupported_capability,
                   "the tool " + tool.name + " runs only at its own provider",
                   options.field_of(tool.place, "tools"));
    }
  }
  if (request.tool_choice.mode == Mode::opaque) {
    return Error(ErrorCode::unsupported_capability, "this choice of tool has no equivalent",
                 std::string(field_names(request.origin).tool_choice));
  }
  return {};
}

}  // namespace

void read_tools(json::ObjectReader& root, ChatRequest& request) {
  if (const auto tools = root.array("tools")) {
    const json::Path path = root.path("tools");
    std::size_t i = 0;
    for (const json::Value value : tools->elements()) {
      const json::Path element{&path, {}, i++};
      request.tools.push_back(read_tool(value, element, root.problem()));
    }
  }
  read_tool_choice(root, request.tool_choice);
  read_deprecated(root, request);
}

ToolCall read_tool_call(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  ToolCall call;
  call.place = place_of(value);
  call.id = reader.string("id").value_or("");
  call.signature = thought_signature(value);
  const std::string type = reader.string("type").value_or("function");
  const bool is_custom = type == "custom";
  call.kind = is_custom ? ToolKind::custom : ToolKind::function;
  const std::string_view key = is_custom ? "custom" : "function";
  const json::Path nested_path = reader.path(key);
  const auto function = reader.value(key);
  if (!function) return reader.fail(key, "is required"), call;
  json::ObjectReader nested(*function, nested_path, problem);
  call.name = nested.required_string("name");
  call.arguments = read_arguments(nested, is_custom ? "input" : "arguments");
  keep_unread_of(nested, key, call.extra);
  keep_unread(reader, call.extra);
  return call;
}

void write_tool_call(json::Writer& json, const ToolCall& call, std::string_view id,
                     bool keeps_extra, bool with_signature) {
  const bool is_custom = call.kind == ToolKind::custom;
  const std::string_view type = is_custom ? "custom" : "function";
  json.begin_object().member("id", id).member("type", type).key(type).begin_object();
  json.member("name", call.name).member(is_custom ? "input" : "arguments", call.arguments);
  const std::string* others = keeps_extra ? call.extra.find(type) : nullptr;
  if (others != nullptr) write_members_of(json, *others);
  json.end_object();
  if (keeps_extra) write_extra_except(json, call.extra, type);
  const bool is_kept = keeps_extra && call.extra.find("extra_content") != nullptr;
  if (with_signature && !is_kept && !call.signature.empty()) {
    write_thought_signature(json, call.signature);
  }
  json.end_object();
}

Result<> write_tools(json::Writer& json, const ChatRequest& request, const EncodeOptions& options,
                     EncodeNotes& notes) {
  const bool is_native = request.origin == Dialect::openai_chat;
  const Taken taken = taken_of(request, options.quirks);
  WEIR_TRY(check_tools(request, options, is_native));
  if (has(options.quirks, Quirk::no_tool_choice) && request.tool_choice.mode != Mode::unset) {
    EncodeOptions without_choice = options;
    without_choice.quirks &= ~static_cast<Quirks>(Quirk::no_tool_choice);
    return write_tools(json, narrowed(request, notes), without_choice, notes);
  }
  if (!request.tools.empty()) {
    json.key("tools").begin_array();
    for (const Tool& tool : request.tools) {
      write_tool(json, tool, taken);
      drop_replayed(notes, tool.extra, taken);
    }
    json.end_array();
  }
  // A choice without tools is refused by OpenAI; only its own clients may ask for that.
  if (!request.tools.empty() || is_native) write_tool_choice(json, request, options.quirks);
  return {};
}

}  // namespace weir::wire::openai
