// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"
#include "wire/gemini/call_ids.hpp"

/// What whole and streamed answers have in common.
namespace weir::wire::gemini {

/// More candidates than this in one answer are taken for a broken upstream.
inline constexpr std::int64_t choices_max = 128;

struct Candidate {
  Choice choice;       ///< its `finish` is not set: that takes all calls of the choice
  std::string reason;  ///< finishReason; empty = not finished
};

/// Which choice a candidate belongs to. Sets the problem when it is no number in range.
std::uint32_t candidate_index(json::Value candidate, const json::Path& path,
                              json::Problem& problem);
Candidate decode_candidate(json::Value candidate, const json::Path& path, CallIds& ids,
                           json::Problem& problem);

/// A call in the answer wins over STOP, which Gemini says either way.
[[nodiscard]] Finish finish_of(std::string_view reason, bool has_calls) noexcept;
[[nodiscard]] std::string_view reason_of(Finish finish) noexcept;
[[nodiscard]] bool has_calls(const Choice& choice) noexcept;

/// True when the prompt was refused: promptFeedback names a reason.
[[nodiscard]] bool is_prompt_blocked(json::Value root);

/// Reads usageMetadata; what the canonical counts don't hold (lists by modality, ...) is added to
/// `extra` under `usageMetadata`, if there is one.
Usage decode_usage(json::Value metadata, const json::Path& path, json::Problem& problem,
                   Extra* extra);
void write_usage(json::Writer& json, const Usage& usage, const Extra* extra);

/// logprobsResult in OpenAI's shape, and back.
[[nodiscard]] std::string openai_logprobs(json::Value logprobs_result);
void write_logprobs_result(json::Writer& json, std::string_view openai);

/// The first problem of an answer, as the upstream's fault.
[[nodiscard]] Error malformed(const json::Problem& problem);

}  // namespace weir::wire::gemini
