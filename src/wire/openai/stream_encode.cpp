// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "json/writer.hpp"
#include "wire/error_writer.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/reasoning.hpp"
#include "wire/openai/usage.hpp"
#include "wire/sse.hpp"

namespace weir::wire::openai {
namespace {

using Type = StreamEvent::Type;

/// What a choice has sent so far.
struct SentChoice {
  bool has_role = false;
  std::string reasoning;            ///< since the last signature, which must go with its text
  std::vector<bool> has_arguments;  ///< by tool ordinal
};

/// Writes one chunk per event.
class Encoder final : public StreamEncoder {
 public:
  explicit Encoder(const StreamOptions& options)
      : id_(options.id),
        model_(options.model),
        created_(options.created),
        wants_usage_(options.wants_usage) {}

  void encode(const StreamEvent& event, std::string& out) override {
    switch (event.type) {
      case Type::start:
        return take_start(event);
      case Type::usage:
        usage_ = *event.usage;
        return;
      case Type::error:
        return;  // the caller says it through `fail`
      default:
        break;
    }
    if (event.choice >= choices_.size()) choices_.resize(event.choice + 1);
    SentChoice& choice = choices_[event.choice];
    if (!choice.has_role) write_role(event.choice, out);
    choice.has_role = true;
    write_event(event, choice, out);
  }

  void finish(std::string& out) override {
    if (wants_usage_ && usage_) {
      std::string chunk;
      json::Writer json(chunk);
      write_head(json);
      json.key("choices").begin_array().end_array().key("usage").begin_object();
      write_usage(json, *usage_);
      json.end_object().end_object();
      append_sse(out, {}, chunk);
    }
    append_sse(out, {}, "[DONE]");
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    std::string body;
    append_error_body(body, Dialect::openai_chat, error, request_id);
    append_sse(out, {}, body);
  }

 private:
  void take_start(const StreamEvent& event) {
    if (!event.id.empty()) id_ = event.id;
    if (!event.model.empty()) model_ = event.model;
    if (event.created != 0) created_ = event.created;
  }

  void write_head(json::Writer& json) const {
    json.begin_object().member("id", id_).member("object", "chat.completion.chunk");
    json.member("created", created_).member("model", model_);
  }

  /// Writes a chunk of one choice; `write_delta` fills its delta.
  template <class WriteDelta>
  void write_chunk(std::uint32_t choice, std::string& out, WriteDelta write_delta,
                   std::string_view finish_reason = {}, std::string_view logprobs = {}) {
    chunk_.clear();
    json::Writer json(chunk_);
    write_head(json);
    json.key("choices").begin_array().begin_object().member("index", choice);
    json.key("delta").begin_object();
    write_delta(json);
    json.end_object();
    if (!logprobs.empty()) json.key("logprobs").raw(logprobs);
    json.key("finish_reason");
    if (finish_reason.empty()) {
      json.null();
    } else {
      json.string(finish_reason);
    }
    json.end_object().end_array();
    if (wants_usage_) json.key("usage").null();
    json.end_object();
    append_sse(out, {}, chunk_);
  }

  void write_role(std::uint32_t choice, std::string& out) {
    write_chunk(choice, out, [](json::Writer& delta) {
      delta.member("role", "assistant").member("content", "");
    });
  }

  void write_text(const StreamEvent& event, std::string_view key, std::string& out) {
    if (event.text.empty()) return;
    write_chunk(
        event.choice, out, [&](json::Writer& delta) { delta.member(key, event.text); }, {},
        event.logprobs);
  }

  void write_event(const StreamEvent& event, SentChoice& choice, std::string& out) {
    switch (event.type) {
      case Type::text:
        return write_text(event, "content", out);
      case Type::refusal:
        return write_text(event, "refusal", out);
      case Type::reasoning:
        choice.reasoning.append(event.text);
        return write_text(event, "reasoning_content", out);
      case Type::reasoning_signature:
      case Type::reasoning_encrypted:
        return write_sealed_reasoning(event, choice, out);
      case Type::tool_call_begin:
        return write_call_begin(event, choice, out);
      case Type::tool_call_delta:
        mark_arguments(choice, event.tool, true);
        return write_arguments(event, event.text, out);
      case Type::tool_call_end:
        // Anthropic streams nothing for a call without arguments; here they must be an object.
        if (event.tool_kind == ToolKind::function && !mark_arguments(choice, event.tool, true)) {
          write_arguments(event, "{}", out);
        }
        return;
      case Type::finish:
        return write_chunk(event.choice, out, [](json::Writer&) {}, finish_reason_of(event.finish));
      case Type::start:
      case Type::usage:
      case Type::error:
        return;
    }
  }

  void write_sealed_reasoning(const StreamEvent& event, SentChoice& choice, std::string& out) {
    write_chunk(event.choice, out, [&](json::Writer& delta) {
      delta.key("reasoning_details").begin_array();
      if (event.type == Type::reasoning_signature) {
        write_signed_reasoning(delta, choice.reasoning, event.text, event.sealed_by);
      } else {
        write_encrypted_reasoning(delta, event.text, event.sealed_by);
      }
      delta.end_array();
    });
    choice.reasoning.clear();
  }

  /// Answers what was marked before.
  static bool mark_arguments(SentChoice& choice, std::uint32_t tool, bool has_arguments) {
    if (tool >= choice.has_arguments.size()) choice.has_arguments.resize(tool + 1);
    const bool before = choice.has_arguments[tool];
    choice.has_arguments[tool] = before || has_arguments;
    return before;
  }

  void write_call_begin(const StreamEvent& event, SentChoice& choice, std::string& out) {
    mark_arguments(choice, event.tool, false);
    const bool is_custom = event.tool_kind == ToolKind::custom;
    const std::string_view type = is_custom ? "custom" : "function";
    write_chunk(event.choice, out, [&](json::Writer& delta) {
      delta.key("tool_calls").begin_array().begin_object().member("index", event.tool);
      delta.member("id", event.id).member("type", type).key(type).begin_object();
      delta.member("name", event.name).member(is_custom ? "input" : "arguments", "").end_object();
      if (!event.signature.empty()) write_thought_signature(delta, event.signature);
      delta.end_object().end_array();
    });
  }

  void write_arguments(const StreamEvent& event, std::string_view text, std::string& out) {
    const bool is_custom = event.tool_kind == ToolKind::custom;
    write_chunk(event.choice, out, [&](json::Writer& delta) {
      delta.key("tool_calls").begin_array().begin_object().member("index", event.tool);
      delta.key(is_custom ? "custom" : "function").begin_object();
      delta.member(is_custom ? "input" : "arguments", text);
      delta.end_object().end_object().end_array();
    });
  }

  std::string id_;
  std::string model_;
  std::int64_t created_;
  bool wants_usage_;
  std::string chunk_;
  std::vector<SentChoice> choices_;
  std::optional<Usage> usage_;
};

}  // namespace

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options) {
  return std::make_unique<Encoder>(options);
}

}  // namespace weir::wire::openai
