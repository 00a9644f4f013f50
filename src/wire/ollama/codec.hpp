// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"
#include "wire/sse.hpp"
#include "wire/stopwatch.hpp"

/// Ollama's own chat format, `POST /api/chat`.
///
/// What sets it apart: a message has one string of text with bare base64 images beside it, tool
/// arguments are objects, calls may lack ids, streams are lines of JSON and are the default.
/// Source: ollama/ollama docs/api.md and api/types.go, August 2026.
namespace weir::wire::ollama {

/// Unknown members of `options` are kept in `extra` as one object called `options`. Tool calls
/// without an id get one from their place in the conversation, and results without one take the
/// id of the oldest call of their tool that has no answer yet.
Result<ChatRequest> decode_request(json::Value root);

/// Refused: links to images, audio, files, hosted and custom tools, a tool choice that forces a
/// call, several choices, stored conversations. `think` is only written for a model that reasons,
/// or when an Ollama client asked for it: others answer 400 to it.
Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out);

/// Ollama's answers have no id: the result's is empty. Calls without an id get one from
/// `created_at` and their ordinal, the same each time the answer is read.
Result<ChatResponse> decode_response(json::Value root, Quirks quirks);

/// Only the first choice is written. Durations are left out unless the answer came from Ollama.
void encode_response(const ChatResponse& response, std::string& out);
/// The same with durations of an answer that took `elapsed_ns`, unless it came from Ollama.
void encode_response(const ChatResponse& response, std::optional<std::int64_t> elapsed_ns,
                     std::string& out);

std::unique_ptr<StreamDecoder> make_stream_decoder(
    Quirks quirks, std::size_t event_bytes_max = event_bytes_max_default);
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options);
/// The same with durations: the prompt is read until the first piece of the answer is written.
/// `stopwatch` outlives the encoder.
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options,
                                                   const Stopwatch& stopwatch);

}  // namespace weir::wire::ollama
