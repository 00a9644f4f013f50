// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"
#include "wire/sse.hpp"

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

/// What an answer of another dialect's target says of the request it answers.
struct AnswerFrame {
  std::string id;    ///< of the answer, in the place of the target's; empty: that one
  std::string echo;  ///< members that repeat the request's settings, as `request_echo` gives them
  /// Gets the whole `response` object when the answer has come to its end; may be null. Outlives
  /// the encoder.
  std::string* answer = nullptr;
};

/// The members of `request` that every answer repeats, with what holds where nothing was said.
/// `previous_response_id` among them.
std::string request_echo(json::Value request);

/// Only the first choice is written. Items without an id get one made from the answer's id and
/// their place.
void encode_response(const ChatResponse& response, std::string& out);
/// The same in a frame of our own, for answers of other dialects.
void encode_response(const ChatResponse& response, const AnswerFrame& frame, std::string& out);

/// `is_complete` is false after `response.failed`: it ends in an `error` event, not in an answer.
std::unique_ptr<StreamDecoder> make_stream_decoder(
    Quirks quirks, std::size_t event_bytes_max = event_bytes_max_default);
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options);
std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options, AnswerFrame frame);

/// Appends the event that ends a broken stream. Clients differ in which of its two shapes they
/// read, so it has both.
void append_error_event(const Error& error, std::string_view request_id,
                        std::int64_t sequence_number, std::string& out);

}  // namespace weir::wire::responses
