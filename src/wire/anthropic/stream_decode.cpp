// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "json/document.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/usage.hpp"
#include "wire/fault.hpp"
#include "wire/last_piece.hpp"
#include "wire/sse.hpp"

namespace weir::wire::anthropic {
namespace {

using Type = StreamEvent::Type;

Error malformed(std::string message) { return {ErrorCode::upstream_malformed, std::move(message)}; }

/// Blocks are found by their index, although none interleave today. Of those that only Anthropic
/// knows (server tools, their results) nothing is told.
class MessagesStreamDecoder final : public StreamDecoder {
 public:
  explicit MessagesStreamDecoder(std::size_t event_bytes_max) : parser_(event_bytes_max) {}

  Result<> feed(std::string_view bytes, EventSink& sink) override;
  Result<> end(EventSink& sink) override;
  bool give_up_half(Half which) override { return wire::give_up_half(parser_, which); }
  [[nodiscard]] bool is_complete() const override { return has_finished_; }
  [[nodiscard]] bool is_terminated() const override { return is_terminated_; }

 private:
  enum class BlockKind : std::uint8_t { content, tool, ignored };
  struct OpenBlock {
    std::int64_t index;
    BlockKind kind;
    std::uint32_t tool;  ///< ordinal among the calls
    bool has_arguments;
  };
  /// Far more than any answer has open at a time.
  static constexpr std::size_t open_blocks_max = 1024;

  Result<> drain(EventSink& sink);
  Result<> read_event(const SseParser::Event& event, EventSink& sink);
  void start_message(json::Value root, EventSink& sink);
  Result<> start_block(json::Value root, EventSink& sink);
  void start_call(json::Value block, OpenBlock& open, EventSink& sink);
  Result<> continue_block(json::Value root, EventSink& sink);
  void stop_block(json::Value root, EventSink& sink);
  void update_message(json::Value root, EventSink& sink);
  void stop_message(EventSink& sink);
  void give_usage(json::Value usage, EventSink& sink);
  /// Tells the text of member `key` if there is any.
  void give_text(json::Value object, std::string_view key, Type type, EventSink& sink);
  OpenBlock* find(json::Value root);

