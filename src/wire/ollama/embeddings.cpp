// SPDX-License-Identifier: Apache-2.0
#include "wire/ollama/embeddings.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/members.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::ollama {
namespace {

constexpr double float_max = std::numeric_limits<float>::max();

Result<std::vector<float>> read_vector(json::Value list) {
  if (!list.is_array()) {
    return Error(ErrorCode::upstream_malformed, "an embedding is no list of numbers", "embeddings");
  }
  std::vector<float> vector;
  vector.reserve(list.size());
  for (const json::Value value : list.elements()) {
    if (!value.is_number()) {
      return Error(ErrorCode::upstream_malformed, "an embedding holds something else than numbers",
                   "embeddings");
    }
    // A double beyond a float's range must not be cast.
    const double number = std::clamp(value.as_double(), -float_max, float_max);
    vector.push_back(static_cast<float>(number));
  }
  return vector;
}

void read_inputs(json::ObjectReader& reader, std::string_view key,
                 std::vector<EmbeddingInput>& inputs) {
  const auto input = reader.value(key);
  if (!input || input->is_null()) return reader.fail(key, "is required");
  if (input->is_string()) {
    inputs.push_back({input->as_string(), {}});
    return;
  }
  if (!input->is_array()) return reader.fail(key, "must be a string or an array of strings");
  for (const json::Value element : input->elements()) {
    if (!element.is_string()) return reader.fail(key, "must be a string or an array of strings");
    inputs.push_back({element.as_string(), {}});
  }
}

void write_vector(json::Writer& json, const std::vector<float>& vector) {
  json.begin_array();
  for (const float value : vector) json.number(static_cast<double>(value));
  json.end_array();
}

}  // namespace

Result<EmbeddingsAsk> decode_embeddings_request(json::Value root) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  EmbeddingsAsk ask;
  refuse_routing_members(root, problem);
  const auto old_name = reader.string("name");
  ask.request.model = reader.string("model").value_or(old_name.value_or(""));
  read_inputs(reader, root.find("prompt") ? "prompt" : "input", ask.request.inputs);
  ask.request.dimensions = reader.integer("dimensions", 1, dimensions_max);
  reader.for_each_unread(
      [&](std::string name, json::Value) { ask.unknown.push_back(std::move(name)); });
  WEIR_TRY(problem.result());
  return ask;
}

void encode_embeddings_response(const EmbeddingsResponse& response, std::string& out) {
  json::Writer json(out);
  json.begin_object().member("model", response.model).key("embeddings").begin_array();
  for (const auto& vector : response.vectors) write_vector(json, vector);
  json.end_array();
  if (response.input_tokens) json.member("prompt_eval_count", *response.input_tokens);
  json.end_object();
}

void encode_old_embedding_response(const EmbeddingsResponse& response, std::string& out) {
  json::Writer json(out);
  json.begin_object().key("embedding");
  write_vector(json, response.vectors.empty() ? std::vector<float>() : response.vectors.front());
  json.end_object();
}

Result<EncodeNotes> encode_embeddings_request(const EmbeddingsRequest& request,
                                              std::string_view model, std::string& out) {
  if (request.inputs.empty()) {
    return Error(ErrorCode::invalid_request, "there is nothing to embed", "input");
  }
  json::Writer json(out);
  json.begin_object().member("model", model).key("input").begin_array();
  for (const EmbeddingInput& input : request.inputs) {
    if (!input.tokens.empty()) {
      return Error(ErrorCode::unsupported_capability, "Ollama embeds text only, not tokens",
                   "input");
    }
    json.string(input.text);
  }
  json.end_array();
  if (request.dimensions) json.member("dimensions", *request.dimensions);
  json.end_object();
  EncodeNotes notes;
  if (!request.user.empty()) notes.drop("user");
  return notes;
}

Result<EmbeddingsResponse> decode_embeddings_response(json::Value root) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  EmbeddingsResponse response;
  response.model = reader.string("model").value_or("");
  if (const auto tokens = reader.value("prompt_eval_count"); tokens && !tokens->is_null()) {
    response.input_tokens = told_count(tokens, response.is_impossible);
  }
  const auto list = reader.array("embeddings");
  if (!list) reader.fail("embeddings", "is required");
  if (problem.is_set()) {
    return Error(ErrorCode::upstream_malformed, problem.error().message, problem.error().param);
  }
  response.vectors.reserve(list->size());
  for (const json::Value element : list->elements()) {
    WEIR_TRY_ASSIGN(vector, read_vector(element));
    response.vectors.push_back(std::move(vector));
  }
  return response;
}

}  // namespace weir::wire::ollama
