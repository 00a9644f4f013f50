// SPDX-License-Identifier: Apache-2.0
#include "guard/answer_filter.hpp"
#include "json/document.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/relay.hpp"
#include "pipeline/stream_recovery.hpp"
#include "wire/answer_id.hpp"
#include "wire/fault.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/last_piece.hpp"
#include "wire/replay.hpp"
#include "wire/text_mender.hpp"

namespace weir::pipeline {
namespace {

std::uint64_t content_bytes_of(const wire::ChatResponse& response) {
  std::uint64_t bytes = 0;
  for (const auto& choice : response.choices) {
    for (const auto& item : choice.output) {
      if (const auto* message = std::get_if<wire::Message>(&item)) {
        for (const auto& part : message->parts) bytes += part.text.size();
      } else if (const auto* call = std::get_if<wire::ToolCall>(&item)) {
        bytes += call->arguments.size();
      } else if (const auto* reasoning = std::get_if<wire::Reasoning>(&item)) {
        bytes += reasoning->text.size();
      }
    }
  }
  return bytes;
}

/// The decoder of one dialect feeds the encoder of another; the events between them are watched.
class TranslatingRelay final : public Relay, private wire::EventSink {
 public:
  explicit TranslatingRelay(const RelayOptions& options) : options_(options) {
    if (options.rules != nullptr) filter_.emplace(*options.rules);
  }

  Result<> whole(std::string_view body, std::string& out) override {
    WEIR_TRY_ASSIGN(response, decode(body));
    if (facts_.fault) return {};
    facts_.usage = response.usage;
    facts_.content_bytes = content_bytes_of(response);
    if (filter_ && !filter_->whole(response)) {
      note_stop();
      return {};
    }
    for (const auto& choice : response.choices) {
      if (facts_.finish == wire::Finish::none) facts_.finish = choice.finish;
    }
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    out.reserve(body.size() + 256);
    if (options_.form != nullptr) {
      options_.form->encode_response(response, out);
    } else {
      codec_of(options_.client).encode_response(response, out);
    }
    return {};
  }

  Result<> whole_as_stream(std::string_view body, std::string& out) override {
    WEIR_TRY_ASSIGN(response, decode(body));
    if (facts_.fault) return {};
    start();
    out_ = &out;
    wire::replay(response, *this);
    facts_.is_complete = facts_.is_terminated = true;
    return {};
  }

  Result<> feed(std::string_view bytes, std::string& out) override {
    start();
    out_ = &out;
    WEIR_TRY(decoder_->feed(bytes, *this));
    look_at_decoder();
    return {};
  }

  Result<> end(std::string& out) override {
    start();
    out_ = &out;
    WEIR_TRY(decoder_->end(*this));
    look_at_decoder();
    return {};
  }

  void finish(std::string& out) override {
    start();
    encoder_->finish(out);
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    start();
    out_ = &out;
    if (const auto half = last_piece_.half_at_break(*decoder_)) take(*half);
    encoder_->fail(error, request_id, out);
  }

  [[nodiscard]] std::optional<StreamSoFar> so_far() override {
    if (!options_.keeps_text) return std::nullopt;
    return so_far_;
  }
  void join(const wire::StreamEvent& event, std::string& out) override {
    static_cast<void>(decoder_->give_up_half(wire::Half::any));  // what goes on has the whole of it
    note_event(so_far_, event);
    encoder_->encode(event, out);
  }
  void join_unseen(std::string_view thoughts) override { so_far_.others.append(thoughts); }

 private:
  /// The whole answer; of no use when it set `facts_.fault`.
  Result<wire::ChatResponse> decode(std::string_view text) {
    wire::TextMender mender;
    const std::string_view body = mender.whole(text);
    json::Document document;
    if (const auto parsed = document.parse(body); !parsed) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer is no JSON");
    }
    facts_.fault = wire::find_fault(document.root(), body);
    if (facts_.fault) return wire::ChatResponse();
    WEIR_TRY_ASSIGN(response,
                    codec_of(options_.upstream).decode_response(document.root(), options_.quirks));
    response.id = own_style(response.id);
    if (response.model.empty()) response.model = options_.model;
    if (response.created == 0) response.created = options_.created;
    return std::move(response);
  }

