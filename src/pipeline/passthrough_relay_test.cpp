// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "pipeline/relay.hpp"

namespace weir::pipeline {
namespace {

using wire::Dialect;
using wire::Finish;

struct Passed {
  std::string text;
  RelayFacts facts;
};

/// Feeds `stream` in two pieces, cut at `cut`.
Passed pass(Dialect dialect, std::string_view stream, std::size_t cut, bool is_json_array = false) {
  const auto relay = make_passthrough_relay({.client = dialect,
                                             .upstream = dialect,
                                             .request_id = "req_1",
                                             .model = "m",
                                             .wants_stream_usage = true,
                                             .is_json_array = is_json_array});
  Passed passed;
  EXPECT_TRUE(relay->feed(stream.substr(0, cut), passed.text));
  EXPECT_TRUE(relay->feed(stream.substr(cut), passed.text));
  EXPECT_TRUE(relay->end(passed.text));
  relay->finish(passed.text);
  passed.facts = relay->facts();
  return passed;
}

/// The text and the facts must not depend on how the network cut the stream.
Passed pass_however_cut(Dialect dialect, std::string_view stream) {
  const Passed whole = pass(dialect, stream, stream.size());
  for (std::size_t cut = 0; cut < stream.size(); ++cut) {
    const Passed other = pass(dialect, stream, cut);
    EXPECT_EQ(other.text, whole.text) << "cut at " << cut;
    EXPECT_EQ(other.facts.usage, whole.facts.usage) << "cut at " << cut;
    EXPECT_EQ(other.facts.is_complete, whole.facts.is_complete) << "cut at " << cut;
    EXPECT_EQ(other.facts.content_bytes, whole.facts.content_bytes) << "cut at " << cut;
  }
  return whole;
}

constexpr std::string_view anthropic_stream =
    "event: message_start\n"
    R"(data: {"type":"message_start","message":{"id":"msg_1","new":1,"usage":{"input_tokens":40,"output_tokens":1}}})"
    "\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n"
    "event: content_block_start\n"
    R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
    "\n\nevent: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hé"}})"
    "\n\nevent: message_delta\n"
    R"(data: {"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":27}})"
    "\n\nevent: message_stop\ndata: {\"type\": \"message_stop\"}\n\n";

TEST(PassthroughRelay, LeavesAnAnthropicStreamAsItIs) {
  const Passed passed = pass_however_cut(Dialect::anthropic, anthropic_stream);
  EXPECT_EQ(passed.text, anthropic_stream);
  ASSERT_TRUE(passed.facts.usage);
  EXPECT_EQ(passed.facts.usage->input_total(), 40);
  EXPECT_EQ(passed.facts.usage->output_total(), 27);
  EXPECT_EQ(passed.facts.finish, Finish::length);
  EXPECT_TRUE(passed.facts.is_complete && passed.facts.is_terminated);
}

// A stream commits to its target with the first content: until then another one may be tried.
TEST(PassthroughRelay, TakesPingsAndEmptyBlocksForNoContent) {
  const std::string_view begin =
      anthropic_stream.substr(0, anthropic_stream.find("event: content_block_delta"));
  EXPECT_FALSE(pass(Dialect::anthropic, begin, 0).facts.has_content);
  EXPECT_TRUE(pass(Dialect::anthropic, anthropic_stream, 0).facts.has_content);
}

constexpr std::string_view gemini_stream =
    R"(data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hé"}]},"index":0,"new":[1]}],"usageMetadata":{"promptTokenCount":9}})"
    "\n\n"
    R"(data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4}})"
    "\n\n";

TEST(PassthroughRelay, LeavesAGeminiStreamAsItIs) {
  const Passed passed = pass_however_cut(Dialect::gemini, gemini_stream);
  EXPECT_EQ(passed.text, gemini_stream);
  ASSERT_TRUE(passed.facts.usage);
  EXPECT_EQ(passed.facts.usage->output_total(), 4);
  EXPECT_EQ(passed.facts.finish, Finish::tool_calls) << "Gemini says STOP for calls too";
  EXPECT_TRUE(passed.facts.is_complete);
  EXPECT_FALSE(passed.facts.is_terminated) << "only the end of the body ends it";
}

