// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "base/ascii.hpp"
#include "json/object_reader.hpp"
#include "wire/members.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/ids.hpp"
#include "wire/openai/parts.hpp"
#include "wire/openai/reasoning.hpp"
#include "wire/openai/tools.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::openai {
namespace {

constexpr std::size_t stops_max = 4;
constexpr std::size_t metadata_pairs_max = 16;
constexpr std::size_t metadata_key_max = 64;
constexpr std::size_t metadata_value_max = 512;
constexpr std::size_t safety_identifier_max = 64;
constexpr std::size_t schema_name_max = 64;

bool is_of_model(const Item& item) {
  if (const auto* message = std::get_if<Message>(&item)) return message->role == Role::assistant;
  return std::holds_alternative<ToolCall>(item) || std::holds_alternative<Reasoning>(item);
}

/// Turns the messages of a request into items.
class MessagesReader {
 public:
  MessagesReader(std::vector<Item>& items, json::Problem& problem)
      : items_(items), problem_(problem) {}

  void read(json::Value value, const json::Path& path) {
    json::ObjectReader reader(value, path, problem_);
    const std::string role = reader.required_string("role");
    if (role == "assistant") {
      read_assistant(reader);
    } else if (role == "tool") {
      read_result(reader, reader.required_string("tool_call_id"));
    } else if (role == "function") {
      read_result(reader, function_call_id_);
    } else if (role == "system") {
      read_message(reader, Role::system);
    } else if (role == "developer") {
      read_message(reader, Role::developer);
    } else if (role == "user") {
      read_message(reader, Role::user);
    } else if (!role.empty()) {
      reader.fail("role", "must be system, developer, user, assistant, tool or function");
    }
  }

 private:
  void read_message(json::ObjectReader& reader, Role role) {
    Message message;
    message.role = role;
    const auto content = reader.value("content");
    if (!content || content->is_null()) reader.fail("content", "is required");
    message.is_plain_string = read_content(reader, message.parts);
    message.name = reader.string("name").value_or("");
    keep_unread(reader, message.extra);
    items_.emplace_back(std::move(message));
  }

  void read_assistant(json::ObjectReader& reader) {
    const bool follows_model = !items_.empty() && is_of_model(items_.back());
    Message message;
    message.role = Role::assistant;
    message.is_plain_string = read_content(reader, message.parts);
    message.name = reader.string("name").value_or("");
    if (auto refusal = reader.string("refusal")) {
      message.is_plain_string = message.is_plain_string || message.parts.empty();
      message.parts.emplace_back();
      message.parts.back().kind = PartKind::refusal;
      message.parts.back().text = std::move(*refusal);
    }
    read_reasoning(reader, items_);
    auto calls = read_calls(reader);
    keep_unread(reader, message.extra);
    // Without content it stands only where something hangs on it: members of its own, or the
    // border to an assistant message before it.
    const bool says_something = message.is_plain_string || !message.parts.empty() ||
                                !message.name.empty() || !message.extra.empty();
    if (says_something || follows_model || calls.empty()) items_.emplace_back(std::move(message));
    for (auto& call : calls) items_.emplace_back(std::move(call));
  }

  std::vector<ToolCall> read_calls(json::ObjectReader& reader) {
    std::vector<ToolCall> calls;
    if (const auto list = reader.array("tool_calls")) {
      const json::Path path = reader.path("tool_calls");
      std::size_t i = 0;
      for (const json::Value value : list->elements()) {
        const json::Path element{&path, {}, i++};
        calls.push_back(read_tool_call(value, element, problem_));
        if (calls.back().id.empty()) problem_.set(ErrorCode::invalid_request, element, "has no id");
      }
    }
    if (const auto call = reader.object("function_call")) {
      const json::Path path = reader.path("function_call");
      json::ObjectReader function(*call, path, problem_);
      ToolCall read;
      read.place = place_of(*call);
      read.name = function.required_string("name");
      read.arguments = function.required_string("arguments");
      // The predecessor of tool calls had no ids; the n-th call of the conversation gets the n-th.
      function_call_id_ = made_up_call_id(read.name, 0, function_calls_++);
      read.id = function_call_id_;
      calls.push_back(std::move(read));
    }
    return calls;
  }

  void read_result(json::ObjectReader& reader, std::string call_id) {
    ToolResult result;
    result.call_id = std::move(call_id);
    result.name = reader.string("name").value_or("");
    if (result.call_id.empty()) reader.fail({}, "answers no call");
    result.is_plain_string = read_content(reader, result.parts);
    keep_unread(reader, result.extra);
    items_.emplace_back(std::move(result));
  }

