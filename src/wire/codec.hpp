// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/recycled.hpp"
#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

/// The contract that every dialect fulfils, and the options its encoder takes.
namespace weir::wire {

/// How a server that speaks a dialect differs from its book. A provider's row holds a set of them.
enum class Quirk : std::uint32_t {
  none = 0,
  max_tokens_old_name = 1u << 0,           ///< takes `max_tokens`, not `max_completion_tokens`
  no_stream_options = 1u << 1,             ///< refuses `stream_options`; sends usage by itself
  no_developer_role = 1u << 2,             ///< `developer` must be written as `system`
  mistral_ids = 1u << 3,                   ///< tool-call ids are exactly nine of [A-Za-z0-9]
  seed_is_random_seed = 1u << 4,           ///< Mistral's name for `seed`
  strict_roles = 1u << 5,                  ///< roles must alternate; merge neighbours of one role
  reasoning_outside_completion = 1u << 6,  ///< xAI: completion_tokens excludes reasoning_tokens
  no_n = 1u << 7,                          ///< `n` other than 1 is refused
  no_logprobs = 1u << 8,
  no_logit_bias = 1u << 9,
  no_names = 1u << 10,            ///< refuses `name` on messages
  no_metadata = 1u << 11,         ///< refuses `store` and `metadata`
  no_parallel_switch = 1u << 12,  ///< refuses `parallel_tool_calls`
  no_penalties = 1u << 13,
  logprobs_is_integer = 1u << 14,    ///< Together: `logprobs` is 0..20
  no_tool_choice = 1u << 15,         ///< ignores `tool_choice`
  no_json_schema = 1u << 16,         ///< takes json_object only
  replay_reasoning = 1u << 17,       ///< wants `reasoning_content` back in tool loops
  no_user = 1u << 18,                ///< refuses `user`, `safety_identifier`
  required_is_any = 1u << 19,        ///< Mistral's older word for tool_choice "required"
  reasoning_effort_hint = 1u << 20,  ///< takes `reasoning_effort`
  takes_top_k = 1u << 21,            ///< OpenAI's own does not
  takes_cache_control = 1u << 22,    ///< Anthropic's `cache_control` on parts, tools, the request
};
using Quirks = std::uint32_t;
constexpr Quirks operator|(Quirk a, Quirk b) {
  return static_cast<Quirks>(a) | static_cast<Quirks>(b);
}
constexpr Quirks operator|(Quirks a, Quirk b) { return a | static_cast<Quirks>(b); }
constexpr bool has(Quirks set, Quirk quirk) { return (set & static_cast<Quirks>(quirk)) != 0; }

/// What an encoder must know of the target's model.
struct ModelTraits {
  bool takes_sampling = true;  ///< temperature, top_p (and top_k) are accepted
  bool reasons = false;        ///< a reasoning model
  bool takes_prefill = false;  ///< goes on from an unfinished assistant turn
  bool takes_json_schema = true;
  std::int64_t output_tokens_max = 0;  ///< 0 = unknown
};

struct EncodeOptions {
  std::string_view model;  ///< id at the target
  Quirks quirks = 0;
  ModelTraits traits{};
  /// For targets that insist on a limit (Anthropic) when neither client nor catalog names one.
  std::int64_t output_tokens_default = 4096;
  /// What the request was decoded from, where that is the client's own; outlives the encoding.
  std::optional<json::Value> asked{};

  /// The client's path of what stands at `place`; `otherwise` where that is not known.
  [[nodiscard]] std::string field_of(Place place, std::string_view otherwise) const;
};

/// What the target could not be told, by the client's name of it; goes to `x-weir-dropped`.
struct EncodeNotes {
  std::vector<std::string> dropped;
  void drop(std::string_view what);
};

/// Half a character that a decoder holds back: whichever event brought it, or one before the
/// newest.
enum class Half : std::uint8_t { any, earlier };

/// Receives the events of a stream, in order.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_event(const StreamEvent& event) = 0;
};

/// Turns an upstream's stream into events, however its bytes are cut. Holds its framing (SSE or
/// NDJSON) itself. After an `error` event, and after `end`, further bytes are ignored.
class StreamDecoder : public Recycled {
 public:
  virtual ~StreamDecoder() = default;

  /// Feeds the next bytes of the body. Errors: `upstream_malformed` (data that is not JSON, an
  /// event over the limit); the stream is then lost.
  virtual Result<> feed(std::string_view bytes, EventSink& sink) = 0;
  /// The body ended. Flushes what the dialect completes only there (Gemini has no end marker).
  virtual Result<> end(EventSink& sink) = 0;
  /// Half a character waits for the rest of its string, which will not come, and is given up
  /// (S-9.7). False: there is none.
  virtual bool give_up_half(Half which) = 0;
  /// The stream has reached its end by the dialect's own rule: every choice finished, or the
  /// terminal event was seen. A body that ends while this is false was cut.
  [[nodiscard]] virtual bool is_complete() const = 0;
  /// The dialect's terminator was seen ([DONE], message_stop, done:true): nothing more is awaited.
  [[nodiscard]] virtual bool is_terminated() const = 0;
};

/// How a client's stream is to look.
struct StreamOptions {
  std::string_view id{};     ///< our id for the answer, used when the upstream gives none
  std::string_view model{};  ///< used when the upstream tells none
  std::int64_t created = 0;  ///< Unix seconds; used when the upstream tells none
  bool wants_usage = false;  ///< OpenAI chat: stream_options.include_usage
};

/// Turns events into a client's stream. Writes whole frames only.
class StreamEncoder : public Recycled {
 public:
  virtual ~StreamEncoder() = default;
  virtual void encode(const StreamEvent& event, std::string& out) = 0;
  /// The normal end: finish frames that were held for usage, the terminator.
  virtual void finish(std::string& out) = 0;
  /// The late error: one error frame, no terminator.
  virtual void fail(const Error& error, std::string_view request_id, std::string& out) = 0;
};

// Every dialect's folder has one header, wire/<dialect>/codec.hpp, with these functions in its own
// namespace (wire::openai, wire::responses, wire::anthropic, wire::gemini, wire::ollama):
//
//   Result<ChatRequest>  decode_request(json::Value root);
//   Result<EncodeNotes>  encode_request(const ChatRequest&, const EncodeOptions&, std::string&
//   out); Result<ChatResponse> decode_response(json::Value root, Quirks quirks); void
//   encode_response(const ChatResponse&, std::string& out); std::unique_ptr<StreamDecoder>
//   make_stream_decoder(Quirks quirks, std::size_t event_bytes_max); std::unique_ptr<StreamEncoder>
//   make_stream_encoder(const StreamOptions&);
//
// decode_request: errors `invalid_request` with the path of the offending field. Gemini's model is
//   in the URL, so its caller sets `model` and `stream` afterwards.
// encode_request: appends the body to `out`. A hint that the target can't take is dropped and named
//   in the notes; what would change the answer's meaning is refused with `unsupported_capability`.
// decode_response: errors `upstream_malformed`; an error object with status 200 is found beforehand
//   by `read_fault`.

}  // namespace weir::wire
