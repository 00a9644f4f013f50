// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/gemini/content.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/gemini/schema.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::gemini {
namespace {

std::string to_lower(std::string text) {
  for (char& c : text) c = ascii::to_lower(c);
  return text;
}

std::vector<std::string> read_strings(ProtoReader& reader, std::string_view key) {
  std::vector<std::string> strings;
  const auto list = reader.array(key);
  if (!list) return strings;
  for (const json::Value element : list->elements()) {
    if (!element.is_string()) {
      reader.fail(key, "expected an array of strings");
      break;
    }
    strings.push_back(element.as_string());
  }
  return strings;
}

class RequestDecoder {
 public:
  Result<ChatRequest> run(json::Value root) {
    request_.origin = Dialect::gemini;
    const json::Path path;
    ProtoReader reader(root, path, problem_);
    refuse_routing_members(root, problem_);
    read_system(reader);
    read_contents(reader);
    read_tools(reader);
    read_tool_config(reader);
    if (const auto config = reader.object("generationConfig")) {
      const json::Path at = reader.path("generationConfig");
      ProtoReader settings(*config, at, problem_);
      read_generation_config(settings);
      settings.keep_unread_as("generationConfig", request_.extra);
    }
    request_.service_tier = reader.string("serviceTier").value_or("");
    reader.keep_unread(request_.extra);
    WEIR_TRY(problem_.result());
    WEIR_TRY(link_results());
    return std::move(request_);
  }

 private:
  void read_system(ProtoReader& reader) {
    const auto system = reader.object("systemInstruction");
    if (!system) return;
    const json::Path path = reader.path("systemInstruction");
    ProtoReader content(*system, path, problem_);
    Message message;
    message.role = Role::system;
    std::vector<Item> items;
    if (const auto parts = content.array("parts")) {
      const json::Path parts_path = content.path("parts");
      decode_parts(*parts, parts_path, Role::system, ids_, problem_, items);
    }
    content.keep_unread(message.extra);
    for (Item& item : items) {
      auto* text = std::get_if<Message>(&item);
      if (text == nullptr) return content.fail("parts", "only text can stand here");
      for (Part& part : text->parts) message.parts.push_back(std::move(part));
    }
    request_.items.emplace_back(std::move(message));
  }

  void read_contents(ProtoReader& reader) {
    const auto contents = reader.array("contents");
    if (!contents || contents->size() == 0) {
      return reader.fail("contents", "at least one content is required");
    }
    const json::Path path = reader.path("contents");
    std::size_t i = 0;
    for (const json::Value content : contents->elements()) {
      read_content(content, json::Path{&path, {}, i++});
    }
  }

  void read_content(json::Value value, const json::Path& path) {
    ProtoReader content(value, path, problem_);
    const std::string role = content.string("role").value_or("user");
    // `function` is the name that results once had.
    if (role != "user" && role != "model" && role != "function") {
      content.fail("role", "must be user or model");
    }
    const auto parts = content.array("parts");
    if (!parts) return content.fail("parts", "is required");
    // Neither this member nor a message can carry what nobody knows: Google refuses it as well.
    content.for_each_unread([&](const std::string& name, json::Value) {
      content.fail(name, "unknown member of a content");
    });
    const json::Path parts_path = content.path("parts");
    decode_parts(*parts, parts_path, role == "model" ? Role::assistant : Role::user, ids_, problem_,
                 request_.items);
  }

  /// Finds the call of every result without an id: the first open one of its name.
  Result<> link_results() {
    std::vector<const ToolCall*> open;
    for (Item& item : request_.items) {
      if (const auto* call = std::get_if<ToolCall>(&item)) open.push_back(call);
      auto* result = std::get_if<ToolResult>(&item);
      if (result == nullptr) continue;
      const auto call = std::find_if(open.begin(), open.end(), [&](const ToolCall* candidate) {
        return result->call_id.empty() ? candidate->name == result->name
                                       : candidate->id == result->call_id;
      });
      if (call != open.end()) {
        result->call_id = (*call)->id;
        open.erase(call);
      } else if (result->call_id.empty()) {
        return Error(ErrorCode::invalid_request,
                     "the functionResponse of '" + result->name + "' answers no functionCall",
                     "contents");
      }
    }
    return {};
  }

  void read_tools(ProtoReader& reader) {
    const auto tools = reader.array("tools");
    if (!tools) return;
    const json::Path path = reader.path("tools");
    std::size_t i = 0;
    for (const json::Value value : tools->elements()) {
      const json::Path at{&path, {}, i++};
      ProtoReader tool(value, at, problem_);
      if (const auto functions = tool.array("functionDeclarations")) {
        const json::Path list = tool.path("functionDeclarations");
        std::size_t k = 0;
        for (const json::Value function : functions->elements()) {
          read_function(function, json::Path{&list, {}, k++});
        }
      }
      tool.for_each_unread([&](std::string name, json::Value settings) {
        Tool hosted;
        hosted.place = place_of(settings);
        hosted.kind = ToolKind::hosted;
        json::Writer(hosted.hosted).begin_object().key(name).raw(settings.raw()).end_object();
        hosted.name = std::move(name);
        request_.tools.push_back(std::move(hosted));
      });
    }
  }