  std::vector<Item>& items_;
  json::Problem& problem_;
  std::string function_call_id_;  ///< of the last deprecated function call
  std::uint64_t function_calls_ = 0;
};

void read_messages(json::ObjectReader& root, ChatRequest& request) {
  const auto messages = root.array("messages");
  if (!messages) return root.fail("messages", "is required");
  if (messages->size() == 0) return root.fail("messages", "must not be empty");
  const json::Path path = root.path("messages");
  MessagesReader reader(request.items, root.problem());
  std::size_t i = 0;
  for (const json::Value message : messages->elements()) {
    const json::Path element{&path, {}, i++};
    reader.read(message, element);
  }
}

void mark_custom_results(std::vector<Item>& items) {
  std::vector<std::string> custom;
  for (Item& item : items) {
    if (const auto* call = std::get_if<ToolCall>(&item)) {
      if (call->kind == ToolKind::custom) custom.push_back(call->id);
    } else if (auto* result = std::get_if<ToolResult>(&item)) {
      for (const auto& id : custom) result->is_custom = result->is_custom || id == result->call_id;
    }
  }
}

void read_sampling(json::ObjectReader& root, Sampling& sampling) {
  sampling.temperature = root.number("temperature", 0, 2);
  sampling.top_p = root.number("top_p", 0, 1);
  sampling.top_k = root.integer("top_k");
  sampling.presence_penalty = root.number("presence_penalty", -2, 2);
  sampling.frequency_penalty = root.number("frequency_penalty", -2, 2);
  sampling.seed = root.integer("seed");
  const auto bias = root.object("logit_bias");
  if (!bias) return;
  const json::Path path = root.path("logit_bias");
  json::ObjectReader entries(*bias, path, root.problem());
  for (const json::Member member : bias->members()) {
    entries.number(member.key.as_string(), -100, 100);
  }
  json::append_compact(sampling.logit_bias, bias->raw());
}

void read_stop(json::ObjectReader& root, std::vector<std::string>& stop) {
  const auto value = root.value("stop");
  if (!value || value->is_null()) return;
  if (value->is_string()) {
    stop.push_back(value->as_string());
    return;
  }
  if (!value->is_array()) return root.fail("stop", "expected a string or an array of strings");
  if (value->size() > stops_max) return root.fail("stop", "takes at most 4 strings");
  for (const json::Value word : value->elements()) {
    if (!word.is_string()) return root.fail("stop", "expected strings");
    stop.push_back(word.as_string());
  }
}

void read_logprobs(json::ObjectReader& root, ChatRequest& request) {
  const auto value = root.value("logprobs");
  request.top_logprobs = root.integer("top_logprobs", 0, 20);
  if (value && value->is_number()) {
    // Together and Fireworks count here what OpenAI counts in `top_logprobs`.
    request.logprobs = true;
    request.top_logprobs = root.integer("logprobs", 0, 20);
    return;
  }
  request.logprobs = root.boolean("logprobs");
  if (request.top_logprobs && !request.logprobs.value_or(false)) {
    root.fail("top_logprobs", "needs logprobs: true");
  }
}

bool is_schema_name(std::string_view name) {
  if (name.empty() || name.size() > schema_name_max) return false;
  for (const char c : name) {
    if (!ascii::is_alnum(c) && c != '_' && c != '-') return false;
  }
  return true;
}

void read_json_schema(json::ObjectReader& format, OutputFormat& out) {
  const auto schema = format.object("json_schema");
  if (!schema) return format.fail("json_schema", "is required");
  const json::Path path = format.path("json_schema");
  json::ObjectReader reader(*schema, path, format.problem());
  out.kind = OutputFormat::Kind::json_schema;
  out.name = reader.required_string("name");
  if (!is_schema_name(out.name)) reader.fail("name", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
  out.description = reader.string("description").value_or("");
  out.strict = reader.boolean("strict");
  if (const auto body = reader.object("schema")) out.schema = body->raw();
}

void read_format(json::ObjectReader& root, OutputFormat& out) {
  const auto value = root.object("response_format");
  if (!value) return;
  const json::Path path = root.path("response_format");
  json::ObjectReader reader(*value, path, root.problem());
  const std::string type = reader.required_string("type");
  if (type == "json_schema") {
    read_json_schema(reader, out);
  } else if (type == "text") {
    out.kind = OutputFormat::Kind::text;
  } else if (type == "json_object" && value->size() == 1) {
    out.kind = OutputFormat::Kind::json_object;
  } else {
    // Grammars, regular expressions, llama.cpp's json_object with a schema.
    out.kind = OutputFormat::Kind::opaque;
    out.schema = value->raw();
  }
}

/// `reasoning_effort`, OpenRouter's `reasoning` object, and the `thinking` object of DeepSeek and
/// Fireworks. The objects are also kept as they are.
void read_reasoning_settings(json::ObjectReader& root, ReasoningSettings& settings, Extra& extra) {
  const auto keep = [](Extra& to, std::string_view key, json::Value value) {
    to.members.push_back({std::string(key), std::string(value.raw())});
  };
  const auto effort = root.value("reasoning_effort");
  if (effort && effort->is_string()) {
    settings.effort = effort_from_name(effort->as_string());
    if (!settings.effort) keep(extra, "reasoning_effort", *effort);  // Groq's "default"
  } else if (effort && !effort->is_null()) {
    root.fail("reasoning_effort", "expected a string");
  }
  if (const auto object = root.object("reasoning")) {
    keep(settings.extra, "reasoning", *object);
    if (settings.effort) keep(settings.extra, "reasoning_effort", *effort);
    const json::Path path = root.path("reasoning");
    json::ObjectReader reader(*object, path, root.problem());
    settings.enabled = reader.boolean("enabled");
    settings.budget_tokens = reader.integer("max_tokens", 0, tokens_asked_max);
    if (!settings.effort) settings.effort = effort_from_name(reader.string("effort").value_or(""));
  }
  if (const auto object = root.object("thinking")) {
    keep(settings.extra, "thinking", *object);
    const json::Path path = root.path("thinking");
    json::ObjectReader reader(*object, path, root.problem());
    settings.enabled = reader.string("type").value_or("enabled") != "disabled";
    settings.budget_tokens = reader.integer("budget_tokens", 0, tokens_asked_max);
  }
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void read_metadata(json::ObjectReader& root, ChatRequest& request) {
  const auto metadata = root.object("metadata");
  if (!metadata) return;
  if (metadata->size() > metadata_pairs_max) {
    return root.fail("metadata", "takes at most 16 pairs");
  }
  for (const json::Member member : metadata->members()) {
    if (!member.value.is_string()) return root.fail("metadata", "takes only strings");
    const bool is_too_long = characters(member.key.as_string()) > metadata_key_max ||
                             characters(member.value.as_string()) > metadata_value_max;
    if (is_too_long) return root.fail("metadata", "has a key or value that is too long");
  }
  json::append_compact(request.metadata, metadata->raw());
}

/// `safety_identifier` replaced `user`. A client that says both means the new one; the old one is
/// then only kept.
void read_user(json::ObjectReader& root, ChatRequest& request) {
  auto old_name = root.string("user");
  auto identifier = root.string("safety_identifier");
  if (!identifier) {
    request.user = old_name.value_or("");
    request.is_user_old_name = old_name.has_value();
    return;
  }
  if (characters(*identifier) > safety_identifier_max) {
    root.fail("safety_identifier", "takes at most 64 characters");
  }
  request.user = std::move(*identifier);
  if (!old_name) return;
  auto& kept = request.extra.members.emplace_back();
  kept.key = "user";
  json::append_string(kept.json, *old_name);
}

void read_stream(json::ObjectReader& root, ChatRequest& request) {
  request.stream = root.boolean("stream").value_or(false);
  const auto options = root.object("stream_options");
  if (!options) return;
  if (!request.stream) return root.fail("stream_options", "needs stream: true");
  const json::Path path = root.path("stream_options");
  json::ObjectReader reader(*options, path, root.problem());
  request.wants_stream_usage = reader.boolean("include_usage").value_or(false);
  keep_unread_of(reader, "stream_options", request.extra);
}

void read_settings(json::ObjectReader& root, ChatRequest& request) {
  const auto old_limit = root.integer("max_tokens", 1, tokens_asked_max);
  request.output_tokens_max = root.integer("max_completion_tokens", 1, tokens_asked_max);
  if (!request.output_tokens_max) request.output_tokens_max = old_limit;
  read_sampling(root, request.sampling);
  if (const auto seed = root.integer("random_seed")) request.sampling.seed = seed;
  read_stop(root, request.stop);
  request.n = root.integer("n", 1, choices_max).value_or(1);
  read_logprobs(root, request);
  read_format(root, request.format);
  read_reasoning_settings(root, request.reasoning, request.extra);
  request.verbosity = root.string("verbosity").value_or("");
  read_user(root, request);
  request.service_tier = root.string("service_tier").value_or("");
  request.prompt_cache_key = root.string("prompt_cache_key").value_or("");
  read_metadata(root, request);
  request.store = root.boolean("store");
  request.parallel_tool_calls = root.boolean("parallel_tool_calls");
  read_stream(root, request);
}

}  // namespace

Result<ChatRequest> decode_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  refuse_routing_members(root, problem);
  ChatRequest request;
  request.origin = Dialect::openai_chat;
  request.model = reader.string("model").value_or("");  // the gateway has a default
  read_messages(reader, request);
  read_tools(reader, request);
  read_settings(reader, request);
  keep_unread(reader, request.extra);
  WEIR_TRY(problem.result());
  mark_custom_results(request.items);
  link_tool_names(request.items);
  return request;
}

}  // namespace weir::wire::openai
