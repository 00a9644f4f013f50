// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "json/writer.hpp"
#include "wire/field_names.hpp"
#include "wire/members.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/ids.hpp"
#include "wire/openai/parts.hpp"
#include "wire/openai/reasoning.hpp"
#include "wire/openai/tools.hpp"
#include "wire/openai/turns.hpp"
#include "wire/portability.hpp"

namespace weir::wire::openai {
namespace {

using Side = Turn::Side;

/// Writes one request; lives for one call of `encode_request`.
class RequestWriter {
 public:
  RequestWriter(const ChatRequest& request, const EncodeOptions& options, std::string& out)
      : request_(request),
        options_(options),
        names_(field_names(request.origin)),
        is_native_(request.origin == Dialect::openai_chat),
        taken_(taken_of(request, options.quirks)),
        json_(out) {}

  Result<EncodeNotes> write() {
    WEIR_TRY(check());
    WEIR_TRY_ASSIGN(turns, group_turns(request_, options_));
    json_.begin_object().member("model", options_.model);
    WEIR_TRY(write_messages(turns));
    WEIR_TRY(write_tools(json_, request_, options_, notes_));
    write_parallel_switch();
    write_limits();
    write_sampling();
    write_logprobs();
    write_format();
    write_reasoning_settings();
    write_hints();
    write_stream();
    if (is_native_) {
      write_kept_members();
    } else {
      write_taken(json_, request_.extra, taken_);
      drop_extra(notes_, request_.extra, taken_);
    }
    json_.end_object();
    return std::move(notes_);
  }

 private:
  [[nodiscard]] bool has_quirk(Quirk quirk) const { return has(options_.quirks, quirk); }
  [[nodiscard]] bool speaks_openai() const {
    return is_native_ || request_.origin == Dialect::openai_responses;
  }
  static Error refusal(std::string what, std::string_view field) {
    return {ErrorCode::unsupported_capability, std::move(what), std::string(field)};
  }

  // What would change the answer's meaning if it were left out (F-3).
  Result<> check() const {
    if (has_quirk(Quirk::no_n) && request_.n > 1) {
      return refusal("this target gives one answer at a time", names_.n);
    }
    if (has_quirk(Quirk::no_logprobs) && request_.logprobs.value_or(false)) {
      return refusal("this target has no log probabilities", names_.logprobs);
    }
    const bool takes_schema =
        options_.traits.takes_json_schema && !has_quirk(Quirk::no_json_schema);
    if (request_.format.kind == OutputFormat::Kind::json_schema && !takes_schema) {
      return refusal("this target can't be held to a JSON schema", names_.format);
    }
    if (request_.format.kind == OutputFormat::Kind::opaque && !is_native_) {
      return refusal("this output format has no equivalent", names_.format);
    }
    WEIR_TRY(check_portable(request_, options_, Dialect::openai_chat));
    return check_parts();
  }

  Result<> check_parts() const {
    for (const Item& item : request_.items) {
      const auto* message = std::get_if<Message>(&item);
      const auto* result = std::get_if<ToolResult>(&item);
      if (message == nullptr && result == nullptr) continue;
      for (const Part& part : message != nullptr ? message->parts : result->parts) {
        WEIR_TRY(check_part(part, is_native_, names_.conversation, options_));
      }
    }
    return {};
  }

  // -- messages

  Result<> write_messages(const std::vector<Turn>& turns) {
    json_.key("messages").begin_array();
    std::size_t written = 0;
    for (const Turn& turn : turns) {
      if (is_empty(turn)) continue;
      json_.begin_object();
      if (turn.side == Side::tool) {
        write_result(*turn.result);
      } else {
        write_turn(turn, &turn == &turns.back());
      }
      json_.end_object();
      ++written;
    }
    json_.end_array();
    if (written == 0) {
      return Error(ErrorCode::invalid_request, "the conversation is empty",
                   std::string(names_.conversation));
    }
    return {};
  }

