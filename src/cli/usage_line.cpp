// SPDX-License-Identifier: Apache-2.0
#include "cli/usage_line.hpp"

#include <utility>

#include "base/moment.hpp"
#include "wire/anthropic/usage.hpp"
#include "wire/gemini/answer.hpp"
#include "wire/members.hpp"
#include "wire/ollama/message.hpp"
#include "wire/openai/usage.hpp"
#include "wire/responses/answer.hpp"

namespace weir::cli {
namespace {

Error refused(std::string message) { return {ErrorCode::invalid_request, std::move(message)}; }

std::string text_of(json::Value object, std::string_view key) {
  const auto value = object.find(key);
  return value && value->is_string() ? value->as_string() : std::string();
}

bool is_any_there(json::Value object, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (object.find(key)) return true;
  }
  return false;
}

/// `input` holds the cached and written tokens, as people count.
wire::Usage read_plain(json::Value counts) {
  wire::Usage usage;
  const auto count = [&](std::string_view key) {
    return wire::told_count(counts.find(key), usage.is_impossible);
  };
  usage.input_cache_read = count("cached");
  usage.input_cache_write = count("cache_write");
  usage.input_cache_write_1h = count("cache_write_1h");
  usage.input = count("input") - usage.input_cache_read - usage.input_cache_write -
                usage.input_cache_write_1h;
  usage.output_reasoning = count("reasoning");
  usage.output = count("output") - usage.output_reasoning;
  usage.input_audio = count("audio_input");
  usage.output_audio = count("audio_output");
  usage.input_image = count("image_input");
  usage.output_image = count("image_output");
  usage.search_units = count("searches");
  usage.audio_ms = count("audio_seconds") * 1000;
  usage.is_impossible = usage.is_impossible || usage.input < 0 || usage.output < 0;
  return usage;
}

Result<wire::Usage> read_gemini(json::Value metadata) {
  json::Problem problem;
  const json::Path path;
  const wire::Usage usage = wire::gemini::decode_usage(metadata, path, problem, nullptr);
  if (problem.is_set()) return problem.error();
  return usage;
}

Result<wire::Usage> read_responses(json::Value usage) {
  json::Problem problem;
  const json::Path path;
  const wire::Usage read = wire::responses::read_usage(usage, path, problem);
  if (problem.is_set()) return problem.error();
  return read;
}

Result<wire::Usage> read_object(json::Value object) {
  if (is_any_there(object, {"promptTokenCount", "candidatesTokenCount"})) {
    return read_gemini(object);
  }
  if (is_any_there(object, {"prompt_tokens", "completion_tokens"})) {
    return wire::openai::read_usage(object, 0);
  }
  if (is_any_there(object, {"prompt_eval_count", "eval_count"})) {
    return wire::ollama::read_counters(object);
  }
  if (is_any_there(object, {"input_tokens_details", "output_tokens_details"}) &&
      !is_any_there(object, {"cache_read_input_tokens", "cache_creation_input_tokens"})) {
    return read_responses(object);
  }
  if (is_any_there(object, {"input_tokens", "output_tokens"})) {
    wire::anthropic::UsageCounters counters;
    counters.update(object);
    return counters.canonical();
  }
  if (is_any_there(object, {"input", "output", "searches", "audio_seconds"})) {
    return read_plain(object);
  }
  return refused("holds no usage");
}

}  // namespace

Result<UsageLine> read_usage_line(json::Value line) {
  if (!line.is_object()) return refused("must be an object");
  UsageLine out;
  for (const std::string_view key : {"model", "modelVersion"}) {
    if (out.model.empty()) out.model = text_of(line, key);
  }
  std::optional<json::Value> usage;
  for (const std::string_view key : {"usage", "usageMetadata"}) {
    const auto found = line.find(key);
    if (!usage && found && found->is_object()) usage = found;
  }
  WEIR_TRY_ASSIGN(read, read_object(usage.value_or(line)));
  if (read.is_impossible) return refused("holds a count that can't be");
  out.usage = read;
  const auto batch = line.find("batch");
  out.is_batch = batch && batch->is_boolean() && batch->as_bool();
  if (const std::string at = text_of(line, "at"); !at.empty()) {
    out.at = parse_moment(at);
    if (!out.at) return refused("`at` must be a date such as 2026-12-01 or 2026-12-01T16:30");
  }
  return out;
}

}  // namespace weir::cli
