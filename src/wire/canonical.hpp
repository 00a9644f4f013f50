// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "weir/error.hpp"

/// The canonical form: what every dialect decodes to and encodes from.
///
/// A conversation is a flat list of items (message, tool call, tool result, reasoning), close to
/// OpenAI's Responses API, because the chat formats are its subsets. Members of a wire object that
/// the canonical form has no place for are kept in `extra`, raw, and written back only to the
/// dialect they came from, so that decode and encode within one dialect lose nothing.
namespace weir::wire {

enum class Dialect : std::uint8_t { openai_chat, openai_responses, anthropic, gemini, ollama };
inline constexpr std::size_t dialect_count = 5;
std::string_view name(Dialect dialect) noexcept;

/// Members we do not know, by name, each as raw JSON.
struct Extra {
  struct RawMember {
    std::string key;
    std::string json;
    bool operator==(const RawMember&) const = default;
  };
  std::vector<RawMember> members;

  [[nodiscard]] bool empty() const { return members.empty(); }
  [[nodiscard]] const std::string* find(std::string_view key) const;
  bool operator==(const Extra&) const = default;
};

enum class Role : std::uint8_t { system, developer, user, assistant };

enum class PartKind : std::uint8_t { text, image, audio, file, refusal, opaque };

/// Where something stands in the client's text, so that a refusal can name it: the offset of its
/// value there; 0: not known. It says nothing about what stands there, so all are equal.
struct Place {
  std::uint32_t offset = 0;
  bool operator==(const Place&) const { return true; }
};

/// One piece of content. Which members count depends on `kind`.
struct Part {
  PartKind kind = PartKind::text;
  std::string text;  ///< text, refusal; opaque: the whole part as raw JSON of its dialect
  std::string data;  ///< image, audio, file: base64 without a data-URL prefix
  std::string url;   ///< image, file: a link (never a data URL: those are split into mime and data)
  std::string file_id;  ///< image, file: id of an upload at one provider
  std::string mime;     ///< media type such as image/png; empty = unknown
  std::string name;     ///< file name
  std::string detail;   ///< image: auto, low, high; empty = unset
  Extra extra;          ///< cache_control, citations, ...
  Place place;          ///< of all but text

