// SPDX-License-Identifier: Apache-2.0
#include "pipeline/needs.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <initializer_list>
#include <string_view>

#include "json/object_reader.hpp"
#include "pipeline/count_chat.hpp"
#include "wire/field_names.hpp"

namespace weir::pipeline {
namespace {

constexpr std::int64_t image_tokens_estimate = 800;
constexpr milliseconds missing_path_is_believed = std::chrono::minutes(10);

/// What a request may need that a target may lack, by the name that a refusal says (F-3).
struct Need {
  Capability capability;
  Wish wish;
  std::string_view name;
  bool (*is_in)(const wire::RequestPeek&);
};
// clang-format off
constexpr std::array needs{
    Need{Capability::streaming,       Wish::streaming,   "streaming",   [](const wire::RequestPeek& r) { return r.stream; }},
    Need{Capability::tools,           Wish::tools,       "tools",       [](const wire::RequestPeek& r) { return r.uses_tools; }},
    Need{Capability::vision,          Wish::images,      "images",      [](const wire::RequestPeek& r) { return r.images > 0; }},
    Need{Capability::audio,           Wish::audio,       "audio",       [](const wire::RequestPeek& r) { return r.uses_audio; }},
    Need{Capability::json_schema,     Wish::json_schema, "json_schema", [](const wire::RequestPeek& r) { return r.uses_json_schema; }},
    Need{Capability::several_choices, Wish::choices,     "n",           [](const wire::RequestPeek& r) { return r.n > 1; }},
    Need{Capability::logprobs,        Wish::logprobs,    "logprobs",    [](const wire::RequestPeek& r) { return r.uses_logprobs; }},
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

/// How a dialect's parts tell what they are, and which of their members holds it.
struct MediaMark {
  wire::Dialect client;
  Wish wish;
  std::string_view type;
  std::string_view member;
};
constexpr std::array media_marks{
    MediaMark{wire::Dialect::openai_chat, Wish::images, "image_url", "image_url"},
    MediaMark{wire::Dialect::openai_chat, Wish::audio, "input_audio", "input_audio"},
    MediaMark{wire::Dialect::openai_responses, Wish::images, "input_image", "image_url"},
    MediaMark{wire::Dialect::openai_responses, Wish::audio, "input_audio", "input_audio"},
    MediaMark{wire::Dialect::anthropic, Wish::images, "image", "source"},
};

/// Gemini tells what a part is by its media type alone, in either spelling of protobuf's JSON.
std::optional<json::Value> gemini_medium_in(json::Value part, std::string_view mime_prefix) {
  for (const std::string_view name : {"inlineData", "inline_data", "fileData", "file_data"}) {
    const auto data = part.find(name);
    for (const std::string_view key : {"mimeType", "mime_type"}) {
      const auto mime = data ? data->find(key) : std::nullopt;
      if (mime && mime->is_string() && mime->as_string().starts_with(mime_prefix)) return data;
    }
  }
  return std::nullopt;
}

/// The image or sound that `part` brings, by the member that holds it; nothing: it is no such part.
std::optional<json::Value> medium_in(wire::Dialect client, Wish wish, json::Value part) {
  if (client == wire::Dialect::gemini) {
    return gemini_medium_in(part, wish == Wish::images ? "image/" : "audio/");
  }
  if (client == wire::Dialect::ollama) {
    const auto images = part.find("images");
    return wish == Wish::images && images && images->size() > 0 ? images : std::nullopt;
  }
  const auto type = part.find("type");
  for (const MediaMark& mark : media_marks) {
    if (mark.client != client || mark.wish != wish) continue;
    if (type && type->equals(mark.type)) return part.find(mark.member).value_or(part);
  }
  return std::nullopt;
}

/// The first image or sound below `value`. A request is no deeper than `limits.json_depth`.
std::optional<json::Value> first_medium(wire::Dialect client, Wish wish, json::Value value) {
  std::optional<json::Value> found;
  if (value.is_object()) {
    found = medium_in(client, wish, value);
    if (found) return found;
    for (const json::Member member : value.members()) {
      found = first_medium(client, wish, member.value);
      if (found) break;
    }
  } else if (value.is_array()) {
    for (const json::Value element : value.elements()) {
      found = first_medium(client, wish, element);
      if (found) break;
    }
  }
  return found;
}

}  // namespace

std::string field_asking_for(wire::Dialect client, json::Value root, Wish wish) {
  const wire::FieldNames names = wire::field_names(client);
  const auto first_there = [&](std::initializer_list<std::string_view> fields) {
    const auto there = std::find_if(fields.begin(), fields.end(),
                                    [&](std::string_view name) { return root.find(name); });
    return std::string(there == fields.end() ? names.conversation : *there);
  };
  const auto conversation = root.find(names.conversation);
  switch (wish) {
    case Wish::model:
      return "model";
    case Wish::length:
      return std::string(names.conversation);
    case Wish::output_limit:
      return first_there({"max_tokens", "max_completion_tokens", "max_output_tokens",
                          "generationConfig", "generation_config", "options"});
    case Wish::streaming:
      return root.find("stream") ? "stream" : "";  // Gemini's clients ask for it by the path
    case Wish::tools:
      return first_there({"tools", "functions"});
    case Wish::images:
    case Wish::audio: {
      if (!conversation) return {};
      if (const auto medium = first_medium(client, wish, *conversation)) {
        return json::path_at(root, medium->offset());
      }
      return wish == Wish::audio ? first_there({"audio"}) : "";
    }
    case Wish::json_schema:
      return std::string(names.format);
    case Wish::choices:
      return std::string(names.n);
    case Wish::logprobs:
      return std::string(names.logprobs);
    case Wish::background:
      return "background";
    case Wish::several_prompts:
      break;  // a chat has none
  }
  return {};
}

Lack too_long_for_window() { return {"the context window is too small", Wish::length}; }

std::optional<Lack> lacking(const wire::RequestPeek& request, const Target& target) {
  if (target.chat_path.empty() || target.can(Capability::chat) == Tri::no)
    return Lack{"no chat here"};
  for (const Need& need : needs) {
    if (need.is_in(request) && target.can(need.capability) == Tri::no) {
      return Lack{std::string(need.name), need.wish};
    }
  }
  const std::int64_t output = request.output_tokens_max.value_or(0);
  if (target.context_tokens > 0 && !target.trims && output > target.context_tokens) {
    return Lack{"the output limit is larger than the context window", Wish::output_limit};
  }
  if (target.context_tokens > 0 && !target.trims &&
      input_tokens_estimate(request) / 2 + output > target.context_tokens) {
    // Half of a rough estimate: certain that it can't fit, not merely likely.
    return too_long_for_window();
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

void learn_missing_path(const Target& target, const OwnPath& path, std::int64_t unix_ms) {
  target.learnt->lacks_path_until_ms[path.place].store(unix_ms + missing_path_is_believed.count(),
                                                       std::memory_order_relaxed);
}

bool is_path_missing(const Target& target, const OwnPath& path, std::int64_t unix_ms) {
  return unix_ms < target.learnt->lacks_path_until_ms[path.place].load(std::memory_order_relaxed);
}

std::string no_such_path(const OwnPath& path) { return "no " + std::string(path.name) + " here"; }

const Target& serving_variant(const wire::RequestPeek& request, const Target& target) {
  return request.uses_tools && target.with_tools ? *target.with_tools : target;
}

std::int64_t input_tokens_estimate(const wire::RequestPeek& request) {
  return static_cast<std::int64_t>(request.text_bytes) / 4 +
         request.images * image_tokens_estimate + 8;
}

}  // namespace weir::pipeline
