// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <unordered_map>
#include <utility>

#include "json/object_reader.hpp"
#include "wire/data_url.hpp"
#include "wire/members.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/ollama/message.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::ollama {
namespace {

bool is_of_model(const Item& item) {
  if (const auto* message = std::get_if<Message>(&item)) return message->role == Role::assistant;
  return std::holds_alternative<ToolCall>(item) || std::holds_alternative<Reasoning>(item);
}

bool is_one_text(const std::vector<Part>& parts) {
  return parts.size() == 1 && parts[0].kind == PartKind::text;
}

/// Turns `messages` into items, and finds out which call each result answers.
class HistoryReader {
 public:
  explicit HistoryReader(std::vector<Item>& items) : items_(items) {}

  void read(json::Value value, const json::Path& path, json::Problem& problem) {
    json::ObjectReader message(value, path, problem);
    const std::string role = message.required_string("role");
    if (role == "assistant") return read_assistant(message);
    if (role == "tool") return read_result(message);
    if (role == "user") return read_plain(message, Role::user);
    if (role == "system") return read_plain(message, Role::system);
    message.fail("role", "must be system, user, assistant or tool");
  }

 private:
  struct Call {
    std::string id;
    bool is_answered = false;
  };

  static std::vector<Part> read_parts(json::ObjectReader& message) {
    std::vector<Part> parts;
    auto content = message.string("content");
    const auto images = message.array("images");
    if (content && (!content->empty() || !images)) {
      parts.push_back(Part::text_of(*std::move(content)));
    }
    if (!images) return parts;
    for (const json::Value element : images->elements()) {
      if (!element.is_string()) {
        message.fail("images", "expected strings of base64");
        break;
      }
      Part image;
      image.kind = PartKind::image;
      image.place = place_of(element);
      image.data = element.as_string();
      image.mime = image_mime(image.data);
      parts.push_back(std::move(image));
    }
    return parts;
  }

  void read_plain(json::ObjectReader& reader, Role role) {
    Message message;
    message.role = role;
    message.parts = read_parts(reader);
    message.is_plain_string = is_one_text(message.parts);
    keep_unread(reader, message.extra);
    items_.emplace_back(std::move(message));
  }

  /// Thoughts first, then text, then calls: the order in which models make them.
  void read_assistant(json::ObjectReader& reader) {
    Message message;
    message.role = Role::assistant;
    message.parts = read_parts(reader);
    message.is_plain_string = is_one_text(message.parts);
    if (message.is_plain_string && message.parts[0].text.empty()) message.parts.clear();
    auto thinking = reader.string("thinking").value_or("");
    auto calls = read_tool_calls(reader, "conversation", call_ordinal_);
    keep_unread(reader, message.extra);

    const bool follows_model = !items_.empty() && is_of_model(items_.back());
    const bool has_thinking = !thinking.empty();
    if (follows_model && (has_thinking || message.parts.empty())) {
      // Thoughts and calls join the turn before them; an empty message keeps the two apart.
      Message separator;
      separator.role = Role::assistant;
      items_.emplace_back(std::move(separator));
      message.begins_turn = false;
    }
    if (has_thinking) {
      Reasoning reasoning;
      reasoning.text = std::move(thinking);
      items_.emplace_back(std::move(reasoning));
      message.begins_turn = false;
    }
    const bool is_empty = message.parts.empty() && message.extra.empty();
    if (!is_empty || (!has_thinking && calls.empty() && !follows_model)) {
      items_.emplace_back(std::move(message));
    }
    for (ToolCall& call : calls) {
      open_by_name_[call.name].push_back(calls_.size());
      calls_.push_back({call.id});
      items_.emplace_back(std::move(call));
    }
  }

  void read_result(json::ObjectReader& reader) {
    ToolResult result;
    result.call_id = reader.string("tool_call_id").value_or("");
    result.name = reader.string("tool_name").value_or("");
    result.parts = read_parts(reader);
    result.is_plain_string = is_one_text(result.parts);
    if (result.call_id.empty()) result.call_id = take_open_call(result.name);
    keep_unread(reader, result.extra);
    items_.emplace_back(std::move(result));
  }

  /// The id of the oldest call of `tool`, or of any when it is empty, that no result without an id
  /// has answered yet; empty when there is none.
  std::string take_open_call(const std::string& tool) {
    if (tool.empty()) {
      while (oldest_ < calls_.size() && calls_[oldest_].is_answered) ++oldest_;
      return oldest_ < calls_.size() ? answer(oldest_) : std::string();
    }
    const auto open = open_by_name_.find(tool);
    if (open == open_by_name_.end()) return {};
    while (!open->second.empty()) {
      const std::size_t call = open->second.front();
      open->second.pop_front();
      if (!calls_[call].is_answered) return answer(call);
    }
    return {};
  }

