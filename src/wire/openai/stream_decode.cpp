// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "wire/fault.hpp"
#include "wire/last_piece.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/ids.hpp"
#include "wire/openai/reasoning.hpp"
#include "wire/openai/usage.hpp"
#include "wire/sse.hpp"

namespace weir::wire::openai {
namespace {

using Type = StreamEvent::Type;

// What a stream may open; far above what any server sends.
constexpr std::int64_t choices_max = 128;
constexpr std::size_t calls_max = 1024;
constexpr std::size_t json_body_bytes_max = std::size_t{1} << 20;

/// A tool call as far as it has come.
struct OpenCall {
  std::optional<std::int64_t> index;  ///< as the server numbers it, if it does
  std::string id;                     ///< as the server calls it, if it does
  ToolKind kind = ToolKind::function;
};

/// One choice as far as it has come.
struct OpenChoice {
  std::uint32_t index = 0;
  std::vector<OpenCall> calls;
  std::string last_reasoning;
  Vendor sealed_by = Vendor::unknown;  ///< as the last `format` said
  bool is_finished = false;
};

std::optional<json::Value> string_in(json::Value object, std::string_view key) {
  auto found = object.find(key);
  if (!found || !found->is_string()) return std::nullopt;
  return found;
}

/// Decodes chunks. Everything but `choices` may be missing in any of them.
class Decoder final : public StreamDecoder {
 public:
  Decoder(Quirks quirks, std::size_t event_bytes_max) : quirks_(quirks), parser_(event_bytes_max) {}

  Result<> feed(std::string_view bytes, EventSink& sink) override {
    if (is_over_) return {};
    if (!is_started_ && !start(bytes)) return {};
    if (is_json_body_) return keep_json_body(bytes);
    parser_.feed(bytes);
    return drain(sink);
  }

  Result<> end(EventSink& sink) override {
    if (is_over_) return {};
    if (is_json_body_) return read_json_body(sink);
    parser_.finish();
    WEIR_TRY(drain(sink));
    is_over_ = true;
    return {};
  }

  bool give_up_half(Half which) override { return wire::give_up_half(parser_, which); }
  [[nodiscard]] bool is_complete() const override {
    if (has_failed_) return false;
    if (is_terminated_) return true;
    return !choices_.empty() &&
           std::all_of(choices_.begin(), choices_.end(),
                       [](const OpenChoice& choice) { return choice.is_finished; });
  }
  [[nodiscard]] bool is_terminated() const override { return is_terminated_; }

 private:
  Result<> malformed(std::string what) {
    is_over_ = true;
    has_failed_ = true;
    return Error(ErrorCode::upstream_malformed, std::move(what));
  }

  // Asked for a stream, some servers answer with one JSON object after all, mostly an error. No
  // line of a stream starts with a brace. Answers false while nothing but white space has come.
  bool start(std::string_view bytes) {
    const auto first = bytes.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return false;
    is_started_ = true;
    is_json_body_ = bytes[first] == '{' || bytes[first] == '[';
    return true;
  }

  Result<> keep_json_body(std::string_view bytes) {
    if (json_body_.size() + bytes.size() > json_body_bytes_max) {
      return malformed("the answer is no stream");
    }
    json_body_.append(bytes);
    return {};
  }

  Result<> read_json_body(EventSink& sink) {
    if (!document_.parse(json_body_)) return malformed("the answer is neither stream nor JSON");
    json::Value root = document_.root();
    if (root.is_array() && root.size() > 0) root = *root.elements().begin();
    if (!is_fault(root)) return malformed("the answer is no stream");
    fail(root.raw(), sink);
    return {};
  }

  Result<> drain(EventSink& sink) {
    SseParser::Event event;
    while (!is_over_ && parser_.next(event)) WEIR_TRY(on_data(event, sink));
    if (parser_.is_overflowing()) return malformed("an event of the stream is too large");
    return {};
  }

  Result<> on_data(const SseParser::Event& event, EventSink& sink) {
    if (event.data.empty()) return {};
    if (event.data == "[DONE]") {
      terminate(sink);
      return {};
    }
    if (auto parsed = document_.parse(event.data); !parsed) {
      return malformed(parsed.error().message);
    }
    const json::Value root = document_.root();
    if (is_fault(root) || event.type == "error") {
      fail(event.data, sink);
      return {};
    }
    if (!root.is_object()) return malformed("an event of the stream is no object");
    return on_chunk(root, sink);
  }

