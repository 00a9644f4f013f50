// SPDX-License-Identifier: Apache-2.0
#include "pipeline/embedding_operation.hpp"

#include "base/hash.hpp"
#include "pipeline/provider_extras.hpp"
#include "wire/fault.hpp"
#include "wire/gemini/embeddings.hpp"
#include "wire/ollama/embeddings.hpp"
#include "wire/openai/passthrough.hpp"

namespace weir::pipeline {
namespace {

Result<wire::EmbeddingsResponse> decode(wire::Dialect dialect, json::Value root) {
  switch (dialect) {
    case wire::Dialect::gemini:
      return wire::gemini::decode_embeddings_response(root);
    case wire::Dialect::ollama:
      return wire::ollama::decode_embeddings_response(root);
    default:
      return wire::openai::decode_embeddings_response(root);
  }
}

/// How the client's answer is made.
struct AnswerWay {
  bool passes_through = false;
  EmbeddingOperation::Encoder encode = nullptr;  ///< null: OpenAI's, in `format`
  wire::openai::EmbeddingFormat format = wire::openai::EmbeddingFormat::floats;
};

class EmbeddingRelay final : public Relay {
 public:
  EmbeddingRelay(const Target& target, AnswerWay way, std::int64_t input_estimate)
      : target_(target), way_(way), input_estimate_(input_estimate) {}

  Result<> whole(std::string_view body, std::string& out) override {
    json::Document document;
    if (const auto parsed = document.parse(body); !parsed) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer is no JSON");
    }
    if (wire::is_fault(document.root())) {
      facts_.fault = wire::read_fault(200, body);
      return {};
    }
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    wire::Usage usage;
    if (way_.passes_through) {
      const auto data = document.root().find("data");
      if (!data || !data->is_array()) {
        return Error(ErrorCode::upstream_malformed, "the upstream's answer holds no vectors");
      }
      const auto watch = wire::openai::watch_response(document.root(), target_.upstream->quirks);
      facts_.usage = watch.usage;
      out.append(body);
      return {};
    }
    WEIR_TRY_ASSIGN(response, decode(target_.dialect, document.root()));
    if (response.model.empty()) response.model = target_.model;
    // Gemini counts nothing here: our own estimate is booked and shown.
    if (!response.input_tokens || response.is_impossible) response.input_tokens = input_estimate_;
    usage.input = *response.input_tokens;
    usage.is_impossible = response.is_impossible;
    facts_.usage = usage;
    if (way_.encode != nullptr) {
      way_.encode(response, out);
    } else {
      wire::openai::encode_embeddings_response(response, way_.format, out);
    }
    return {};
  }

  // Embeddings are never streamed; the attempt loop does not call these.
  Result<> whole_as_stream(std::string_view, std::string&) override { return not_streamed(); }
  Result<> feed(std::string_view, std::string&) override { return not_streamed(); }
  Result<> end(std::string&) override { return not_streamed(); }
  void finish(std::string&) override {}
  void fail(const Error&, std::string_view, std::string&) override {}

 private:
  static Error not_streamed() { return {ErrorCode::internal_error, "embeddings are not streamed"}; }

  const Target& target_;
  AnswerWay way_;
  std::int64_t input_estimate_;
};

}  // namespace

Result<std::unique_ptr<EmbeddingOperation>> EmbeddingOperation::make(json::Value root) {
  WEIR_TRY_ASSIGN(call, wire::openai::decode_embeddings_request(root));
  return std::unique_ptr<EmbeddingOperation>(new EmbeddingOperation(root, std::move(call)));
}

EmbeddingOperation::EmbeddingOperation(wire::EmbeddingsAsk ask, Encoder encode)
    : unknown_(std::move(ask.unknown)), encode_(encode) {
  call_.request = std::move(ask.request);
}

/// OpenAI itself and Azure know everything a client may ask, base64 too: their text goes through.
bool EmbeddingOperation::passes_through(const Target& target) const {
  return root_ && (target.upstream->type == "openai" || target.upstream->type == "azure");
}

std::optional<Lack> EmbeddingOperation::lacks(const Target& target) const {
  if (target.embeddings_path.empty()) return Lack{"no embeddings here"};
  if (target.can(Capability::embeddings) == Tri::no) return Lack{"embeddings"};
  return std::nullopt;
}

bool EmbeddingOperation::is_uncertain(const Target& target) const {
  return target.can(Capability::embeddings) == Tri::unknown;
}

Result<Outgoing> EmbeddingOperation::prepare(const Target& target) {
  Outgoing outgoing;
  outgoing.path = target.embeddings_path;
  if (passes_through(target)) {
    wire::openai::patch_request(*root_, {.model = target.model}, outgoing.body);
    return outgoing;
  }
  wire::EncodeNotes notes;
  switch (target.dialect) {
    case wire::Dialect::gemini: {
      WEIR_TRY_ASSIGN(told, wire::gemini::encode_embeddings_request(call_.request, target.model,
                                                                    outgoing.body));
      notes = std::move(told);
      break;
    }
    case wire::Dialect::ollama: {
      WEIR_TRY_ASSIGN(told, wire::ollama::encode_embeddings_request(call_.request, target.model,
                                                                    outgoing.body));
      notes = std::move(told);
      break;
    }
    default:
      notes = wire::openai::encode_embeddings_request(call_.request, target.model,
                                                      target.upstream->quirks, outgoing.body);
  }
  for (const auto& member : call_.extra.members) notes.drop(member.key);
  for (const std::string& name : unknown_) notes.drop(name);
  outgoing.dropped = std::move(notes.dropped);
  WEIR_TRY(add_provider_extras(target, outgoing.body));
  return outgoing;
}

std::unique_ptr<Relay> EmbeddingOperation::make_relay(const Target& target) const {
  const AnswerWay way{passes_through(target), encode_, call_.format};
  return std::make_unique<EmbeddingRelay>(target, way, input_tokens_estimate());
}

std::int64_t EmbeddingOperation::input_tokens_estimate() const {
  std::size_t bytes = 0;
  for (const auto& input : call_.request.inputs) bytes += input.text.size() + input.tokens.size();
  return static_cast<std::int64_t>(bytes) / 4 + 1;
}

}  // namespace weir::pipeline
