// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/base64.hpp"
#include "base/utf8.hpp"
#include "json/writer.hpp"
#include "wire/field_names.hpp"
#include "wire/members.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/ollama/message.hpp"
#include "wire/portability.hpp"

namespace weir::wire::ollama {
namespace {

Error unsupported(std::string what, std::string_view field) {
  return {ErrorCode::unsupported_capability, "Ollama's chat API does not take " + std::move(what),
          std::string(field)};
}

std::string_view role_name(Role role) {
  switch (role) {
    case Role::system:
    case Role::developer:
      return "system";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
  }
  return "user";
}

/// What a document says, where it is text that came with the request.
std::optional<std::string> text_of_file(const Part& part) {
  const bool is_text = part.mime.starts_with("text/") || part.mime.starts_with("application/json");
  if (!is_text || part.data.empty()) return std::nullopt;
  auto text = base64_decode(part.data);
  if (text && valid_utf8_prefix(*text) != text->size()) text.reset();
  return text;
}

/// Writes items as messages: gathers what belongs to one, and writes it when the next begins.
class HistoryWriter {
 public:
  HistoryWriter(json::Writer& json, const ChatRequest& request, const EncodeOptions& options,
                EncodeNotes& notes)
      : json_(json),
        options_(options),
        notes_(notes),
        is_own_(request.origin == Dialect::ollama),
        field_(field_names(request.origin).conversation) {}

  Result<> write(const std::vector<Item>& items) {
    json_.key("messages").begin_array();
    for (const Item& item : items) {
      WEIR_TRY(std::visit([this](const auto& value) { return add(value); }, item));
    }
    flush();
    json_.end_array();
    return {};
  }

 private:
  /// The message that is being gathered; its role is empty when there is none.
  struct Open {
    std::string_view role;
    std::string content;
    std::string thinking;
    std::vector<std::string_view> images;
    std::vector<const ToolCall*> calls;
    std::vector<const Extra*> extras;
    std::string_view tool_name;
    std::string_view call_id;
    bool has_message = false;  ///< more than thoughts: a message that begins a turn is another
  };

  [[nodiscard]] Error refuse(std::string what, Place place) const {
    return unsupported(std::move(what), options_.field_of(place, field_));
  }

  void begin(std::string_view role) {
    flush();
    open_.role = role;
  }
  void join_assistant() {
    if (open_.role != "assistant") begin("assistant");
  }

  Result<> add(const Message& message) {
    const std::string_view role = role_name(message.role);
    const bool begins_another = message.begins_turn && open_.has_message;
    if (open_.role != role || begins_another) begin(role);
    open_.has_message = true;
    if (!message.name.empty()) notes_.drop("name");
    keep(message.extra, message.role == Role::assistant);
    return add_parts(message.parts, message.role == Role::assistant);
  }

  Result<> add(const ToolCall& call) {
    join_assistant();
    open_.has_message = true;
    open_.calls.push_back(&call);
    name_of_call_[call.id] = call.name;
    return {};
  }

  Result<> add(const ToolResult& result) {
    begin("tool");
    open_.call_id = result.call_id;
    open_.tool_name = result.name;
    if (result.name.empty() && !is_own_) {
      const auto call = name_of_call_.find(result.call_id);
      if (call != name_of_call_.end()) open_.tool_name = call->second;
    }
    if (result.is_error) open_.content = "Error: ";
    keep(result.extra, false);
    return add_parts(result.parts, false);
  }

  /// Signed and encrypted thoughts belong to the model that made them, never to this one.
  Result<> add(const Reasoning& reasoning) {
    if (reasoning.text.empty() || !reasoning.signature.empty()) {
      notes_.drop("reasoning");
      return {};
    }
    join_assistant();
    open_.thinking += reasoning.text;
    return {};
  }

  Result<> add(const OpaqueItem& item) { return refuse("hosted-tool items", item.place); }

  Result<> add_parts(const std::vector<Part>& parts, bool is_of_model) {
    bool is_first = true;
    for (const Part& part : parts) {
      switch (part.kind) {
        case PartKind::text:
        case PartKind::refusal:
          add_text(part.text, is_first);
          break;
        case PartKind::image:
          if (part.data.empty()) return refuse("images by link or file id", part.place);
          if (!part.detail.empty()) notes_.drop("detail");
          open_.images.push_back(part.data);
          break;
        case PartKind::audio:
          return refuse("audio", part.place);
        case PartKind::file: {
          const auto text = text_of_file(part);
          if (!text) return refuse("files that are no text", part.place);
          if (!part.name.empty()) notes_.drop("filename");
          add_text(*text, is_first);
          break;
        }
        case PartKind::opaque:
          return refuse("content of this type", part.place);
      }
      keep_part(part.extra, is_of_model);
    }
    return {};
  }

  void add_text(std::string_view text, bool& is_first) {
    if (!std::exchange(is_first, false) || is_continued()) open_.content.push_back('\n');
    open_.content += text;
  }