TEST(PassthroughRelay, WritesAGeminiStreamAsOneArrayWhereAskedFor) {
  const Passed passed = pass(Dialect::gemini, gemini_stream, 20, true);
  json::Document document;
  ASSERT_TRUE(document.parse(passed.text)) << passed.text;
  EXPECT_EQ(document.root().size(), 2U);
}

TEST(PassthroughRelay, EndsABrokenArrayAsJson) {
  const auto relay = make_passthrough_relay(
      {.client = Dialect::gemini, .upstream = Dialect::gemini, .is_json_array = true});
  std::string out;
  ASSERT_TRUE(relay->feed(gemini_stream, out));
  relay->fail(Error(ErrorCode::upstream_error, "broke off"), "req_1", out);
  json::Document document;
  ASSERT_TRUE(document.parse(out)) << out;
  EXPECT_EQ(document.root().size(), 3U);
}

TEST(PassthroughRelay, TakesABlockedGeminiPromptForAWholeAnswer) {
  const Passed passed =
      pass(Dialect::gemini, "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n", 3);
  EXPECT_EQ(passed.facts.finish, Finish::content_filter);
  EXPECT_TRUE(passed.facts.is_complete);
}

constexpr std::string_view ollama_stream =
    R"({"model":"m","message":{"role":"assistant","content":"Hé","new":1},"done":false})"
    "\n"
    R"({"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"length","prompt_eval_count":7,"eval_count":3})"
    "\n";

TEST(PassthroughRelay, LeavesAnOllamaStreamAsItIs) {
  const Passed passed = pass_however_cut(Dialect::ollama, ollama_stream);
  EXPECT_EQ(passed.text, ollama_stream);
  ASSERT_TRUE(passed.facts.usage);
  EXPECT_EQ(passed.facts.usage->input_total(), 7);
  EXPECT_EQ(passed.facts.finish, Finish::length);
  EXPECT_TRUE(passed.facts.is_complete && passed.facts.is_terminated);
}

TEST(PassthroughRelay, TakesOneObjectOfOllamasForAStreamOfOneLine) {
  const std::string_view unloaded =
      R"({"model":"m","response":"","done":true,"done_reason":"unload"})";
  for (const std::string_view end : {"", "\n"}) {
    const auto relay =
        make_passthrough_relay({.client = Dialect::ollama, .upstream = Dialect::ollama});
    std::string text;
    ASSERT_TRUE(relay->whole_as_stream(std::string(unloaded).append(end), text));
    relay->finish(text);
    EXPECT_EQ(text, std::string(unloaded) + "\n");
    EXPECT_TRUE(relay->facts().has_content && relay->facts().is_complete);
  }
}

TEST(PassthroughRelay, TakesAnErrorOfAnyDialectForAFault) {
  const auto fault_of = [](Dialect dialect, std::string_view stream) {
    const auto relay = make_passthrough_relay({.client = dialect, .upstream = dialect});
    std::string out;
    EXPECT_TRUE(relay->feed(stream, out));
    EXPECT_EQ(out, "") << "a client must not read it as an answer";
    return relay->facts().fault ? relay->facts().fault->message : "none";
  };
  EXPECT_EQ(fault_of(Dialect::anthropic,
                     "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                     "\"overloaded_error\",\"message\":\"busy\"}}\n\n"),
            "busy");
  EXPECT_EQ(fault_of(Dialect::gemini, "data: {\"error\":{\"code\":503,\"message\":\"busy\"}}\n\n"),
            "busy");
  EXPECT_EQ(fault_of(Dialect::ollama, "{\"error\":\"busy\"}\n"), "busy");
}

TEST(PassthroughRelay, RefusesAFrameThatIsNoJson) {
  for (const Dialect dialect : {Dialect::anthropic, Dialect::gemini, Dialect::ollama}) {
    const auto relay = make_passthrough_relay({.client = dialect, .upstream = dialect});
    std::string out;
    const std::string_view frame = dialect == Dialect::ollama ? "{\n" : "data: {\n\n";
    EXPECT_FALSE(relay->feed(frame, out));
  }
}

}  // namespace
}  // namespace weir::pipeline
