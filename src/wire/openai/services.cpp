// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/services.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/ascii.hpp"
#include "json/object_reader.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::openai {
namespace {

constexpr std::int64_t n_max = 1'000;
constexpr std::int64_t count_max = 1'000'000'000'000;

/// Fields that are read here and therefore may stand once only.
constexpr std::array<std::string_view, 5> read_fields{"model", "stream", "n", "response_format",
                                                      "stream_format"};

Error refused(std::string_view field, std::string message) {
  return {ErrorCode::invalid_request, std::move(message), std::string(field)};
}

bool is_true(std::string_view text) {
  return ascii::equals_ignoring_case(text, "true") || text == "1";
}

Result<std::int64_t> read_number(std::string_view field, std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > n_max) {
    return refused(field, "must be a whole number from 1 to " + std::to_string(n_max));
  }
  return number;
}

std::int64_t count(std::optional<json::Value> object, std::string_view key) {
  if (!object || !object->is_object()) return 0;
  const auto value = object->find(key);
  if (!value || !value->is_number()) return 0;
  const double number = value->as_double();
  return number > 0 ? std::llround(std::min(number, static_cast<double>(count_max))) : 0;
}

/// The first of two names that says something.
std::int64_t count(std::optional<json::Value> object, std::string_view key, std::string_view old) {
  const std::int64_t found = count(object, key);
  return found > 0 ? found : count(object, old);
}

std::int64_t milliseconds_of(std::optional<json::Value> usage) {
  const auto seconds = usage && usage->is_object() ? usage->find("seconds") : std::nullopt;
  if (!seconds || !seconds->is_number()) return 0;
  const double ms = seconds->as_double() * 1000;
  return ms > 0 ? std::llround(std::min(ms, static_cast<double>(count_max))) : 0;
}

}  // namespace

Result<ServicePeek> peek_service_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  ServicePeek peek;
  refuse_routing_members(root, problem);
  peek.model = reader.string("model").value_or("");
  peek.stream = reader.boolean("stream").value_or(false);
  peek.n = reader.integer("n", 1, n_max).value_or(1);
  peek.response_format = reader.string("response_format").value_or("");
  peek.stream = peek.stream || reader.string("stream_format") == "sse";
  WEIR_TRY(problem.result());
  return peek;
}

Result<ServicePeek> peek_service_form(const std::vector<FormPart>& parts) {
  ServicePeek peek;
  std::vector<std::string_view> seen;
  for (const FormPart& part : parts) {
    if (is_routing_member(part.name)) return refused(part.name, "is not taken from a request");
    if (std::find(read_fields.begin(), read_fields.end(), part.name) == read_fields.end()) continue;
    if (std::find(seen.begin(), seen.end(), part.name) != seen.end()) {
      return refused(part.name, "stands twice");
    }
    if (part.is_file || !part.is_whole()) return refused(part.name, "must be a short text");
    seen.push_back(part.name);
    if (part.name == "model") {
      peek.model = part.value;
    } else if (part.name == "stream") {
      peek.stream = peek.stream || is_true(part.value);
    } else if (part.name == "stream_format") {
      peek.stream = peek.stream || part.value == "sse";
    } else if (part.name == "response_format") {
      peek.response_format = part.value;
    } else {
      WEIR_TRY_ASSIGN(n, read_number(part.name, part.value));
      peek.n = n;
    }
  }
  return peek;
}

std::optional<Usage> read_service_usage(json::Value root) {
  const auto usage = root.find("usage");
  const auto meta = root.find("meta");
  const auto billed = meta && meta->is_object() ? meta->find("billed_units") : std::nullopt;
  Usage out;
  out.input = count(usage, "input_tokens", "prompt_tokens");
  out.output = count(usage, "output_tokens", "completion_tokens");
  // Rerankers count what they read, and call it the total.
  if (out.input == 0 && out.output == 0) out.input = count(usage, "total_tokens");
  if (out.input == 0 && out.output == 0) {
    out.input = count(billed, "input_tokens");
    out.output = count(billed, "output_tokens");
  }
  const auto details =
      usage && usage->is_object() ? usage->find("input_token_details") : std::nullopt;
  out.input_audio = std::min(out.input, count(details, "audio_tokens"));
  // Makers of pictures write the same in the plural, and their output is nothing else.
  const auto of_pictures =
      usage && usage->is_object() ? usage->find("input_tokens_details") : std::nullopt;
  out.input_image = std::min(out.input - out.input_audio, count(of_pictures, "image_tokens"));
  const auto drawn =
      usage && usage->is_object() ? usage->find("output_tokens_details") : std::nullopt;
  out.output_image = drawn ? std::min(out.output, count(drawn, "image_tokens"))
                           : (of_pictures && of_pictures->find("image_tokens") ? out.output : 0);
  out.audio_ms = milliseconds_of(usage);
  out.search_units = count(billed, "search_units");
  if (out == Usage{}) return std::nullopt;
  return out;
}

ServiceEvent classify_service_event(json::Value root) {
  const auto type = root.find("type");
  if (!type || !type->is_string()) return ServiceEvent::partial;
  std::string scratch;
  const std::string_view text = type->as_string_view(scratch);
  // `transcript.text.done` and its like end one answer; a segment's end is `...segment`.
  const bool is_end = text.ends_with(".done") || text.ends_with(".completed");
  return is_end ? ServiceEvent::finished : ServiceEvent::partial;
}

}  // namespace weir::wire::openai
