// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/embeddings.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "base/base64.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/members.hpp"
#include "wire/openai/usage.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::openai {
namespace {

constexpr std::size_t inputs_max = 2048;

bool is_token_list(json::Value value) {
  if (!value.is_array() || value.size() == 0) return false;
  for (const json::Value token : value.elements()) {
    if (token.as_int().value_or(-1) < 0) return false;
  }
  return true;
}

void add_input(json::ObjectReader& root, json::Value value, EmbeddingsRequest& request) {
  EmbeddingInput input;
  if (value.is_string()) {
    input.text = value.as_string();
  } else if (is_token_list(value)) {
    json::append_compact(input.tokens, value.raw());
  } else {
    return root.fail("input", "holds something that is neither text nor a list of tokens");
  }
  request.inputs.push_back(std::move(input));
}

/// A text, a list of texts, a list of tokens, or a list of such lists.
void read_input(json::ObjectReader& root, EmbeddingsRequest& request) {
  const auto input = root.value("input");
  if (!input || input->is_null()) return root.fail("input", "is required");
  if (!input->is_array() || is_token_list(*input)) return add_input(root, *input, request);
  if (input->size() == 0) return root.fail("input", "must not be empty");
  if (input->size() > inputs_max) return root.fail("input", "takes at most 2048 entries");
  for (const json::Value one : input->elements()) add_input(root, one, request);
}

void read_encoding(json::ObjectReader& root, EmbeddingFormat& out) {
  const auto format = root.string("encoding_format");
  if (!format || *format == "float") return;
  if (*format == "base64") {
    out = EmbeddingFormat::base64;
  } else {
    root.fail("encoding_format", "must be float or base64");
  }
}

/// Four bytes a float, the lowest first, whatever this machine does.
std::string pack(const std::vector<float>& vector) {
  std::string bytes;
  bytes.reserve(vector.size() * 4);
  for (const float number : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<char>((bits >> shift) & 0xFFU));
    }
  }
  return bytes;
}

std::optional<std::vector<float>> unpack(std::string_view base64) {
  const auto bytes = base64_decode(base64);
  if (!bytes || bytes->size() % 4 != 0) return std::nullopt;
  std::vector<float> vector;
  vector.reserve(bytes->size() / 4);
  for (std::size_t i = 0; i < bytes->size(); i += 4) {
    std::uint32_t bits = 0;
    for (unsigned k = 0; k < 4; ++k) {
      bits |= std::uint32_t{static_cast<unsigned char>((*bytes)[i + k])} << (8 * k);
    }
    const auto number = std::bit_cast<float>(bits);
    // JSON has no word for these, so a client that wants floats couldn't be told.
    if (!std::isfinite(number)) return std::nullopt;
    vector.push_back(number);
  }
  return vector;
}

std::optional<std::vector<float>> read_vector(json::Value value) {
  std::string scratch;
  if (value.is_string()) return unpack(value.as_string_view(scratch));
  if (!value.is_array()) return std::nullopt;
  std::vector<float> vector;
  vector.reserve(value.size());
  for (const json::Value element : value.elements()) {
    if (!element.is_number()) return std::nullopt;
    const auto number = static_cast<float>(element.as_double());
    if (!std::isfinite(number)) return std::nullopt;
    vector.push_back(number);
  }
  return vector;
}

/// The shortest text that reads back as the same float32; as a double it would be twice as long.
void write_float(json::Writer& json, float number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  json.raw(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void write_vector(json::Writer& json, const std::vector<float>& vector, EmbeddingFormat format) {
  if (format == EmbeddingFormat::base64) {
    json.string(base64_encode(pack(vector)));
    return;
  }
  json.begin_array();
  for (const float number : vector) write_float(json, number);
  json.end_array();
}

void read_entry(json::Value value, std::size_t position, const json::Path& path,
                json::Problem& problem, std::vector<std::optional<std::vector<float>>>& slots) {
  json::ObjectReader entry(value, path, problem);
  const auto last = static_cast<std::int64_t>(slots.size()) - 1;
  const auto index = entry.integer("index", 0, last).value_or(static_cast<std::int64_t>(position));
  if (index > last) return entry.fail("index", "is beyond the list");
  auto& slot = slots[static_cast<std::size_t>(index)];
  if (slot) return entry.fail("index", "came twice");
  const auto embedding = entry.value("embedding");
  if (embedding) slot = read_vector(*embedding);
  if (!slot) entry.fail("embedding", "is no vector of numbers");
}

}  // namespace

Result<EmbeddingsCall> decode_embeddings_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  refuse_routing_members(root, problem);
  EmbeddingsCall call;
  call.request.model = reader.string("model").value_or("");
  read_input(reader, call.request);
  call.request.dimensions = reader.integer("dimensions", 1, dimensions_max);
  read_encoding(reader, call.format);
  call.request.user = reader.string("user").value_or("");
  keep_unread(reader, call.extra);
  WEIR_TRY(problem.result());
  return call;
}

EncodeNotes encode_embeddings_request(const EmbeddingsRequest& request, std::string_view model,
                                      Quirks quirks, std::string& out) {
  EncodeNotes notes;
  json::Writer json(out);
  json.begin_object().member("model", model).key("input").begin_array();
  for (const EmbeddingInput& input : request.inputs) {
    if (input.tokens.empty()) {
      json.string(input.text);
    } else {
      json.raw(input.tokens);
    }
  }
  json.end_array();
  if (request.dimensions) json.member("dimensions", *request.dimensions);
  json.member("encoding_format", "float");
  if (!request.user.empty()) {
    if (has(quirks, Quirk::no_user)) {
      notes.drop("user");
    } else {
      json.member("user", request.user);
    }
  }
  json.end_object();
  return notes;
}

Result<EmbeddingsResponse> decode_embeddings_response(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  EmbeddingsResponse response;
  response.model = reader.string("model").value_or("");
  std::vector<std::optional<std::vector<float>>> slots;
  if (const auto data = reader.array("data")) {
    slots.resize(data->size());
    const json::Path data_path = reader.path("data");
    std::size_t i = 0;
    for (const json::Value entry : data->elements()) {
      const json::Path element{&data_path, {}, i};
      read_entry(entry, i++, element, problem, slots);
    }
  } else {
    reader.fail("data", "is required");
  }
  if (const auto usage = reader.object("usage")) {
    const Usage told = read_usage(*usage, 0);
    response.input_tokens = told.input_total();
    response.is_impossible = told.is_impossible;
  }
  if (problem.is_set()) {
    return Error(ErrorCode::upstream_malformed, problem.error().message, problem.error().param);
  }
  for (auto& slot : slots) response.vectors.push_back(std::move(*slot));
  return response;
}

void encode_embeddings_response(const EmbeddingsResponse& response, EmbeddingFormat format,
                                std::string& out) {
  json::Writer json(out);
  json.begin_object().member("object", "list").key("data").begin_array();
  std::int64_t index = 0;
  for (const auto& vector : response.vectors) {
    json.begin_object().member("object", "embedding").member("index", index++).key("embedding");
    write_vector(json, vector, format);
    json.end_object();
  }
  json.end_array().member("model", response.model).key("usage").begin_object();
  const std::int64_t tokens = response.input_tokens.value_or(0);
  json.member("prompt_tokens", tokens).member("total_tokens", tokens);
  json.end_object().end_object();
}

}  // namespace weir::wire::openai
