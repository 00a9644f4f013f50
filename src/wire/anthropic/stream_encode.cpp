// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "json/writer.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/usage.hpp"
#include "wire/error_writer.hpp"
#include "wire/foreign_seal.hpp"
#include "wire/sse.hpp"

namespace weir::wire::anthropic {
namespace {

enum class BlockKind : std::uint8_t { text, thinking, redacted, tool };

/// Content of one kind that has to wait for its turn.
struct Segment {
  BlockKind kind = BlockKind::text;
  std::uint32_t tool = 0;
  std::string id;         ///< tool
  std::string name;       ///< tool
  std::string text;       ///< text, thoughts, arguments; redacted: its data
  std::string signature;  ///< thinking
  bool is_ended = false;  ///< tool: no more arguments will come
};

/// One block is open at a time, and the format can't come back to a closed one. Text and thoughts
/// are closed by whatever comes next; a call stays open until its arguments are complete, and what
/// arrives meanwhile (calls may interleave elsewhere) is queued behind it.
class MessagesStreamEncoder final : public StreamEncoder {
 public:
  explicit MessagesStreamEncoder(const StreamOptions& options)
      : id_(options.id), model_(options.model) {}

  void encode(const StreamEvent& event, std::string& out) override;
  void finish(std::string& out) override;
  void fail(const Error& error, std::string_view request_id, std::string& out) override;

 private:
  void take_start(const StreamEvent& event);
  void take_piece(Segment piece, std::string& out);
  void take_call_seal(std::string_view seal, std::string& out);
  void take_call_begin(Segment call, std::string& out);
  void take_call_end(std::uint32_t tool, std::string& out);
  /// Joins `piece` to what waits already, where it belongs.
  void queue(Segment piece);
  Segment* queued_call(std::uint32_t tool);
  [[nodiscard]] bool belongs_to_open(const Segment& piece) const;
  void write_segment(const Segment& segment, std::string& out);
  void write_queue(std::string& out);

  void start_message(std::string& out);
  void open_block(const Segment& segment, std::string& out);
  void write_delta(std::string_view type, std::string_view key, std::string_view text,
                   std::string& out);
  void close_block(std::string& out);
  void write_message_delta(std::string& out);
  /// Frames what `write` puts into an object that starts with its type.
  template <class Write>
  void frame(std::string_view type, std::string& out, Write write);

