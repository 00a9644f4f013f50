// SPDX-License-Identifier: Apache-2.0
#include "pipeline/generate_operation.hpp"

#include <array>
#include <utility>

#include "base/hash.hpp"
#include "json/writer.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/defaults.hpp"
#include "pipeline/needs.hpp"
#include "pipeline/provider_extras.hpp"

namespace weir::pipeline {
namespace {

constexpr auto client = wire::Dialect::ollama;
constexpr std::string_view chat_method = "/api/chat";
constexpr std::string_view generate_method = "/api/generate";

/// Members that only a completion has: filling in the middle, a prompt that is already written in
/// the model's own template, the tokens of an earlier one.
constexpr std::array<std::string_view, 4> completion_members{"suffix", "raw", "template",
                                                             "context"};

bool is_native(const Target& target) {
  return target.dialect == client && target.chat_path.ends_with(chat_method);
}

bool is_set(std::optional<json::Value> value) {
  if (!value || value->is_null() || value->equals("")) return false;
  const bool is_false = value->is_boolean() && !value->as_bool();
  const bool is_empty = value->is_array() && value->size() == 0;
  return !is_false && !is_empty;
}

/// The same request as `/api/chat` takes it.
std::string as_chat(json::Value root) {
  std::string text;
  json::Writer json(text);
  json.begin_object().key("messages").begin_array();
  if (const auto system = root.find("system"); is_set(system)) {
    json.begin_object().member("role", "system").key("content").raw(system->raw()).end_object();
  }
  const auto prompt = root.find("prompt");
  if (is_set(prompt)) {
    json.begin_object().member("role", "user").key("content").raw(prompt->raw());
    if (const auto images = root.find("images"); is_set(images)) {
      json.key("images").raw(images->raw());
    }
    json.end_object();
  }
  json.end_array();
  for (const json::Member member : root.members()) {
    const std::string key = member.key.as_string();
    const bool is_message = key == "system" || key == "prompt" || key == "images";
    if (!is_message && key != "messages") json.key(key).raw(member.value.raw());
  }
  json.end_object();
  return text;
}

/// Appends an answer of `/api/chat` as `/api/generate` writes it: the message's text beside the
/// other members.
void append_as_generate(std::string_view chat, std::string& out) {
  json::Document document;
  const auto parsed = document.parse(chat);
  const auto message = parsed ? document.root().find("message") : std::nullopt;
  if (!message) {
    out.append(chat);  // an error
    return;
  }
  json::Writer json(out);
  json.begin_object();
  for (const json::Member member : document.root().members()) {
    const std::string key = member.key.as_string();
    if (key != "message") {
      json.key(key).raw(member.value.raw());
      continue;
    }
    const auto content = message->find("content");
    json.key("response").raw(content ? content->raw() : "\"\"");
    if (const auto thinking = message->find("thinking")) json.key("thinking").raw(thinking->raw());
  }
  json.end_object();
}

/// Lines of a chat, each rewritten.
class GenerateEncoder final : public wire::StreamEncoder {
 public:
  explicit GenerateEncoder(std::unique_ptr<wire::StreamEncoder> chat) : chat_(std::move(chat)) {}

  void encode(const wire::StreamEvent& event, std::string& out) override {
    chat_->encode(event, lines_);
    rewrite(out);
  }
  void finish(std::string& out) override {
    chat_->finish(lines_);
    rewrite(out);
  }
  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    chat_->fail(error, request_id, out);
  }

 private:
  void rewrite(std::string& out) {
    for (std::string_view rest = lines_; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(line.size() + 1);  // every line is whole
      append_as_generate(line, out);
      out.push_back('\n');
    }
    lines_.clear();
  }

  std::unique_ptr<wire::StreamEncoder> chat_;
  std::string lines_;
};

class GenerateAnswers final : public AnswerForm {
 public:
  explicit GenerateAnswers(const AnswerForm& chat) : chat_(chat) {}

  void encode_response(const wire::ChatResponse& response, std::string& out) const override {
    std::string chat;
    chat_.encode_response(response, chat);
    append_as_generate(chat, out);
  }
  [[nodiscard]] std::unique_ptr<wire::StreamEncoder> make_stream_encoder(
      const wire::StreamOptions& options) const override {
    return std::make_unique<GenerateEncoder>(chat_.make_stream_encoder(options));
  }

