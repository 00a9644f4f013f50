// SPDX-License-Identifier: Apache-2.0
#include "pipeline/needs.hpp"

#include "pipeline/count_chat.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::pipeline {
namespace {

constexpr std::int64_t image_tokens_estimate = 800;

/// What a request may need that a target may lack, by the name that a refusal says (F-3).
struct Need {
  Capability capability;
  std::string_view name;
  bool (*is_in)(const wire::RequestPeek&);
};
// clang-format off
constexpr std::array needs{
    Need{Capability::streaming,       "streaming",   [](const wire::RequestPeek& r) { return r.stream; }},
    Need{Capability::tools,           "tools",       [](const wire::RequestPeek& r) { return r.uses_tools; }},
    Need{Capability::vision,          "images",      [](const wire::RequestPeek& r) { return r.images > 0; }},
    Need{Capability::audio,           "audio",       [](const wire::RequestPeek& r) { return r.uses_audio; }},
    Need{Capability::json_schema,     "json_schema", [](const wire::RequestPeek& r) { return r.uses_json_schema; }},
    Need{Capability::several_choices, "n",           [](const wire::RequestPeek& r) { return r.n > 1; }},
    Need{Capability::logprobs,        "logprobs",    [](const wire::RequestPeek& r) { return r.uses_logprobs; }},
};
// clang-format on

/// What a refused member tells about the target. `tool_choice` and `response_format` are not here:
/// a value of theirs may be refused by one that has tools and structured output.
struct RefusedMember {
  std::string_view path_part;
  Capability capability;
};
constexpr std::array refused_members{
    RefusedMember{"image_url", Capability::vision},
    RefusedMember{"input_audio", Capability::audio},
    RefusedMember{"json_schema", Capability::json_schema},
};
constexpr std::array refused_names{
    RefusedMember{"tools", Capability::tools},
    RefusedMember{"functions", Capability::tools},
    RefusedMember{"parallel_tool_calls", Capability::parallel_tools},
    RefusedMember{"n", Capability::several_choices},
    RefusedMember{"logprobs", Capability::logprobs},
    RefusedMember{"top_logprobs", Capability::logprobs},
    RefusedMember{"stream", Capability::streaming},
};

std::optional<Capability> capability_in(const wire::UpstreamFault& fault) {
  for (const auto& [name, capability] : refused_names) {
    if (fault.param == name) return capability;
  }
  for (const auto& [part, capability] : refused_members) {
    if (fault.param.find(part) != std::string::npos) return capability;
  }
  // Ollama names no parameter: "... does not support tools".
  constexpr std::string_view without_tools = "does not support tools";
  if (fault.param.empty() && fault.message.ends_with(without_tools)) return Capability::tools;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> lacking(const wire::RequestPeek& request, const Target& target) {
  if (target.chat_path.empty() || target.can(Capability::chat) == Tri::no) return "no chat here";
  for (const Need& need : needs) {
    if (need.is_in(request) && target.can(need.capability) == Tri::no) {
      return std::string(need.name);
    }
  }
  const std::int64_t output = request.output_tokens_max.value_or(0);
  if (target.context_tokens > 0 && !target.trims &&
      input_tokens_estimate(request) / 2 + output > target.context_tokens) {
    // Half of a rough estimate: certain that it can't fit, not merely likely.
    return "the context window is too small";
  }
  return std::nullopt;
}

bool is_near_window(const wire::RequestPeek& request, const Target& target) {
  // Hardly any text has more than a token for every two bytes.
  return target.context_tokens > 0 &&
         input_tokens_estimate(request) * 2 + request.output_tokens_max.value_or(0) >
             target.context_tokens;
}

bool exceeds_window(const wire::ChatRequest& request, const Target& target) {
  const tokens::Tally input = count_chat(target.upstream->type, target.model, request);
  // Estimates of 95 texts in a hundred are within 30 %.
  const std::int64_t least =
      input.method == tokens::Method::exact ? input.tokens : input.tokens * 7 / 10;
  return least + request.output_tokens_max.value_or(0) > target.context_tokens;
}

bool needs_unknown(const wire::RequestPeek& request, const Target& target) {
  // Nearly everything streams: not knowing it makes no target worse than another.
  return std::any_of(needs.begin(), needs.end(), [&](const Need& need) {
    return need.capability != Capability::streaming && need.is_in(request) &&
           target.can(need.capability) == Tri::unknown;
  });
}

void learn_refusal(const Target& target, const wire::UpstreamFault& fault) {
  const auto capability = capability_in(fault);
  if (!capability || target.capabilities.can(*capability) != Tri::unknown) return;
  target.learnt->refused.fetch_or(static_cast<providers::Capabilities>(*capability),
                                  std::memory_order_relaxed);
}

const Target& serving_variant(const wire::RequestPeek& request, const Target& target) {
  return request.uses_tools && target.with_tools ? *target.with_tools : target;
}

std::int64_t input_tokens_estimate(const wire::RequestPeek& request) {
  return static_cast<std::int64_t>(request.text_bytes) / 4 +
         request.images * image_tokens_estimate + 8;
}

}  // namespace weir::pipeline
