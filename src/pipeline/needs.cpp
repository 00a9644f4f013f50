// SPDX-License-Identifier: Apache-2.0
#include "pipeline/needs.hpp"

namespace weir::pipeline {
namespace {

constexpr std::int64_t image_tokens_estimate = 800;

}  // namespace

std::optional<std::string> lacking(const wire::RequestPeek& request, const Target& target) {
  const ModelCapabilities& can = target.capabilities;
  if (target.chat_path.empty()) return "no chat here";
  if (request.stream && can.streaming == Tri::no) return "streaming";
  if (request.uses_tools && can.tools == Tri::no) return "tools";
  if (request.images > 0 && can.vision == Tri::no) return "images";
  if (request.uses_audio && can.audio == Tri::no) return "audio";
  if (request.uses_json_schema && can.json_schema == Tri::no) return "json_schema";
  const std::int64_t output = request.output_tokens_max.value_or(0);
  if (target.context_tokens > 0 &&
      input_tokens_estimate(request) / 2 + output > target.context_tokens) {
    // Half of a rough estimate: certain that it can't fit, not merely likely.
    return "the context window is too small";
  }
  return std::nullopt;
}

bool needs_unknown(const wire::RequestPeek& request, const Target& target) {
  const ModelCapabilities& can = target.capabilities;
  return (request.uses_tools && can.tools == Tri::unknown) ||
         (request.images > 0 && can.vision == Tri::unknown) ||
         (request.uses_audio && can.audio == Tri::unknown) ||
         (request.uses_json_schema && can.json_schema == Tri::unknown);
}

const Target& serving_variant(const wire::RequestPeek& request, const Target& target) {
  return request.uses_tools && target.with_tools ? *target.with_tools : target;
}

std::int64_t input_tokens_estimate(const wire::RequestPeek& request) {
  return static_cast<std::int64_t>(request.text_bytes) / 4 +
         request.images * image_tokens_estimate + 8;
}

}  // namespace weir::pipeline