  /// Text of an earlier item of the same message stands before.
  [[nodiscard]] bool is_continued() const { return open_.role != "tool" && !open_.content.empty(); }

  /// Unknown members go back to Ollama and are named otherwise, unless they only decorate what a
  /// model once answered.
  void keep(const Extra& extra, bool is_of_model) {
    if (is_own_) {
      open_.extras.push_back(&extra);
    } else if (!is_of_model) {
      drop_replayed(notes_, extra);
    }
  }
  void keep_part(const Extra& extra, bool is_of_model) {
    if (!is_of_model) drop_replayed(notes_, extra);
  }

  void flush() {
    if (open_.role.empty()) return;
    json_.begin_object().member("role", open_.role).member("content", open_.content);
    if (!open_.thinking.empty()) json_.member("thinking", open_.thinking);
    if (!open_.images.empty()) {
      json_.key("images").begin_array();
      for (const auto image : open_.images) json_.string(image);
      json_.end_array();
    }
    if (!open_.calls.empty()) {
      json_.key("tool_calls").begin_array();
      std::int64_t index = 0;
      for (const ToolCall* call : open_.calls) write_tool_call(json_, *call, index++, is_own_);
      json_.end_array();
    }
    if (!open_.tool_name.empty()) json_.member("tool_name", open_.tool_name);
    if (!open_.call_id.empty()) json_.member("tool_call_id", open_.call_id);
    for (const Extra* extra : open_.extras) write_extra(json_, *extra);
    json_.end_object();
    open_ = {};
  }