  std::string id_;
  std::string model_;
  Usage usage_;
  std::optional<Segment> open_;
  std::int64_t index_ = 0;  ///< of the open block, or the next one
  std::deque<Segment> queue_;
  bool has_calls_ = false;
  Finish finish_ = Finish::none;
  std::string stop_sequence_;
  bool has_started_ = false;
  bool has_told_finish_ = false;
  bool is_over_ = false;
  std::string scratch_;
};

template <class Write>
void MessagesStreamEncoder::frame(std::string_view type, std::string& out, Write write) {
  scratch_.clear();
  json::Writer json(scratch_);
  json.begin_object().member("type", type);
  write(json);
  json.end_object();
  append_sse(out, type, scratch_);
}

void MessagesStreamEncoder::encode(const StreamEvent& event, std::string& out) {
  using enum StreamEvent::Type;
  if (is_over_ || event.choice != 0) return;  // there is no place for a second answer
  const bool is_seal = event.type == reasoning_signature || event.type == reasoning_encrypted;
  if (is_seal && event.sealed_by == Vendor::unknown) return;
  Segment piece;
  piece.tool = event.tool;
  piece.text = event.text;
  // Another vendor's seals would come back as Anthropic's own, so they are marked.
  if (is_seal && event.sealed_by != Vendor::anthropic) {
    const auto kind = event.type == reasoning_signature ? ForeignSeal::Kind::signature
                                                        : ForeignSeal::Kind::encrypted;
    piece.text = wrap_seal({event.sealed_by, kind, piece.text});
  }
  switch (event.type) {
    case start:
      return take_start(event);
    case text:
    case refusal:
      return take_piece(std::move(piece), out);
    case reasoning:
      piece.kind = BlockKind::thinking;
      return take_piece(std::move(piece), out);
    case reasoning_signature:
      piece.kind = BlockKind::thinking;
      piece.signature = std::exchange(piece.text, {});
      return take_piece(std::move(piece), out);
    case reasoning_encrypted:
      piece.kind = BlockKind::redacted;
      return take_piece(std::move(piece), out);
    case tool_call_begin:
      if (!event.signature.empty()) take_call_seal(event.signature, out);
      piece.kind = BlockKind::tool;
      piece.id = event.id;
      piece.name = event.name;
      return take_call_begin(std::move(piece), out);
    case tool_call_delta:
      piece.kind = BlockKind::tool;
      return take_piece(std::move(piece), out);
    case tool_call_end:
      return take_call_end(event.tool, out);
    case usage:
      usage_ = *event.usage;
      if (finish_ != Finish::none) write_message_delta(out);
      return;
    case StreamEvent::Type::finish:
      finish_ = event.finish;
      stop_sequence_ = event.stop_sequence;
      return;
    case error:
      return;  // told by `fail`, once it is sure that nobody else answers
  }
}

void MessagesStreamEncoder::take_start(const StreamEvent& event) {
  // Written with the first content only: most upstreams tell their usage in between.
  if (!event.id.empty()) id_ = event.id;
  if (!event.model.empty()) model_ = event.model;
}

bool MessagesStreamEncoder::belongs_to_open(const Segment& piece) const {
  if (!open_ || open_->kind != piece.kind || piece.kind == BlockKind::redacted) return false;
  return piece.kind != BlockKind::tool || open_->tool == piece.tool;
}

void MessagesStreamEncoder::take_piece(Segment piece, std::string& out) {
  if (has_told_finish_ || (piece.text.empty() && piece.signature.empty())) return;
  const bool is_call_open = open_ && open_->kind == BlockKind::tool;
  if (is_call_open && !belongs_to_open(piece)) return queue(std::move(piece));
  // Arguments of a call that never began, or has ended.
  if (piece.kind == BlockKind::tool && !is_call_open) return;
  write_segment(piece, out);
}

/// Before the call that it seals, in a block that clients carry back unread.
void MessagesStreamEncoder::take_call_seal(std::string_view seal, std::string& out) {
  Segment piece;
  piece.kind = BlockKind::redacted;
  piece.text = wrap_seal({Vendor::google, ForeignSeal::Kind::call, std::string(seal)});
  take_piece(std::move(piece), out);
}

void MessagesStreamEncoder::take_call_begin(Segment call, std::string& out) {
  if (has_told_finish_) return;
  has_calls_ = true;
  if (open_ && open_->kind == BlockKind::tool) {
    queue_.push_back(std::move(call));
  } else {
    write_segment(call, out);
  }
}

Segment* MessagesStreamEncoder::queued_call(std::uint32_t tool) {
  for (Segment& segment : queue_) {
    if (segment.kind == BlockKind::tool && segment.tool == tool) return &segment;
  }
  return nullptr;
}

void MessagesStreamEncoder::queue(Segment piece) {
  Segment* target = nullptr;
  if (piece.kind == BlockKind::tool) {
    target = queued_call(piece.tool);
    if (target == nullptr) return;  // it never began, or has ended
  } else if (!queue_.empty() && queue_.back().kind == piece.kind &&
             piece.kind != BlockKind::redacted && queue_.back().signature.empty()) {
    target = &queue_.back();
  }
  if (target == nullptr) {
    queue_.push_back(std::move(piece));
  } else {
    target->text.append(piece.text);
    target->signature.append(piece.signature);
  }
}

void MessagesStreamEncoder::take_call_end(std::uint32_t tool, std::string& out) {
  if (open_ && open_->kind == BlockKind::tool && open_->tool == tool) {
    close_block(out);
    write_queue(out);
  } else if (Segment* queued = queued_call(tool)) {
    queued->is_ended = true;
  }
}

void MessagesStreamEncoder::write_segment(const Segment& segment, std::string& out) {
  start_message(out);
  if (!belongs_to_open(segment)) {
    close_block(out);
    open_block(segment, out);
  }
  if (segment.kind == BlockKind::redacted) return close_block(out);
  const bool has_text = !segment.text.empty();
  if (segment.kind == BlockKind::text) {
    if (has_text) write_delta("text_delta", "text", segment.text, out);
  } else if (segment.kind == BlockKind::tool) {
    if (has_text) write_delta("input_json_delta", "partial_json", segment.text, out);
    if (segment.is_ended) close_block(out);
  } else {
    if (has_text) write_delta("thinking_delta", "thinking", segment.text, out);
    if (segment.signature.empty()) return;
    // A signature is the last thing of its block; further thoughts are another block's.
    write_delta("signature_delta", "signature", segment.signature, out);
    close_block(out);
  }
}

void MessagesStreamEncoder::write_queue(std::string& out) {
  while (!queue_.empty() && !(open_ && open_->kind == BlockKind::tool)) {
    const Segment next = std::move(queue_.front());
    queue_.pop_front();
    write_segment(next, out);
  }
}

void MessagesStreamEncoder::start_message(std::string& out) {
  if (std::exchange(has_started_, true)) return;
  frame("message_start", out, [&](json::Writer& json) {
    json.key("message").begin_object();
    json.member("id", id_).member("type", "message").member("role", "assistant");
    json.member("model", model_).key("content").begin_array().end_array();
    json.key("stop_reason").null().key("stop_sequence").null();
    json.key("usage").begin_object();
    write_usage(json, usage_);
    json.end_object().end_object();
  });
}

void MessagesStreamEncoder::open_block(const Segment& segment, std::string& out) {
  open_.emplace();
  open_->kind = segment.kind;
  open_->tool = segment.tool;
  frame("content_block_start", out, [&](json::Writer& json) {
    json.member("index", index_).key("content_block").begin_object();
    switch (segment.kind) {
      case BlockKind::text:
        json.member("type", "text").member("text", "");
        break;
      case BlockKind::thinking:
        json.member("type", "thinking").member("thinking", "").member("signature", "");
        break;
      case BlockKind::redacted:
        json.member("type", "redacted_thinking").member("data", segment.text);
        break;
      case BlockKind::tool:
        json.member("type", "tool_use").member("id", segment.id).member("name", segment.name);
        json.key("input").begin_object().end_object();
        break;
    }
    json.end_object();
  });
}

void MessagesStreamEncoder::write_delta(std::string_view type, std::string_view key,
                                        std::string_view text, std::string& out) {
  frame("content_block_delta", out, [&](json::Writer& json) {
    json.member("index", index_).key("delta").begin_object();
    json.member("type", type).member(key, text).end_object();
  });
}

void MessagesStreamEncoder::close_block(std::string& out) {
  if (!open_) return;
  open_.reset();
  frame("content_block_stop", out, [&](json::Writer& json) { json.member("index", index_); });
  ++index_;
}

void MessagesStreamEncoder::write_message_delta(std::string& out) {
  if (std::exchange(has_told_finish_, true)) return;
  start_message(out);
  do {  // calls that never ended are as complete as they will get
    close_block(out);
    write_queue(out);
  } while (open_);
  const Finish finish = finish_ == Finish::none ? Finish::stop : finish_;
  frame("message_delta", out, [&](json::Writer& json) {
    json.key("delta").begin_object();
    json.member("stop_reason", stop_reason_of(finish, has_calls_)).key("stop_sequence");
    if (stop_sequence_.empty()) {
      json.null();
    } else {
      json.string(stop_sequence_);
    }
    json.end_object().key("usage").begin_object();
    write_usage(json, usage_);
    json.end_object();
  });
}

void MessagesStreamEncoder::finish(std::string& out) {
  if (is_over_) return;
  write_message_delta(out);
  frame("message_stop", out, [](json::Writer&) {});
  is_over_ = true;
}

void MessagesStreamEncoder::fail(const Error& error, std::string_view request_id,
                                 std::string& out) {
  if (std::exchange(is_over_, true)) return;
  scratch_.clear();
  append_error_body(scratch_, Dialect::anthropic, error, request_id);
  append_sse(out, "error", scratch_);
}

}  // namespace

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options) {
  return std::make_unique<MessagesStreamEncoder>(options);
}

}  // namespace weir::wire::anthropic