  // `parameters` is kept as it came too: lowering the JSON Schema again would not give it back.
  void read_function(json::Value value, const json::Path& path) {
    ProtoReader reader(value, path, problem_);
    Tool tool;
    tool.place = place_of(value);
    tool.name = reader.required_string("name");
    tool.description = reader.string("description").value_or("");
    if (const auto schema = reader.object("parametersJsonSchema")) {
      tool.parameters = schema->raw();
    } else if (const auto openapi = reader.object("parameters")) {
      tool.openapi_parameters = openapi->raw();
      append_json_schema(tool.parameters, *openapi);
    }
    reader.keep_unread(tool.extra);
    request_.tools.push_back(std::move(tool));
  }

  void read_tool_config(ProtoReader& reader) {
    const auto config = reader.object("toolConfig");
    if (!config) return;
    const json::Path path = reader.path("toolConfig");
    ProtoReader settings(*config, path, problem_);
    if (const auto calling = settings.object("functionCallingConfig")) {
      const json::Path at = settings.path("functionCallingConfig");
      ProtoReader mode(*calling, at, problem_);
      read_tool_choice(mode, *calling);
    }
    settings.keep_unread_as("toolConfig", request_.extra);
  }

  void read_tool_choice(ProtoReader& reader, json::Value raw) {
    using Mode = ToolChoice::Mode;
    ToolChoice& choice = request_.tool_choice;
    const std::string mode = reader.string("mode").value_or("MODE_UNSPECIFIED");
    std::vector<std::string> names = read_strings(reader, "allowedFunctionNames");
    bool is_known = true;
    reader.for_each_unread([&](const std::string&, json::Value) { is_known = false; });
    if (mode == "NONE") {
      choice.mode = Mode::none;
    } else if (mode == "AUTO") {
      choice.mode = Mode::automatic;
    } else if (mode == "ANY" && names.size() == 1) {
      choice.mode = Mode::named;
      choice.name = std::move(names.front());
    } else if ((mode == "ANY" || mode == "VALIDATED") && !names.empty()) {
      choice.mode = Mode::allowed;
      choice.is_allowed_required = mode == "ANY";
      choice.allowed = std::move(names);
    } else if (mode == "ANY") {
      choice.mode = Mode::required;
    } else if (mode != "MODE_UNSPECIFIED") {
      is_known = false;
    }
    if (is_known) return;
    choice.mode = Mode::opaque;
    choice.opaque = raw.raw();
  }

  void read_generation_config(ProtoReader& reader) {
    Sampling& sampling = request_.sampling;
    sampling.temperature = reader.number("temperature");
    sampling.top_p = reader.number("topP");
    sampling.top_k = reader.integer("topK");
    sampling.presence_penalty = reader.number("presencePenalty");
    sampling.frequency_penalty = reader.number("frequencyPenalty");
    sampling.seed = reader.integer("seed");
    request_.output_tokens_max = reader.integer("maxOutputTokens", 0, tokens_asked_max);
    request_.stop = read_strings(reader, "stopSequences");
    request_.n = reader.integer("candidateCount", 1, choices_max).value_or(1);
    request_.logprobs = reader.boolean("responseLogprobs");
    request_.top_logprobs = reader.integer("logprobs", 0, 20);
    read_format(reader);
    if (const auto thinking = reader.object("thinkingConfig")) {
      const json::Path path = reader.path("thinkingConfig");
      ProtoReader settings(*thinking, path, problem_);
      read_thinking(settings);
    }
  }

  void read_format(ProtoReader& reader) {
    using Kind = OutputFormat::Kind;
    OutputFormat& format = request_.format;
    const auto mime = reader.string("responseMimeType");
    if (!mime) return;
    if (*mime == "text/plain") {
      format.kind = Kind::text;
    } else if (*mime != "application/json") {
      format.kind = Kind::opaque;
      json::append_string(format.schema, *mime);
    } else if (const auto schema = reader.object("responseJsonSchema")) {
      format.kind = Kind::json_schema;
      format.schema = schema->raw();
    } else if (const auto openapi = reader.object("responseSchema")) {
      format.openapi_schema = openapi->raw();
      format.kind = Kind::json_schema;
      append_json_schema(format.schema, *openapi);
    } else {
      format.kind = Kind::json_object;
    }
  }

  void read_thinking(ProtoReader& reader) {
    ReasoningSettings& reasoning = request_.reasoning;
    reasoning.wants_text = reader.boolean("includeThoughts");
    reasoning.budget_tokens = reader.integer("thinkingBudget", -1, tokens_asked_max);
    if (reasoning.budget_tokens == 0) reasoning.enabled = false;
    const auto level = reader.string("thinkingLevel");
    if (!level || *level == "THINKING_LEVEL_UNSPECIFIED") {
      return reader.keep_unread(reasoning.extra);
    }
    reasoning.effort = effort_from_name(to_lower(*level));
    if (!reasoning.effort) reader.fail("thinkingLevel", "unknown level");
    reader.keep_unread(reasoning.extra);
  }

  json::Problem problem_;
  // Seeded by nothing: within one history the ordinal alone keeps made-up ids apart.
  CallIds ids_{{}};
  ChatRequest request_;
};

}  // namespace

Result<ChatRequest> decode_request(json::Value root) { return RequestDecoder().run(root); }

}  // namespace weir::wire::gemini
