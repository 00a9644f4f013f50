// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/answer.hpp"

#include <algorithm>
#include <array>

#include "json/document.hpp"
#include "wire/gemini/content.hpp"
#include "wire/gemini/proto.hpp"

namespace weir::wire::gemini {
namespace {

struct ReasonRow {
  std::string_view reason;
  Finish finish;
};
// What is not here, also what Google adds later, is `other`.
constexpr std::array reasons{
    ReasonRow{"STOP", Finish::stop},
    ReasonRow{"MAX_TOKENS", Finish::length},
    ReasonRow{"SAFETY", Finish::content_filter},
    ReasonRow{"RECITATION", Finish::content_filter},
    ReasonRow{"BLOCKLIST", Finish::content_filter},
    ReasonRow{"PROHIBITED_CONTENT", Finish::content_filter},
    ReasonRow{"SPII", Finish::content_filter},
    ReasonRow{"IMAGE_SAFETY", Finish::content_filter},
    ReasonRow{"IMAGE_PROHIBITED_CONTENT", Finish::content_filter},
    ReasonRow{"IMAGE_RECITATION", Finish::content_filter},
    ReasonRow{"IMAGE_OTHER", Finish::content_filter},
    ReasonRow{"CONTINUATION", Finish::pause},
};

/// Tokens of one modality in a list such as promptTokensDetails.
std::int64_t tokens_of(std::optional<json::Value> details, std::string_view modality) {
  std::int64_t tokens = 0;
  if (!details || !details->is_array()) return 0;
  for (const json::Value row : details->elements()) {
    const auto name = row.find("modality");
    const auto count = row.find("tokenCount");
    if (!name || !count || !name->equals(modality)) continue;
    // A sum of hostile counts must not overflow.
    tokens = std::min<std::int64_t>(
        tokens + std::clamp<std::int64_t>(count->as_int().value_or(0), 0, std::int64_t{1} << 40),
        std::int64_t{1} << 40);
  }
  return tokens;
}

void write_bytes(json::Writer& json, std::string_view token) {
  json.key("bytes").begin_array();
  for (const char c : token) json.integer(static_cast<unsigned char>(c));
  json.end_array();
}

/// Writes token, logprob and bytes of a LogprobsResult candidate.
void write_openai_token(json::Writer& json, json::Value candidate) {
  const auto token = candidate.find("token");
  const auto probability = candidate.find("logProbability");
  const std::string text = token && token->is_string() ? token->as_string() : std::string();
  json.member("token", text);
  json.key("logprob");
  if (probability && probability->is_number()) {
    json.raw(probability->raw());
  } else {
    json.integer(0);
  }
  write_bytes(json, text);
}

void write_gemini_token(json::Writer& json, json::Value entry) {
  const auto token = entry.find("token");
  const auto logprob = entry.find("logprob");
  json.begin_object();
  if (token && token->is_string()) json.key("token").raw(token->raw());
  if (logprob && logprob->is_number()) json.key("logProbability").raw(logprob->raw());
  json.end_object();
}

}  // namespace

std::uint32_t candidate_index(json::Value candidate, const json::Path& path,
                              json::Problem& problem) {
  const auto member = candidate.find("index");
  if (!member) return 0;
  const auto index = member->as_int().value_or(-1);
  if (index < 0 || index >= choices_max) {
    problem.set(ErrorCode::upstream_malformed, path, "a candidate's index is out of range");
    return 0;
  }
  return static_cast<std::uint32_t>(index);
}

Candidate decode_candidate(json::Value value, const json::Path& path, CallIds& ids,
                           json::Problem& problem) {
  Candidate candidate;
  Choice& choice = candidate.choice;
  ProtoReader reader(value, path, problem);
  choice.index = reader.integer("index").value_or(0);
  candidate.reason = reader.string("finishReason").value_or("");
  if (const auto content = reader.object("content")) {
    const json::Path content_path = reader.path("content");
    ProtoReader content_reader(*content, content_path, problem);
    static_cast<void>(content_reader.string("role"));
    if (const auto parts = content_reader.array("parts")) {
      const json::Path parts_path = content_reader.path("parts");
      decode_parts(*parts, parts_path, Role::assistant, ids, problem, choice.output);
    }
  }
  reader.keep_unread(choice.extra);
  if (const auto result = value.find("logprobsResult")) choice.logprobs = openai_logprobs(*result);
  return candidate;
}

Finish finish_of(std::string_view reason, bool has_calls) noexcept {
  for (const auto& row : reasons) {
    if (row.reason != reason) continue;
    return row.finish == Finish::stop && has_calls ? Finish::tool_calls : row.finish;
  }
  return Finish::other;
}

std::string_view reason_of(Finish finish) noexcept {
  switch (finish) {
    case Finish::stop:
    case Finish::stop_sequence:
    case Finish::tool_calls:
      return "STOP";
    case Finish::length:
      return "MAX_TOKENS";
    case Finish::content_filter:
      return "SAFETY";
    case Finish::pause:
      return "CONTINUATION";
    case Finish::none:
    case Finish::other:
      break;
  }
  return "OTHER";
}

bool has_calls(const Choice& choice) noexcept {
  return std::any_of(choice.output.begin(), choice.output.end(),
                     [](const Item& item) { return std::holds_alternative<ToolCall>(item); });
}

bool is_prompt_blocked(json::Value root) {
  const auto feedback = root.find("promptFeedback");
  const auto reason = feedback ? feedback->find("blockReason") : std::nullopt;
  return reason && reason->is_string() && !reason->equals("BLOCK_REASON_UNSPECIFIED");
}

// The prompt's count includes what came from a cache; the candidates' excludes thoughts. What tools
// added to the prompt stands apart from it.
Usage decode_usage(json::Value metadata, const json::Path& path, json::Problem& problem,
                   Extra* extra) {
  ProtoReader reader(metadata, path, problem);
  Usage usage;
  const auto count = [&](std::string_view key) {
    return reader.told_count(key, usage.is_impossible);
  };
  const std::int64_t prompt = count("promptTokenCount");
  const std::int64_t cached = count("cachedContentTokenCount");
  usage.input_cache_read = cached;
  usage.output = count("candidatesTokenCount");
  usage.output_reasoning = count("thoughtsTokenCount");
  static_cast<void>(count("totalTokenCount"));
  if (extra != nullptr) reader.keep_unread_as("usageMetadata", *extra);
  // Read behind that, so that it is kept as well: the canonical counts tell no longer how much of
  // the input it was.
  usage.input = std::max<std::int64_t>(prompt - cached, 0) + count("toolUsePromptTokenCount");

  const auto input_of = [&](std::string_view modality) {
    const auto all = tokens_of(metadata.find("promptTokensDetails"), modality);
    const auto from_cache = tokens_of(metadata.find("cacheTokensDetails"), modality);
    return std::clamp<std::int64_t>(all - from_cache, 0, usage.input);
  };
  const auto output_of = [&](std::string_view modality) {
    return std::min(tokens_of(metadata.find("candidatesTokensDetails"), modality), usage.output);
  };
  usage.input_audio = input_of("AUDIO");
  usage.input_image = input_of("IMAGE");
  usage.output_audio = output_of("AUDIO");
  usage.output_image = output_of("IMAGE");
  return usage;
}

void write_usage(json::Writer& json, const Usage& usage, const Extra* extra) {
  std::int64_t prompt = usage.input_total();
  const std::string* details = extra != nullptr ? extra->find("usageMetadata") : nullptr;
  json::Document document;
  if (details != nullptr && document.parse(*details)) {
    const auto tool_use = document.root().find("toolUsePromptTokenCount");
    prompt -= tool_use ? std::clamp<std::int64_t>(tool_use->as_int().value_or(0), 0, prompt) : 0;
  }
  json.key("usageMetadata").begin_object().member("promptTokenCount", prompt);
  if (usage.input_cache_read > 0) json.member("cachedContentTokenCount", usage.input_cache_read);
  json.member("candidatesTokenCount", usage.output);
  if (usage.output_reasoning > 0) json.member("thoughtsTokenCount", usage.output_reasoning);
  json.member("totalTokenCount", usage.input_total() + usage.output_total());
  if (extra != nullptr) write_nested_extra(json, *extra, "usageMetadata");
  json.end_object();
}

std::string openai_logprobs(json::Value result) {
  const auto chosen = result.find("chosenCandidates");
  if (!chosen || !chosen->is_array()) return {};
  const auto tops = result.find("topCandidates");
  const bool has_tops = tops && tops->is_array() && tops->size() == chosen->size();
  std::string out;
  json::Writer json(out);
  json.begin_object().key("content").begin_array();
  auto top = has_tops ? tops->elements().begin() : chosen->elements().begin();
  for (const json::Value token : chosen->elements()) {
    write_openai_token(json.begin_object(), token);
    json.key("top_logprobs").begin_array();
    const auto alternatives = has_tops ? (*top).find("candidates") : std::nullopt;
    if (alternatives && alternatives->is_array()) {
      for (const json::Value alternative : alternatives->elements()) {
        write_openai_token(json.begin_object(), alternative);
        json.end_object();
      }
    }
    json.end_array().end_object();
    ++top;
  }
  json.end_array().end_object();
  return out;
}

void write_logprobs_result(json::Writer& json, std::string_view openai) {
  json::Document document;
  if (!document.parse(openai)) return;
  const auto content = document.root().find("content");
  if (!content || !content->is_array()) return;
  json.key("logprobsResult").begin_object().key("topCandidates").begin_array();
  for (const json::Value entry : content->elements()) {
    json.begin_object().key("candidates").begin_array();
    const auto tops = entry.find("top_logprobs");
    if (tops && tops->is_array()) {
      for (const json::Value top : tops->elements()) write_gemini_token(json, top);
    }
    json.end_array().end_object();
  }
  json.end_array().key("chosenCandidates").begin_array();
  for (const json::Value entry : content->elements()) write_gemini_token(json, entry);
  json.end_array().end_object();
}

Error malformed(const json::Problem& problem) {
  Error error = problem.error();
  error.code = ErrorCode::upstream_malformed;
  return error;
}

}  // namespace weir::wire::gemini
