// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "wire/canonical.hpp"

/// What a client calls the settings that a target may not take, for notes and refusals.
namespace weir::wire {

struct FieldNames {
  std::string_view conversation;
  std::string_view temperature;
  std::string_view top_p;
  std::string_view top_k;
  std::string_view presence_penalty;
  std::string_view frequency_penalty;
  std::string_view seed;
  std::string_view logit_bias;
  std::string_view n;
  std::string_view logprobs;
  std::string_view stop;
  std::string_view format;
  std::string_view reasoning;
  std::string_view tool_choice = "tool_choice";
  std::string_view parallel_calls = "parallel_tool_calls";
  std::string_view service_tier = "service_tier";
  std::string_view verbosity = "verbosity";
};

/// Settings that are not listed have one name in every dialect that knows them.
constexpr FieldNames field_names(Dialect client) {
  switch (client) {
    case Dialect::openai_chat:
      return {.conversation = "messages",
              .temperature = "temperature",
              .top_p = "top_p",
              .top_k = "top_k",
              .presence_penalty = "presence_penalty",
              .frequency_penalty = "frequency_penalty",
              .seed = "seed",
              .logit_bias = "logit_bias",
              .n = "n",
              .logprobs = "logprobs",
              .stop = "stop",
              .format = "response_format",
              .reasoning = "reasoning_effort"};
    case Dialect::openai_responses:
      return {.conversation = "input",
              .temperature = "temperature",
              .top_p = "top_p",
              .top_k = "top_k",
              .presence_penalty = "presence_penalty",
              .frequency_penalty = "frequency_penalty",
              .seed = "seed",
              .logit_bias = "logit_bias",
              .n = "n",
              .logprobs = "top_logprobs",
              .stop = "stop",
              .format = "text.format",
              .reasoning = "reasoning",
              .verbosity = "text.verbosity"};
    case Dialect::anthropic:
      return {.conversation = "messages",
              .temperature = "temperature",
              .top_p = "top_p",
              .top_k = "top_k",
              .presence_penalty = "presence_penalty",
              .frequency_penalty = "frequency_penalty",
              .seed = "seed",
              .logit_bias = "logit_bias",
              .n = "n",
              .logprobs = "logprobs",
              .stop = "stop_sequences",
              .format = "output_config.format",
              .reasoning = "thinking",
              .parallel_calls = "tool_choice.disable_parallel_tool_use"};
    case Dialect::gemini:
      return {.conversation = "contents",
              .temperature = "generationConfig.temperature",
              .top_p = "generationConfig.topP",
              .top_k = "generationConfig.topK",
              .presence_penalty = "generationConfig.presencePenalty",
              .frequency_penalty = "generationConfig.frequencyPenalty",
              .seed = "generationConfig.seed",
              .logit_bias = "generationConfig.logitBias",
              .n = "generationConfig.candidateCount",
              .logprobs = "generationConfig.responseLogprobs",
              .stop = "generationConfig.stopSequences",
              .format = "generationConfig.responseMimeType",
              .reasoning = "generationConfig.thinkingConfig",
              .tool_choice = "toolConfig.functionCallingConfig",
              .service_tier = "serviceTier"};
    case Dialect::ollama:
      return {.conversation = "messages",
              .temperature = "options.temperature",
              .top_p = "options.top_p",
              .top_k = "options.top_k",
              .presence_penalty = "options.presence_penalty",
              .frequency_penalty = "options.frequency_penalty",
              .seed = "options.seed",
              .logit_bias = "options.logit_bias",
              .n = "n",
              .logprobs = "logprobs",
              .stop = "options.stop",
              .format = "format",
              .reasoning = "think"};
  }
  return {};
}

/// What the client called its wish for reasoning, where its dialect has several words for it.
inline std::string_view reasoning_field(const ChatRequest& request) {
  const ReasoningSettings& wish = request.reasoning;
  if (request.origin == Dialect::openai_chat) {
    for (const std::string_view other : {"reasoning", "thinking"}) {
      if (wish.extra.find(other) != nullptr) return other;
    }
  }
  const bool is_effort_alone = request.origin == Dialect::anthropic && !wish.enabled;
  return is_effort_alone ? "output_config.effort" : field_names(request.origin).reasoning;
}

/// What the client called the end-user id.
constexpr std::string_view user_field(const ChatRequest& request) {
  if (request.origin == Dialect::anthropic) return "metadata.user_id";
  return request.is_user_old_name ? "user" : "safety_identifier";
}

}  // namespace weir::wire
