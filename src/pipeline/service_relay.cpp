// SPDX-License-Identifier: Apache-2.0
#include "pipeline/service_relay.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "json/document.hpp"
#include "wire/fault.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/services.hpp"
#include "wire/sse.hpp"

namespace weir::pipeline {
namespace {

/// Raw JSON beyond this is not looked at: what says its use is short.
constexpr std::size_t watched_bytes_max = std::size_t{1} << 20;

Error malformed(std::string message) { return {ErrorCode::upstream_malformed, std::move(message)}; }

class ServiceRelay final : public Relay {
 public:
  explicit ServiceRelay(const ServiceRelayOptions& options)
      : options_(options), parser_(options.event_bytes_max) {}

  Result<> whole(std::string_view body, std::string& out) override {
    if (const auto parsed = document_.parse(body); !parsed) {
      return malformed("the upstream's answer is no JSON");
    }
    const json::Value root = document_.root();
    if (wire::is_fault(root)) {
      facts_.fault = wire::read_fault(200, body);
      return {};
    }
    const auto& names = options_.answer_members;
    const bool is_answer = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return !name.empty() && root.find(name).has_value();
    });
    if (!is_answer) return malformed("the upstream's answer holds no answer");
    facts_.usage = wire::openai::read_service_usage(root);
    facts_.content_bytes = body.size();
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    out.append(body);
    return {};
  }

  // What the pieces of such a stream would be can't be told from the whole answer.
  Result<> whole_as_stream(std::string_view body, std::string& /*out*/) override {
    if (const auto parsed = document_.parse(body); parsed && wire::is_fault(document_.root())) {
      facts_.fault = wire::read_fault(200, body);
      return {};
    }
    return malformed("the upstream does not stream this");
  }

  Result<> feed(std::string_view bytes, std::string& out) override {
    parser_.feed(bytes);
    return drain(out);
  }

  Result<> end(std::string& out) override {
    parser_.finish();
    WEIR_TRY(drain(out));
    // Fewer answers than were asked for are no broken stream.
    facts_.is_complete = facts_.is_complete || ended_ > 0;
    return {};
  }

  void finish(std::string& out) override {
    if (is_done_said_) out.append("data: [DONE]\n\n");
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    wire::openai::make_stream_encoder({})->fail(error, request_id, out);
  }

 private:
  Result<> drain(std::string& out) {
    wire::SseParser::Event event;
    while (!facts_.is_terminated && !facts_.fault && parser_.next(event)) {
      WEIR_TRY(take(event, out));
    }
    if (parser_.is_overflowing()) return malformed("an event of the stream is too large");
    return {};
  }

  Result<> take(const wire::SseParser::Event& event, std::string& out) {
    if (event.data == "[DONE]") {
      is_done_said_ = facts_.is_terminated = true;
      facts_.is_complete = facts_.has_content;
      return {};
    }
    const auto parsed = document_.parse(event.data);
    if (event.type == "error" || (parsed && wire::is_fault(document_.root()))) {
      facts_.fault = wire::read_fault(0, event.data);
      return {};
    }
    if (!parsed || !document_.root().is_object()) {
      return malformed("an event of the stream is no JSON object");
    }
    const json::Value root = document_.root();
    if (const auto usage = wire::openai::read_service_usage(root)) facts_.usage = usage;
    facts_.has_content = true;
    facts_.content_bytes += event.data.size();
    if (wire::openai::classify_service_event(root) == wire::openai::ServiceEvent::finished) {
      facts_.is_complete = ++ended_ >= options_.answers;
    }
    wire::append_sse(out, event.type, event.data);
    return {};
  }

  ServiceRelayOptions options_;
  wire::SseParser parser_;
  json::Document document_;
  std::int64_t ended_ = 0;
  bool is_done_said_ = false;
};

/// Passes every byte on. Attempts use it for sound and the like, and for requests whose answers
/// are anything.
class RawRelay final : public Relay {
 public:
  enum class Form : std::uint8_t { opaque, json, events };

  explicit RawRelay(Form form) : form_(form) { facts_.has_content = true; }

  Result<> whole(std::string_view body, std::string& out) override { return feed(body, out); }
  Result<> whole_as_stream(std::string_view body, std::string& out) override {
    return feed(body, out);
  }

  Result<> feed(std::string_view bytes, std::string& out) override {
    facts_.content_bytes += bytes.size();
    out.append(bytes);
    if (form_ == Form::events) {
      events_.feed(bytes);
      watch_events();
    } else if (form_ == Form::json && text_.size() + bytes.size() <= watched_bytes_max) {
      text_.append(bytes);
    } else {
      form_ = Form::opaque;
      text_.clear();
    }
    return {};
  }

  Result<> end(std::string& /*out*/) override {
    if (form_ == Form::json) watch(text_);
    if (form_ == Form::events) {
      events_.finish();
      watch_events();
    }
    facts_.is_complete = facts_.is_terminated = true;
    return {};
  }

  void finish(std::string& /*out*/) override {}
  void fail(const Error&, std::string_view, std::string&) override {}

 private:
  void watch_events() {
    wire::SseParser::Event event;
    while (events_.next(event)) watch(event.data);
    if (events_.is_overflowing()) form_ = Form::opaque;
  }

  void watch(std::string_view text) {
    if (const auto parsed = document_.parse(text); !parsed) return;
    if (const auto usage = wire::openai::read_service_usage(document_.root())) {
      facts_.usage = usage;
    }
  }

  Form form_;
  std::string text_;
  wire::SseParser events_{watched_bytes_max};
  json::Document document_;
};

}  // namespace

std::unique_ptr<Relay> make_service_relay(const ServiceRelayOptions& options) {
  return std::make_unique<ServiceRelay>(options);
}

std::unique_ptr<Relay> make_raw_relay(std::string_view media_type) {
  auto form = RawRelay::Form::opaque;
  if (media_type == "application/json") form = RawRelay::Form::json;
  if (media_type == "text/event-stream") form = RawRelay::Form::events;
  return std::make_unique<RawRelay>(form);
}

}  // namespace weir::pipeline
