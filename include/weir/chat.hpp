// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// What is said to a model and what it answers: plain values.
namespace weir {

enum class Role : std::uint8_t { system, developer, user, assistant };

/// One piece of content. Which members count depends on `kind`.
struct Part {
  enum class Kind : std::uint8_t { text, image, audio, file, refusal };
  Kind kind = Kind::text;
  std::string text{};  ///< text, refusal
  std::string data{};  ///< image, audio, file: base64, without a data-URL prefix
  std::string url{};   ///< image, file: a link
  std::string mime{};  ///< media type such as image/png; empty = unknown
  std::string name{};  ///< file name

  static Part of_text(std::string content) { return {.text = std::move(content)}; }
  static Part of_image_url(std::string link) {
    return {.kind = Kind::image, .url = std::move(link)};
  }
  bool operator==(const Part&) const = default;
};

struct Message {
  Role role = Role::user;
  std::vector<Part> parts{};

  /// The text of all parts together.
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const Part& part : parts) {
      if (part.kind == Part::Kind::text) all += part.text;
    }
    return all;
  }
  bool operator==(const Message&) const = default;
};

/// The model asks for one of the offered tools.
struct ToolCall {
  std::string id{};  ///< what the result refers to
  std::string name{};
  std::string arguments{};  ///< JSON text as the model wrote it: check it before use
  std::string signature{};  ///< opaque; goes back with the call
  bool operator==(const ToolCall&) const = default;
};

struct ToolResult {
  std::string call_id{};
  std::string text{};
  bool is_error = false;
  bool operator==(const ToolResult&) const = default;
};

/// What a model thought before it answered. `signature`, `encrypted` and `id` are opaque and bound
/// to the model: in a tool loop the item goes back unchanged. Targets that can read it are asked
/// first; to others it is not sent.
struct Reasoning {
  std::string text{};
  std::vector<std::string> summary{};
  std::string id{};
  std::string signature{};
  std::string encrypted{};
  std::string sealed_by{};  ///< whose models can read them: goes back with them
  bool operator==(const Reasoning&) const = default;
};

/// A conversation is a list of these, in order.
using Item = std::variant<Message, ToolCall, ToolResult, Reasoning>;

inline Message system_message(std::string text) {
  return {.role = Role::system, .parts = {Part::of_text(std::move(text))}};
}
inline Message user_message(std::string text) {
  return {.role = Role::user, .parts = {Part::of_text(std::move(text))}};
}
inline Message assistant_message(std::string text) {
  return {.role = Role::assistant, .parts = {Part::of_text(std::move(text))}};
}

/// A tool that the model may call.
struct ToolSpec {
  std::string name{};
  std::string description{};
  std::string parameters{};  ///< JSON Schema of the arguments, as JSON text; empty = none
};

struct ToolChoice {
  enum class Mode : std::uint8_t { automatic, none, required, named };
  Mode mode = Mode::automatic;
  std::string name{};  ///< named
};

/// How the answer is to look.
struct OutputFormat {
  enum class Kind : std::uint8_t { text, json_object, json_schema };
  Kind kind = Kind::text;
  std::string name{};    ///< json_schema
  std::string schema{};  ///< json_schema, as JSON text
};

enum class Effort : std::uint8_t { none, minimal, low, medium, high, xhigh, max };

struct ChatRequest {
  /// A route, tier or task, `provider/model`, or a model id; empty = the default.
  std::string model{};
  std::vector<Item> items{};
  std::vector<ToolSpec> tools{};
  ToolChoice tool_choice{};
  std::optional<std::int64_t> output_tokens_max{};
  std::optional<double> temperature{};
  std::optional<double> top_p{};
  std::optional<std::int64_t> seed{};
  std::vector<std::string> stop{};
  OutputFormat format{};
  std::optional<Effort> effort{};  ///< how long a reasoning model may think
  std::string user{};              ///< id of the end user, for providers that want one
};

/// Token counts of an answer. Each token is counted in one member of its side.
struct Usage {
  std::int64_t input = 0;  ///< neither read from nor written to a prompt cache
  std::int64_t input_cache_read = 0;
  std::int64_t input_cache_write = 0;  ///< whatever the lifetime of the entry
  std::int64_t output = 0;             ///< visible: all output but reasoning
  std::int64_t output_reasoning = 0;

  [[nodiscard]] std::int64_t input_total() const {
    return input + input_cache_read + input_cache_write;
  }
  [[nodiscard]] std::int64_t output_total() const { return output + output_reasoning; }
  bool operator==(const Usage&) const = default;
};

enum class Finish : std::uint8_t {
  none,  ///< the answer was not finished
  stop,
  stop_sequence,
  length,  ///< the limit on output tokens or the context window
  tool_calls,
  content_filter,
  other,
};

/// The standard answer, the same whichever provider gave it.
struct ChatResponse {
  std::string id{};           ///< the provider's, else our request id
  std::string text{};         ///< of all messages in `items` together
  std::vector<Item> items{};  ///< messages, tool calls and reasoning, in order
  Finish finish = Finish::none;
  Usage usage{};
  std::int64_t cost_nanousd = 0;     ///< billionths of a dollar; 0 where no price is known
  std::string model{};               ///< as the provider calls it
  std::string provider{};            ///< the provider that answered
  std::vector<std::string> tried{};  ///< targets (provider/model) that were asked, in order
  std::chrono::milliseconds latency{0};
  std::chrono::milliseconds first_content{0};  ///< until the first piece of the answer
  int attempts = 0;
  int rounds = 1;  ///< with tools: how often the model was asked
  /// More about the answer by name: `request-id`, `target`, `dropped` (settings the target could
  /// not take), `warning` (a retired model, say).
  std::map<std::string, std::string, std::less<>> metadata{};

  [[nodiscard]] std::vector<ToolCall> tool_calls() const {
    std::vector<ToolCall> calls;
    for (const Item& item : items) {
      if (const auto* call = std::get_if<ToolCall>(&item)) calls.push_back(*call);
    }
    return calls;
  }
};

struct EmbeddingRequest {
  std::optional<std::int64_t> dimensions{};  // first, so that {"a", "b"} can only be texts
  std::string model{};
  std::vector<std::string> texts{};
};

struct EmbeddingResponse {
  std::vector<std::vector<float>> vectors{};  ///< in the order of the texts
  std::int64_t input_tokens = 0;
  std::int64_t cost_nanousd = 0;
  std::string model{};
  std::string provider{};
  std::chrono::milliseconds latency{0};
  int attempts = 0;
  std::map<std::string, std::string, std::less<>> metadata{};
};

/// One step of a streamed answer. A tool call comes in one piece, when its arguments are complete.
struct StreamPiece {
  enum class Kind : std::uint8_t { text, reasoning, refusal, tool_call };
  Kind kind = Kind::text;
  std::string text{};    ///< text, reasoning, refusal: what comes next
  ToolCall tool_call{};  ///< tool_call
};

}  // namespace weir
