// SPDX-License-Identifier: Apache-2.0
#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "wire/fault.hpp"
#include "wire/last_piece.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/ollama/message.hpp"
#include "wire/sse.hpp"

namespace weir::wire::ollama {
namespace {

using Type = StreamEvent::Type;

class Decoder final : public StreamDecoder {
 public:
  explicit Decoder(std::size_t event_bytes_max) : lines_(event_bytes_max) {}

  Result<> feed(std::string_view bytes, EventSink& sink) override {
    if (is_over()) return {};
    lines_.feed(bytes);
    return drain(sink);
  }

  Result<> end(EventSink& sink) override {
    if (is_over()) return {};
    lines_.finish();
    return drain(sink);
  }

  bool give_up_half(Half which) override { return wire::give_up_half(lines_, which); }
  [[nodiscard]] bool is_complete() const override { return is_done_; }
  [[nodiscard]] bool is_terminated() const override { return is_done_; }

 private:
  [[nodiscard]] bool is_over() const { return is_done_ || has_failed_; }

  Result<> drain(EventSink& sink) {
    std::string_view line;
    while (!is_over() && lines_.next(line)) {
      auto read = read_line(line, sink);
      if (!read) {
        has_failed_ = true;
        return read;
      }
    }
    if (!lines_.is_overflowing()) return {};
    has_failed_ = true;
    return Error(ErrorCode::upstream_malformed, "a line of the stream is over the limit");
  }

  Result<> read_line(std::string_view line, EventSink& sink) {
    if (auto parsed = document_.parse(line); !parsed) {
      return Error(ErrorCode::upstream_malformed, parsed.error().message);
    }
    const json::Value root = document_.root();
    if (is_fault(root)) {
      has_failed_ = true;
      const UpstreamFault fault = read_fault(0, line);
      sink.on_event({.type = Type::error, .fault = &fault});
      return {};
    }
    const json::Path path;
    json::Problem problem;
    json::ObjectReader reader(root, path, problem);
    const Answer answer = read_answer(reader, call_ordinal_);
    if (problem.is_set()) {
      return Error(ErrorCode::upstream_malformed,
                   problem.error().param + ": " + problem.error().message);
    }
    give(answer, sink);
    return {};
  }

  void give(const Answer& answer, EventSink& sink) {
    if (!is_started_) {
      is_started_ = true;
      sink.on_event({.type = Type::start, .model = answer.model, .created = answer.created});
    }
    if (!answer.thinking.empty()) {
      sink.on_event({.type = Type::reasoning, .text = answer.thinking});
    }
    if (!answer.content.empty()) {
      sink.on_event({.type = Type::text, .text = answer.content, .logprobs = answer.logprobs});
    }
    for (const ToolCall& call : answer.calls) give_call(call, sink);
    if (!answer.is_done) return;
    is_done_ = true;
    sink.on_event({.type = Type::usage, .usage = &answer.usage});
    const Finish finish = finish_of(answer.done_reason, tool_ > 0);
    sink.on_event({.type = Type::finish, .finish = finish});
  }

  /// Calls come whole. They are counted here because older servers number every call 0.
  void give_call(const ToolCall& call, EventSink& sink) {
    sink.on_event({.type = Type::tool_call_begin, .tool = tool_, .id = call.id, .name = call.name});
    sink.on_event({.type = Type::tool_call_delta, .tool = tool_, .text = call.arguments});
    sink.on_event({.type = Type::tool_call_end, .tool = tool_});
    ++tool_;
  }

  LineParser lines_;
  json::Document document_;
  std::size_t call_ordinal_ = 0;
  std::uint32_t tool_ = 0;
  bool is_started_ = false;
  bool is_done_ = false;
  bool has_failed_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> make_stream_decoder(Quirks /*quirks*/, std::size_t event_bytes_max) {
  return std::make_unique<Decoder>(event_bytes_max);
}

}  // namespace weir::wire::ollama
