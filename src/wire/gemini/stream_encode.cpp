// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "wire/error_writer.hpp"
#include "wire/foreign_seal.hpp"
#include "wire/gemini/answer.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/gemini/content.hpp"
#include "wire/sse.hpp"

namespace weir::wire::gemini {
namespace {

using Type = StreamEvent::Type;

/// Every frame is a whole answer with the new parts. Calls are gathered until they are complete;
/// the last frame has the finish reasons and the usage.
class Encoder final : public StreamEncoder {
 public:
  Encoder(const StreamOptions& options, StreamForm form)
      : form_(form), id_(options.id), model_(options.model) {}

  void encode(const StreamEvent& event, std::string& out) override {
    switch (event.type) {
      case Type::start:
        if (!event.id.empty()) id_ = event.id;
        if (!event.model.empty()) model_ = event.model;
        break;
      case Type::text:
      case Type::refusal:
        text(event, out);
        break;
      case Type::reasoning:
        thought(event.choice, event.text, {}, out);
        break;
      case Type::reasoning_signature:
        seal(event, ForeignSeal::Kind::signature, out);
        break;
      case Type::reasoning_encrypted:
        seal(event, ForeignSeal::Kind::encrypted, out);
        break;
      case Type::tool_call_begin:
        begin_call(event);
        break;
      case Type::tool_call_delta:
        if (OpenCall* open = find_call(event)) open->call.arguments.append(event.text);
        break;
      case Type::tool_call_end:
        end_call(event, out);
        break;
      case Type::usage:
        usage_ = *event.usage;
        break;
      case Type::finish:
        finishes_.push_back({event.choice, event.finish});
        break;
      case Type::error:
        break;  // told by `fail`
    }
  }

  void finish(std::string& out) override {
    for (const OpenCall& open : std::exchange(calls_, {})) write_call_frame(open, out);
    std::string& frame = open_frame();
    json::Writer json(frame);
    json.begin_object().key("candidates").begin_array();
    for (const auto& [choice, finish] : finishes_) {
      // Older SDKs read a text from every candidate.
      json.begin_object().key("content").begin_object().key("parts").begin_array();
      json.begin_object().member("text", "").end_object().end_array().member("role", "model");
      json.end_object().member("finishReason", reason_of(finish)).member("index", choice);
      json.end_object();
    }
    json.end_array();
    if (usage_) write_usage(json, *usage_, nullptr);
    close_frame(json, out);
    if (form_ == StreamForm::json_array) out.append("]\n");
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    std::string& frame = open_frame();
    append_error_body(frame, Dialect::gemini, error, request_id);
    put_frame(frame, out);
    if (form_ == StreamForm::json_array) out.append("]\n");
  }

 private:
  struct OpenCall {
    std::uint32_t choice;
    std::uint32_t tool;
    ToolCall call;
  };

  std::string& open_frame() {
    frame_.clear();
    return frame_;
  }
  void close_frame(json::Writer& json, std::string& out) {
    if (!model_.empty()) json.member("modelVersion", model_);
    if (!id_.empty()) json.member("responseId", id_);
    json.end_object();
    put_frame(frame_, out);
  }
  void put_frame(std::string_view frame, std::string& out) {
    if (form_ == StreamForm::sse) {
      append_sse(out, {}, frame);
    } else {
      out.append(std::exchange(is_begun_, true) ? ",\n" : "[").append(frame).append("\n");
    }
  }

  /// Writes a frame with one part, which `write` adds.
  template <class Write>
  void part_frame(std::uint32_t choice, std::string_view logprobs, std::string& out, Write write) {
    json::Writer json(open_frame());
    json.begin_object().key("candidates").begin_array().begin_object();
    json.key("content").begin_object().key("parts").begin_array();
    write(json);
    json.end_array().member("role", "model").end_object().member("index", choice);
    if (!logprobs.empty()) write_logprobs_result(json, logprobs);
    json.end_object().end_array();
    close_frame(json, out);
  }

  void text(const StreamEvent& event, std::string& out) {
    if (event.text.empty() && event.signature.empty()) return;
    part_frame(event.choice, event.logprobs, out, [&](json::Writer& json) {
      json.begin_object().member("text", event.text);
      if (!event.signature.empty()) json.member("thoughtSignature", event.signature);
      json.end_object();
    });
  }

  void thought(std::uint32_t choice, std::string_view text, std::string_view signature,
               std::string& out) {
    if (text.empty() && signature.empty()) return;
    part_frame(choice, {}, out,
               [&](json::Writer& json) { write_thought(json, text, signature, nullptr); });
  }

  /// Another vendor's seal would come back as Google's own, so it is marked.
  void seal(const StreamEvent& event, ForeignSeal::Kind kind, std::string& out) {
    if (event.sealed_by == Vendor::google) return thought(event.choice, {}, event.text, out);
    if (event.sealed_by == Vendor::unknown) return;
    thought(event.choice, {}, wrap_seal({event.sealed_by, kind, std::string(event.text)}), out);
  }

  OpenCall* find_call(const StreamEvent& event) {
    const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const OpenCall& open) {
      return open.choice == event.choice && open.tool == event.tool;
    });
    return found == calls_.end() ? nullptr : &*found;
  }

  void begin_call(const StreamEvent& event) {
    OpenCall open{event.choice, event.tool, {}};
    open.call.id = event.id;
    open.call.name = event.name;
    open.call.signature = event.signature;
    calls_.push_back(std::move(open));
  }

  void end_call(const StreamEvent& event, std::string& out) {
    const OpenCall* open = find_call(event);
    if (open == nullptr) return;
    write_call_frame(*open, out);
    calls_.erase(calls_.begin() + (open - calls_.data()));
  }

  void write_call_frame(const OpenCall& open, std::string& out) {
    const ToolCall& call = open.call;
    const CallStyle style{.writes_id = !call.id.empty() && !is_made_up_call_id(call.id),
                          .signature = call.signature};
    part_frame(open.choice, {}, out, [&](json::Writer& json) { write_call(json, call, style); });
  }

  StreamForm form_;
  std::string id_;
  std::string model_;
  std::vector<OpenCall> calls_;
  std::vector<std::pair<std::uint32_t, Finish>> finishes_;
  std::optional<Usage> usage_;
  std::string frame_;
  bool is_begun_ = false;  ///< the array's bracket is written
};

}  // namespace

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options) {
  return make_stream_encoder(options, StreamForm::sse);
}

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options, StreamForm form) {
  return std::make_unique<Encoder>(options, form);
}

}  // namespace weir::wire::gemini
