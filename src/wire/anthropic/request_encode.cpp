// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <utility>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/content.hpp"
#include "wire/anthropic/thinking.hpp"
#include "wire/anthropic/turns.hpp"
#include "wire/field_names.hpp"
#include "wire/members.hpp"
#include "wire/portability.hpp"

namespace weir::wire::anthropic {
namespace {

constexpr std::string_view json_instruction =
    "Answer with one valid JSON object and nothing else: no explanation, no code fence.";

/// The format takes ids of [A-Za-z0-9_-] only. Others are spelled with `_`, and with a hash of the
/// whole, so that two ids never become one. (FNV-1a: fixed for all time and every build.)
std::string safe_id(std::string_view id) {
  const auto is_safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (!id.empty() && std::all_of(id.begin(), id.end(), is_safe)) return std::string(id);
  std::uint64_t hash = 0xCBF29CE484222325U;
  std::string safe;
  for (const char c : id) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    safe.push_back(is_safe(c) ? c : '_');
  }
  constexpr std::string_view hex = "0123456789abcdef";
  safe.push_back('_');
  for (int shift = 60; shift >= 0; shift -= 4) safe.push_back(hex[(hash >> shift) & 15U]);
  return safe;
}

class RequestEncoder {
 public:
  RequestEncoder(const ChatRequest& request, const EncodeOptions& options, std::string& out)
      : request_(request),
        options_(options),
        fields_(field_names(request.origin)),
        is_native_(request.origin == Dialect::anthropic),
        taken_(is_native_ ? Taken::everything : Taken::cache_control),
        json_(out) {}

  Result<EncodeNotes> encode();

 private:
  Result<> refuse_what_changes_the_answer() const;
  void drop_hints();

  Result<> write_system(const Conversation& conversation);
  Result<> write_turns(const Conversation& conversation);
  Result<> write_turn(const Turn& turn);
  Result<> write_block(const Block& block);
  Result<> write_content_part(const Part& part);
  Result<> write_call(const ToolCall& call);
  Result<> write_result(const ToolResult& result);

  Result<> write_tools();
  Result<> write_tool(const Tool& tool);
  void write_schema(const Tool& tool);
  void write_tools_of_history();
  [[nodiscard]] bool is_offered(const Tool& tool) const;
  Result<> write_tool_choice();

  Result<> write_output_config(const ThinkingPlan& plan);
  void write_thinking(const ThinkingPlan& plan);
  void write_sampling(const ThinkingPlan& plan);
  void write_metadata();
  void write_service_tier();

