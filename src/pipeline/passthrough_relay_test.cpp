// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
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

/// An answer that tells no usage, and how much is said in it.
struct Untold {
  Dialect dialect;
  std::string_view body;
  std::uint64_t bytes;
};

// What is charged for where a provider tells nothing, or its stream breaks off: what was said, and
// not the JSON around it (S-11.1).
TEST(PassthroughRelay, S11_1CountsWhatIsSaidInAWholeAnswer) {
  constexpr std::array answers{
      Untold{Dialect::openai_chat,
             R"({"id":"c","model":"a-long-name","choices":[
               {"index":0,"message":{"role":"assistant","content":"12345","reasoning":"678",
                 "reasoning_details":[{"type":"reasoning.text","text":"678"}],
                 "tool_calls":[{"id":"call_1","type":"function",
                                "function":{"name":"f","arguments":"{}"}}]},
                "logprobs":{"content":[{"token":"12345","logprob":-0.1}]},"finish_reason":"stop"},
               {"index":1,"message":{"role":"assistant","content":[
                 {"type":"thinking","thinking":[{"type":"text","text":"1"}]},
                 {"type":"text","text":"23"}]},"finish_reason":"stop"}]})",
             5 + 3 + 1 + 2 + 1 + 2},
      Untold{Dialect::openai_chat,
             R"({"choices":[{"text":"1234","index":0,"finish_reason":"stop"}]})", 4},
      Untold{Dialect::anthropic,
             R"({"id":"m","content":[{"type":"thinking","thinking":"12","signature":"abcdef"},
               {"type":"text","text":"345"},
               {"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use"})",
             2 + 3 + 1 + 7},
      Untold{Dialect::gemini,
             R"({"candidates":[{"content":{"parts":[{"text":"123","thoughtSignature":"abc"},
               {"functionCall":{"name":"f","args":{"a":1}}}]},"finishReason":"STOP"},
               {"content":{"parts":[{"text":"4"}]},"finishReason":"STOP","index":1}]})",
             3 + 1 + 7 + 1},
      Untold{Dialect::ollama,
             R"({"model":"m","message":{"role":"assistant","content":"123","thinking":"45"},
               "done":true})",
             5},
      Untold{Dialect::openai_responses,
             R"({"id":"r","status":"completed","output":[
               {"type":"reasoning","summary":[{"type":"summary_text","text":"12"}]},
               {"type":"message","content":[{"type":"output_text","text":"345","logprobs":[]}]},
               {"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]})",
             2 + 3 + 1 + 2}};
  for (const Untold& answer : answers) {
    const auto relay = make_passthrough_relay({.client = answer.dialect,
                                               .upstream = answer.dialect,
                                               .request_id = "req_1",
                                               .model = "m"});
    std::string out;
    ASSERT_TRUE(relay->whole(answer.body, out)) << answer.body;
    EXPECT_EQ(relay->facts().content_bytes, answer.bytes) << answer.body;
  }
}

TEST(PassthroughRelay, S11_1CountsWhatIsSaidInAStream) {
  // An event of content that says nothing counts for one, so that it is seen to have come.
  constexpr std::array streams{
      Untold{Dialect::openai_chat,
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
             "\"finish_reason\":null}]}\n\n"
             "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"123\"},\"logprobs\":"
             "{\"content\":[{\"token\":\"123\",\"logprob\":-0.1,\"top_logprobs\":[]}]}}]}\n\n"
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
             "\"function\":{\"arguments\":\"45\"}}]}}]}\n\n"
             "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
             3 + 2 + 1},
      Untold{Dialect::anthropic,
             "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
             "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"fn\",\"input\":{}}}\n\n"
             "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
             "{\"type\":\"input_json_delta\",\"partial_json\":\"123\"}}\n\n"
             "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
             "{\"type\":\"text_delta\",\"text\":\"45\"}}\n\n",
             2 + 3 + 2},
      Untold{Dialect::gemini,
             "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"1\"},{\"text\":\"23\"}],"
             "\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"a-long-name\"}\n\n",
             3},
      Untold{Dialect::ollama,
             "{\"model\":\"a-long-name\",\"message\":{\"content\":\"12\"},\"done\":false}\n"
             "{\"model\":\"a-long-name\",\"response\":\"3\",\"done\":false}\n",
             3},
      Untold{Dialect::openai_responses,
             "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"delta\":\"123\","
             "\"logprobs\":[]}\n\n",
             3}};
  for (const Untold& stream : streams) {
    EXPECT_EQ(pass(stream.dialect, stream.body, stream.body.size()).facts.content_bytes,
              stream.bytes)
        << stream.body;
  }
}

}  // namespace
}  // namespace weir::pipeline
