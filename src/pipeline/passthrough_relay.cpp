// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "json/document.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/relay.hpp"
#include "pipeline/stream_recovery.hpp"
#include "wire/error_writer.hpp"
#include "wire/fault.hpp"
#include "wire/responses/codec.hpp"
#include "wire/sse.hpp"
#include "wire/text_mender.hpp"

namespace weir::pipeline {
namespace {

/// One dialect on both sides: payloads go through byte for byte. Each is parsed once, to learn
/// usage, finish and faults; comments and other keep-alives stay behind.
class PassthroughRelay final : public Relay {
  using Rest = wire::TextMender::Rest;

 public:
  explicit PassthroughRelay(const RelayOptions& options)
      : options_(options),
        codec_(codec_of(options.client)),
        events_(options.event_bytes_max),
        lines_(options.event_bytes_max) {
    // A Responses stream numbers its events and repeats them at the end; nobody else can go on
    // with it.
    if (!options.keeps_text || options.client == wire::Dialect::openai_responses) return;
    const wire::StreamOptions stream{.id = options.request_id,
                                     .model = options.model,
                                     .created = options.created,
                                     .wants_usage = options.wants_stream_usage};
    memory_.emplace(options.client, options.quirks, stream);
  }

  Result<> whole(std::string_view text, std::string& out) override {
    wire::TextMender mender;
    const std::string_view body = mender.whole(text);
    json::Document document;
    if (const auto parsed = document.parse(body); !parsed) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer is no JSON");
    }
    facts_.fault = wire::find_fault(document.root(), body);
    if (facts_.fault) return {};
    const auto watch = codec_.watch_response(document.root(), options_.quirks);
    if (!watch.has_answer) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer holds no answer");
    }
    facts_.usage = watch.usage;
    facts_.finish = watch.finish;
    facts_.content_bytes = watch.content_bytes;
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    if (watch.id) answer_id_ = body.substr(watch.id->offset + 1, watch.id->size - 2);
    tell_answer_id();
    out.append(body);
    return {};
  }

  Result<> whole_as_stream(std::string_view body, std::string& out) override {
    if (is_one_line(body)) return one_line(body, out);
    writer_ = make_translating_relay(options_);
    WEIR_TRY(writer_->whole_as_stream(body, out));
    facts_ = writer_->facts();
    return {};
  }

  Result<> feed(std::string_view bytes, std::string& out) override {
    if (!watcher_) watcher_ = codec_.make_stream_watcher(options_.quirks, options_.choices);
    if (codec_.framing == wire::Framing::sse) {
      events_.feed(bytes);
    } else {
      lines_.feed(bytes);
    }
    return drain(out);
  }

  Result<> end(std::string& out) override {
    events_.finish();
    lines_.finish();
    return drain(out);
  }

  void finish(std::string& out) override {
    if (writer_) return writer_->finish(out);
    if (memory_ && memory_->is_joined()) return memory_->finish(out);
    if (options_.is_json_array) {
      out.append(is_begun_ ? "]\n" : "[]\n");
    } else {
      out.append(terminator());
    }
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    end_broken(out);
    if (options_.client == wire::Dialect::openai_responses) {
      return wire::responses::append_error_event(error, request_id, frames_, out);
    }
    std::string body;
    wire::append_error_body(body, options_.client, error, request_id);
    write_frame(options_.client == wire::Dialect::anthropic ? "error" : "", body, out);
    if (options_.is_json_array) out.append("]\n");
  }

  [[nodiscard]] std::optional<StreamSoFar> so_far() override {
    if (!memory_) return std::nullopt;
    return memory_->so_far();
  }
  void join(const wire::StreamEvent& event, std::string& out) override {
    if (holds_half()) give_up_half(Rest::is_out);  // what goes on has the whole of it
    memory_->join(event, out);
  }
  void join_unseen(std::string_view thoughts) override { memory_->join_unseen(thoughts); }

