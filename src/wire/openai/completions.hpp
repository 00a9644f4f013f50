// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

/// The old completions endpoint for targets that only chat: each prompt becomes a user message.
/// Targets that have the endpoint themselves get the body as it is.
/// Source: OpenAI API reference, "Completions (legacy)".
namespace weir::wire::openai {

/// One chat request for each prompt of the body.
///
/// Errors: `invalid_request` with the path; `unsupported_capability` for what a chat can't give:
/// `echo`, `best_of`, `suffix`, `logprobs`, prompts as tokens, and a stream of several prompts.
Result<std::vector<ChatRequest>> decode_completion_request(json::Value root);

/// Answers the prompts together. The choices are numbered on from prompt to prompt, usage is added
/// up, id, model and created are the first answer's.
///
/// Precondition: at least one answer; all of them had the same `n`.
void encode_completion_response(std::span<const ChatResponse> responses, std::string& out);

/// Text becomes chunks of `text_completion`; reasoning and tool calls have no place in them.
std::unique_ptr<StreamEncoder> make_completion_stream_encoder(const StreamOptions& options);

}  // namespace weir::wire::openai