  static Part text_of(std::string content) {
    Part part;
    part.text = std::move(content);
    return part;
  }
  bool operator==(const Part&) const = default;
};

struct Message {
  Role role = Role::user;
  std::vector<Part> parts;
  /// False when this continues the turn of the item before it (Anthropic and Gemini put text, calls
  /// and text again into one turn). Encoders of turn-based formats start a new message where it is
  /// true; items of other kinds always join the turn of their side.
  bool begins_turn = true;
  bool is_plain_string = false;  ///< content was a bare string, not a list of parts
  bool is_outside_list =
      false;         ///< Responses: was `instructions`, or an `input` that is one string
  std::string id;    ///< Responses item id
  std::string name;  ///< OpenAI chat `name`
  Extra extra;
  bool operator==(const Message&) const = default;
};

enum class ToolKind : std::uint8_t { function, custom, hosted };

struct ToolCall {
  ToolKind kind = ToolKind::function;
  std::string id;       ///< what results refer to (`call_…`, `toolu_…`)
  std::string item_id;  ///< Responses `fc_…`, if there is one
  std::string name;
  std::string arguments;  ///< JSON text, byte for byte; for `custom` free text
  std::string signature;  ///< Gemini's thoughtSignature, if there is one
  Extra extra;
  Place place;
  bool operator==(const ToolCall&) const = default;
};

struct ToolResult {
  std::string call_id;
  std::string name;  ///< of the tool; filled by decoders that are told, else by `link_tool_names`
  std::vector<Part> parts;
  bool is_error = false;
  bool is_plain_string = false;
  bool is_custom = false;  ///< answers a call of kind `custom`
  std::string text_key;    ///< Gemini: member of `response` that held the text, if not the usual
  Extra extra;
  bool operator==(const ToolResult&) const = default;
};

/// Whose models made a signature or an encrypted block, and alone can read it.
enum class Vendor : std::uint8_t { unknown, openai, anthropic, google };
/// The name that clients carry beside a seal (`anthropic-claude-v1`, ...), the one OpenRouter uses;
/// empty for unknown.
std::string_view seal_format(Vendor vendor) noexcept;
Vendor vendor_of_seal_format(std::string_view format) noexcept;

/// A bit for each vendor.
using VendorSet = std::uint8_t;
constexpr VendorSet set_of(Vendor vendor) noexcept {
  return vendor == Vendor::unknown ? 0
                                   : static_cast<VendorSet>(1U << static_cast<unsigned>(vendor));
}
inline constexpr VendorSet every_vendor = 0xFF;

/// What a model thought before it answered. Signed or encrypted parts are bound to the model that
/// made them and must go back to it unchanged.
struct Reasoning {
  std::string id;
  std::vector<std::string> summary;  ///< Responses summaries
  std::string text;                  ///< plain reasoning text
  std::string signature;  ///< Anthropic's signature, Gemini's thoughtSignature of a thought part
  std::string encrypted;  ///< Responses encrypted_content, Anthropic redacted_thinking data
  Vendor sealed_by = Vendor::unknown;  ///< of signature and encrypted
  Extra extra;
  bool operator==(const Reasoning&) const = default;
};

/// An item that only its own dialect can express (hosted-tool calls, item references, ...).
struct OpaqueItem {
  std::string json;
  bool is_from_model = false;
  Place place;
  bool operator==(const OpaqueItem&) const = default;
};

using Item = std::variant<Message, ToolCall, ToolResult, Reasoning, OpaqueItem>;

struct Tool {
  ToolKind kind = ToolKind::function;
  std::string name;
  std::string description;
  std::string parameters;          ///< raw JSON Schema; empty = none given
  std::string openapi_parameters;  ///< Gemini: the same as it came, in its OpenAPI subset
  std::optional<bool> strict;
  std::string hosted;  ///< hosted (and custom with a format): the whole tool as raw JSON
  Extra extra;
  Place place;
  bool operator==(const Tool&) const = default;
};

struct ToolChoice {
  enum class Mode : std::uint8_t { unset, automatic, none, required, named, allowed, opaque };
  Mode mode = Mode::unset;
  std::string name;                  ///< named
  std::vector<std::string> allowed;  ///< allowed: the names
  bool is_allowed_required = false;  ///< allowed: one of them must be called
  std::string opaque;                ///< raw JSON that only its dialect understands
  bool operator==(const ToolChoice&) const = default;
};

struct OutputFormat {
  enum class Kind : std::uint8_t { unset, text, json_object, json_schema, opaque };
  Kind kind = Kind::unset;
  std::string name;
  std::string description;
  std::string schema;          ///< raw JSON Schema; opaque: the whole member as raw JSON
  std::string openapi_schema;  ///< Gemini: the same as it came, in its OpenAPI subset
  std::optional<bool> strict;
  bool operator==(const OutputFormat&) const = default;
};

enum class Effort : std::uint8_t { none, minimal, low, medium, high, xhigh, max };
std::string_view name(Effort effort) noexcept;
std::optional<Effort> effort_from_name(std::string_view name) noexcept;
/// Thinking tokens that stand for an effort (1 024, 8 192, 24 576; 0 for none), after Google's own
/// mapping, and back.
std::int64_t budget_of(Effort effort) noexcept;
Effort effort_of_budget(std::int64_t tokens) noexcept;

struct ReasoningSettings {
  std::optional<bool> enabled;  ///< explicitly on (true, also "adaptive") or off
  std::optional<Effort> effort;
  std::optional<std::int64_t> budget_tokens;  ///< -1 = the model decides
  std::string summary;                        ///< Responses: auto, concise, detailed
  std::optional<bool> wants_text;             ///< Gemini includeThoughts, Anthropic display
  bool wants_encrypted = false;               ///< Responses include reasoning.encrypted_content
  Extra extra;
  bool operator==(const ReasoningSettings&) const = default;
};

struct Sampling {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int64_t> top_k;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<std::int64_t> seed;
  std::string logit_bias;  ///< raw JSON object; empty = unset
  bool operator==(const Sampling&) const = default;
};

/// One model call in canonical form.
struct ChatRequest {
  Dialect origin = Dialect::openai_chat;  ///< where `extra` members may be written back
  std::string model;
  std::vector<Item> items;
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  std::optional<bool> parallel_tool_calls;
  std::optional<std::int64_t> output_tokens_max;
  Sampling sampling;
  std::vector<std::string> stop;
  std::int64_t n = 1;
  std::optional<bool> logprobs;
  std::optional<std::int64_t> top_logprobs;
  OutputFormat format;
  ReasoningSettings reasoning;
  std::string verbosity;          ///< low, medium, high; empty = unset
  std::string user;               ///< end-user id (safety_identifier, user, metadata.user_id)
  bool is_user_old_name = false;  ///< OpenAI: it came as `user`, not as `safety_identifier`
  std::string service_tier;
  std::string prompt_cache_key;
  std::string metadata;  ///< raw JSON object; empty = unset
  std::optional<bool> store;
  std::string previous_response_id;
  bool stream = false;
  bool wants_stream_usage = false;
  Extra extra;  ///< top-level members we do not know
};

/// Token counts of one answer. Each token is counted in exactly one member of its side.
struct Usage {
  std::int64_t input = 0;  ///< neither read from nor written to a prompt cache
  std::int64_t input_cache_read = 0;
  std::int64_t input_cache_write = 0;
  std::int64_t input_cache_write_1h = 0;
  std::int64_t output = 0;  ///< visible: all output but reasoning
  std::int64_t output_reasoning = 0;
  std::int64_t input_audio = 0;          ///< share of `input` that is audio
  std::int64_t output_audio = 0;         ///< share of `output` that is audio
  std::int64_t input_image = 0;          ///< share of `input` that is pictures
  std::int64_t output_image = 0;         ///< share of `output` that is pictures
  std::int64_t accepted_prediction = 0;  ///< share of `output`
  std::int64_t rejected_prediction = 0;  ///< share of `output`
  std::int64_t audio_ms = 0;             ///< sound that is charged by its length
  std::int64_t search_units = 0;         ///< reranking that is charged by the search
  bool is_impossible = false;  ///< a count was told that none can be: negative, not whole (S-11.8)
  std::optional<std::int64_t> cost_nanousd;  ///< where the provider states the price of this answer

