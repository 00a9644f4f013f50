// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "wire/data_url.hpp"
#include "wire/field_names.hpp"
#include "wire/members.hpp"
#include "wire/portability.hpp"
#include "wire/responses/codec.hpp"
#include "wire/responses/items.hpp"

namespace weir::wire::responses {
namespace {

Error unsupported(std::string what, std::string_view field) {
  return {ErrorCode::unsupported_capability,
          "OpenAI's Responses API does not take " + std::move(what), std::string(field)};
}

bool is_text(const Part& part) { return part.kind == PartKind::text; }

std::string_view role_name(Role role) {
  switch (role) {
    case Role::system:
      return "system";
    case Role::developer:
      return "developer";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
  }
  return "user";
}

/// Writes items one by one; each stands for itself in this format.
class InputWriter {
 public:
  InputWriter(json::Writer& json, const ChatRequest& request, const EncodeOptions& options,
              EncodeNotes& notes)
      : json_(json),
        options_(options),
        notes_(notes),
        origin_(request.origin),
        is_own_(request.origin == Dialect::openai_responses),
        field_(field_names(request.origin).conversation) {}

  Result<> write(const std::vector<Item>& items) {
    auto next = items.begin();
    if (const Message* leading = instructions(items)) {
      write_instructions(*leading);
      ++next;
    }
    if (next == items.end() && is_own_) return {};
    if (items.end() - next == 1 && is_bare_input(*next)) {
      json_.member("input", std::get<Message>(*next).parts.front().text);
      return {};
    }
    json_.key("input").begin_array();
    for (; next != items.end(); ++next) {
      WEIR_TRY(std::visit([this](const auto& item) { return write_item(item); }, *next));
    }
    json_.end_array();
    return {};
  }

 private:
  /// The first message where it is (or came from) `instructions`. System text alone stays an item,
  /// since a request without any input is refused.
  [[nodiscard]] const Message* instructions(const std::vector<Item>& items) const {
    if (items.empty()) return nullptr;
    const auto* message = std::get_if<Message>(&items.front());
    const bool is_system =
        message != nullptr && (message->role == Role::system || message->role == Role::developer);
    if (!is_system) return nullptr;
    if (is_own_) return message->is_outside_list ? message : nullptr;
    const bool is_plain = std::all_of(message->parts.begin(), message->parts.end(), is_text);
    return is_plain && items.size() > 1 ? message : nullptr;
  }

  void write_instructions(const Message& message) {
    std::string text;
    for (const Part& part : message.parts) {
      if (!text.empty()) text.append("\n\n");
      text.append(part.text);
      note(part.extra, false);
    }
    note(message.extra, false);
    if (!message.name.empty()) notes_.drop("name");
    json_.member("instructions", text);
  }

  [[nodiscard]] bool is_bare_input(const Item& item) const {
    const auto* message = std::get_if<Message>(&item);
    return is_own_ && message != nullptr && message->is_outside_list &&
           message->role == Role::user && message->parts.size() == 1 && is_text(message->parts[0]);
  }

  Result<> write_item(const Message& message) {
    const bool is_of_model = message.role == Role::assistant;
    if (!message.name.empty()) notes_.drop("name");
    json_.begin_object().member("type", "message");
    write_id(message.id);
    json_.member("role", role_name(message.role)).key("content");
    const bool is_string =
        message.is_plain_string && message.parts.size() == 1 && is_text(message.parts[0]);
    WEIR_TRY(write_content(message.parts, is_string, {}, is_of_model));
    close(message.extra, is_of_model);
    return {};
  }

  Result<> write_item(const ToolCall& call) {
    const bool is_custom = call.kind == ToolKind::custom;
    json_.begin_object().member("type", is_custom ? "custom_tool_call" : "function_call");
    write_id(call.item_id);
    json_.member("call_id", call.id).member("name", call.name);
    const bool is_unset = call.arguments.empty() && !is_custom && !is_own_;
    json_.member(is_custom ? "input" : "arguments", is_unset ? "{}" : call.arguments);
    close(call.extra, true);
    return {};
  }

