// SPDX-License-Identifier: Apache-2.0
#include "server/content_text.hpp"

#include <gtest/gtest.h>

#include "policy/redaction.hpp"

namespace weir::server {
namespace {

using wire::Dialect;

const Redactor redactor(policy::PersonalKinds::all());

TEST(ContentText, G2KeepsJsonAsItIs) {
  const std::string body = R"({"model":"m", "messages":[{"role":"user","content":"hi\n\"you\""}]})";
  EXPECT_EQ(kept_content(body, redactor), body);
  EXPECT_EQ(kept_content("", redactor), "null");
  EXPECT_EQ(kept_content("plain\nwords", redactor), R"("plain\nwords")");
}

// In JSON's own spelling none of these would be found: an escape stands where a border should be.
TEST(ContentText, G2LooksAtTextsAsPeopleReadThem) {
  EXPECT_EQ(kept_content(R"({"content":"mail\nann\u0040example.com"})", redactor),
            R"({"content":"mail\n[email]"})");
  EXPECT_EQ(kept_content(R"({"arguments":"{\"to\":\"ann@example.com\"}"})", redactor),
            R"({"arguments":"{\"to\":\"[email]\"}"})");
  EXPECT_EQ(kept_content(R"({"ann@example.com":1,"card":4111111111111111})", redactor),
            R"({"[email]":1,"card":"[card]"})");
}

TEST(ContentText, G2WhatIsNoTextIsNotKept) {
  EXPECT_EQ(kept_content("\xff\xfb\x90", redactor), R"({"not_kept":"it is no text","bytes":3})");
}

TEST(ContentText, G2AStreamIsItsTextsSoThatNoSecretIsCutByHalf) {
  const std::string_view stream =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"card 4111 1111 \"}}]}\n\n"
      ": heartbeat\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"1111 1111 it is\"}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
      "data: [DONE]\n\n";
  EXPECT_EQ(kept_stream(stream, StreamForm::chat, Dialect::openai_chat, redactor),
            R"({"choices":[{"text":"card [card] it is"}],"complete":true})");
}

TEST(ContentText, G2AStreamThatBrokeIsKeptAsFarAsItCame) {
  const std::string_view stream =
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"role\":"
      "\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\n"
      "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
      "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
      "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
      "{\"type\":\"text_delta\",\"text\":\"so far\"}}\n\n"
      "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
      "\"it broke\"}}\n\n";
  EXPECT_EQ(kept_stream(stream, StreamForm::chat, Dialect::anthropic, redactor),
            R"({"choices":[{"text":"so far"}],"error":"it broke","complete":false})");
}

TEST(ContentText, G2ToolCallsAreKeptWithTheirArguments) {
  const std::string_view stream =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\","
      "\"type\":\"function\",\"function\":{\"name\":\"send\",\"arguments\":\"{\\\"to\\\":\\\"ann@\""
      "}}]}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
      "{\"arguments\":\"example.com\\\"}\"}}]}}]}\n\n";
  EXPECT_EQ(kept_stream(stream, StreamForm::chat, Dialect::openai_chat, redactor),
            R"({"choices":[{"tool_calls":[{"name":"send","arguments":"{\"to\":\"[email]\"}"}]}],)"
            R"("complete":false})");
}

TEST(ContentText, G2CompletionsAreKeptWhateverTheirFraming) {
  EXPECT_EQ(kept_stream("data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"choices\":[{\"text\":"
                        "\"b\"}]}\n\ndata: [DONE]\n\n",
                        StreamForm::completion, Dialect::openai_chat, redactor),
            R"({"text":"ab"})");
  EXPECT_EQ(kept_stream("{\"response\":\"a\"}\n{\"response\":\"b\",\"done\":true}\n",
                        StreamForm::completion, Dialect::ollama, redactor),
            R"({"text":"ab"})");
}

TEST(ContentText, G2OfOtherStreamsTranscriptsAreKept) {
  const std::string deltas =
      "data: {\"type\":\"transcript.text.delta\",\"delta\":\"card 4111 1111 \"}\n\n"
      "data: {\"type\":\"transcript.text.delta\",\"delta\":\"1111 1111\"}\n\n";
  EXPECT_EQ(kept_stream(deltas, StreamForm::other, Dialect::openai_chat, redactor),
            R"({"text":"card [card]"})");
  const std::string done = "data: {\"type\":\"transcript.text.done\",\"text\":\"all\"}\n\n";
  EXPECT_EQ(kept_stream(deltas + done, StreamForm::other, Dialect::openai_chat, redactor),
            R"({"text":"all"})");
  EXPECT_EQ(kept_stream("data: x\n\n", StreamForm::other, Dialect::openai_chat, redactor),
            R"({"not_kept":"its form is not known","bytes":9})");
}

}  // namespace
}  // namespace weir::server
