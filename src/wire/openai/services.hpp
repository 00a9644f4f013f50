// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/multipart.hpp"

/// Pictures, sound, moderation and reranking: passed from client to target as they are, looked at
/// where routing and accounting must know.
namespace weir::wire::openai {

/// What is read of a request.
struct ServicePeek {
  std::string model;
  bool stream = false;          ///< `stream`, or `stream_format: sse` of speech
  std::int64_t n = 1;           ///< answers asked for
  std::string response_format;  ///< of a transcription; empty = its default, JSON
};

/// Reads a JSON request. Errors: `invalid_request` for a wrong type, for a member that stands
/// twice, and for members that would tell a gateway where to send the request.
Result<ServicePeek> peek_service_request(json::Value root);

/// The same of a form, by its fields.
Result<ServicePeek> peek_service_form(const std::vector<FormPart>& parts);

/// Reads what an answer, or an event of a stream, says about its use: tokens by any of the names in
/// use, seconds of sound, search units (Cohere). Nothing when it says nothing.
std::optional<Usage> read_service_usage(json::Value root);

/// What an event of a stream is.
enum class ServiceEvent : std::uint8_t {
  partial,   ///< a piece: sound, text, a sketch of a picture
  finished,  ///< one answer is whole
};
ServiceEvent classify_service_event(json::Value root);

}  // namespace weir::wire::openai