  void fail(std::string_view body, EventSink& sink) { fail(read_fault(0, body), sink); }
  void fail(const UpstreamFault& fault, EventSink& sink) {
    StreamEvent event;
    event.type = Type::error;
    event.fault = &fault;
    sink.on_event(event);
    is_over_ = true;
    has_failed_ = true;
  }

  /// [DONE]: a choice whose reason to finish never came ended by the server's own word.
  void terminate(EventSink& sink) {
    for (OpenChoice& choice : choices_) {
      if (!choice.is_finished) finish(choice, "stop", sink);
    }
    is_terminated_ = true;
    is_over_ = true;
  }

  Result<> on_chunk(json::Value root, EventSink& sink) {
    // Groq tells a failure inside its own member.
    const auto groq = root.find("x_groq");
    if (groq && is_fault(*groq)) {
      fail(groq->raw(), sink);
      return {};
    }
    const auto choices = root.find("choices");
    const bool has_choices = choices && choices->is_array() && choices->size() > 0;
    on_start(root, has_choices, sink);
    if (has_choices) {
      for (const json::Value choice : choices->elements()) {
        WEIR_TRY(on_choice(choice, sink));
        if (has_failed_) return {};
      }
    }
    on_usage(root.find("usage"), sink);
    if (groq) on_usage(groq->find("usage"), sink);
    return {};
  }

  // Azure's first chunk has neither id nor model nor choices: it starts nothing.
  void on_start(json::Value root, bool has_choices, EventSink& sink) {
    if (has_start_) return;
    const auto id = string_in(root, "id");
    const auto model = string_in(root, "model");
    const bool is_named = (id && !id->equals("")) || (model && !model->equals(""));
    if (!is_named && !has_choices) return;
    has_start_ = true;
    id_ = id ? id->as_string() : std::string();
    StreamEvent event;
    event.type = Type::start;
    event.id = id_;
    std::string scratch;
    if (model) event.model = model->as_string_view(scratch);
    const auto created = root.find("created");
    event.created = created ? created->as_int().value_or(0) : 0;
    sink.on_event(event);
  }

  void on_usage(std::optional<json::Value> value, EventSink& sink) {
    if (!value || !value->is_object()) return;
    const Usage usage = read_usage(*value, quirks_);
    if (usage_ == usage) return;
    usage_ = usage;
    StreamEvent event;
    event.type = Type::usage;
    event.usage = &usage;
    sink.on_event(event);
  }

  Result<> on_choice(json::Value value, EventSink& sink) {
    const auto index_value = value.find("index");
    const std::int64_t index = index_value ? index_value->as_int().value_or(0) : 0;
    if (index < 0 || index >= choices_max) return malformed("a choice's index is out of range");
    OpenChoice& choice = open_choice(static_cast<std::uint32_t>(index));
    if (choice.is_finished) return {};
    if (const auto delta = value.find("delta")) {
      WEIR_TRY(on_delta(choice, *delta, value.find("logprobs"), sink));
    }
    const auto told = string_in(value, "finish_reason");
    // Some servers write "" where others write null.
    if (!told || told->equals("")) return {};
    const std::string reason = told->as_string();
    if (const auto fault = fault_of_finish(reason)) {
      fail(*fault, sink);
    } else {
      finish(choice, reason, sink);
    }
    return {};
  }

  OpenChoice& open_choice(std::uint32_t index) {
    const auto found =
        std::find_if(choices_.begin(), choices_.end(),
                     [&](const OpenChoice& choice) { return choice.index == index; });
    if (found != choices_.end()) return *found;
    choices_.emplace_back().index = index;
    return choices_.back();
  }

  Result<> on_delta(OpenChoice& choice, json::Value delta, std::optional<json::Value> logprobs,
                    EventSink& sink) {
    on_reasoning(choice, delta, sink);
    on_content(choice, delta, logprobs, sink);
    if (const auto refusal = string_in(delta, "refusal")) {
      emit_text(Type::refusal, choice, *refusal, sink);
    }
    if (const auto calls = delta.find("tool_calls"); calls && calls->is_array()) {
      for (const json::Value call : calls->elements()) WEIR_TRY(on_call(choice, call, sink));
    }
    if (const auto call = delta.find("function_call"); call && call->is_object()) {
      WEIR_TRY(on_function_call(choice, *call, sink));
    }
    return {};
  }

