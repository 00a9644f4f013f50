// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"
#include "wire/sse.hpp"

/// OpenAI's Chat Completions, and the many servers that speak it more or less.
///
/// The contract of each function stands at the end of wire/codec.hpp.
/// Source: OpenAI API reference, "Chat Completions", OpenAPI spec 2.3.0; the deviations of other
/// servers from their own pages and SDKs.
namespace weir::wire::openai {

Result<ChatRequest> decode_request(json::Value root);

/// What a deviating server needs comes from `options.quirks`. Extra members go out only when the
/// request came in as Chat Completions too. Reasoning of earlier turns goes to servers that want it
/// back (`Quirk::replay_reasoning`), and as it came where the client spoke this dialect.
Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out);

Result<ChatResponse> decode_response(json::Value root, Quirks quirks);

/// Signatures and encrypted reasoning travel in `reasoning_details` and
/// `extra_content.google.thought_signature`, so that a client that sends its history back whole
/// brings them along.
void encode_response(const ChatResponse& response, std::string& out);

std::unique_ptr<StreamDecoder> make_stream_decoder(
    Quirks quirks, std::size_t event_bytes_max = event_bytes_max_default);
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options);

}  // namespace weir::wire::openai
