// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"
#include "wire/sse.hpp"

/// Google's generateContent, as of generativelanguage.googleapis.com/v1beta.
///
/// Model and streaming are part of the URL here, not of the body. Calls may come without ids: such
/// a call gets a made-up one, which never goes back to Gemini. Names of members are read in
/// camelCase and in snake_case, as Google's own servers do, and written in camelCase.
namespace weir::wire::gemini {

Result<ChatRequest> decode_request(json::Value root);
/// Writes no model: `request_path` does.
Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out);
Result<ChatResponse> decode_response(json::Value root, Quirks quirks);
void encode_response(const ChatResponse& response, std::string& out);

/// Events of a stream in SSE form (`alt=sse`). Finishes are told only at the end of the body, since
/// older models name a finish reason in every chunk.
std::unique_ptr<StreamDecoder> make_stream_decoder(
    Quirks quirks, std::size_t event_bytes_max = event_bytes_max_default);

/// How a client wants its stream: with `alt=sse`, or without as one JSON array written piecewise.
enum class StreamForm : std::uint8_t { sse, json_array };
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options);
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options, StreamForm form);

/// The path after the version prefix, with its query: `/models/x:generateContent` or
/// `/models/x:streamGenerateContent?alt=sse`. `model` may carry `models/` or `tunedModels/`.
std::string request_path(std::string_view model, bool stream);

}  // namespace weir::wire::gemini
