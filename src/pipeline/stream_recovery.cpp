// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stream_recovery.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "pipeline/codecs.hpp"
#include "wire/last_piece.hpp"
#include "wire/usage_sum.hpp"

namespace weir::pipeline {
namespace {

using Type = wire::StreamEvent::Type;

class JoiningRelay final : public Relay, private wire::EventSink {
 public:
  JoiningRelay(const Continuation& continuation, const Target& target)
      : continuation_(continuation),
        before_(*continuation.before),
        decoder_(
            codec_of(target.dialect)
                .make_stream_decoder(target.upstream->quirks, target.upstream->event_bytes_max)) {
    const std::string_view text = continuation.begun.text;
    if (continuation.method == JoinMethod::replay) {
      awaited_ = text;
    } else if (target.dialect == wire::Dialect::anthropic) {
      // An unfinished turn is sent without the white space at its end, which this API refuses, so
      // that the model may begin with it.
      space_ = text.substr(std::min(text.size(), text.find_last_not_of(" \n\r\t") + 1));
    }
  }

  Result<> whole(std::string_view, std::string&) override {
    return Error(ErrorCode::upstream_malformed, "a whole answer can't go on with a stream");
  }
  Result<> whole_as_stream(std::string_view body, std::string& out) override {
    return whole(body, out);
  }

  Result<> feed(std::string_view bytes, std::string& out) override {
    out_ = &out;
    WEIR_TRY(decoder_->feed(bytes, *this));
    look_at_decoder();
    return {};
  }
  Result<> end(std::string& out) override {
    out_ = &out;
    WEIR_TRY(decoder_->end(*this));
    look_at_decoder();
    return {};
  }
  void finish(std::string& out) override { before_.finish(out); }
  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    before_.fail(error, request_id, out);
  }
  [[nodiscard]] std::optional<StreamSoFar> so_far() override { return before_.so_far(); }
  void join(const wire::StreamEvent& event, std::string& out) override { before_.join(event, out); }
  void join_unseen(std::string_view thoughts) override { before_.join_unseen(thoughts); }

 private:
  void look_at_decoder() {
    facts_.is_complete = decoder_->is_complete();
    facts_.is_terminated = decoder_->is_terminated();
  }

  void on_event(const wire::StreamEvent& event) override {
    if (const auto half = last_piece_.half_before(event, *decoder_)) take(*half);
    take(event);
  }

  void take(const wire::StreamEvent& event) {
    if (facts_.has_diverged || facts_.fault) return;
    switch (event.type) {
      case Type::error:
        if (event.fault != nullptr) facts_.fault = *event.fault;
        return;
      case Type::start:
        return;              // the stream has one
      case Type::reasoning:  // about what is said already
        return before_.join_unseen(event.text);
      case Type::reasoning_signature:
      case Type::reasoning_encrypted:
        return;
      case Type::usage:
        return take_usage(event);
      case Type::text:
        return take_text(event);
      case Type::finish:
        if (facts_.finish == wire::Finish::none) facts_.finish = event.finish;
        break;
      case Type::refusal:
      case Type::tool_call_begin:
      case Type::tool_call_delta:
      case Type::tool_call_end:
        break;
    }
    if (event.choice != 0 || !awaited_.empty()) {
      facts_.has_diverged = true;
      return;
    }
    write(event);
  }

  void take_usage(const wire::StreamEvent& event) {
    if (event.usage == nullptr) return;
    facts_.usage = *event.usage;
    const wire::Usage all = sum(continuation_.usage_before, *event.usage);
    wire::StreamEvent told = event;
    told.usage = &all;
    before_.join(told, *out_);
  }

  void take_text(const wire::StreamEvent& event) {
    std::string_view text = event.text;
    facts_.content_bytes += text.size();
    const std::size_t known = std::min(text.size(), awaited_.size());
    if (text.substr(0, known) != awaited_.substr(0, known)) {
      facts_.has_diverged = true;
      return;
    }
    awaited_.remove_prefix(known);
    text.remove_prefix(known);
    while (!space_.empty() && text.starts_with(space_.front())) {
      space_.remove_prefix(1);
      text.remove_prefix(1);
    }
    if (text.empty()) return;
    space_ = {};
    wire::StreamEvent rest = event;
    rest.text = text;
    if (text.size() < event.text.size()) rest.logprobs = {};  // they belong to the whole piece
    write(rest);
  }