  /// Other formats give turns that hold nothing this one could say.
  [[nodiscard]] bool is_empty(const Turn& turn) const {
    const bool replays_reasoning = has_quirk(Quirk::replay_reasoning) && !turn.reasoning.empty();
    if (is_native_ || turn.side == Side::tool || !turn.filler.empty()) return false;
    return turn.calls.empty() && parts_of(turn).empty() && !replays_reasoning;
  }

  [[nodiscard]] std::string_view role(Side side) const {
    switch (side) {
      case Side::system:
        return "system";
      case Side::developer:
        return has_quirk(Quirk::no_developer_role) ? "system" : "developer";
      case Side::user:
        return "user";
      case Side::assistant:
        return "assistant";
      case Side::tool:
        return "tool";
    }
    return {};
  }

  static std::vector<const Part*> parts_of(const Turn& turn) {
    std::vector<const Part*> parts;
    for (const Message* message : turn.messages) {
      for (const Part& part : message->parts) parts.push_back(&part);
    }
    parts.insert(parts.end(), turn.moved.begin(), turn.moved.end());
    return parts;
  }

  void write_turn(const Turn& turn, bool is_last) {
    json_.member("role", role(turn.side));
    write_name(turn);
    if (!turn.filler.empty()) {
      json_.member("content", turn.filler);
      return;
    }
    write_content(turn);
    write_replayed_reasoning(turn);
    write_calls(turn);
    if (turn.side == Side::assistant && is_last && turn.calls.empty()) write_prefill();
    write_kept_of(turn);
  }

  void write_kept_of(const Turn& turn) {
    for (const Message* message : turn.messages) {
      // Members of joined messages could clash, so those of the first stand for all.
      if (is_native_ && message == turn.messages.front()) write_extra(json_, message->extra);
      if (is_native_) continue;
      drop_replayed(notes_, message->extra);
      drop_part_extras(message->parts);
    }
  }

  void drop_part_extras(const std::vector<Part>& parts) {
    for (const Part& part : parts) drop_replayed(notes_, part.extra, taken_);
  }

  void write_name(const Turn& turn) {
    const std::string& name = turn.messages.empty() ? std::string() : turn.messages.front()->name;
    if (name.empty()) return;
    if (has_quirk(Quirk::no_names)) {
      notes_.drop("name");
    } else {
      json_.member("name", name);
    }
  }

  /// A string wherever possible: many servers know nothing else for system and assistant.
  void write_content(const Turn& turn) {
    auto parts = parts_of(turn);
    write_refusal(turn, parts);
    const bool is_text = std::all_of(parts.begin(), parts.end(),
                                     [](const Part* part) { return part->kind == PartKind::text; });
    json_.key("content");
    if (is_text && is_string(turn, parts)) {
      json_.string(joined_text(parts, separator(turn)));
    } else if (parts.empty() && turn.side == Side::assistant) {
      json_.null();
    } else {
      json_.begin_array();
      for (const Part* part : parts) write_part(json_, *part, taken_);
      json_.end_array();
    }
  }

  [[nodiscard]] bool is_string(const Turn& turn, const std::vector<const Part*>& parts) const {
    const bool all_plain =
        !turn.messages.empty() &&
        std::all_of(turn.messages.begin(), turn.messages.end(),
                    [](const Message* message) { return message->is_plain_string; });
    if (parts.empty()) return all_plain && !has_refusal(turn);
    if (is_native_) return all_plain && turn.moved.empty();
    const bool is_marked = std::any_of(parts.begin(), parts.end(), [this](const Part* part) {
      return cache_mark(part->extra, taken_) != nullptr;
    });
    if (is_marked) return false;
    return turn.side != Side::user || parts.size() == 1;
  }

  // Blocks of one answer may end in mid-sentence (citations split them); separate messages do not.
  [[nodiscard]] static std::string_view separator(const Turn& turn) {
    if (turn.messages.size() > 1 || turn.side != Side::assistant) return "\n\n";
    return {};
  }