  Result<> write_item(const ToolResult& result) {
    json_.begin_object();
    json_.member("type", result.is_custom ? "custom_tool_call_output" : "function_call_output");
    json_.member("call_id", result.call_id).key("output");
    const bool is_all_text = std::all_of(result.parts.begin(), result.parts.end(), is_text);
    const bool is_string = is_own_ ? result.is_plain_string : is_all_text;
    WEIR_TRY(write_content(result.parts, is_string, result.is_error ? "Error: " : "", false));
    close(result.extra, false);
    return {};
  }

  /// Ids that we made for an answer of another dialect mean nothing to a server of this one.
  void write_id(const std::string& id) {
    if (is_own_ && !id.empty() && !is_derived_item_id(id)) json_.member("id", id);
  }

  /// Encrypted and signed thoughts are bound to the model that made them. A signature, another
  /// vendor's mark or an id of ours shows that this was not a model of this dialect, whoever
  /// carried it here.
  Result<> write_item(const Reasoning& reasoning) {
    const bool is_foreign =
        !reasoning.signature.empty() ||
        (reasoning.sealed_by != Vendor::unknown && reasoning.sealed_by != Vendor::openai) ||
        (reasoning.encrypted.empty() && is_derived_item_id(reasoning.id));
    if (!is_own_ || is_foreign) {
      notes_.drop("reasoning");
      return {};
    }
    const Extra& extra = reasoning.extra;
    json_.begin_object().member("type", "reasoning");
    write_id(reasoning.id);
    if (extra.find("summary") == nullptr) write_summary(json_, reasoning.summary);
    if (!reasoning.text.empty() && extra.find("content") == nullptr) {
      json_.key("content").begin_array().begin_object().member("type", "reasoning_text");
      json_.member("text", reasoning.text).end_object().end_array();
    }
    if (!reasoning.encrypted.empty()) json_.member("encrypted_content", reasoning.encrypted);
    close(extra, true);
    return {};
  }

  Result<> write_item(const OpaqueItem& item) {
    if (!is_own_) return refuse("this item of another API", item.place);
    json_.raw(item.json);
    return {};
  }

  Result<> write_content(const std::vector<Part>& parts, bool is_string, std::string_view prefix,
                         bool is_of_model) {
    if (is_string) {
      std::string text(prefix);
      for (const Part& part : parts) {
        if (&part != &parts.front()) text.push_back('\n');
        text.append(part.text);
        note(part.extra, is_of_model);
      }
      json_.string(text);
      return {};
    }
    json_.begin_array();
    if (!prefix.empty()) {
      json_.begin_object().member("type", "input_text").member("text", prefix).end_object();
    }
    for (const Part& part : parts) WEIR_TRY(write_part(part, is_of_model));
    json_.end_array();
    return {};
  }

  Result<> write_part(const Part& part, bool is_of_model) {
    if (part.kind == PartKind::audio) return refuse("audio", part.place);
    if (part.kind == PartKind::opaque) {
      if (!is_own_) return refuse("content of this type", part.place);
      json_.raw(part.text);
      return {};
    }
    const bool has_foreign_id =
        !part.file_id.empty() && !is_own_ && origin_ != Dialect::openai_chat;
    if (has_foreign_id) return refuse("another provider's file ids", part.place);
    json_.begin_object();
    switch (part.kind) {
      case PartKind::text:
        json_.member("type", is_of_model ? "output_text" : "input_text").member("text", part.text);
        break;
      case PartKind::refusal:
        json_.member("type", "refusal").member("refusal", part.text);
        break;
      case PartKind::image:
        write_image(part);
        break;
      case PartKind::file:
        write_file(part);
        break;
      case PartKind::audio:
      case PartKind::opaque:
        break;
    }
    close(part.extra, is_of_model);
    return {};
  }

  void write_image(const Part& part) {
    json_.member("type", "input_image");
    if (!part.data.empty()) {
      json_.member("image_url", data_url(part));
    } else if (!part.url.empty()) {
      json_.member("image_url", part.url);
    }
    if (!part.file_id.empty()) json_.member("file_id", part.file_id);
    if (!part.detail.empty()) json_.member("detail", part.detail);
  }

  void write_file(const Part& part) {
    json_.member("type", "input_file");
    if (!part.data.empty()) {
      const bool is_bare = is_own_ && part.mime.empty();
      json_.member("file_data", is_bare ? part.data : data_url(part));
    }
    if (!part.url.empty()) json_.member("file_url", part.url);
    if (!part.file_id.empty()) json_.member("file_id", part.file_id);
    if (!part.name.empty()) json_.member("filename", part.name);
  }