 private:
  [[nodiscard]] bool is_one_line(std::string_view body) const {
    if (codec_.framing != wire::Framing::lines || body.size() > options_.event_bytes_max) {
      return false;
    }
    return body.substr(0, body.find('\n')).size() + 1 >= body.size();
  }

  /// A stream of one line: where there is nothing to answer, Ollama says so in one object, whatever
  /// was asked for, such as that it has loaded a model.
  Result<> one_line(std::string_view body, std::string& out) {
    WEIR_TRY(feed(body, out));
    WEIR_TRY(end(out));
    facts_.has_content = facts_.is_complete;
    return {};
  }

  Result<> drain(std::string& out) {
    if (codec_.framing == wire::Framing::sse) {
      wire::SseParser::Event event;
      while (!is_over() && events_.next(event)) WEIR_TRY(take(event, out));
    } else {
      std::string_view line;
      while (!is_over() && lines_.next(line)) WEIR_TRY(take({{}, line}, out));
    }
    if (events_.is_overflowing() || lines_.is_overflowing()) {
      return Error(ErrorCode::upstream_malformed, "an event of the stream is too large");
    }
    return {};
  }

  [[nodiscard]] bool is_over() const { return facts_.is_terminated || facts_.fault.has_value(); }

  Result<> take(wire::SseParser::Event event, std::string& out) {
    const std::string_view data = event.data;
    if (event.type == "error") {
      facts_.fault = wire::read_fault(0, data);
      return {};
    }
    wire::FrameWatch watch = watcher_->watch(event.type, data);
    if (watch.fault && watch.fault->code == traits(ErrorCode::upstream_malformed).name) {
      return Error(ErrorCode::upstream_malformed, watch.fault->message);
    }
    if (watch.fault) {
      facts_.fault = watch.fault;
      return {};
    }
    learn(watch);
    const bool ends_text =
        watch.ends_text || watch.is_terminator || watch.finish != wire::Finish::none;
    if (waiting_) settle_waiting(ends_text, out);
    if (ends_text && holds_half()) end_in_half(event, watch, out);
    if (watch.is_terminator && !watch.is_content) {
      // `finish` writes it, once the answer is booked.
      wire::append_sse(terminator_, event.type, event.data);
      return {};
    }
    // We asked for usage whether the client did or not.
    if (watch.is_usage_only && !options_.wants_stream_usage) return {};
    if (waiting_) return wait_behind(event, out), Result<>();
    if (numbers_events() && holds_half()) return wait_for_half(event), Result<>();
    const std::size_t begin = out.size();
    write_frame(event.type, event.data, out);
    // The first frame tells more than its text: the stream's id, model and time.
    if (memory_ && watch.text && frames_ > 1) {
      memory_->keep_text(*watch.text, watch.usage);
    } else if (memory_) {
      memory_->keep(std::string_view(out).substr(begin));
    }
    return {};
  }

  [[nodiscard]] bool holds_half() const { return events_.holds_half() || lines_.holds_half(); }
  [[nodiscard]] bool is_half_of_newest() const {
    return events_.is_half_of_newest() || lines_.is_half_of_newest();
  }
  wire::SseParser::Event give_up_half(Rest rest) {
    return events_.holds_half() ? events_.give_up_half(rest) : lines_.give_up_half(rest);
  }

  /// `event` ends a text whose last character lacks its other half: U+FFFD goes out for it (S-9.7).
  void end_in_half(wire::SseParser::Event& event, wire::FrameWatch& watch, std::string& out) {
    if (is_half_of_newest()) {
      event.data = give_up_half(Rest::waits).data;
      watch.text.reset();
    } else {
      write_half(out);
    }
  }

  void write_half(std::string& out) {
    const wire::SseParser::Event half = give_up_half(Rest::is_out);
    const std::size_t begin = out.size();
    write_frame(half.type, half.data, out);
    if (memory_) memory_->keep(std::string_view(out).substr(begin));
  }

  /// The stream broke: no other half will come.
  void end_broken(std::string& out) {
    if (waiting_) {
      write_waiting(waiting_->marked, out);
    } else if (holds_half()) {
      write_half(out);
    }
  }