  json::Writer& json_;
  const EncodeOptions& options_;
  EncodeNotes& notes_;
  bool is_own_;
  std::string_view field_;  ///< the client's name of the conversation
  Open open_;
  std::unordered_map<std::string_view, std::string_view> name_of_call_;
};

/// Ollama has no `tool_choice`: what it would say is said through the list of tools, or refused.
Result<std::vector<const Tool*>> offered_tools(const ChatRequest& request,
                                               const EncodeOptions& options, EncodeNotes& notes) {
  using Mode = ToolChoice::Mode;
  const ToolChoice& choice = request.tool_choice;
  const std::string_view field = field_names(request.origin).tool_choice;
  std::vector<const Tool*> offered;
  if (choice.mode == Mode::none) return offered;
  if (choice.mode == Mode::opaque) return unsupported("this tool choice", field);
  const bool must_call =
      choice.mode == Mode::required || (choice.mode == Mode::allowed && choice.is_allowed_required);
  if (must_call) return unsupported("a tool choice that forces a call", field);
  const auto is_offered = [&](const Tool& tool) {
    if (choice.mode == Mode::named) return tool.name == choice.name;
    if (choice.mode != Mode::allowed) return true;
    return std::find(choice.allowed.begin(), choice.allowed.end(), tool.name) !=
           choice.allowed.end();
  };
  for (const Tool& tool : request.tools) {
    if (!is_offered(tool)) continue;
    if (tool.kind != ToolKind::function) {
      return unsupported("the tool " + tool.name, options.field_of(tool.place, "tools"));
    }
    offered.push_back(&tool);
  }
  if (choice.mode == Mode::named) {
    if (offered.empty()) {
      return Error(ErrorCode::invalid_request, "no tool is called " + choice.name,
                   std::string(field));
    }
    notes.drop(field);  // offered alone, but the model may still not call it
  }
  return offered;
}

void write_tool(json::Writer& json, const Tool& tool, bool is_own, EncodeNotes& notes) {
  json.begin_object().member("type", "function").key("function").begin_object();
  json.member("name", tool.name);
  if (!tool.description.empty()) json.member("description", tool.description);
  if (!tool.parameters.empty()) json.key("parameters").raw(tool.parameters);
  if (is_own) {
    if (tool.strict) json.member("strict", *tool.strict);
    if (const auto* function = tool.extra.find("function")) write_members_of(json, *function);
  } else {
    if (tool.strict.value_or(false)) notes.drop("strict");
    drop_extra(notes, tool.extra);
  }
  json.end_object();
  if (is_own) write_extra_except(json, tool.extra, "function");
  json.end_object();
}

Result<> write_tools(json::Writer& json, const ChatRequest& request, const EncodeOptions& options,
                     EncodeNotes& notes) {
  WEIR_TRY_ASSIGN(offered, offered_tools(request, options, notes));
  if (offered.empty()) return {};
  json.key("tools").begin_array();
  for (const Tool* tool : offered) {
    write_tool(json, *tool, request.origin == Dialect::ollama, notes);
  }
  json.end_array();
  return {};
}

Result<> write_format(json::Writer& json, const ChatRequest& request, const ModelTraits& traits) {
  const std::string_view field = field_names(request.origin).format;
  switch (request.format.kind) {
    case OutputFormat::Kind::unset:
    case OutputFormat::Kind::text:
      return {};
    case OutputFormat::Kind::json_object:
      json.member("format", "json");
      return {};
    case OutputFormat::Kind::json_schema:
      if (!traits.takes_json_schema) return unsupported("a JSON schema for this model", field);
      json.key("format").raw(request.format.schema.empty() ? "{}" : request.format.schema);
      return {};
    case OutputFormat::Kind::opaque:
      return unsupported("this output format", field);
  }
  return {};
}

/// The word that `think` has for an effort.
std::string_view think_level(Effort effort) {
  switch (effort) {
    case Effort::none:
    case Effort::minimal:
    case Effort::low:
      return "low";
    case Effort::medium:
      return "medium";
    case Effort::high:
      return "high";
    case Effort::xhigh:
    case Effort::max:
      return "max";
  }
  return "medium";
}

void write_think(json::Writer& json, const ChatRequest& request, const ModelTraits& traits,
                 EncodeNotes& notes) {
  const ReasoningSettings& settings = request.reasoning;
  auto effort = settings.effort;
  if (!effort && settings.budget_tokens && *settings.budget_tokens >= 0) {
    effort = effort_of_budget(*settings.budget_tokens);
  }
  const bool is_on = settings.enabled.value_or(true) && effort != Effort::none;
  const bool is_set = settings.enabled || effort || settings.budget_tokens;
  if (!is_set) return;
  if (!traits.reasons && request.origin != Dialect::ollama) {
    if (is_on) notes.drop(reasoning_field(request));
    return;
  }
  if (is_on && effort) {
    json.member("think", think_level(*effort));
  } else {
    json.member("think", is_on);
  }
}

void write_stop(json::Writer& json, const std::vector<std::string>& stop) {
  if (stop.empty()) return;
  json.key("stop").begin_array();
  for (const auto& text : stop) json.string(text);
  json.end_array();
}

void write_options(json::Writer& json, const ChatRequest& request, const ModelTraits& traits,
                   EncodeNotes& notes) {
  std::string object;
  json::Writer options(object);
  options.begin_object();
  const Sampling& sampling = request.sampling;
  if (request.output_tokens_max) options.member("num_predict", *request.output_tokens_max);
  const FieldNames names = field_names(request.origin);
  const auto write_sampling = [&](std::string_view name, const auto& value,
                                  std::string_view field) {
    if (!value) return;
    if (traits.takes_sampling) {
      options.member(name, *value);
    } else {
      notes.drop(field);
    }
  };
  write_sampling("temperature", sampling.temperature, names.temperature);
  write_sampling("top_p", sampling.top_p, names.top_p);
  write_sampling("top_k", sampling.top_k, names.top_k);
  if (sampling.presence_penalty) options.member("presence_penalty", *sampling.presence_penalty);
  if (sampling.frequency_penalty) options.member("frequency_penalty", *sampling.frequency_penalty);
  if (sampling.seed) options.member("seed", *sampling.seed);
  write_stop(options, request.stop);
  const std::string* others =
      request.origin == Dialect::ollama ? request.extra.find("options") : nullptr;
  if (others != nullptr) write_members_of(options, *others);
  options.end_object();
  if (object != "{}") json.key("options").raw(object);
}

/// What Ollama has no word for. Everything here is a hint; what is not was refused before.
void note_dropped(const ChatRequest& request, EncodeNotes& notes) {
  const FieldNames names = field_names(request.origin);
  const std::pair<bool, std::string_view> hints[] = {
      {!request.sampling.logit_bias.empty(), names.logit_bias},
      {request.parallel_tool_calls == false, names.parallel_calls},
      {!request.verbosity.empty(), names.verbosity},
      {!request.user.empty(), user_field(request)},
      {!request.service_tier.empty(), names.service_tier},
      {!request.prompt_cache_key.empty(), "prompt_cache_key"},
      {!request.metadata.empty(), "metadata"},
      {request.store == true, "store"},
  };
  for (const auto& [is_set, name] : hints) {
    if (is_set) notes.drop(name);
  }
  if (request.origin != Dialect::ollama) drop_extra(notes, request.extra);
}

}  // namespace

Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out) {
  if (request.n != 1) return unsupported("more than one choice", field_names(request.origin).n);
  WEIR_TRY(check_portable(request, options, Dialect::ollama));
  EncodeNotes notes;
  json::Writer json(out);
  json.begin_object().member("model", options.model).member("stream", request.stream);
  WEIR_TRY(HistoryWriter(json, request, options, notes).write(request.items));
  WEIR_TRY(write_tools(json, request, options, notes));
  WEIR_TRY(write_format(json, request, options.traits));
  write_think(json, request, options.traits, notes);
  write_options(json, request, options.traits, notes);
  if (request.logprobs) json.member("logprobs", *request.logprobs);
  if (request.top_logprobs) json.member("top_logprobs", *request.top_logprobs);
  if (request.origin == Dialect::ollama) write_extra_except(json, request.extra, "options");
  note_dropped(request, notes);
  json.end_object();
  return notes;
}

}  // namespace weir::wire::ollama
