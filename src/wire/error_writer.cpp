// SPDX-License-Identifier: Apache-2.0
#include "wire/error_writer.hpp"

#include "json/writer.hpp"

namespace weir::wire {
namespace {

bool is_retryable(const Error& error) { return traits(error.code).retryable; }

/// L-10: which limit it was.
void append_limit(json::Writer& json, const Error& error) {
  if (error.exceeded == nullptr) return;
  json.member("scope", error.exceeded->scope).member("unit", error.exceeded->unit);
}

/// SDKs show the message alone, so a fault that we found names its field there too: "is required"
/// helps nobody. What a provider or the rest of the message says of the field is enough.
std::string openai_message_of(const Error& error) {
  const bool is_said = error.param.empty() || error.upstream_status != 0 ||
                       error.message.find(error.param) != std::string::npos;
  return is_said ? error.message : error.param + ": " + error.message;
}

// `code` and `type` are what OpenAI's SDKs look at; what follows `code` is ours.
void append_openai(json::Writer& json, const Error& error, std::string_view request_id) {
  json.begin_object().key("error").begin_object();
  json.member("message", openai_message_of(error)).member("type", traits(error.code).openai_type);
  json.key("param");
  if (error.param.empty()) {
    json.null();
  } else {
    json.string(error.param);
  }
  json.member("code", traits(error.code).name).member("retryable", is_retryable(error));
  append_limit(json, error);
  json.member("request_id", request_id).end_object().end_object();
}

/// Also for a provider's own refusal, whose status is kept.
std::string_view anthropic_type_of(const Error& error) {
  constexpr int payload_too_large = 413;
  if (status_of(Dialect::anthropic, error) == payload_too_large) return "request_too_large";
  return traits(error.code).anthropic_type;
}

/// Anthropic has no code for a full window: clients that then make the conversation shorter, coding
/// agents above all, look for the words.
std::string anthropic_message_of(const Error& error) {
  constexpr std::string_view words = "prompt is too long";
  const bool has_words = error.message.find(words) != std::string::npos;
  if (error.code == ErrorCode::context_length_exceeded && !has_words) {
    return std::string(words) + ": " + error.message;
  }
  return error.param.empty() ? error.message : error.param + ": " + error.message;
}

/// Anthropic's SDKs let the server keep a conversation where it can (`thread`), and send the whole
/// of it where this says that it can't.
std::string_view anthropic_code_of(const Error& error) {
  const bool is_thread = error.code == ErrorCode::unsupported_capability && error.param == "thread";
  return is_thread ? "thread_unsupported_request" : traits(error.code).name;
}

void append_anthropic(json::Writer& json, const Error& error, std::string_view request_id) {
  json.begin_object().member("type", "error").key("error").begin_object();
  json.member("type", anthropic_type_of(error));
  json.member("message", anthropic_message_of(error)).key("details").begin_object();
  json.member("error_code", anthropic_code_of(error)).member("retryable", is_retryable(error));
  append_limit(json, error);
  json.end_object().end_object().member("request_id", request_id).end_object();
}

void append_gemini(json::Writer& json, const Error& error, std::string_view request_id) {
  json.begin_object().key("error").begin_object();
  json.member("code", status_of(Dialect::gemini, error));
  std::string message = error.message;
  if (!error.param.empty()) message = error.param + ": " + message;
  json.member("message", message).member("status", traits(error.code).gemini_status);
  json.key("details").begin_array().begin_object();
  json.member("@type", "type.googleapis.com/google.rpc.ErrorInfo");
  json.member("reason", traits(error.code).name).key("metadata").begin_object();
  json.member("request_id", request_id);
  append_limit(json, error);
  json.member("retryable", is_retryable(error) ? "true" : "false").end_object().end_object();
  if (error.retry_after) {
    const auto ms = error.retry_after->count();
    json.begin_object().member("@type", "type.googleapis.com/google.rpc.RetryInfo");
    json.member("retryDelay", std::to_string((ms + 999) / 1000) + "s").end_object();
  }
  json.end_array().end_object().end_object();
}

void append_ollama(json::Writer& json, const Error& error, std::string_view request_id) {
  std::string message = error.message;
  if (!error.param.empty()) message = error.param + ": " + message;
  json.begin_object().member("error", message).member("code", traits(error.code).name);
  append_limit(json, error);
  json.member("retryable", is_retryable(error)).member("request_id", request_id).end_object();
}

}  // namespace

int status_of(Dialect dialect, const Error& error) noexcept {
  if (error.http_status != 0) return error.http_status;
  const bool is_refusal = error.upstream_status >= 400 && error.upstream_status < 500;
  if (error.code == ErrorCode::upstream_rejected && is_refusal) return error.upstream_status;
  return dialect == Dialect::anthropic ? traits(error.code).anthropic_status
                                       : traits(error.code).status;
}

void append_error_body(std::string& out, Dialect dialect, const Error& error,
                       std::string_view request_id) {
  json::Writer json(out);
  switch (dialect) {
    case Dialect::openai_chat:
    case Dialect::openai_responses:
      return append_openai(json, error, request_id);
    case Dialect::anthropic:
      return append_anthropic(json, error, request_id);
    case Dialect::gemini:
      return append_gemini(json, error, request_id);
    case Dialect::ollama:
      return append_ollama(json, error, request_id);
  }
}

}  // namespace weir::wire
