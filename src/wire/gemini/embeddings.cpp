// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/embeddings.hpp"

#include <algorithm>
#include <limits>

#include "json/writer.hpp"
#include "wire/gemini/path.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/members.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

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

/// Adds the input of one entry to `ask`.
void read_entry(json::Value value, const json::Path& path, json::Problem& problem,
                EmbeddingsAsk& ask) {
  ProtoReader entry(value, path, problem);
  EmbeddingInput input;
  const auto content = entry.object("content");
  if (!content) entry.fail("content", "is required");
  const auto parts = content ? content->find("parts") : std::nullopt;
  if (parts && parts->is_array()) {
    for (const json::Value part : parts->elements()) {
      const auto text = part.find("text");
      if (text && text->is_string()) {
        text->append_string_to(input.text);
      } else {
        entry.fail("content", "only text can be embedded");
      }
    }
  }
  static_cast<void>(entry.string("model"));  // the path's goes over it
  if (const auto dimensions = entry.integer("outputDimensionality", 1, dimensions_max)) {
    ask.request.dimensions = dimensions;
  }
  entry.for_each_unread([&](std::string name, json::Value) {
    const bool is_new =
        std::find(ask.unknown.begin(), ask.unknown.end(), name) == ask.unknown.end();
    if (is_new) ask.unknown.push_back(std::move(name));
  });
  ask.request.inputs.push_back(std::move(input));
}

void write_values(json::Writer& json, const std::vector<float>& vector) {
  json.begin_object().key("values").begin_array();
  for (const float value : vector) json.number(static_cast<double>(value));
  json.end_array().end_object();
}

}  // namespace

Result<EmbeddingsAsk> decode_embed_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  EmbeddingsAsk ask;
  refuse_routing_members(root, problem);
  read_entry(root, path, problem, ask);
  WEIR_TRY(problem.result());
  return ask;
}

Result<EmbeddingsAsk> decode_batch_embed_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  ProtoReader reader(root, path, problem);
  EmbeddingsAsk ask;
  refuse_routing_members(root, problem);
  const auto requests = reader.array("requests");
  if (!requests || requests->size() == 0) reader.fail("requests", "is required");
  if (requests) {
    const json::Path list = reader.path("requests");
    std::size_t i = 0;
    for (const json::Value entry : requests->elements()) {
      read_entry(entry, json::Path{&list, {}, i++}, problem, ask);
    }
  }
  WEIR_TRY(problem.result());
  return ask;
}

void encode_embed_response(const EmbeddingsResponse& response, std::string& out) {
  json::Writer json(out);
  json.begin_object().key("embedding");
  write_values(json, response.vectors.empty() ? std::vector<float>() : response.vectors.front());
  json.end_object();
}

void encode_batch_embed_response(const EmbeddingsResponse& response, std::string& out) {
  json::Writer json(out);
  json.begin_object().key("embeddings").begin_array();
  for (const auto& vector : response.vectors) write_values(json, vector);
  json.end_array().end_object();
}

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
  if (tokens && !tokens->is_null()) {
    response.input_tokens = told_count(tokens, response.is_impossible);
  }
  return response;
}

}  // namespace weir::wire::gemini
