// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/recycled.hpp"
#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

/// Same-dialect traffic: the body is not rebuilt, only looked at and patched where it must change.
namespace weir::wire {

/// What policy needs to know of a request, read without decoding it.
struct RequestPeek {
  std::string model;
  bool stream = false;
  bool wants_stream_usage = false;  ///< OpenAI chat: stream_options.include_usage
  std::optional<std::int64_t> output_tokens_max;
  std::int64_t n = 1;
  std::string user;
  std::size_t text_bytes = 0;  ///< bytes of all strings in the conversation and tools
  std::uint32_t images = 0;
  bool uses_tools = false;
  bool uses_audio = false;
  bool uses_files = false;
  bool uses_json_object = false;
  bool uses_json_schema = false;
  bool uses_logprobs = false;
  bool asks_reasoning = false;  ///< reasoning effort or thinking was set
  /// Items of answers that we translated stand in the conversation, so that even a target of the
  /// same dialect can't take the text as it is.
  bool has_foreign_items = false;
  VendorSet seals = 0;                 ///< whose seals stand in the conversation
  Vendor last_seal = Vendor::unknown;  ///< whose is the newest of them

  /// In the order of the conversation.
  void note_seal(Vendor vendor) {
    if (vendor == Vendor::unknown) return;
    seals |= set_of(vendor);
    last_seal = vendor;
  }
};

/// What changes in a passed-through request.
struct RequestPatch {
  std::string_view model;          ///< replaces the body's `model`; empty = keep
  bool adds_stream_usage = false;  ///< OpenAI chat: sets stream_options.include_usage
};

/// What one frame of a passed-through stream (one SSE event, one NDJSON line) held.
struct FrameWatch {
  bool is_content = false;  ///< commits the stream
  /// Of what is said: text, thoughts and arguments, escapes as they stand.
  std::size_t content_bytes = 0;
  /// Where the frame brings a piece of the first choice's text and nothing else that matters: that
  /// piece, a string. It stands in the watcher until the next frame.
  std::optional<json::Value> text;
  bool ends_text = false;      ///< of a piece of the answer, where that is told before the finish
  bool is_terminator = false;  ///< [DONE], message_stop, done:true
  bool is_usage_only =
      false;  ///< an OpenAI usage chunk with no choice, to be hidden if not asked for
  std::optional<Usage> usage;
  Finish finish = Finish::none;  ///< of the first choice that finishes in this frame
  std::uint32_t finishes = 0;    ///< choices that finish in this frame
  std::string answer_id;         ///< Responses: what the answer is called, where the frame tells
  std::optional<UpstreamFault> fault;
};

/// Where a value stands in the text of an answer.
struct ValueSpan {
  std::size_t offset = 0;
  std::size_t size = 0;
};

/// What an answer that is not streamed held.
struct ResponseWatch {
  bool has_answer = false;  ///< it has the members that make an answer
  std::optional<Usage> usage;
  std::size_t content_bytes = 0;  ///< as of a frame
  Finish finish = Finish::none;   ///< of the first choice
  std::optional<ValueSpan> id;
  std::optional<ValueSpan> model;
  std::optional<ValueSpan> created;
};

/// Looks at the frames of one passed-through stream, in order.
class StreamWatcher : public Recycled {
 public:
  virtual ~StreamWatcher() = default;
  /// One SSE event of that type, or one line (which has none). Data that is not a JSON object is a
  /// fault with the code `upstream_malformed`.
  virtual FrameWatch watch(std::string_view type, std::string_view data) = 0;
  /// The stream has reached its end by the dialect's own rule. A body that ends while this is false
  /// was cut.
  [[nodiscard]] virtual bool is_complete() const = 0;
};

/// How a dialect frames its streams.
enum class Framing : std::uint8_t { sse, lines };

// What the dialects' functions have in common.

/// Bytes of a string between its quotes, escapes as they stand; near enough for an estimate. 0 for
/// anything else.
[[nodiscard]] std::size_t string_bytes(std::optional<json::Value> value);

/// The same of the first of `keys` that the object `value` has, where it has one.
[[nodiscard]] std::size_t member_bytes(json::Value value,
                                       std::initializer_list<std::string_view> keys);

/// One change of a text.
struct Splice {
  std::size_t offset = 0;
  std::size_t removed = 0;
  std::string text;
};
/// Names `model` in a request, also where the client left it out. Precondition: an object.
[[nodiscard]] Splice model_splice(json::Value root, std::string_view model);
/// Appends the text of `root` with `splices` made, which are in ascending order.
void append_spliced(json::Value root, std::span<const Splice> splices, std::string& out);
/// Appends the text of `root` with `patch.model` in its place.
void patch_model(json::Value root, const RequestPatch& patch, std::string& out);

/// The member `key` of an object that has no other but, perhaps, `beside`; else nothing.
[[nodiscard]] std::optional<json::Value> only_member(json::Value object, std::string_view key,
                                                     std::string_view beside);

/// Parses a frame. False, with `watch.fault` set, when it is no JSON object or tells of a failure.
bool read_frame(std::string_view data, json::Document& scratch, FrameWatch& watch);

}  // namespace weir::wire