  [[nodiscard]] std::int64_t input_total() const {
    return input + input_cache_read + input_cache_write + input_cache_write_1h;
  }
  [[nodiscard]] std::int64_t output_total() const { return output + output_reasoning; }
  bool operator==(const Usage&) const = default;
};

enum class Finish : std::uint8_t {
  none,  ///< not finished
  stop,  ///< natural end
  stop_sequence,
  length,
  tool_calls,
  content_filter,
  pause,  ///< Anthropic pause_turn
  other,  ///< the model failed to produce a usable answer (a malformed call, ...)
};
std::string_view name(Finish finish) noexcept;

struct Choice {
  std::int64_t index = 0;
  std::vector<Item> output;  ///< reasoning, assistant messages, tool calls, in order
  Finish finish = Finish::none;
  std::string stop_sequence;  ///< the string that matched, where the dialect tells
  std::string logprobs;       ///< raw JSON in OpenAI's shape; empty = none
  Extra extra;
};

/// A whole answer.
struct ChatResponse {
  Dialect origin = Dialect::openai_chat;
  std::string id;
  std::int64_t created = 0;  ///< Unix seconds; 0 = not told
  std::string model;
  std::vector<Choice> choices;
  std::optional<Usage> usage;
  std::string service_tier;
  std::string system_fingerprint;
  Extra extra;
};

/// One step of a streamed answer. Text members are views that hold only during the call that hands
/// the event over.
struct StreamEvent {
  enum class Type : std::uint8_t {
    start,  ///< id, model, created; first event of a stream, at most once
    text,
    refusal,
    reasoning,            ///< text of thoughts
    reasoning_signature,  ///< `text` = signature of the reasoning just streamed
    reasoning_encrypted,  ///< `text` = a whole opaque block (redacted thinking, encrypted content)
    tool_call_begin,      ///< tool, id, name (and signature)
    tool_call_delta,      ///< tool, text = next piece of the arguments
    tool_call_end,        ///< tool; the arguments are complete
    usage,                ///< cumulative; replaces what was told before
    finish,               ///< choice, finish
    error,                ///< the upstream gave up; nothing follows
  };
  Type type = Type::text;
  std::uint32_t choice = 0;
  std::uint32_t tool = 0;  ///< ordinal of the tool call within its choice, from 0
  ToolKind tool_kind = ToolKind::function;
  std::string_view text{};
  std::string_view id{};               ///< start: response id; tool_call_begin: call id
  std::string_view model{};            ///< start
  std::string_view name{};             ///< tool_call_begin
  std::string_view signature{};        ///< tool_call_begin; text: Gemini's, of this piece of text
  Vendor sealed_by = Vendor::unknown;  ///< reasoning_signature, reasoning_encrypted
  std::string_view logprobs{};         ///< text: raw JSON in OpenAI's shape
  std::int64_t created = 0;            ///< start: Unix seconds
  Finish finish = Finish::none;
  std::string_view stop_sequence{};
  const Usage* usage = nullptr;                 ///< usage
  const struct UpstreamFault* fault = nullptr;  ///< error
};

/// True for events that carry something of the answer itself (text, reasoning, a refusal, a piece
/// of a tool call) or its normal end: the first of them commits the stream to its target.
[[nodiscard]] bool is_content(const StreamEvent& event) noexcept;

/// What an upstream's error said, from whichever of the known shapes it came in.
struct UpstreamFault {
  int status = 0;  ///< HTTP status, or the one the error body names; 0 = unknown
  std::string type;
  std::string code;  ///< as text, also where the wire has a number
  std::string message;
  std::string param;
  std::string reason;  ///< finer code: Google's ErrorInfo reason or quotaId, Anthropic's
                       ///< details.error_code, OpenRouter's error_type
  std::optional<std::int64_t>
      retry_after_ms;  ///< from the body (RetryInfo, or words in the message)
  bool operator==(const UpstreamFault&) const = default;
};

/// Fills the `name` of every tool result from the call it answers. Answers false if some result
/// has no call.
bool link_tool_names(std::vector<Item>& items);

}  // namespace weir::wire