  void start() {
    if (decoder_) return;
    decoder_ =
        codec_of(options_.upstream).make_stream_decoder(options_.quirks, options_.event_bytes_max);
    stream_id_ = own_style({});
    wire::StreamOptions stream{.id = stream_id_,
                               .model = options_.model,
                               .created = options_.created,
                               .wants_usage = options_.wants_stream_usage};
    if (options_.form != nullptr) {
      encoder_ = options_.form->make_stream_encoder(stream);
    } else if (options_.is_json_array) {
      encoder_ = wire::gemini::make_stream_encoder(stream, wire::gemini::StreamForm::json_array);
    } else {
      encoder_ = codec_of(options_.client).make_stream_encoder(stream);
    }
  }

  /// An id of the client's own kind of provider stays as it is.
  [[nodiscard]] std::string own_style(std::string_view id) const {
    if (!id.empty() && options_.upstream == options_.client) return std::string(id);
    return wire::answer_id_for(options_.client, id.empty() ? options_.request_id : id);
  }

  void encode(const wire::StreamEvent& event) {
    if (event.type != wire::StreamEvent::Type::start) return encoder_->encode(event, *out_);
    wire::StreamEvent start = event;
    const std::string id = own_style(event.id);
    start.id = id;
    encoder_->encode(start, *out_);
  }

  void look_at_decoder() {
    facts_.is_complete = decoder_->is_complete();
    facts_.is_terminated = decoder_->is_terminated();
  }

  void on_event(const wire::StreamEvent& event) override {
    if (const auto half = last_piece_.half_before(event, *decoder_)) take(*half);
    take(event);
  }

  void take(const wire::StreamEvent& event) {
    using enum wire::StreamEvent::Type;
    if (event.type == error) {
      if (event.fault != nullptr) facts_.fault = *event.fault;
      return;
    }
    if (event.type == usage && event.usage != nullptr) facts_.usage = *event.usage;
    if (event.type == finish && facts_.finish == wire::Finish::none) facts_.finish = event.finish;
    if (wire::is_content(event)) {
      facts_.has_content = true;
      if (event.type != reasoning_signature && event.type != reasoning_encrypted) {
        facts_.content_bytes += event.text.size();
      }
    }
    if (options_.keeps_text) note_event(so_far_, event);
    if (!filter_) return encode(event);
    Encoding encoding(*this);
    if (!filter_->on_event(event, encoding)) note_stop();
  }

  /// What passed the content rules goes on into the client's stream.
  class Encoding final : public wire::EventSink {
   public:
    explicit Encoding(TranslatingRelay& relay) : relay_(relay) {}
    void on_event(const wire::StreamEvent& event) override { relay_.encode(event); }

   private:
    TranslatingRelay& relay_;
  };

  /// A content rule ended the answer: the same as a provider's own filter.
  void note_stop() {
    if (facts_.fault) return;
    facts_.fault.emplace();
    facts_.fault->code = "content_filter";
    facts_.fault->message = "the answer was " + guard::refusal_text(*filter_->stopped_by());
  }

  RelayOptions options_;
  std::optional<guard::AnswerFilter> filter_;  ///< where there are rules
  StreamSoFar so_far_;
  std::string stream_id_;  ///< where the upstream tells none
  std::unique_ptr<wire::StreamDecoder> decoder_;
  wire::LastPiece last_piece_;
  std::unique_ptr<wire::StreamEncoder> encoder_;
  std::string* out_ = nullptr;
};

}  // namespace

std::unique_ptr<Relay> make_translating_relay(const RelayOptions& options) {
  return std::make_unique<TranslatingRelay>(options);
}

}  // namespace weir::pipeline
