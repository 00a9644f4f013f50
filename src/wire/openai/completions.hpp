// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

/// The old completions endpoint for targets that only chat: each prompt becomes a user message.
/// Targets that have the endpoint themselves get the body as it is.
/// Source: OpenAI API reference, "Completions (legacy)".
namespace weir::wire::openai {

/// The chat that asks for one prompt of the body: the one at `place`, counted from 0, of a list.
///
/// Errors: `invalid_request` with the path; `unsupported_capability` for what a chat can't give:
/// `best_of`, `suffix`, `echo` together with `logprobs` (no chat tells those of the prompt), and
/// prompts as tokens. Precondition: the body has that prompt, or none that is valid.
Result<ChatRequest> decode_completion_request(json::Value root, std::size_t place = 0);

/// How the answer to one prompt is written.
struct CompletionStyle {
  std::string echo = {};          ///< stands before the text of each choice
  std::string id = {};            ///< in the place of the answer's own; empty: that
  std::int64_t first_choice = 0;  ///< the number of its first choice
};

void encode_completion_response(const ChatResponse& response, const CompletionStyle& style,
                                std::string& out);

/// Text becomes chunks of `text_completion`; reasoning and tool calls have no place in them.
/// `style` outlives the encoder.
std::unique_ptr<StreamEncoder> make_completion_stream_encoder(const StreamOptions& options,
                                                              const CompletionStyle& style);

/// Joins the answers to several prompts, as `encode_completion_response` wrote them: their choices
/// in this order, usage added up where there is any, the rest as in the first.
///
/// Precondition: at least one.
void join_completions(std::span<const std::string> answers, std::string& out);

/// The last of a stream of one prompt's, to be joined with others.
struct CompletionStreamEnd {
  std::optional<Usage> usage;
  std::string model;
  std::string rest;  ///< events that are neither usage nor the terminator
};
/// `events`: what the encoder wrote at `finish`.
CompletionStreamEnd read_completion_stream_end(std::string_view events);

}  // namespace weir::wire::openai