  // Where events have numbers, none can be put between for U+FFFD. The one that brought half a
  // character waits until it is seen whether its text goes on: nearly always in the next event.

  /// An event that waits.
  struct Waiting {
    std::string type;
    std::string data;
    std::string marked;  ///< with U+FFFD, where no other half comes
    std::string behind;  ///< frames that have come since
  };

  [[nodiscard]] bool numbers_events() const {
    return options_.client == wire::Dialect::openai_responses;
  }

  void wait_for_half(const wire::SseParser::Event& event) {
    waiting_.emplace();
    waiting_->type = event.type;
    waiting_->data = event.data;
    waiting_->marked = events_.marked();
  }

  void wait_behind(const wire::SseParser::Event& event, std::string& out) {
    constexpr std::size_t bytes_max = 64 * 1024;
    write_frame(event.type, event.data, waiting_->behind);
    if (waiting_->behind.size() > bytes_max) settle_waiting(true, out);
  }

  /// The newest event may tell what becomes of the one that waits.
  void settle_waiting(bool ends_text, std::string& out) {
    if (events_.has_half_gone_on()) return write_waiting(waiting_->data, out);
    const bool is_other_half = holds_half() && is_half_of_newest();
    if (!ends_text && !is_other_half) return;
    if (holds_half() && !is_other_half) give_up_half(Rest::is_out);
    write_waiting(waiting_->marked, out);
  }

  void write_waiting(std::string_view data, std::string& out) {
    write_frame(waiting_->type, data, out);
    out.append(waiting_->behind);
    waiting_.reset();
  }

  void learn(const wire::FrameWatch& watch) {
    if (watch.usage) facts_.usage = watch.usage;
    if (watch.is_content) {
      facts_.has_content = true;
      // Of what we don't know the size, it is news all the same.
      facts_.content_bytes += std::max<std::size_t>(1, watch.content_bytes);
    }
    ++frames_;
    if (!watch.answer_id.empty()) answer_id_ = watch.answer_id;
    if (facts_.has_content) tell_answer_id();
    if (watch.finish != wire::Finish::none && facts_.finish == wire::Finish::none) {
      facts_.finish = watch.finish;
    }
    facts_.is_complete = watcher_->is_complete();
    facts_.is_terminated = watch.is_terminator;
  }

  void tell_answer_id() {
    if (answer_id_.empty() || is_id_told_ || !options_.on_kept_answer) return;
    is_id_told_ = true;
    options_.on_kept_answer(answer_id_);
  }

  void write_frame(std::string_view type, std::string_view data, std::string& out) {
    if (options_.is_json_array) {
      out.append(is_begun_ ? ",\n" : "[").append(data).append("\n");
    } else if (codec_.framing == wire::Framing::sse) {
      wire::append_sse(out, type, data);
    } else {
      out.append(data).append("\n");
    }
    is_begun_ = true;
  }

  /// As the upstream wrote it, or as clients expect it where it ended without.
  [[nodiscard]] std::string_view terminator() const {
    if (!terminator_.empty()) return terminator_;
    switch (options_.client) {
      case wire::Dialect::openai_chat:
        return "data: [DONE]\n\n";
      case wire::Dialect::anthropic:
        return "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
      default:
        return {};
    }
  }

  RelayOptions options_;
  std::optional<StreamMemory> memory_;
  const Codec& codec_;
  std::unique_ptr<wire::StreamWatcher> watcher_;  ///< null until a stream comes
  wire::SseParser events_;
  wire::LineParser lines_;
  std::optional<Waiting> waiting_;
  std::string terminator_;
  std::string answer_id_;
  bool is_id_told_ = false;
  std::int64_t frames_ = 0;
  bool is_begun_ = false;          ///< a frame was written
  std::unique_ptr<Relay> writer_;  ///< of a stream that the upstream did not write
};

}  // namespace

std::unique_ptr<Relay> make_passthrough_relay(const RelayOptions& options) {
  return std::make_unique<PassthroughRelay>(options);
}

}  // namespace weir::pipeline
