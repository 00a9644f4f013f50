// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/embeddings.hpp"

#include <algorithm>
#include <limits>

#include "json/writer.hpp"
#include "wire/gemini/path.hpp"

namespace weir::wire::gemini {
namespace {

constexpr double float_max = std::numeric_limits<float>::max();

Result<std::vector<float>> read_vector(json::Value embedding) {
  const auto values = embedding.find("values");
  if (!values || !values->is_array()) {
    return Error(ErrorCode::upstream_malformed, "an embedding has no values");
  }
  std::vector<float> vector;
  vector.reserve(values->size());
  for (const json::Value value : values->elements()) {
    if (!value.is_number()) {
      return Error(ErrorCode::upstream_malformed, "an embedding holds something else than numbers");
    }
    // A double beyond a float's range must not be cast.
    vector.push_back(
        static_cast<float>(std::clamp<double>(value.as_double(), -float_max, float_max)));
  }
  return vector;
}

}  // namespace

std::string embeddings_path(std::string_view model) {
  return method_path(model, "batchEmbedContents");
}

Result<EncodeNotes> encode_embeddings_request(const EmbeddingsRequest& request,
                                              std::string_view model, std::string& out) {
  if (request.inputs.empty()) {
    return Error(ErrorCode::invalid_request, "there is nothing to embed", "input");
  }
  const std::string name = resource_name(model);
  json::Writer json(out);
  json.begin_object().key("requests").begin_array();
  for (const EmbeddingInput& input : request.inputs) {
    if (!input.tokens.empty()) {
      return Error(ErrorCode::unsupported_capability, "Gemini embeds text only, not tokens",
                   "input");
    }
    json.begin_object().member("model", name).key("content").begin_object();
    json.key("parts").begin_array().begin_object().member("text", input.text).end_object();
    json.end_array().end_object();
    if (request.dimensions) json.member("outputDimensionality", *request.dimensions);
    json.end_object();
  }
  json.end_array().end_object();
  EncodeNotes notes;
  if (!request.user.empty()) notes.drop("user");
  return notes;
}

Result<EmbeddingsResponse> decode_embeddings_response(json::Value root) {
  EmbeddingsResponse response;
  const auto list = root.find("embeddings");
  const auto single = root.find("embedding");
  if (list && list->is_array()) {
    response.vectors.reserve(list->size());
    for (const json::Value embedding : list->elements()) {
      WEIR_TRY_ASSIGN(vector, read_vector(embedding));
      response.vectors.push_back(std::move(vector));
    }
  } else if (single) {
    WEIR_TRY_ASSIGN(vector, read_vector(*single));
    response.vectors.push_back(std::move(vector));
  } else {
    return Error(ErrorCode::upstream_malformed, "the answer has no embeddings");
  }
  const auto usage = root.find("usageMetadata");
  const auto tokens = usage ? usage->find("promptTokenCount") : std::nullopt;
  if (tokens) response.input_tokens = tokens->as_int();
  return response;
}

}  // namespace weir::wire::gemini