  static bool has_refusal(const Turn& turn) {
    return std::any_of(turn.messages.begin(), turn.messages.end(), [](const Message* message) {
      return std::any_of(message->parts.begin(), message->parts.end(),
                         [](const Part& part) { return part.kind == PartKind::refusal; });
    });
  }

  /// A refusal is a member of its own, except where it came as a part. Takes it out of `parts`.
  void write_refusal(const Turn& turn, std::vector<const Part*>& parts) {
    const bool came_as_part =
        is_native_ && !turn.messages.empty() && !turn.messages.front()->is_plain_string;
    if (turn.side != Side::assistant || came_as_part) return;
    std::string refusal;
    std::erase_if(parts, [&](const Part* part) {
      if (part->kind != PartKind::refusal) return false;
      refusal.append(part->text);
      return true;
    });
    if (!refusal.empty()) json_.member("refusal", refusal);
  }

  void write_replayed_reasoning(const Turn& turn) {
    if (turn.reasoning.empty()) return;
    if (is_native_ || has_quirk(Quirk::replay_reasoning)) {
      write_reasoning(json_, turn.reasoning, is_native_);
    } else {
      notes_.drop("reasoning");
    }
  }

  [[nodiscard]] std::string call_id(const std::string& id) const {
    return has_quirk(Quirk::mistral_ids) ? mistral_call_id(id) : id;
  }

  void write_calls(const Turn& turn) {
    if (turn.calls.empty()) return;
    const bool with_signature = is_native_ || has_quirk(Quirk::replay_reasoning);
    json_.key("tool_calls").begin_array();
    for (const ToolCall* call : turn.calls) {
      write_tool_call(json_, *call, call_id(call->id), is_native_, with_signature);
      if (!is_native_) drop_replayed(notes_, call->extra);
    }
    json_.end_array();
  }

  /// Going on from an unfinished turn must be asked for here; without it the turn is only history.
  void write_prefill() {
    if (is_native_) return;
    if (options_.traits.takes_prefill) {
      json_.member("prefix", true);
    } else {
      notes_.drop("prefill");
    }
  }

  void write_result(const ToolResult& result) {
    json_.member("role", "tool").member("tool_call_id", call_id(result.call_id));
    json_.key("content");
    if (is_native_ && !result.is_plain_string) {
      json_.begin_array();
      for (const Part& part : result.parts) write_part(json_, part, taken_);
      json_.end_array();
    } else if (const std::string* mark = mark_of(result)) {
      json_.begin_array().begin_object().member("type", "text");
      json_.member("text", result_text(result)).key("cache_control").raw(*mark);
      json_.end_object().end_array();
    } else {
      json_.string(result_text(result));
    }
    if (is_native_) {
      write_extra(json_, result.extra);
    } else {
      drop_replayed(notes_, result.extra, taken_);
      drop_part_extras(result.parts);
    }
  }

  /// Anthropic's stands on the result itself or on its parts; here it must be on a part.
  [[nodiscard]] const std::string* mark_of(const ToolResult& result) const {
    const std::string* mark = cache_mark(result.extra, taken_);
    for (const Part& part : result.parts) {
      const bool stays = part.kind == PartKind::text;
      if (stays && mark == nullptr) mark = cache_mark(part.extra, taken_);
    }
    return mark;
  }

  static std::string result_text(const ToolResult& result) {
    std::vector<const Part*> parts;
    for (const Part& part : result.parts) parts.push_back(&part);
    std::string text = result.is_error ? "Error: " : "";
    text.append(joined_text(parts, "\n"));
    const bool has_moved = std::any_of(parts.begin(), parts.end(), [](const Part* part) {
      return part->kind != PartKind::text && part->kind != PartKind::refusal;
    });
    if (has_moved) {
      if (!text.empty()) text.append("\n");
      text.append("[The attachments of this result follow in the next user message.]");
    }
    return text;
  }

  // -- settings

