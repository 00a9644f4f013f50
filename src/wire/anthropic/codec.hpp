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

/// Anthropic's Messages API. Contracts as in wire/codec.hpp.
/// Source: the types of @anthropic-ai/sdk 1.11.0 and platform.claude.com, seen 2026-11.
namespace weir::wire::anthropic {

/// Takes the body of `count_tokens` as well: `max_tokens` is not asked for.
Result<ChatRequest> decode_request(json::Value root);

/// The result keeps Anthropic's order: tool results first in their turn and in the order of the
/// calls, turns of one role joined.
///
/// Errors: `invalid_request` for a call without result, a result without call, and arguments that
/// are no JSON object; `unsupported_capability` as in the common contract.
Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out);

Result<ChatResponse> decode_response(json::Value root, Quirks quirks);

/// Writes the first choice: the format has no place for a second one.
void encode_response(const ChatResponse& response, std::string& out);

std::unique_ptr<StreamDecoder> make_stream_decoder(
    Quirks quirks, std::size_t event_bytes_max = event_bytes_max_default);
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options);

}  // namespace weir::wire::anthropic
