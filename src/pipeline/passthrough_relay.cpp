// SPDX-License-Identifier: Apache-2.0
#include "json/document.hpp"
#include "pipeline/relay.hpp"
#include "wire/fault.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/passthrough.hpp"
#include "wire/sse.hpp"

namespace weir::pipeline {
namespace {

/// OpenAI's dialect on both sides: payloads go through byte for byte. Each is parsed once, to learn
/// usage, finish and faults; comments and other keep-alives stay behind.
class PassthroughRelay final : public Relay {
 public:
  explicit PassthroughRelay(const RelayOptions& options) : options_(options) {}

  Result<> whole(std::string_view body, std::string& out) override {
    if (const auto parsed = document_.parse(body); !parsed) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer is no JSON");
    }
    if (wire::is_fault(document_.root())) {
      facts_.fault = wire::read_fault(200, body);
      return {};
    }
    const auto watch = wire::openai::watch_response(document_.root(), options_.quirks);
    const auto choices = document_.root().find("choices");
    if (!choices || !choices->is_array() || choices->size() == 0) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer holds no answer");
    }
    facts_.usage = watch.usage;
    facts_.finish = watch.finish;
    facts_.content_bytes = body.size();
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    out.append(body);
    return {};
  }

  Result<> whole_as_stream(std::string_view body, std::string& out) override {
    writer_ = make_translating_relay(options_);
    WEIR_TRY(writer_->whole_as_stream(body, out));
    facts_ = writer_->facts();
    return {};
  }

  Result<> feed(std::string_view bytes, std::string& out) override {
    parser_.feed(bytes);
    return drain(out);
  }

  Result<> end(std::string& out) override {
    parser_.finish();
    return drain(out);
  }

  void finish(std::string& out) override {
    if (writer_) return writer_->finish(out);
    out.append("data: [DONE]\n\n");
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    // Only the error is written here, so what the encoder would know of the stream is not needed.
    wire::openai::make_stream_encoder({})->fail(error, request_id, out);
  }

 private:
  Result<> drain(std::string& out) {
    wire::SseParser::Event event;
    while (!facts_.is_terminated && !facts_.fault && parser_.next(event)) {
      WEIR_TRY(take(event, out));
    }
    if (parser_.is_overflowing()) {
      return Error(ErrorCode::upstream_malformed, "an event of the stream is too large");
    }
    return {};
  }

  Result<> take(const wire::SseParser::Event& event, std::string& out) {
    const std::string_view data = event.data;
    if (event.type == "error") {
      facts_.fault = wire::read_fault(0, data);
      return {};
    }
    const wire::FrameWatch watch = wire::openai::watch_frame(data, document_, options_.quirks);
    if (watch.fault && watch.fault->code == traits(ErrorCode::upstream_malformed).name) {
      return Error(ErrorCode::upstream_malformed, watch.fault->message);
    }
    if (watch.fault) {
      facts_.fault = watch.fault;
      return {};
    }
    if (watch.usage) facts_.usage = watch.usage;
    if (watch.is_content) {
      facts_.has_content = true;
      facts_.content_bytes += data.size();
    }
    if (watch.finish != wire::Finish::none) {
      if (facts_.finish == wire::Finish::none) facts_.finish = watch.finish;
      finished_ += watch.finishes;
      facts_.is_complete = finished_ >= options_.choices;
    }
    if (watch.is_terminator) {
      facts_.is_terminated = true;
      return {};  // `finish` writes it, once the answer is booked
    }
    // We asked for usage whether the client did or not.
    if (watch.is_usage_only && !options_.wants_stream_usage) return {};
    wire::append_sse(out, {}, data);
    return {};
  }

  RelayOptions options_;
  wire::SseParser parser_;
  json::Document document_;
  std::int64_t finished_ = 0;
  std::unique_ptr<Relay> writer_;  ///< of a stream that the upstream did not write
};

}  // namespace

std::unique_ptr<Relay> make_passthrough_relay(const RelayOptions& options) {
  return std::make_unique<PassthroughRelay>(options);
}

}  // namespace weir::pipeline
