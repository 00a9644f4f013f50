// SPDX-License-Identifier: Apache-2.0
//
// What is decoded beside chats, against arbitrary bytes: embeddings of every dialect, old
// completions, what an Ollama tells of its models. Nothing crashes, and what is written from it is
// JSON.
//
// Input: one byte for the decoder; then the text.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "json/document.hpp"
#include "pieces.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/gemini/embeddings.hpp"
#include "wire/ollama/detection.hpp"
#include "wire/ollama/embeddings.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/completions.hpp"
#include "wire/openai/embeddings.hpp"

namespace weir {
namespace {

void expect_json(std::string_view text) {
  json::Document document;
  WEIR_ASSERT(document.parse(text).has_value());
}

void write_to_every_target(const wire::EmbeddingsRequest& request) {
  std::string body;
  static_cast<void>(wire::openai::encode_embeddings_request(request, "m", 0, body));
  expect_json(body);
  body.clear();
  if (wire::gemini::encode_embeddings_request(request, "m", body)) expect_json(body);
  body.clear();
  if (wire::ollama::encode_embeddings_request(request, "m", body)) expect_json(body);
}

void write_to_every_client(const wire::EmbeddingsResponse& response) {
  using wire::openai::EmbeddingFormat;
  for (const auto format : {EmbeddingFormat::floats, EmbeddingFormat::base64}) {
    std::string body;
    wire::openai::encode_embeddings_response(response, format, body);
    expect_json(body);
  }
  for (const auto encode :
       {&wire::gemini::encode_embed_response, &wire::gemini::encode_batch_embed_response,
        &wire::ollama::encode_embeddings_response, &wire::ollama::encode_old_embedding_response}) {
    // Each of them answers what was asked: one vector at least.
    if (response.vectors.empty()) continue;
    std::string body;
    encode(response, body);
    expect_json(body);
  }
}

void ask_openai(json::Value root) {
  const auto call = wire::openai::decode_embeddings_request(root);
  if (call) write_to_every_target(call->request);
}

template <auto Decode>
void ask(json::Value root) {
  const auto asked = Decode(root);
  if (asked) write_to_every_target(asked->request);
}

template <auto Decode>
void answer(json::Value root) {
  const auto answered = Decode(root);
  if (answered) write_to_every_client(*answered);
}

void complete(json::Value root) {
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const auto request = wire::openai::decode_completion_request(root, place);
    std::string body;
    if (!request || !wire::anthropic::encode_request(*request, {.model = "m"}, body)) return;
    expect_json(body);
  }
}

void complete_answer(json::Value root) {
  const auto response = wire::openai::decode_response(root, 0);
  if (!response) return;
  std::array<std::string, 2> answers;
  wire::openai::encode_completion_response(*response, {.echo = "echo "}, answers[0]);
  wire::openai::encode_completion_response(*response, {.first_choice = 1}, answers[1]);
  std::string body;
  wire::openai::join_completions(answers, body);
  expect_json(body);
}

void detect(json::Value root) {
  static_cast<void>(wire::ollama::decode_tags(root));
  static_cast<void>(wire::ollama::decode_show(root));
}

/// tests/fuzz/seeds.py knows their order.
constexpr std::array decoders{
    &ask_openai,
    &ask<wire::gemini::decode_embed_request>,
    &ask<wire::gemini::decode_batch_embed_request>,
    &ask<wire::ollama::decode_embeddings_request>,
    &answer<wire::openai::decode_embeddings_response>,
    &answer<wire::gemini::decode_embeddings_response>,
    &answer<wire::ollama::decode_embeddings_response>,
    &complete,
    &complete_answer,
    &detect,
};

void fuzz_beside_chat(fuzz::Input input) {
  const auto decode = decoders[input.byte() % decoders.size()];
  json::Document document;
  if (document.parse(input.rest())) decode(document.root());
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_beside_chat({data, size});
  return 0;
}