  void write(const wire::StreamEvent& event) {
    if (!facts_.has_content && continuation_.is_marked) {
      out_->append(": weir recovered attempt=").append(std::to_string(continuation_.number));
      out_->append(" method=").append(name(continuation_.method)).append("\n\n");
    }
    facts_.has_content = true;
    before_.join(event, *out_);
  }

  const Continuation& continuation_;
  Relay& before_;
  std::unique_ptr<wire::StreamDecoder> decoder_;
  wire::LastPiece last_piece_;
  std::string_view awaited_;  ///< of a replay: what the client has and it has not said again yet
  std::string_view space_;    ///< of a prefill: what the client has and it may say again
  std::string* out_ = nullptr;
};

/// Frames that are kept before they are read.
constexpr std::size_t kept_bytes_max = 64 * 1024;

}  // namespace

std::string_view name(JoinMethod method) noexcept {
  return method == JoinMethod::prefill ? "prefill" : "replay";
}

bool takes_prefill(const Target& target) {
  return target.traits.takes_prefill || target.can(Capability::prefill) == Tri::yes;
}

std::unique_ptr<Relay> make_joining_relay(const Continuation& continuation, const Target& target) {
  return std::make_unique<JoiningRelay>(continuation, target);
}

void note_event(StreamSoFar& so_far, const wire::StreamEvent& event) {
  switch (event.type) {
    case Type::text:
      so_far.text.append(event.text);
      so_far.is_plain = so_far.is_plain && event.choice == 0 && event.signature.empty();
      return;
    case Type::refusal:
    case Type::tool_call_delta:
      so_far.others.append(event.text);
      so_far.is_plain = false;
      return;
    case Type::tool_call_begin:
      so_far.others.append(event.name);
      so_far.is_plain = false;
      return;
    case Type::reasoning:
      so_far.others.append(event.text);
      return;
    case Type::reasoning_signature:
    case Type::reasoning_encrypted:
    case Type::tool_call_end:
    case Type::finish:
      so_far.is_plain = false;
      return;
    case Type::start:
    case Type::usage:
    case Type::error:
      return;
  }
}

// ---- StreamMemory ---------------------------------------------------------------------------

StreamMemory::StreamMemory(wire::Dialect dialect, wire::Quirks quirks,
                           const wire::StreamOptions& options)
    : dialect_(dialect), quirks_(quirks), options_(options) {}

StreamMemory::~StreamMemory() = default;

void StreamMemory::keep(std::string_view frame) {
  read_text();
  frames_.append(frame);
  if (frames_.size() > kept_bytes_max) read_frames();
}

void StreamMemory::keep_text(json::Value piece, const std::optional<wire::Usage>& usage) {
  piece.append_string_to(text_);
  if (usage) usage_ = usage;
}

const StreamSoFar& StreamMemory::so_far() {
  read_frames();
  read_text();
  return so_far_;
}

void StreamMemory::join(const wire::StreamEvent& event, std::string& out) {
  static_cast<void>(so_far());
  note_event(so_far_, event);
  is_joined_ = true;
  encoder_->encode(event, out);
}

void StreamMemory::join_unseen(std::string_view thoughts) {
  static_cast<void>(so_far());
  so_far_.others.append(thoughts);
}

void StreamMemory::read_text() {
  if (text_.empty()) return;
  read_frames();
  wire::StreamEvent event;
  event.type = Type::text;
  event.text = text_;
  on_event(event);
  text_.clear();
  if (!usage_) return;
  wire::StreamEvent counts;
  counts.type = Type::usage;
  counts.usage = &*usage_;
  on_event(counts);
  usage_.reset();
}

void StreamMemory::read_frames() {
  if (!decoder_) {
    decoder_ = codec_of(dialect_).make_stream_decoder(quirks_, wire::event_bytes_max_default);
    encoder_ = codec_of(dialect_).make_stream_encoder(options_);
  }
  // They were taken for good when they passed; what can't be read now can't be joined either.
  if (!decoder_->feed(frames_, *this)) so_far_.is_plain = false;
  frames_.clear();
}

void StreamMemory::on_event(const wire::StreamEvent& event) {
  note_event(so_far_, event);
  // Written to nobody: the encoder comes to where the client's stream is.
  encoder_->encode(event, scratch_);
  scratch_.clear();
}

}  // namespace weir::pipeline
