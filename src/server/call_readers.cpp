// SPDX-License-Identifier: Apache-2.0
#include "server/call_readers.hpp"

#include <array>
#include <utility>

#include "base/ascii.hpp"
#include "net/http/head_writer.hpp"
#include "pipeline/chat_operation.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/completion_operation.hpp"
#include "pipeline/embedding_operation.hpp"
#include "pipeline/generate_operation.hpp"
#include "wire/gemini/embeddings.hpp"
#include "wire/ollama/embeddings.hpp"

namespace weir::server {
namespace {

/// What the path says about the model goes over the body.
std::string model_of(const CallInput& input, std::string in_body) {
  return input.path_model.empty() ? std::move(in_body) : std::string(input.path_model);
}

/// The header lines that providers of the same dialect are told too (E-7).
std::string upstream_fields(const CallInput& input) {
  std::string fields;
  for (const std::string_view name : {"anthropic-version", "anthropic-beta", "OpenAI-Beta"}) {
    for (const auto& field : input.head.fields.all()) {
      if (ascii::equals_ignoring_case(field.name, name)) {
        net::http::append_field(fields, name, field.value);
      }
    }
  }
  return fields;
}

Result<ModelCall> read_chat_as(const CallInput& input, bool is_stream) {
  pipeline::ChatAsk ask;
  ask.client = dialect_of(input.door);
  ask.root = input.root;
  ask.request_id = input.request_id;
  ask.unix_seconds = input.unix_seconds;
  if (ask.client == wire::Dialect::ollama) ask.form = &input.ollama_answers;
  ask.upstream_fields = upstream_fields(input);
  WEIR_TRY_ASSIGN(peek, pipeline::codec_of(ask.client).peek_request(input.root));
  ask.peek = std::move(peek);
  ask.peek.stream = ask.peek.stream || is_stream;
  ask.peek.model = model_of(input, std::move(ask.peek.model));
  ask.is_json_array = is_json_array(input.route.endpoint, input.query);
  std::string model = ask.peek.model;
  return ModelCall{std::make_unique<pipeline::ChatOperation>(std::move(ask)), std::move(model)};
}

Result<ModelCall> read_chat(const CallInput& input) { return read_chat_as(input, false); }

Result<ModelCall> read_gemini_stream(const CallInput& input) { return read_chat_as(input, true); }

Result<ModelCall> read_completion(const CallInput& input) {
  WEIR_TRY_ASSIGN(operation, pipeline::CompletionOperation::make(input.root, input.request_id,
                                                                 input.unix_seconds));
  ModelCall call;
  call.model = model_of(input, operation->model());
  call.completion = operation.get();
  call.operation = std::move(operation);
  return call;
}

Result<ModelCall> read_embedding(const CallInput& input) {
  WEIR_TRY_ASSIGN(operation, pipeline::EmbeddingOperation::make(input.root));
  std::string model = model_of(input, operation->model());
  return ModelCall{std::move(operation), std::move(model)};
}

using ReadEmbedding = Result<wire::EmbeddingsAsk> (*)(json::Value root);

Result<ModelCall> read_embedding_as(const CallInput& input, ReadEmbedding read,
                                    pipeline::EmbeddingOperation::Encoder encode) {
  WEIR_TRY_ASSIGN(ask, read(input.root));
  std::string model = model_of(input, ask.request.model);
  return ModelCall{std::make_unique<pipeline::EmbeddingOperation>(std::move(ask), encode),
                   std::move(model)};
}

Result<ModelCall> read_gemini_embed(const CallInput& input) {
  return read_embedding_as(input, wire::gemini::decode_embed_request,
                           wire::gemini::encode_embed_response);
}

Result<ModelCall> read_gemini_batch(const CallInput& input) {
  return read_embedding_as(input, wire::gemini::decode_batch_embed_request,
                           wire::gemini::encode_batch_embed_response);
}

Result<ModelCall> read_ollama_embed(const CallInput& input) {
  return read_embedding_as(input, wire::ollama::decode_embeddings_request,
                           wire::ollama::encode_embeddings_response);
}

Result<ModelCall> read_ollama_old_embed(const CallInput& input) {
  return read_embedding_as(input, wire::ollama::decode_embeddings_request,
                           wire::ollama::encode_old_embedding_response);
}

Result<ModelCall> read_generate(const CallInput& input) {
  WEIR_TRY_ASSIGN(
      operation, pipeline::GenerateOperation::make(input.root, input.request_id, input.unix_seconds,
                                                   input.ollama_answers));
  std::string model = operation->model();
  return ModelCall{std::move(operation), std::move(model)};
}

Result<ModelCall> read_count(const CallInput& input) {
  WEIR_TRY_ASSIGN(operation, pipeline::CountOperation::make(dialect_of(input.door), input.root));
  ModelCall call;
  call.model = model_of(input, operation->model());
  call.count = operation.get();
  call.operation = std::move(operation);
  return call;
}

struct ReaderRow {
  Endpoint endpoint;
  CallReader reader;
};
constexpr std::array readers{
    ReaderRow{Endpoint::chat, read_chat},
    ReaderRow{Endpoint::count_tokens, read_count},
    ReaderRow{Endpoint::gemini_stream, read_gemini_stream},
    ReaderRow{Endpoint::gemini_embed, read_gemini_embed},
    ReaderRow{Endpoint::gemini_embed_batch, read_gemini_batch},
    ReaderRow{Endpoint::ollama_generate, read_generate},
    ReaderRow{Endpoint::ollama_embed, read_ollama_embed},
    ReaderRow{Endpoint::ollama_embeddings, read_ollama_old_embed},
    ReaderRow{Endpoint::completions, read_completion},
    ReaderRow{Endpoint::embeddings, read_embedding},
};

}  // namespace

CallReader call_reader_of(Endpoint endpoint) noexcept {
  for (const ReaderRow& row : readers) {
    if (row.endpoint == endpoint) return row.reader;
  }
  return nullptr;
}

}  // namespace weir::server