  std::string answer(std::size_t call) {
    calls_[call].is_answered = true;
    return calls_[call].id;
  }

  std::vector<Item>& items_;
  std::vector<Call> calls_;
  std::unordered_map<std::string, std::deque<std::size_t>> open_by_name_;
  std::size_t oldest_ = 0;  ///< all calls before it are answered
  std::size_t call_ordinal_ = 0;
};

void read_messages(json::ObjectReader& reader, ChatRequest& request) {
  const auto list = reader.array("messages");
  if (!list) return;  // Ollama then only loads the model
  const json::Path list_path = reader.path("messages");
  HistoryReader history(request.items);
  std::size_t i = 0;
  for (const json::Value element : list->elements()) {
    const json::Path path{&list_path, {}, i++};
    history.read(element, path, reader.problem());
  }
}

Tool read_tool(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  Tool tool;
  tool.place = place_of(value);
  if (reader.string("type").value_or("function") != "function") {
    reader.fail("type", "must be function");
  }
  const auto function = reader.object("function");
  if (!function) {
    reader.fail("function", "is required");
    return tool;
  }
  const json::Path function_path = reader.path("function");
  json::ObjectReader inner(*function, function_path, problem);
  tool.name = inner.required_string("name");
  tool.description = inner.string("description").value_or("");
  if (const auto parameters = inner.object("parameters")) tool.parameters = parameters->raw();
  tool.strict = inner.boolean("strict");
  keep_unread_of(inner, "function", tool.extra);
  keep_unread(reader, tool.extra);
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

void read_stop(json::ObjectReader& options, ChatRequest& request) {
  const auto stop = options.value("stop");
  if (!stop || stop->is_null()) return;
  if (stop->is_string()) return request.stop.push_back(stop->as_string());
  if (!stop->is_array()) return options.fail("stop", "expected an array of strings");
  for (const json::Value element : stop->elements()) {
    if (!element.is_string()) return options.fail("stop", "expected an array of strings");
    request.stop.push_back(element.as_string());
  }
}

void read_options(json::ObjectReader& reader, ChatRequest& request) {
  const auto object = reader.object("options");
  if (!object) return;
  const json::Path path = reader.path("options");
  json::ObjectReader options(*object, path, reader.problem());
  // 0 and below are Ollama's own ways of saying "no limit" and stay with the unknown members.
  const auto limit = object->find("num_predict");
  if (!limit || !limit->as_int() || *limit->as_int() > 0) {
    request.output_tokens_max = options.integer("num_predict", 1, tokens_asked_max);
  }
  request.sampling.temperature = options.number("temperature");
  request.sampling.top_p = options.number("top_p");
  request.sampling.top_k = options.integer("top_k");
  request.sampling.presence_penalty = options.number("presence_penalty");
  request.sampling.frequency_penalty = options.number("frequency_penalty");
  request.sampling.seed = options.integer("seed");
  read_stop(options, request);
  keep_unread_of(options, "options", request.extra);
}

void read_format(json::ObjectReader& reader, ChatRequest& request) {
  const auto format = reader.value("format");
  if (!format || format->is_null() || format->equals("")) return;
  if (format->equals("json")) {
    request.format.kind = OutputFormat::Kind::json_object;
  } else if (format->is_object()) {
    request.format.kind = OutputFormat::Kind::json_schema;
    request.format.schema = format->raw();
  } else {
    reader.fail("format", "must be \"json\" or a JSON Schema");
  }
}

void read_think(json::ObjectReader& reader, ChatRequest& request) {
  const auto think = reader.value("think");
  if (!think || think->is_null()) return;
  if (think->is_boolean()) {
    request.reasoning.enabled = think->as_bool();
    return;
  }
  if (think->is_string()) request.reasoning.effort = effort_from_name(think->as_string());
  if (!request.reasoning.effort)
    reader.fail("think", "must be a boolean, low, medium, high or max");
}

}  // namespace

Result<ChatRequest> decode_request(json::Value root) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  refuse_routing_members(root, problem);
  ChatRequest request;
  request.origin = Dialect::ollama;
  // Old clients say `name`.
  const auto old_name = reader.string("name");
  request.model = reader.string("model").value_or(old_name.value_or(""));
  request.stream = reader.boolean("stream").value_or(true);
  request.wants_stream_usage = request.stream;
  read_messages(reader, request);
  read_tools(reader, request);
  read_options(reader, request);
  read_format(reader, request);
  read_think(reader, request);
  request.logprobs = reader.boolean("logprobs");
  request.top_logprobs = reader.integer("top_logprobs", 0, 20);
  keep_unread(reader, request.extra);
  WEIR_TRY(problem.result());
  return request;
}

}  // namespace weir::wire::ollama