 private:
  const AnswerForm& chat_;
};

}  // namespace

Result<std::unique_ptr<GenerateOperation>> GenerateOperation::make(json::Value root,
                                                                   std::string_view request_id,
                                                                   std::int64_t unix_seconds,
                                                                   const AnswerForm& chat) {
  WEIR_TRY_ASSIGN(peek, codec_of(client).peek_request(root));
  return std::unique_ptr<GenerateOperation>(
      new GenerateOperation(root, std::move(peek), request_id, unix_seconds, chat));
}

GenerateOperation::GenerateOperation(json::Value root, wire::RequestPeek peek,
                                     std::string_view request_id, std::int64_t unix_seconds,
                                     const AnswerForm& chat)
    : root_(root),
      peek_(std::move(peek)),
      request_id_(request_id),
      unix_seconds_(unix_seconds),
      form_(std::make_unique<GenerateAnswers>(chat)) {}

/// Answers that are held to rules are asked for as a chat, whose form is known.
bool GenerateOperation::passes_through(const Target& target) const {
  return rules_ == nullptr && is_native(target);
}

std::optional<Lack> GenerateOperation::lacks(const Target& target) const {
  return lacking(peek_, target);
}

std::string GenerateOperation::field_asking_for(Wish wish) const {
  switch (wish) {
    case Wish::images:
      return "images";
    case Wish::json_schema:
      return "format";
    case Wish::streaming:
      return root_.find("stream") ? "stream" : "";
    case Wish::length:
      return "prompt";
    case Wish::output_limit:
      return "options";
    default:
      return "model";
  }
}

bool GenerateOperation::is_uncertain(const Target& target) const {
  return needs_unknown(peek_, target);
}

Result<Outgoing> GenerateOperation::prepare(const Target& target) {
  Outgoing outgoing;
  if (passes_through(target)) {
    path_ = target.chat_path.substr(0, target.chat_path.size() - chat_method.size());
    path_.append(generate_method);
    outgoing.path = path_;
    codec_of(client).patch_request(root_, {.model = target.model}, outgoing.body);
    WEIR_TRY(add_provider_extras(target, outgoing.body));
    return outgoing;
  }
  for (const std::string_view member : completion_members) {
    if (!is_set(root_.find(member))) continue;
    return Error(ErrorCode::unsupported_capability, "only Ollama's own models take this",
                 std::string(member));
  }
  const std::string text = as_chat(root_);
  json::Document document;
  WEIR_TRY(document.parse(text));
  WEIR_TRY_ASSIGN(request, codec_of(client).decode_request(document.root()));
  request.wants_stream_usage = request.stream;
  WEIR_TRY(fill_defaults(request, target.params));
  const wire::EncodeOptions options{
      .model = target.model, .quirks = target.upstream->quirks, .traits = target.traits};
  outgoing.path = peek_.stream ? target.chat_stream_path : target.chat_path;
  WEIR_TRY_ASSIGN(notes, codec_of(target.dialect).encode_request(request, options, outgoing.body));
  outgoing.dropped = std::move(notes.dropped);
  WEIR_TRY(add_provider_extras(target, outgoing.body));
  return outgoing;
}

std::unique_ptr<Relay> GenerateOperation::make_relay(const Target& target) const {
  const RelayOptions options{.client = client,
                             .upstream = target.dialect,
                             .quirks = target.upstream->quirks,
                             .event_bytes_max = target.upstream->event_bytes_max,
                             .request_id = request_id_,
                             .model = target.model,
                             .created = unix_seconds_,
                             .wants_stream_usage = true,
                             .form = form_.get(),
                             .rules = rules_};
  return passes_through(target) ? make_passthrough_relay(options) : make_translating_relay(options);
}

std::string_view GenerateOperation::media_type() const {
  return peek_.stream ? codec_of(client).stream_media_type : "application/json";
}

std::int64_t GenerateOperation::input_tokens_estimate() const {
  return pipeline::input_tokens_estimate(peek_);
}

std::uint64_t GenerateOperation::prefix_hash() const {
  const auto prompt = root_.find("prompt");
  return prefix_hash_of(prompt ? prompt->raw() : root_.raw());
}

}  // namespace weir::pipeline
