// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

/// OpenAI's Responses format, `POST /v1/responses`.
///
/// The canonical form is close to it. What has no place there (hosted tools, their items, item
/// references) stays raw and goes back only here.
/// Source: openai/openai-openapi openapi.yaml 2.3.0 and the SDK openai@6.49.0.
namespace weir::wire::responses {

/// `instructions` becomes the first message, of role system.
Result<ChatRequest> decode_request(json::Value root);

/// For clients of other dialects nothing is stored, and the encrypted reasoning is asked for, so
/// that it is in the answer. Refused: stop strings, several choices, audio, and what only the
/// client's own dialect can say.
Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out);

Result<ChatResponse> decode_response(json::Value root, Quirks quirks);

/// Only the first choice is written. Items without an id get one made from the answer's id and
/// their place.
void encode_response(const ChatResponse& response, std::string& out);

/// `is_complete` is false after `response.failed`: it ends in an `error` event, not in an answer.
std::unique_ptr<StreamDecoder> make_stream_decoder(Quirks quirks);
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options);

}  // namespace weir::wire::responses
