// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <optional>

#include "json/writer.hpp"
#include "wire/error_writer.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/ollama/message.hpp"
#include "wire/ollama/timestamp.hpp"

namespace weir::wire::ollama {
namespace {

/// Text goes out as it comes; a call is held until its arguments are complete, because Ollama's
/// clients take calls whole; the counters stand in the last line.
class Encoder final : public StreamEncoder {
 public:
  /// `stopwatch` null: no durations are told.
  Encoder(const StreamOptions& options, const Stopwatch* stopwatch)
      : model_(options.model),
        created_at_(format_timestamp(options.created)),
        stopwatch_(stopwatch) {}

  void encode(const StreamEvent& event, std::string& out) override {
    using enum StreamEvent::Type;
    if (event.choice != 0) return;  // one message per line: other choices have no place
    switch (event.type) {
      case start:
        if (!event.model.empty()) model_ = event.model;
        if (event.created != 0) created_at_ = format_timestamp(event.created);
        break;
      case text:
      case refusal:
        write_text("", event.text, event.logprobs, out);
        break;
      case reasoning:
        write_text("thinking", event.text, {}, out);
        break;
      case tool_call_begin:
      case tool_call_delta:
      case tool_call_end:
        on_tool_call(event, out);
        break;
      case usage:
        usage_ = *event.usage;
        break;
      case StreamEvent::Type::finish:
        finish_ = event.finish;
        break;
      case reasoning_signature:
      case reasoning_encrypted:
      case error:
        break;  // no place for them; errors end the stream through `fail`
    }
  }

  void finish(std::string& out) override {
    json::Writer json(out);
    begin_line(json);
    json.key("message").begin_object().member("role", "assistant").member("content", "");
    json.end_object().member("done", true).member("done_reason", done_reason_of(finish_));
    if (stopwatch_ != nullptr) {
      const std::int64_t total = stopwatch_->elapsed_ns();
      write_durations(json, total, first_ns_.value_or(total));
    }
    write_counters(json, usage_);
    json.end_object();
    out.push_back('\n');
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    append_error_body(out, Dialect::ollama, error, request_id);
    out.push_back('\n');
  }

 private:
  void begin_line(json::Writer& json) {
    if (!first_ns_ && stopwatch_ != nullptr) first_ns_ = stopwatch_->elapsed_ns();
    json.begin_object().member("model", model_).member("created_at", created_at_);
  }

  /// One line with `text` as the content, or as `member` beside an empty content.
  void write_text(std::string_view member, std::string_view text, std::string_view logprobs,
                  std::string& out) {
    if (text.empty()) return;
    json::Writer json(out);
    begin_line(json);
    json.key("message").begin_object().member("role", "assistant");
    json.member("content", member.empty() ? text : std::string_view());
    if (!member.empty()) json.member(member, text);
    json.end_object().member("done", false);
    write_logprobs(json, logprobs);
    json.end_object();
    out.push_back('\n');
  }

  void on_tool_call(const StreamEvent& event, std::string& out) {
    if (event.type == StreamEvent::Type::tool_call_begin) {
      ToolCall& call = open_[event.tool];
      call.id = event.id;
      call.name = event.name;
      return;
    }
    const auto open = open_.find(event.tool);
    if (open == open_.end()) return;
    if (event.type == StreamEvent::Type::tool_call_delta) {
      open->second.arguments += event.text;
      return;
    }
    write_call(open->second, out);
    open_.erase(open);
  }

  void write_call(const ToolCall& call, std::string& out) {
    json::Writer json(out);
    begin_line(json);
    json.key("message").begin_object().member("role", "assistant").member("content", "");
    json.key("tool_calls").begin_array();
    write_tool_call(json, call, calls_written_++, false);
    json.end_array().end_object().member("done", false).end_object();
    out.push_back('\n');
  }

  std::string model_;
  std::string created_at_;
  std::map<std::uint32_t, ToolCall> open_;  ///< calls whose arguments are still coming
  std::int64_t calls_written_ = 0;
  Usage usage_;
  Finish finish_ = Finish::stop;
  const Stopwatch* stopwatch_;
  std::optional<std::int64_t> first_ns_;  ///< when the first line was written
};

}  // namespace

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options) {
  return std::make_unique<Encoder>(options, nullptr);
}

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options,
                                                   const Stopwatch& stopwatch) {
  return std::make_unique<Encoder>(options, &stopwatch);
}

}  // namespace weir::wire::ollama
