// SPDX-License-Identifier: Apache-2.0
#include "wire/error_writer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::wire {
namespace {

std::string body_of(Dialect dialect, const Error& error) {
  std::string body;
  append_error_body(body, dialect, error, "req_1");
  return body;
}

TEST(ErrorWriter, EachDialectNamesTheFieldInItsOwnPlace) {
  const Error error(ErrorCode::invalid_request, "is required", "messages");
  EXPECT_EQ(body_of(Dialect::openai_chat, error),
            R"({"error":{"message":"messages: is required","type":"invalid_request_error",)"
            R"("param":"messages","code":"invalid_request","retryable":false,)"
            R"("request_id":"req_1"}})");
  EXPECT_EQ(body_of(Dialect::anthropic, error),
            R"({"type":"error","error":{"type":"invalid_request_error",)"
            R"("message":"messages: is required","details":{"error_code":"invalid_request",)"
            R"("retryable":false}},"request_id":"req_1"})");
  EXPECT_EQ(body_of(Dialect::gemini, error),
            R"({"error":{"code":400,"message":"messages: is required",)"
            R"("status":"INVALID_ARGUMENT","details":[{)"
            R"("@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"invalid_request",)"
            R"("metadata":{"request_id":"req_1","retryable":"false"}}]}})");
  EXPECT_EQ(body_of(Dialect::ollama, error),
            R"({"error":"messages: is required","code":"invalid_request","retryable":false,)"
            R"("request_id":"req_1"})");
}

// What its SDKs look for before they send the whole conversation themselves.
TEST(ErrorWriter, AnthropicsClientsLearnThatNoThreadIsKept) {
  const Error error(ErrorCode::unsupported_capability, "not here", "thread");
  const std::string_view code = R"("error_code":"thread_unsupported_request")";
  EXPECT_NE(body_of(Dialect::anthropic, error).find(code), std::string::npos);
  const Error other(ErrorCode::unsupported_capability, "not here", "container");
  EXPECT_EQ(body_of(Dialect::anthropic, other).find(code), std::string::npos);
}

// What says it already is not said twice, and a provider's words stay its own.
TEST(ErrorWriter, NoMessageNamesItsFieldTwice) {
  const Error own(ErrorCode::route_unknown, "there is no model or route 'x'", "model");
  EXPECT_NE(body_of(Dialect::openai_chat, own).find(R"("message":"there is no model)"),
            std::string::npos);
  Error provider(ErrorCode::upstream_rejected, "openai: too hot", "temperature");
  provider.upstream_status = 400;
  EXPECT_NE(body_of(Dialect::openai_chat, provider).find(R"("message":"openai: too hot")"),
            std::string::npos);
}

// Anthropic's clients have nothing else to tell it by.
TEST(ErrorWriter, AFullWindowIsSaidInAnthropicsWords) {
  const Error foreign(ErrorCode::context_length_exceeded,
                      "openai: This model's maximum context length is 128000 tokens.", "messages");
  EXPECT_NE(body_of(Dialect::anthropic, foreign)
                .find(R"("message":"prompt is too long: openai: This model's maximum)"),
            std::string::npos);
  EXPECT_EQ(body_of(Dialect::ollama, foreign).find("prompt is too long"), std::string::npos);

  const Error own(ErrorCode::context_length_exceeded,
                  "anthropic: prompt is too long: 213462 tokens > 200000 maximum");
  EXPECT_NE(body_of(Dialect::anthropic, own)
                .find(R"("message":"anthropic: prompt is too long: 213462 tokens > 200000)"),
            std::string::npos);
}

TEST(ErrorWriter, AProvidersRefusalKeepsItsStatusAndGetsTheTypeOfThat) {
  Error error(ErrorCode::upstream_rejected, "gemini: too much");
  error.upstream_status = 413;
  EXPECT_EQ(status_of(Dialect::anthropic, error), 413);
  EXPECT_NE(body_of(Dialect::anthropic, error).find(R"("type":"request_too_large")"),
            std::string::npos);
  error.upstream_status = 422;
  EXPECT_EQ(status_of(Dialect::anthropic, error), 422);
  EXPECT_NE(body_of(Dialect::anthropic, error).find(R"("type":"invalid_request_error")"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::wire