  static std::string data_url(const Part& part) {
    std::string url;
    append_data_url(url, part.mime, part.data);
    return url;
  }

  void close(const Extra& extra, bool is_of_model) {
    if (is_own_) write_extra(json_, extra);
    note(extra, is_of_model);
    json_.end_object();
  }
  [[nodiscard]] Error refuse(std::string what, Place place) const {
    return unsupported(std::move(what), options_.field_of(place, field_));
  }

  /// Names what a client of another dialect asked for and can't get; decorations of what a model
  /// once answered are not worth a word.
  void note(const Extra& extra, bool is_of_model) {
    if (!is_own_ && !is_of_model) drop_replayed(notes_, extra);
  }

  json::Writer& json_;
  const EncodeOptions& options_;
  EncodeNotes& notes_;
  Dialect origin_;
  bool is_own_;
  std::string_view field_;  ///< the client's name of the conversation
};

/// Writes the `format` of a custom tool, which chat nests one level deeper.
void write_custom_format(json::Writer& json, const Tool& tool) {
  json::Document document;
  if (tool.hosted.empty() || !document.parse(tool.hosted)) return;
  const auto custom = document.root().find("custom");
  const auto format = custom ? custom->find("format") : std::nullopt;
  if (!format || !format->is_object()) return;
  const auto grammar = format->find("grammar");
  if (!grammar || !grammar->is_object()) {
    json.key("format").raw(format->raw());
    return;
  }
  json.key("format").begin_object().member("type", "grammar");
  write_members_of(json, grammar->raw());
  json.end_object();
}

Result<> write_tool(json::Writer& json, const Tool& tool, const ChatRequest& request,
                    const EncodeOptions& options, EncodeNotes& notes) {
  const bool is_own = request.origin == Dialect::openai_responses;
  if (is_own && !tool.hosted.empty()) {
    json.raw(tool.hosted);
    return {};
  }
  if (tool.kind == ToolKind::hosted) {
    return unsupported("the tool " + tool.name, options.field_of(tool.place, "tools"));
  }
  const bool is_function = tool.kind == ToolKind::function;
  json.begin_object().member("type", is_function ? "function" : "custom");
  json.member("name", tool.name);
  if (!tool.description.empty()) json.member("description", tool.description);
  if (is_function) {
    if (!tool.parameters.empty()) json.key("parameters").raw(tool.parameters);
    // Unset means "strict if possible" here and "not strict" everywhere else.
    if (tool.strict || !is_own) json.member("strict", tool.strict.value_or(false));
  } else {
    write_custom_format(json, tool);
  }
  if (is_own) {
    write_extra(json, tool.extra);
  } else {
    drop_extra(notes, tool.extra);
  }
  json.end_object();
  return {};
}

Result<> write_tools(json::Writer& json, const ChatRequest& request, const EncodeOptions& options,
                     EncodeNotes& notes) {
  if (request.tools.empty()) return {};
  json.key("tools").begin_array();
  for (const Tool& tool : request.tools) {
    WEIR_TRY(write_tool(json, tool, request, options, notes));
  }
  json.end_array();
  return {};
}

void write_tool_reference(json::Writer& json, const ChatRequest& request, std::string_view name) {
  const auto tool = std::find_if(request.tools.begin(), request.tools.end(),
                                 [&](const Tool& each) { return each.name == name; });
  const bool is_custom = tool != request.tools.end() && tool->kind == ToolKind::custom;
  json.begin_object().member("type", is_custom ? "custom" : "function").member("name", name);
  json.end_object();
}

Result<> write_tool_choice(json::Writer& json, const ChatRequest& request) {
  using Mode = ToolChoice::Mode;
  const ToolChoice& choice = request.tool_choice;
  if (choice.mode == Mode::unset) return {};
  const bool is_own = request.origin == Dialect::openai_responses;
  if (choice.mode == Mode::opaque && !is_own) {
    return unsupported("this tool choice", field_names(request.origin).tool_choice);
  }
  json.key("tool_choice");
  switch (choice.mode) {
    case Mode::unset:
      break;
    case Mode::automatic:
      json.string("auto");
      break;
    case Mode::none:
      json.string("none");
      break;
    case Mode::required:
      json.string("required");
      break;
    case Mode::named:
      write_tool_reference(json, request, choice.name);
      break;
    case Mode::allowed:
      json.begin_object().member("type", "allowed_tools");
      json.member("mode", choice.is_allowed_required ? "required" : "auto");
      json.key("tools").begin_array();
      for (const auto& name : choice.allowed) write_tool_reference(json, request, name);
      json.end_array().end_object();
      break;
    case Mode::opaque:
      json.raw(choice.opaque);
      break;
  }
  return {};
}

void write_format(json::Writer& json, const OutputFormat& format, bool is_own) {
  switch (format.kind) {
    case OutputFormat::Kind::unset:
      return;
    case OutputFormat::Kind::text:
      json.key("format").begin_object().member("type", "text").end_object();
      return;
    case OutputFormat::Kind::json_object:
      json.key("format").begin_object().member("type", "json_object").end_object();
      return;
    case OutputFormat::Kind::opaque:
      json.key("format").raw(format.schema);
      return;
    case OutputFormat::Kind::json_schema:
      break;
  }
  json.key("format").begin_object().member("type", "json_schema");
  json.member("name", format.name.empty() ? "answer" : format.name);  // formats without names exist
  if (!format.description.empty()) json.member("description", format.description);
  if (!format.schema.empty()) json.key("schema").raw(format.schema);
  if (format.strict || !is_own) json.member("strict", format.strict.value_or(false));
  json.end_object();
}

Result<> write_text(json::Writer& json, const ChatRequest& request, const ModelTraits& traits) {
  const bool is_own = request.origin == Dialect::openai_responses;
  const std::string_view field = field_names(request.origin).format;
  if (request.format.kind == OutputFormat::Kind::opaque && !is_own) {
    return unsupported("this output format", field);
  }
  if (request.format.kind == OutputFormat::Kind::json_schema && !traits.takes_json_schema) {
    return unsupported("a JSON schema for this model", field);
  }
  std::string object;
  json::Writer text(object);
  text.begin_object();
  write_format(text, request.format, is_own);
  if (!request.verbosity.empty()) text.member("verbosity", request.verbosity);
  const std::string* others = is_own ? request.extra.find("text") : nullptr;
  if (others != nullptr) write_members_of(text, *others);
  text.end_object();
  if (object != "{}") json.key("text").raw(object);
  return {};
}

/// The effort that stands for what other dialects say with a budget or a switch.
std::optional<Effort> effort_of(const ReasoningSettings& settings) {
  if (settings.effort) return settings.effort;
  if (settings.enabled == false) return Effort::none;
  if (settings.budget_tokens && *settings.budget_tokens >= 0) {
    return effort_of_budget(*settings.budget_tokens);
  }
  return std::nullopt;
}

void write_reasoning(json::Writer& json, const ChatRequest& request, const ModelTraits& traits,
                     EncodeNotes& notes) {
  const ReasoningSettings& settings = request.reasoning;
  const bool is_own = request.origin == Dialect::openai_responses;
  const auto effort = effort_of(settings);
  std::string object;
  json::Writer reasoning(object);
  reasoning.begin_object();
  if (effort) reasoning.member("effort", name(*effort));
  if (!settings.summary.empty()) {
    reasoning.member("summary", settings.summary);
  } else if (settings.wants_text.value_or(false)) {
    reasoning.member("summary", "auto");
  }
  if (is_own) write_extra(reasoning, settings.extra);
  reasoning.end_object();
  if (!is_own) drop_extra(notes, settings.extra);
  const bool is_written = object != "{}" && (traits.reasons || is_own);
  const bool is_asked = object != "{}" || settings.enabled.value_or(false);
  if (is_written) {
    json.key("reasoning").raw(object);
  } else if (is_asked && !traits.reasons && effort != Effort::none) {
    notes.drop(reasoning_field(request));
  }
}

void write_include(json::Writer& json, const ChatRequest& request, const ModelTraits& traits) {
  const bool is_own = request.origin == Dialect::openai_responses;
  std::string list;
  json::Writer include(list);
  include.begin_array();
  const bool wants_encrypted = is_own ? request.reasoning.wants_encrypted : traits.reasons;
  if (wants_encrypted) include.string("reasoning.encrypted_content");
  if (request.logprobs.value_or(false)) include.string("message.output_text.logprobs");
  const std::string* others = is_own ? request.extra.find("include") : nullptr;
  json::Document document;
  if (others != nullptr && document.parse(*others)) {
    for (const json::Value element : document.root().elements()) include.raw(element.raw());
  }
  include.end_array();
  if (list != "[]") json.key("include").raw(list);
}

/// Settings that the format lacks: hints are named, what would change the answer is refused.
Result<> check_missing(const ChatRequest& request, EncodeNotes& notes) {
  const FieldNames names = field_names(request.origin);
  if (request.n != 1) return unsupported("more than one choice", names.n);
  if (!request.stop.empty()) return unsupported("stop strings", names.stop);
  const Sampling& sampling = request.sampling;
  if (sampling.top_k) notes.drop(names.top_k);
  if (sampling.seed) notes.drop(names.seed);
  if (sampling.presence_penalty) notes.drop(names.presence_penalty);
  if (sampling.frequency_penalty) notes.drop(names.frequency_penalty);
  if (!sampling.logit_bias.empty()) notes.drop(names.logit_bias);
  return {};
}

void write_sampling(json::Writer& json, const ChatRequest& request, const ModelTraits& traits,
                    EncodeNotes& notes) {
  const FieldNames names = field_names(request.origin);
  const auto write = [&](std::string_view name, std::optional<double> value,
                         std::string_view field) {
    if (!value) return;
    if (traits.takes_sampling) {
      json.member(name, *value);
    } else {
      notes.drop(field);
    }
  };
  write("temperature", request.sampling.temperature, names.temperature);
  write("top_p", request.sampling.top_p, names.top_p);
  if (request.top_logprobs) json.member("top_logprobs", *request.top_logprobs);
}

/// Other providers have tiers and metadata of the same name with another meaning, so only OpenAI's
/// go on.
void write_tier_and_metadata(json::Writer& json, const ChatRequest& request, EncodeNotes& notes) {
  const bool is_openai =
      request.origin == Dialect::openai_responses || request.origin == Dialect::openai_chat;
  if (!is_openai) {
    if (!request.service_tier.empty()) notes.drop(field_names(request.origin).service_tier);
    if (!request.metadata.empty()) notes.drop("metadata");
    return;
  }
  if (!request.service_tier.empty()) json.member("service_tier", request.service_tier);
  if (!request.metadata.empty()) json.key("metadata").raw(request.metadata);
}

void write_settings(json::Writer& json, const ChatRequest& request) {
  const bool is_own = request.origin == Dialect::openai_responses;
  if (request.stream || is_own) json.member("stream", request.stream);
  if (request.parallel_tool_calls) json.member("parallel_tool_calls", *request.parallel_tool_calls);
  if (request.output_tokens_max) json.member("max_output_tokens", *request.output_tokens_max);
  if (!request.user.empty()) {
    json.member(request.is_user_old_name && is_own ? "user" : "safety_identifier", request.user);
  }
  if (!request.prompt_cache_key.empty()) json.member("prompt_cache_key", request.prompt_cache_key);
  if (request.store || !is_own) json.member("store", request.store.value_or(false));
  if (!request.previous_response_id.empty()) {
    json.member("previous_response_id", request.previous_response_id);
  }
}

bool is_merged_elsewhere(std::string_view key) { return key == "text" || key == "include"; }

}  // namespace

Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out) {
  EncodeNotes notes;
  WEIR_TRY(check_portable(request, options, Dialect::openai_responses));
  WEIR_TRY(check_missing(request, notes));
  json::Writer json(out);
  json.begin_object().member("model", options.model);
  WEIR_TRY(InputWriter(json, request, options, notes).write(request.items));
  WEIR_TRY(write_tools(json, request, options, notes));
  WEIR_TRY(write_tool_choice(json, request));
  WEIR_TRY(write_text(json, request, options.traits));
  write_reasoning(json, request, options.traits, notes);
  write_include(json, request, options.traits);
  write_sampling(json, request, options.traits, notes);
  write_tier_and_metadata(json, request, notes);
  write_settings(json, request);
  if (request.origin == Dialect::openai_responses) {
    for (const auto& member : request.extra.members) {
      if (!is_merged_elsewhere(member.key)) json.key(member.key).raw(member.json);
    }
  } else {
    drop_extra(notes, request.extra);
  }
  json.end_object();
  return notes;
}

}  // namespace weir::wire::responses