  void emit(Type type, const OpenChoice& choice, std::string_view text, EventSink& sink,
            std::string_view logprobs = {}) {
    if (text.empty()) return;
    StreamEvent event;
    event.type = type;
    event.choice = choice.index;
    event.text = text;
    event.logprobs = logprobs;
    sink.on_event(event);
  }
  void emit_text(Type type, const OpenChoice& choice, json::Value text, EventSink& sink,
                 std::string_view logprobs = {}) {
    emit(type, choice, text.as_string_view(scratch_), sink, logprobs);
  }

  static void emit_seal(Type type, const OpenChoice& choice, std::string_view seal,
                        EventSink& sink) {
    if (seal.empty()) return;
    StreamEvent event;
    event.type = type;
    event.choice = choice.index;
    event.text = seal;
    event.sealed_by = choice.sealed_by;
    sink.on_event(event);
  }

  void on_reasoning(OpenChoice& choice, json::Value delta, EventSink& sink) {
    auto text = string_in(delta, "reasoning_content");
    if (!text) text = string_in(delta, "reasoning");
    if (text) on_reasoning_text(choice, *text, sink);
    const auto details = delta.find("reasoning_details");
    if (!details || !details->is_array()) return;
    for (const json::Value entry : details->elements()) {
      const auto detail = read_reasoning_detail(entry);
      if (!detail) continue;
      // OpenRouter writes the same text twice, as `reasoning` and in the details.
      if (!text) emit(Type::reasoning, choice, detail->text, sink);
      if (detail->sealed_by != Vendor::unknown) choice.sealed_by = detail->sealed_by;
      emit_seal(Type::reasoning_signature, choice, detail->signature, sink);
      emit_seal(Type::reasoning_encrypted, choice, detail->encrypted, sink);
    }
  }

  void on_reasoning_text(OpenChoice& choice, json::Value text, EventSink& sink) {
    std::string_view piece = text.as_string_view(scratch_);
    if (!has(quirks_, Quirk::reasoning_outside_completion)) {
      return emit(Type::reasoning, choice, piece, sink);
    }
    // xAI sends the same delta again at times. Elsewhere two equal pieces are two pieces.
    if (choice.last_reasoning == piece) return;
    choice.last_reasoning = piece;
    emit(Type::reasoning, choice, piece, sink);
  }

  void on_content(OpenChoice& choice, json::Value delta, std::optional<json::Value> logprobs,
                  EventSink& sink) {
    const auto content = delta.find("content");
    if (!content) return;
    const bool has_logprobs = logprobs && logprobs->is_object();
    if (content->is_string()) {
      emit_text(Type::text, choice, *content, sink,
                has_logprobs ? logprobs->raw() : std::string_view());
    } else if (content->is_array()) {
      for (const json::Value chunk : content->elements()) on_content_chunk(choice, chunk, sink);
    }
  }

  /// Mistral's content arrays.
  void on_content_chunk(OpenChoice& choice, json::Value chunk, EventSink& sink) {
    const auto type = chunk.find("type");
    if (type && type->equals("thinking")) {
      emit(Type::reasoning, choice, thinking_text(chunk), sink);
      if (const auto signature = string_in(chunk, "signature")) {
        emit_text(Type::reasoning_signature, choice, *signature, sink);
      }
    } else if (const auto text = string_in(chunk, "text")) {
      emit_text(Type::text, choice, *text, sink);
    }
  }

  // -- tool calls