  void write_parallel_switch() {
    if (!request_.parallel_tool_calls || (request_.tools.empty() && !is_native_)) return;
    if (!has_quirk(Quirk::no_parallel_switch)) {
      json_.member("parallel_tool_calls", *request_.parallel_tool_calls);
    } else if (!*request_.parallel_tool_calls) {
      notes_.drop(names_.parallel_calls);
    }
  }

  void write_limits() {
    if (request_.output_tokens_max) {
      const bool has_old_name = has_quirk(Quirk::max_tokens_old_name);
      json_.member(has_old_name ? "max_tokens" : "max_completion_tokens",
                   *request_.output_tokens_max);
    }
    if (request_.n != 1) json_.member("n", request_.n);
    if (request_.stop.empty()) return;
    if (!takes_sampling()) {
      notes_.drop(names_.stop);
      return;
    }
    json_.key("stop").begin_array();
    for (const auto& word : request_.stop) json_.string(word);
    json_.end_array();
  }

  // OpenAI's reasoning models take neither sampling nor stop strings nor log probabilities.
  [[nodiscard]] bool takes_sampling() const { return options_.traits.takes_sampling; }

  template <class T>
  void write_hint(std::string_view name, std::string_view client_name,
                  const std::optional<T>& value, bool is_taken) {
    if (!value) return;
    if (is_taken) {
      json_.member(name, *value);
    } else {
      notes_.drop(client_name);
    }
  }

  void write_sampling() {
    const Sampling& sampling = request_.sampling;
    const bool is_default_temperature = !takes_sampling() && sampling.temperature == 1.0;
    if (!is_default_temperature) {
      write_hint("temperature", names_.temperature, sampling.temperature, takes_sampling());
    }
    write_hint("top_p", names_.top_p, sampling.top_p, takes_sampling());
    const bool takes_top_k = is_native_ || has_quirk(Quirk::takes_top_k);
    write_hint("top_k", names_.top_k, sampling.top_k, takes_top_k && takes_sampling());
    const bool takes_penalties = takes_sampling() && !has_quirk(Quirk::no_penalties);
    write_hint("presence_penalty", names_.presence_penalty, sampling.presence_penalty,
               takes_penalties);
    write_hint("frequency_penalty", names_.frequency_penalty, sampling.frequency_penalty,
               takes_penalties);
    const bool is_random_seed = has_quirk(Quirk::seed_is_random_seed);
    write_hint(is_random_seed ? "random_seed" : "seed", names_.seed, sampling.seed, true);
    if (sampling.logit_bias.empty()) return;
    if (has_quirk(Quirk::no_logit_bias)) {
      notes_.drop(names_.logit_bias);
    } else {
      json_.key("logit_bias").raw(sampling.logit_bias);
    }
  }

  void write_logprobs() {
    if (!request_.logprobs || has_quirk(Quirk::no_logprobs)) return;
    if (!takes_sampling()) {
      if (*request_.logprobs) notes_.drop(names_.logprobs);
    } else if (!has_quirk(Quirk::logprobs_is_integer)) {
      json_.member("logprobs", *request_.logprobs);
      if (request_.top_logprobs) json_.member("top_logprobs", *request_.top_logprobs);
    } else if (*request_.logprobs) {
      json_.member("logprobs", request_.top_logprobs.value_or(1));
    }
  }

  void write_format() {
    const OutputFormat& format = request_.format;
    switch (format.kind) {
      case OutputFormat::Kind::unset:
        break;
      case OutputFormat::Kind::text:
        write_format_type("text");
        break;
      case OutputFormat::Kind::json_object:
        write_format_type("json_object");
        break;
      case OutputFormat::Kind::opaque:
        json_.key("response_format").raw(format.schema);
        break;
      case OutputFormat::Kind::json_schema:
        json_.key("response_format").begin_object().member("type", "json_schema");
        json_.key("json_schema").begin_object();
        // The name is optional elsewhere, here it must be.
        json_.member("name", format.name.empty() ? "response" : format.name);
        if (!format.description.empty()) json_.member("description", format.description);
        if (!format.schema.empty()) json_.key("schema").raw(format.schema);
        if (format.strict) json_.member("strict", *format.strict);
        json_.end_object().end_object();
        break;
    }
  }