  [[nodiscard]] std::int64_t output_tokens_max() const;
  [[nodiscard]] bool is_call_forced() const;
  [[nodiscard]] static Error unsupported(std::string message, std::string_view field) {
    return {ErrorCode::unsupported_capability, std::move(message), std::string(field)};
  }
  [[nodiscard]] Error refuse(std::string message, const Part& part) const {
    return unsupported(std::move(message), options_.field_of(part.place, fields_.conversation));
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  const FieldNames fields_;
  bool is_native_;
  Taken taken_;
  json::Writer json_;
  EncodeNotes notes_;
};

Result<EncodeNotes> RequestEncoder::encode() {
  WEIR_TRY(refuse_what_changes_the_answer());
  WEIR_TRY_ASSIGN(conversation, build_conversation(request_, options_, notes_));
  const ThinkingPlan plan = plan_thinking(request_, options_.traits,
                                          {.output_tokens_max = output_tokens_max(),
                                           .is_call_forced = is_call_forced(),
                                           .ends_in_prefill = conversation.ends_in_prefill(),
                                           .has_lost_thoughts = conversation.has_lost_thoughts()},
                                          notes_);
  json_.begin_object();
  json_.member("model", options_.model).member("max_tokens", output_tokens_max());
  WEIR_TRY(write_system(conversation));
  WEIR_TRY(write_turns(conversation));
  WEIR_TRY(write_tools());
  WEIR_TRY(write_tool_choice());
  write_thinking(plan);
  WEIR_TRY(write_output_config(plan));
  write_sampling(plan);
  write_metadata();
  write_service_tier();
  if (request_.stream) json_.member("stream", true);
  write_taken(json_, request_.extra, taken_, "output_config");
  drop_extra(notes_, request_.extra, taken_);
  drop_hints();
  json_.end_object();
  return std::move(notes_);
}

Result<> RequestEncoder::refuse_what_changes_the_answer() const {
  if (request_.n != 1) return unsupported("the target gives one answer per request", fields_.n);
  if (request_.logprobs.value_or(false) || request_.top_logprobs.value_or(0) > 0) {
    return unsupported("the target tells no log probabilities", fields_.logprobs);
  }
  return check_portable(request_, options_, Dialect::anthropic);
}

void RequestEncoder::drop_hints() {
  const Sampling& sampling = request_.sampling;
  if (sampling.presence_penalty) notes_.drop(fields_.presence_penalty);
  if (sampling.frequency_penalty) notes_.drop(fields_.frequency_penalty);
  if (sampling.seed) notes_.drop(fields_.seed);
  if (!sampling.logit_bias.empty()) notes_.drop(fields_.logit_bias);
  if (!request_.verbosity.empty()) notes_.drop(fields_.verbosity);
  if (!request_.prompt_cache_key.empty()) notes_.drop("prompt_cache_key");
  if (request_.store.value_or(false)) notes_.drop("store");
}

std::int64_t RequestEncoder::output_tokens_max() const {
  if (request_.output_tokens_max) return *request_.output_tokens_max;
  const std::int64_t model_max = options_.traits.output_tokens_max;
  return model_max > 0 ? model_max : options_.output_tokens_default;
}

Result<> RequestEncoder::write_system(const Conversation& conversation) {
  const bool wants_json = request_.format.kind == OutputFormat::Kind::json_object;
  if (conversation.system.empty() && !wants_json) return {};
  json_.key("system");
  if (conversation.is_system_plain_string && conversation.system.size() == 1 && !wants_json) {
    json_.string(conversation.system.front()->text);
    return {};
  }
  json_.begin_array();
  for (const Part* part : conversation.system) {
    if (part->kind != PartKind::text && !(is_native_ && part->kind == PartKind::opaque)) {
      return refuse("system instructions can only be text", *part);
    }
    WEIR_TRY(write_content_part(*part));
  }
  if (wants_json) write_part(json_, Part::text_of(std::string(json_instruction)), Taken::nothing);
  json_.end_array();
  return {};
}

Result<> RequestEncoder::write_turns(const Conversation& conversation) {
  json_.key("messages").begin_array();
  for (const Turn& turn : conversation.turns) WEIR_TRY(write_turn(turn));
  json_.end_array();
  return {};
}

Result<> RequestEncoder::write_turn(const Turn& turn) {
  json_.begin_object();
  json_.member("role", turn.role == Role::assistant ? "assistant"
                       : turn.role == Role::system  ? "system"
                                                    : "user");
  json_.key("content");
  const auto* first =
      turn.blocks.empty() ? nullptr : std::get_if<const Part*>(&turn.blocks.front());
  if (turn.is_plain_string() && first != nullptr) {
    json_.string((*first)->text);
  } else {
    json_.begin_array();
    for (const ToolResult* result : turn.results) WEIR_TRY(write_result(*result));
    for (const Block& block : turn.blocks) WEIR_TRY(write_block(block));
    json_.end_array();
  }
  if (turn.extra != nullptr && is_native_) write_extra(json_, *turn.extra);
  if (turn.extra != nullptr && !is_native_) drop_replayed(notes_, *turn.extra);
  json_.end_object();
  return {};
}

Result<> RequestEncoder::write_block(const Block& block) {
  if (const auto* part = std::get_if<const Part*>(&block)) return write_content_part(**part);
  if (const auto* call = std::get_if<const ToolCall*>(&block)) return write_call(**call);
  if (const auto* reasoning = std::get_if<const Reasoning*>(&block)) {
    write_reasoning(json_, **reasoning, is_native_);
  } else if (const auto* opaque = std::get_if<const OpaqueItem*>(&block)) {
    json_.raw((*opaque)->json);
  } else {
    write_part(json_, Part::text_of(std::get<std::string>(block)), Taken::nothing);
  }
  return {};
}

Result<> RequestEncoder::write_content_part(const Part& part) {
  const bool has_source = !part.data.empty() || !part.url.empty();
  switch (part.kind) {
    case PartKind::audio:
      return refuse("the target takes no audio", part);
    case PartKind::opaque:
      if (!is_native_) {
        return refuse("a part of the content exists in the client's format only", part);
      }
      json_.raw(part.text);
      return {};
    case PartKind::file:
      if (!part.data.empty() && !part.mime.empty() && part.mime != "application/pdf" &&
          part.mime != "text/plain") {
        return refuse("the target takes no files of type " + part.mime, part);
      }
      [[fallthrough]];
    case PartKind::image:
      if (!has_source && !is_native_) {
        return refuse("an uploaded file is known to its own provider only", part);
      }
      break;
    case PartKind::text:
    case PartKind::refusal:
      break;
  }
  if (!part.detail.empty() && part.detail != "auto") notes_.drop("detail");
  drop_replayed(notes_, part.extra, taken_);
  write_part(json_, part, taken_);
  return {};
}

Result<> RequestEncoder::write_call(const ToolCall& call) {
  json::Document document;
  const bool is_blank = call.arguments.find_first_not_of(" \t\r\n") == std::string::npos;
  if (!is_blank && !(document.parse(call.arguments) && document.root().is_object())) {
    return Error(ErrorCode::invalid_request,
                 "the arguments of tool call \"" + call.id + "\" are no JSON object",
                 std::string(fields_.conversation));
  }
  json_.begin_object();
  json_.member("type", "tool_use").member("id", safe_id(call.id)).member("name", call.name);
  json_.key("input").raw(is_blank ? std::string_view("{}") : std::string_view(call.arguments));
  write_taken(json_, call.extra, taken_);
  drop_replayed(notes_, call.extra, taken_);
  json_.end_object();
  return {};
}

Result<> RequestEncoder::write_result(const ToolResult& result) {
  json_.begin_object();
  json_.member("type", "tool_result").member("tool_use_id", safe_id(result.call_id));
  const auto is_filled = [](const Part& part) {
    return part.kind != PartKind::text || !part.text.empty();
  };
  if (std::any_of(result.parts.begin(), result.parts.end(), is_filled)) {
    json_.key("content");
    const bool is_text = result.parts.size() == 1 && result.parts[0].kind == PartKind::text;
    if (result.is_plain_string && is_text) {
      json_.string(result.parts[0].text);
    } else {
      json_.begin_array();
      for (const Part& part : result.parts) {
        if (is_filled(part)) WEIR_TRY(write_content_part(part));
      }
      json_.end_array();
    }
  }
  if (result.is_error) json_.member("is_error", true);
  write_taken(json_, result.extra, taken_);
  drop_replayed(notes_, result.extra, taken_);
  json_.end_object();
  return {};
}

bool RequestEncoder::is_offered(const Tool& tool) const {
  const ToolChoice& choice = request_.tool_choice;
  return choice.mode != ToolChoice::Mode::allowed ||
         std::find(choice.allowed.begin(), choice.allowed.end(), tool.name) != choice.allowed.end();
}

Result<> RequestEncoder::write_tools() {
  if (request_.tools.empty()) {
    if (!is_native_) write_tools_of_history();
    return {};
  }
  json_.key("tools").begin_array();
  bool is_any_offered = false;
  for (const Tool& tool : request_.tools) {
    if (!is_offered(tool)) continue;
    is_any_offered = true;
    WEIR_TRY(write_tool(tool));
  }
  json_.end_array();
  if (!is_any_offered) {
    return Error(ErrorCode::invalid_request, "allows none of the tools",
                 std::string(fields_.tool_choice));
  }
  return {};
}

Result<> RequestEncoder::write_tool(const Tool& tool) {
  if (tool.kind != ToolKind::function) {
    if (!is_native_) {
      return unsupported("the target has no tool like \"" + tool.name + "\"",
                         options_.field_of(tool.place, "tools"));
    }
    json_.raw(tool.hosted);
    return {};
  }
  json_.begin_object();
  json_.member("name", tool.name);
  if (!tool.description.empty()) json_.member("description", tool.description);
  write_schema(tool);
  // False is the default here; it is written only where the client did so.
  if (tool.strict && (is_native_ || *tool.strict)) json_.member("strict", *tool.strict);
  write_taken(json_, tool.extra, taken_);
  drop_replayed(notes_, tool.extra, taken_);
  json_.end_object();
  return {};
}

/// The root of a schema must say that it is an object; other formats let it be left out.
void RequestEncoder::write_schema(const Tool& tool) {
  json::Document document;
  const bool is_object = document.parse(tool.parameters) && document.root().is_object();
  json_.key("input_schema");
  if (is_object && (is_native_ || document.root().find("type"))) {
    json_.raw(tool.parameters);
    return;
  }
  json_.begin_object().member("type", "object");
  if (is_object) {
    write_members_of(json_, tool.parameters);
  } else {
    json_.key("properties").begin_object().end_object();
  }
  json_.end_object();
}

/// A history with calls is refused when no tools are defined: each called one is named, and none
/// may be called again.
void RequestEncoder::write_tools_of_history() {
  std::vector<std::string_view> names;
  for (const Item& item : request_.items) {
    const auto* call = std::get_if<ToolCall>(&item);
    if (call == nullptr) continue;
    if (std::find(names.begin(), names.end(), call->name) == names.end()) {
      names.emplace_back(call->name);
    }
  }
  if (names.empty()) return;
  json_.key("tools").begin_array();
  for (const auto name : names) {
    json_.begin_object().member("name", name).key("input_schema");
    json_.begin_object().member("type", "object").end_object().end_object();
  }
  json_.end_array();
  json_.key("tool_choice").begin_object().member("type", "none").end_object();
}

bool RequestEncoder::is_call_forced() const {
  using enum ToolChoice::Mode;
  const ToolChoice& choice = request_.tool_choice;
  return choice.mode == required || choice.mode == named ||
         (choice.mode == allowed && choice.is_allowed_required);
}

Result<> RequestEncoder::write_tool_choice() {
  using enum ToolChoice::Mode;
  const ToolChoice& choice = request_.tool_choice;
  if (request_.tools.empty() && !is_native_) {
    if (!is_call_forced()) return {};
    return Error(ErrorCode::invalid_request, "demands a tool call, but there are no tools",
                 std::string(fields_.tool_choice));
  }
  if (choice.mode == opaque) {
    if (!is_native_) {
      return unsupported("the target knows no such choice of tools", fields_.tool_choice);
    }
    json_.key("tool_choice").raw(choice.opaque);
    return {};
  }
  const bool tells_parallel =
      request_.parallel_tool_calls && (is_native_ || !*request_.parallel_tool_calls);
  // `auto` is what the model does untold, but the switch needs a choice to stand in.
  if (choice.mode == unset && !tells_parallel) return {};
  std::string_view type = "auto";
  if (choice.mode == none) type = "none";
  if (is_call_forced()) type = choice.mode == named ? "tool" : "any";
  json_.key("tool_choice").begin_object().member("type", type);
  if (choice.mode == named) json_.member("name", choice.name);
  if (tells_parallel && choice.mode != none) {
    json_.member("disable_parallel_tool_use", !*request_.parallel_tool_calls);
  }
  json_.end_object();
  return {};
}

void RequestEncoder::write_thinking(const ThinkingPlan& plan) {
  using enum ThinkingPlan::Type;
  if (plan.type == unset) return;
  const ReasoningSettings& wish = request_.reasoning;
  json_.key("thinking").begin_object();
  const std::string* other = is_native_ ? wish.extra.find("type") : nullptr;
  if (other != nullptr) {
    json_.key("type").raw(*other);
  } else {
    json_.member("type", plan.type == adaptive  ? "adaptive"
                         : plan.type == enabled ? "enabled"
                                                : "disabled");
  }
  if (plan.type == enabled) json_.member("budget_tokens", plan.budget_tokens);
  const bool wants_summary = !wish.summary.empty();
  if (wish.wants_text || wants_summary) {
    json_.member("display", wish.wants_text.value_or(wants_summary) ? "summarized" : "omitted");
  }
  if (is_native_) write_extra_except(json_, wish.extra, "type");
  json_.end_object();
}

Result<> RequestEncoder::write_output_config(const ThinkingPlan& plan) {
  using enum OutputFormat::Kind;
  const OutputFormat& format = request_.format;
  const bool has_schema = format.kind == json_schema;
  if (format.kind == opaque && !is_native_) {
    return unsupported("the target knows no such output format", fields_.format);
  }
  if (has_schema && !options_.traits.takes_json_schema) {
    return unsupported("the target's model takes no JSON schema", fields_.format);
  }
  const std::string* others = is_native_ ? request_.extra.find("output_config") : nullptr;
  const bool has_format = has_schema || format.kind == opaque;
  if (!has_format && !plan.effort && others == nullptr) return {};
  json_.key("output_config").begin_object();
  if (plan.effort) json_.member("effort", name(*plan.effort));
  if (has_schema) {
    json_.key("format").begin_object().member("type", "json_schema");
    json_.key("schema").raw(format.schema.empty() ? "{}" : std::string_view(format.schema));
    json_.end_object();
  } else if (has_format) {
    json_.key("format").raw(format.schema);
  }
  if (others != nullptr) write_members_of(json_, *others);
  json_.end_object();
  return {};
}

void RequestEncoder::write_sampling(const ThinkingPlan& plan) {
  if (!request_.stop.empty()) {
    json_.key("stop_sequences").begin_array();
    for (const auto& sequence : request_.stop) json_.string(sequence);
    json_.end_array();
  }
  const Sampling& sampling = request_.sampling;
  // A thinking model takes no other temperature than its own, and no top_k. An Anthropic client
  // hears of it from the model.
  const bool thinks = !is_native_ && plan.type != ThinkingPlan::Type::unset;
  const bool takes_any = options_.traits.takes_sampling;
  if (sampling.temperature && takes_any && !thinks) {
    if (*sampling.temperature > 1) notes_.drop(fields_.temperature);
    json_.member("temperature", std::min(*sampling.temperature, 1.0));
  } else if (sampling.temperature) {
    notes_.drop(fields_.temperature);
  }
  if (sampling.top_p && takes_any && !thinks) {
    json_.member("top_p", *sampling.top_p);
  } else if (sampling.top_p) {
    notes_.drop(fields_.top_p);
  }
  if (sampling.top_k && takes_any && !thinks) {
    json_.member("top_k", *sampling.top_k);
  } else if (sampling.top_k) {
    notes_.drop(fields_.top_k);
  }
}

void RequestEncoder::write_metadata() {
  const bool has_others = !request_.metadata.empty();
  if (has_others && !is_native_) notes_.drop("metadata");
  if (request_.user.empty() && !(has_others && is_native_)) return;
  json_.key("metadata").begin_object();
  if (!request_.user.empty()) json_.member("user_id", request_.user);
  if (is_native_) write_members_of(json_, request_.metadata);
  json_.end_object();
}

/// The words differ: OpenAI's `default` is the standard capacity, the rest has no counterpart.
void RequestEncoder::write_service_tier() {
  const std::string& tier = request_.service_tier;
  if (tier.empty()) return;
  if (is_native_ || tier == "auto") {
    json_.member("service_tier", tier);
  } else if (tier == "default") {
    json_.member("service_tier", "standard_only");
  } else {
    notes_.drop(fields_.service_tier);
  }
}

}  // namespace

Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out) {
  const std::size_t size = out.size();
  auto notes = RequestEncoder(request, options, out).encode();
  if (!notes) out.resize(size);  // no half of a body is left behind
  return notes;
}

}  // namespace weir::wire::anthropic