  /// Finds the call that a delta continues. With an index, that decides, unless another id and a
  /// name show that the server numbers every call alike. Without one, a new id or a name opens a
  /// call, and anything else continues the last.
  static std::optional<std::size_t> continued_call(const OpenChoice& choice,
                                                   std::optional<std::int64_t> index,
                                                   std::string_view id, bool has_name) {
    for (std::size_t i = choice.calls.size(); i-- > 0;) {
      const OpenCall& call = choice.calls[i];
      const bool is_other = !id.empty() && !call.id.empty() && call.id != id;
      if (index) {
        if (call.index == index) return is_other && has_name ? std::nullopt : std::optional(i);
      } else if (!id.empty()) {
        if (call.id == id) return i;
      } else if (!has_name) {
        return i;
      } else {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  Result<> on_call(OpenChoice& choice, json::Value value, EventSink& sink) {
    const auto index_value = value.find("index");
    const auto index = index_value ? index_value->as_int() : std::nullopt;
    const auto id_value = string_in(value, "id");
    const std::string id = id_value ? id_value->as_string() : std::string();
    const auto custom = value.find("custom");
    const auto function = custom ? custom : value.find("function");
    const auto name_value = function ? string_in(*function, "name") : std::nullopt;
    const std::string name = name_value ? name_value->as_string() : std::string();
    auto ordinal = continued_call(choice, index, id, !name.empty());
    if (!ordinal) {
      if (name.empty() && id.empty() && !index) return {};  // neither continues nor opens one
      if (choice.calls.size() >= calls_max) return malformed("too many tool calls");
      ordinal = choice.calls.size();
      choice.calls.push_back({index, id, custom ? ToolKind::custom : ToolKind::function});
      emit_begin(choice, *ordinal, name, thought_signature(value), sink);
    }
    if (function) emit_arguments(choice, *ordinal, *function, custom ? "input" : "arguments", sink);
    return {};
  }

  /// The deprecated form: one call, without an id.
  Result<> on_function_call(OpenChoice& choice, json::Value function, EventSink& sink) {
    if (choice.calls.empty()) {
      const auto name = string_in(function, "name");
      choice.calls.emplace_back();
      emit_begin(choice, 0, name ? name->as_string() : std::string(), {}, sink);
    }
    emit_arguments(choice, 0, function, "arguments", sink);
    return {};
  }

  [[nodiscard]] static StreamEvent call_event(Type type, const OpenChoice& choice,
                                              std::size_t ordinal) {
    StreamEvent event;
    event.type = type;
    event.choice = choice.index;
    event.tool = static_cast<std::uint32_t>(ordinal);
    event.tool_kind = choice.calls[ordinal].kind;
    return event;
  }

  void emit_begin(OpenChoice& choice, std::size_t ordinal, std::string_view name,
                  std::string_view signature, EventSink& sink) {
    StreamEvent event = call_event(Type::tool_call_begin, choice, ordinal);
    const std::string& id = choice.calls[ordinal].id;
    const std::string made_up = id.empty() ? made_up_call_id(id_, choice.index, ordinal) : id;
    event.id = made_up;
    event.name = name;
    event.signature = signature;
    sink.on_event(event);
  }

  void emit_arguments(const OpenChoice& choice, std::size_t ordinal, json::Value function,
                      std::string_view key, EventSink& sink) {
    const auto arguments = function.find(key);
    if (!arguments || arguments->is_null()) return;
    StreamEvent event = call_event(Type::tool_call_delta, choice, ordinal);
    if (arguments->is_string()) {
      event.text = arguments->as_string_view(scratch_);
    } else {
      scratch_.clear();
      json::append_compact(scratch_, arguments->raw());
      event.text = scratch_;
    }
    if (!event.text.empty()) sink.on_event(event);
  }

  // Calls end together: servers may interleave their pieces, so no earlier moment is certain.
  void finish(OpenChoice& choice, std::string_view reason, EventSink& sink) {
    for (std::size_t i = 0; i < choice.calls.size(); ++i) {
      sink.on_event(call_event(Type::tool_call_end, choice, i));
    }
    choice.is_finished = true;
    StreamEvent event;
    event.type = Type::finish;
    event.choice = choice.index;
    event.finish = finish_of(reason, !choice.calls.empty());
    sink.on_event(event);
  }

  Quirks quirks_;
  SseParser parser_;
  json::Document document_;
  std::string scratch_;
  std::string json_body_;
  std::string id_;
  std::deque<OpenChoice> choices_;
  std::optional<Usage> usage_;
  bool is_started_ = false;
  bool is_json_body_ = false;
  bool has_start_ = false;
  bool is_terminated_ = false;
  bool has_failed_ = false;
  bool is_over_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> make_stream_decoder(Quirks quirks, std::size_t event_bytes_max) {
  return std::make_unique<Decoder>(quirks, event_bytes_max);
}

}  // namespace weir::wire::openai