  void write_format_type(std::string_view type) {
    json_.key("response_format").begin_object().member("type", type).end_object();
  }

  [[nodiscard]] std::optional<Effort> effort() const {
    const ReasoningSettings& settings = request_.reasoning;
    if (settings.enabled == false) return Effort::none;
    if (settings.effort) return settings.effort;
    if (settings.budget_tokens) return effort_of_budget(*settings.budget_tokens);
    return std::nullopt;
  }

  void write_reasoning_settings() {
    const ReasoningSettings& settings = request_.reasoning;
    if (is_native_) {
      // Inside a kept `reasoning` object the effort is there already.
      const bool is_kept = settings.extra.find("reasoning") != nullptr;
      if (settings.effort && !is_kept) json_.member("reasoning_effort", name(*settings.effort));
      write_extra(json_, settings.extra);
      return;
    }
    const auto wanted = effort();
    if (!wanted) {
      if (settings.enabled.value_or(false) && !has_quirk(Quirk::reasoning_effort_hint)) {
        notes_.drop(reasoning_field(request_));
      }
      return;
    }
    if (has_quirk(Quirk::reasoning_effort_hint)) {
      json_.member("reasoning_effort", name(*wanted));
    } else if (*wanted != Effort::none) {
      notes_.drop(reasoning_field(request_));
    }
  }

  void write_text_hint(std::string_view name, std::string_view client_name,
                       const std::string& value) {
    if (value.empty()) return;
    if (speaks_openai()) {
      json_.member(name, value);
    } else {
      notes_.drop(client_name);
    }
  }

  void write_hints() {
    write_text_hint("verbosity", names_.verbosity, request_.verbosity);
    write_text_hint("service_tier", names_.service_tier, request_.service_tier);
    write_text_hint("prompt_cache_key", "prompt_cache_key", request_.prompt_cache_key);
    write_user();
    const bool takes_metadata = !has_quirk(Quirk::no_metadata);
    if (!request_.metadata.empty()) {
      if (takes_metadata && speaks_openai()) {
        json_.key("metadata").raw(request_.metadata);
      } else {
        notes_.drop("metadata");
      }
    }
    // Not to store is what every other server does anyway.
    if (request_.store && takes_metadata && speaks_openai()) {
      json_.member("store", *request_.store);
    } else if (request_.store.value_or(false)) {
      notes_.drop("store");
    }
  }

  /// Compatible servers know the old name only; a client of OpenAI's own keeps to the one it used.
  void write_user() {
    if (request_.user.empty()) return;
    const bool is_new_name = is_native_ && !request_.is_user_old_name;
    if (has_quirk(Quirk::no_user)) {
      notes_.drop(user_field(request_));
    } else {
      json_.member(is_new_name ? "safety_identifier" : "user", request_.user);
    }
  }

  void write_stream() {
    if (!request_.stream) return;
    json_.member("stream", true);
    if (has_quirk(Quirk::no_stream_options)) return;
    const std::string* others = is_native_ ? request_.extra.find("stream_options") : nullptr;
    if (!request_.wants_stream_usage && others == nullptr) return;
    json_.key("stream_options").begin_object();
    if (request_.wants_stream_usage) json_.member("include_usage", true);
    if (others != nullptr) write_members_of(json_, *others);
    json_.end_object();
  }

  void write_kept_members() {
    for (const auto& member : request_.extra.members) {
      const bool is_refused = member.key == "user" && has_quirk(Quirk::no_user);
      if (member.key == "stream_options" || is_refused) continue;
      json_.key(member.key).raw(member.json);
    }
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  FieldNames names_;
  bool is_native_;
  Taken taken_;
  json::Writer json_;
  EncodeNotes notes_;
};

}  // namespace

Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out) {
  const std::size_t before = out.size();
  auto notes = RequestWriter(request, options, out).write();
  if (!notes) out.resize(before);
  return notes;
}

}  // namespace weir::wire::openai