  SseParser parser_;
  json::Document document_;
  UsageCounters usage_;
  std::vector<OpenBlock> blocks_;
  std::uint32_t calls_ = 0;
  bool has_finished_ = false;
  bool is_terminated_ = false;
  bool is_over_ = false;  ///< an error was told or the stream is lost
};

std::string_view text_of(json::Value object, std::string_view key, std::string& scratch) {
  const auto value = object.find(key);
  if (!value || !value->is_string()) return {};
  return value->as_string_view(scratch);
}

Result<> MessagesStreamDecoder::feed(std::string_view bytes, EventSink& sink) {
  if (is_over_ || is_terminated_) return {};
  parser_.feed(bytes);
  return drain(sink);
}

Result<> MessagesStreamDecoder::end(EventSink& sink) {
  if (is_over_ || is_terminated_) return {};
  parser_.finish();
  WEIR_TRY(drain(sink));
  is_over_ = true;
  return {};
}

Result<> MessagesStreamDecoder::drain(EventSink& sink) {
  SseParser::Event event;
  while (!is_over_ && !is_terminated_ && parser_.next(event)) {
    auto read = read_event(event, sink);
    is_over_ = is_over_ || !read;
    if (!read) return read;
  }
  if (!parser_.is_overflowing()) return {};
  is_over_ = true;
  return malformed("an event of the stream is larger than the limit");
}

Result<> MessagesStreamDecoder::read_event(const SseParser::Event& event, EventSink& sink) {
  if (!document_.parse(event.data)) return malformed("an event of the stream is not JSON");
  const json::Value root = document_.root();
  if (!root.is_object()) return malformed("an event of the stream is no object");
  std::string scratch;
  std::string_view type = text_of(root, "type", scratch);
  if (type.empty()) type = event.type;
  if (type == "error" || is_fault(root)) {
    const UpstreamFault fault = read_fault(0, event.data);
    is_over_ = true;
    StreamEvent error;
    error.type = Type::error;
    error.fault = &fault;
    sink.on_event(error);
  } else if (type == "message_start") {
    start_message(root, sink);
  } else if (type == "content_block_start") {
    return start_block(root, sink);
  } else if (type == "content_block_delta") {
    return continue_block(root, sink);
  } else if (type == "content_block_stop") {
    stop_block(root, sink);
  } else if (type == "message_delta") {
    update_message(root, sink);
  } else if (type == "message_stop") {
    stop_message(sink);
  }
  return {};  // pings, and what later versions add
}

void MessagesStreamDecoder::start_message(json::Value root, EventSink& sink) {
  const auto message = root.find("message");
  if (!message) return;
  std::string id;
  std::string model;
  StreamEvent event;
  event.type = Type::start;
  event.id = text_of(*message, "id", id);
  event.model = text_of(*message, "model", model);
  sink.on_event(event);
  if (const auto usage = message->find("usage")) give_usage(*usage, sink);
}

MessagesStreamDecoder::OpenBlock* MessagesStreamDecoder::find(json::Value root) {
  const auto value = root.find("index");
  const auto index = value && value->is_number() ? value->as_int() : std::nullopt;
  if (!index) return nullptr;
  const auto found = std::find_if(blocks_.begin(), blocks_.end(),
                                  [&](const OpenBlock& open) { return open.index == *index; });
  return found == blocks_.end() ? nullptr : &*found;
}

Result<> MessagesStreamDecoder::start_block(json::Value root, EventSink& sink) {
  const auto index = root.find("index");
  const auto block = root.find("content_block");
  if (!index || !index->is_number() || !index->as_int() || !block) {
    return malformed("a content block starts without index or content");
  }
  if (find(root) != nullptr || blocks_.size() >= open_blocks_max) {
    return malformed("a content block starts inside another one");
  }
  OpenBlock open{*index->as_int(), BlockKind::content, 0, false};
  std::string scratch;
  const std::string_view type = text_of(*block, "type", scratch);
  if (type == "text") {
    give_text(*block, "text", Type::text, sink);
  } else if (type == "thinking") {
    give_text(*block, "thinking", Type::reasoning, sink);
    give_text(*block, "signature", Type::reasoning_signature, sink);
  } else if (type == "redacted_thinking") {
    give_text(*block, "data", Type::reasoning_encrypted, sink);
  } else if (type == "tool_use") {
    start_call(*block, open, sink);
  } else {
    open.kind = BlockKind::ignored;
  }
  blocks_.push_back(open);
  return {};
}

void MessagesStreamDecoder::start_call(json::Value block, OpenBlock& open, EventSink& sink) {
  std::string id;
  std::string name;
  open.kind = BlockKind::tool;
  open.tool = calls_++;
  StreamEvent event;
  event.type = Type::tool_call_begin;
  event.tool = open.tool;
  event.id = text_of(block, "id", id);
  event.name = text_of(block, "name", name);
  sink.on_event(event);
  // `input` is empty here, unless a server that speaks the format gives its calls whole.
  const auto input = block.find("input");
  if (!input || !input->is_object() || input->size() == 0) return;
  std::string arguments;
  json::append_compact(arguments, input->raw());
  open.has_arguments = true;
  event = {};
  event.type = Type::tool_call_delta;
  event.tool = open.tool;
  event.text = arguments;
  sink.on_event(event);
}

Result<> MessagesStreamDecoder::continue_block(json::Value root, EventSink& sink) {
  OpenBlock* open = find(root);
  const auto delta = root.find("delta");
  if (open == nullptr || !delta) return malformed("a delta belongs to no open content block");
  if (open->kind == BlockKind::ignored) return {};
  std::string scratch;
  const std::string_view type = text_of(*delta, "type", scratch);
  if (type == "text_delta") {
    give_text(*delta, "text", Type::text, sink);
  } else if (type == "thinking_delta") {
    give_text(*delta, "thinking", Type::reasoning, sink);
  } else if (type == "signature_delta") {
    give_text(*delta, "signature", Type::reasoning_signature, sink);
  } else if (type == "input_json_delta" && open->kind == BlockKind::tool) {
    std::string piece;
    StreamEvent event;
    event.type = Type::tool_call_delta;
    event.tool = open->tool;
    event.text = text_of(*delta, "partial_json", piece);
    if (event.text.empty()) return {};
    open->has_arguments = true;
    sink.on_event(event);
  }
  return {};
}

void MessagesStreamDecoder::stop_block(json::Value root, EventSink& sink) {
  OpenBlock* open = find(root);
  if (open == nullptr) return;
  if (open->kind == BlockKind::tool) {
    StreamEvent event;
    event.tool = open->tool;
    if (!open->has_arguments) {
      event.type = Type::tool_call_delta;
      event.text = "{}";
      sink.on_event(event);
    }
    event.type = Type::tool_call_end;
    event.text = {};
    sink.on_event(event);
  }
  blocks_.erase(blocks_.begin() + (open - blocks_.data()));
}

void MessagesStreamDecoder::update_message(json::Value root, EventSink& sink) {
  if (const auto usage = root.find("usage")) give_usage(*usage, sink);
  const auto delta = root.find("delta");
  if (!delta || has_finished_) return;
  std::string reason;
  std::string sequence;
  const std::string_view told = text_of(*delta, "stop_reason", reason);
  if (told.empty()) return;
  StreamEvent event;
  event.type = Type::finish;
  event.finish = finish_of(told);
  event.stop_sequence = text_of(*delta, "stop_sequence", sequence);
  has_finished_ = true;
  sink.on_event(event);
}

void MessagesStreamDecoder::stop_message(EventSink& sink) {
  is_terminated_ = true;
  if (has_finished_) return;
  // Some servers that speak the format leave the reason out.
  StreamEvent event;
  event.type = Type::finish;
  event.finish = calls_ > 0 ? Finish::tool_calls : Finish::stop;
  has_finished_ = true;
  sink.on_event(event);
}

void MessagesStreamDecoder::give_usage(json::Value usage, EventSink& sink) {
  if (!usage.is_object()) return;
  usage_.update(usage);
  const Usage counted = usage_.canonical();
  StreamEvent event;
  event.type = Type::usage;
  event.usage = &counted;
  sink.on_event(event);
}

void MessagesStreamDecoder::give_text(json::Value object, std::string_view key, Type type,
                                      EventSink& sink) {
  std::string scratch;
  StreamEvent event;
  event.type = type;
  event.text = text_of(object, key, scratch);
  const bool is_seal = type == Type::reasoning_signature || type == Type::reasoning_encrypted;
  if (is_seal) event.sealed_by = Vendor::anthropic;
  if (!event.text.empty()) sink.on_event(event);
}

}  // namespace

std::unique_ptr<StreamDecoder> make_stream_decoder(Quirks /*quirks*/, std::size_t event_bytes_max) {
  return std::make_unique<MessagesStreamDecoder>(event_bytes_max);
}

}  // namespace weir::wire::anthropic
