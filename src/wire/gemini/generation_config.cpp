// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/generation_config.hpp"

#include <algorithm>
#include <string_view>

#include "wire/field_names.hpp"
#include "wire/gemini/contents_encode.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/gemini/schema.hpp"

namespace weir::wire::gemini {
namespace {

constexpr std::size_t stop_sequences_max = 5;
constexpr std::int64_t logprobs_max = 20;
// The largest Gemini 2.5 model can't stop thinking; less than this it refuses.
constexpr std::int64_t pro_budget_min = 128;

std::string_view level_of(Effort effort) {
  switch (effort) {
    case Effort::none:  // these models can't be kept from thinking altogether
    case Effort::minimal:
      return "MINIMAL";
    case Effort::low:
      return "LOW";
    case Effort::medium:
      return "MEDIUM";
    case Effort::high:
    case Effort::xhigh:
    case Effort::max:
      break;
  }
  return "HIGH";
}

class ConfigEncoder {
 public:
  ConfigEncoder(const ChatRequest& request, const EncodeOptions& options, EncodeNotes& notes)
      : request_(request),
        options_(options),
        notes_(notes),
        is_own_(request.origin == Dialect::gemini),
        json_(out_) {}

  Result<std::string> run() {
    json_.begin_object();
    write_sampling();
    WEIR_TRY(write_limits());
    WEIR_TRY(write_format());
    write_thinking();
    if (is_own_) write_nested_extra(json_, request_.extra, "generationConfig");
    json_.end_object();
    if (out_ == "{}") out_.clear();
    return std::move(out_);
  }

 private:
  void write_set(std::string_view key, const std::optional<double>& value) {
    if (value) json_.member(key, *value);
  }
  void write_set(std::string_view key, const std::optional<std::int64_t>& value) {
    if (value) json_.member(key, *value);
  }

  void write_sampling() {
    const Sampling& sampling = request_.sampling;
    if (is_own_ || options_.traits.takes_sampling) {
      write_set("temperature", sampling.temperature);
      write_set("topP", sampling.top_p);
      write_set("topK", sampling.top_k);
    } else {
      if (sampling.temperature) notes_.drop(field_names(request_.origin).temperature);
      if (sampling.top_p) notes_.drop(field_names(request_.origin).top_p);
      if (sampling.top_k) notes_.drop(field_names(request_.origin).top_k);
    }
    write_set("presencePenalty", sampling.presence_penalty);
    write_set("frequencyPenalty", sampling.frequency_penalty);
    write_set("seed", sampling.seed);
  }

  Result<> write_limits() {
    write_set("maxOutputTokens", request_.output_tokens_max);
    if (request_.stop.size() > stop_sequences_max && !is_own_) {
      return Error(ErrorCode::unsupported_capability, "Gemini takes at most 5 stop sequences",
                   std::string(field_names(request_.origin).stop));
    }
    if (!request_.stop.empty()) {
      json_.key("stopSequences").begin_array();
      for (const auto& stop : request_.stop) json_.string(stop);
      json_.end_array();
    }
    if (request_.n != 1) json_.member("candidateCount", request_.n);
    if (request_.logprobs) json_.member("responseLogprobs", *request_.logprobs);
    if (request_.top_logprobs && (is_own_ || request_.logprobs == true)) {
      const std::int64_t wanted = *request_.top_logprobs;
      json_.member("logprobs",
                   is_own_ ? wanted : std::clamp<std::int64_t>(wanted, 0, logprobs_max));
    }
    return {};
  }

  Result<> write_format() {
    using Kind = OutputFormat::Kind;
    const OutputFormat& format = request_.format;
    switch (format.kind) {
      case Kind::unset:
        break;
      case Kind::text:
        if (is_own_) json_.member("responseMimeType", "text/plain");
        break;
      case Kind::json_object:
        json_.member("responseMimeType", "application/json");
        break;
      case Kind::json_schema: {
        json_.member("responseMimeType", "application/json");
        if (is_own_ && !format.openapi_schema.empty()) {
          json_.key("responseSchema").raw(format.openapi_schema);
          break;
        }
        if (format.schema.empty()) break;  // any JSON will do
        return write_schema(json_, format.schema,
                            {.takes_json_schema = options_.traits.takes_json_schema,
                             .json_schema_name = "responseJsonSchema",
                             .openapi_name = "responseSchema",
                             .field = field_names(request_.origin).format});
      }
      case Kind::opaque:
        if (!is_own_) {
          return Error(ErrorCode::unsupported_capability,
                       "this output format can't be sent to Gemini",
                       std::string(field_names(request_.origin).format));
        }
        json_.key("responseMimeType").raw(format.schema);
    }
    return {};
  }

  void write_thinking() {
    const ReasoningSettings& asked = request_.reasoning;
    const bool is_asked = asked.enabled || asked.effort || asked.budget_tokens;
    if (!is_own_ && !options_.traits.reasons) {
      const bool is_off = asked.enabled == false || asked.effort == Effort::none;
      if (is_asked && !is_off) notes_.drop(reasoning_field(request_));
      return;
    }
    std::string thinking;
    json::Writer json(thinking);
    json.begin_object();
    const bool wants_text = asked.wants_text.value_or(!asked.summary.empty());
    if (asked.wants_text || wants_text) json.member("includeThoughts", wants_text);
    if (is_asked) write_amount(json, asked);
    if (is_own_) write_extra(json, asked.extra);
    json.end_object();
    if (thinking != "{}") json_.key("thinkingConfig").raw(thinking);
  }

  /// A level for models that think by level, a budget for the others. A budget that came from
  /// Gemini's own dialect stays one, since the newer models still take it.
  void write_amount(json::Writer& json, const ReasoningSettings& asked) {
    const bool is_off = asked.enabled == false || asked.effort == Effort::none;
    const bool keeps_budget = is_own_ && asked.budget_tokens && !asked.effort;
    if (keeps_budget) {
      json.member("thinkingBudget", *asked.budget_tokens);
    } else if (thinks_by_level(options_.model)) {
      if (is_off) {
        json.member("thinkingLevel", level_of(Effort::none));
      } else if (asked.effort) {
        json.member("thinkingLevel", level_of(*asked.effort));
      } else if (asked.budget_tokens.value_or(-1) >= 0) {
        json.member("thinkingLevel", level_of(effort_of_budget(*asked.budget_tokens)));
      }
    } else if (is_off) {
      const bool can_stop = options_.model.find("-pro") == std::string_view::npos;
      json.member("thinkingBudget", can_stop ? 0 : pro_budget_min);
    } else if (asked.budget_tokens || asked.effort) {
      json.member("thinkingBudget",
                  asked.budget_tokens ? *asked.budget_tokens : budget_of(*asked.effort));
    }
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  EncodeNotes& notes_;
  bool is_own_;
  std::string out_;
  json::Writer json_;
};

}  // namespace

Result<std::string> generation_config(const ChatRequest& request, const EncodeOptions& options,
                                      EncodeNotes& notes) {
  return ConfigEncoder(request, options, notes).run();
}

}  // namespace weir::wire::gemini
