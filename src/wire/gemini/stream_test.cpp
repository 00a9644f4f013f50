// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "wire/gemini/call_ids.hpp"
#include "wire/gemini/codec.hpp"

namespace weir::wire::gemini {
namespace {

using Type = StreamEvent::Type;

StreamEvent event_of(Type type, std::string_view text = {}) {
  StreamEvent event;
  event.type = type;
  event.text = text;
  return event;
}

StreamEvent call_event(Type type, std::uint32_t tool, std::string_view text = {}) {
  StreamEvent event = event_of(type, text);
  event.tool = tool;
  if (type == Type::tool_call_begin) event.name = event.id = tool == 0 ? "a" : "b";
  return event;
}

class Count final : public EventSink {
 public:
  void on_event(const StreamEvent& /*event*/) override { ++events; }
  int events = 0;
};

TEST(GeminiStreamEncoder, GathersInterleavedCallsAndWritesEachWhole) {
  const auto encoder = make_stream_encoder({.id = "r", .model = "m"});
  std::string out;
  encoder->encode(call_event(Type::tool_call_begin, 0), out);
  encoder->encode(call_event(Type::tool_call_begin, 1), out);
  encoder->encode(call_event(Type::tool_call_delta, 0, "{\"x\":\n"), out);
  encoder->encode(call_event(Type::tool_call_delta, 1, ""), out);
  encoder->encode(call_event(Type::tool_call_delta, 0, "1}"), out);
  EXPECT_EQ(out, "");
  encoder->encode(call_event(Type::tool_call_end, 0), out);
  // No line end of the arguments may split the frame.
  EXPECT_EQ(out,
            R"(data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"a","name":"a",)"
            R"("args":{"x":1}}}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"r"})"
            "\n\n");
  out.clear();
  // The second call never ends by itself: the end of the stream completes it.
  StreamEvent finish = event_of(Type::finish);
  finish.finish = Finish::tool_calls;
  encoder->encode(finish, out);
  encoder->finish(out);
  EXPECT_NE(out.find(R"("functionCall":{"id":"b","name":"b","args":{}})"), std::string::npos);
  EXPECT_NE(out.find(R"("finishReason":"STOP")"), std::string::npos);
}

TEST(GeminiStreamEncoder, WritesOneJsonArrayWithoutAltSse) {
  const auto encoder = make_stream_encoder({.id = "r", .model = "m"}, StreamForm::json_array);
  std::string out;
  encoder->encode(event_of(Type::text, "a"), out);
  encoder->encode(event_of(Type::text, "b"), out);
  encoder->finish(out);
  json::Document document;
  ASSERT_TRUE(document.parse(out)) << out;
  EXPECT_EQ(document.root().size(), 3U);
}

TEST(GeminiStreamEncoder, ClosesTheArrayBehindAnError) {
  for (const bool has_begun : {false, true}) {
    const auto encoder = make_stream_encoder({}, StreamForm::json_array);
    std::string out;
    if (has_begun) encoder->encode(event_of(Type::text, "a"), out);
    Error error(ErrorCode::upstream_rate_limited, "wait");
    error.retry_after = std::chrono::seconds(3);
    encoder->fail(error, "req_1", out);
    json::Document document;
    ASSERT_TRUE(document.parse(out)) << out;
    EXPECT_EQ(document.root().size(), has_begun ? 2U : 1U);
    EXPECT_NE(out.find(R"("status":"RESOURCE_EXHAUSTED")"), std::string::npos);
    EXPECT_NE(out.find(R"("retryDelay":"3s")"), std::string::npos);
  }
}

TEST(GeminiStreamDecoder, GivesUpOnWhatIsNoAnswerAndIgnoresTheRest) {
  for (const std::string_view bad :
       {"data: nonsense\n\n", "data: {\"candidates\":[{\"index\":128}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{}}]}}]}\n\n",
        "data: {\"candidates\":7}\n\n"}) {
    const auto decoder = make_stream_decoder(0);
    Count sink;
    const auto fed = decoder->feed(bad, sink);
    ASSERT_FALSE(fed) << bad;
    EXPECT_EQ(fed.error().code, ErrorCode::upstream_malformed);
    sink.events = 0;
    EXPECT_TRUE(decoder->feed("data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n", sink));
    EXPECT_TRUE(decoder->end(sink));
    EXPECT_EQ(sink.events, 0);
    EXPECT_FALSE(decoder->is_complete());
  }
}

TEST(CallIds, AreTheSameForTheSameAnswerAndKnownAsMadeUp) {
  CallIds ids("r7");
  const std::string first = ids.next();
  EXPECT_EQ(first.size(), 29U);
  EXPECT_NE(first, ids.next());
  EXPECT_EQ(first, CallIds("r7").next());
  EXPECT_NE(first, CallIds("r8").next());
  EXPECT_NE(first, CallIds("r7", 1).next());
  EXPECT_TRUE(is_made_up_call_id(first));
  EXPECT_FALSE(is_made_up_call_id("call_abcdefghijklmnopqrstuvwx"));
  EXPECT_FALSE(is_made_up_call_id("call_gem"));
}

// Without a response id two turns of a conversation must still get different ids.
TEST(GeminiResponse, MakesUpDifferentIdsForDifferentAnswersWithoutAnId) {
  const auto id_in = [](std::string_view text) {
    json::Document document;
    EXPECT_TRUE(document.parse(text));
    const auto response = decode_response(document.root(), 0);
    EXPECT_TRUE(response);
    return std::get<ToolCall>(response->choices[0].output[0]).id;
  };
  const std::string call =
      R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}],)"
      R"("usageMetadata":{"promptTokenCount":)";
  EXPECT_NE(id_in(call + "1}}"), id_in(call + "2}}"));
}

TEST(GeminiResponse, RefusesWhatIsNoAnswer) {
  for (const std::string_view text :
       {"{}", "[]", R"({"candidates":[{"content":{"parts":[{"inlineData":{}}]}}]})"}) {
    json::Document document;
    ASSERT_TRUE(document.parse(text));
    const auto response = decode_response(document.root(), 0);
    ASSERT_FALSE(response) << text;
    EXPECT_EQ(response.error().code, ErrorCode::upstream_malformed);
  }
}

// S-11.8: the answer is good, whatever is told of its tokens.
TEST(GeminiResponse, S118CountsThatCantBeAreNotBelievedAndSpoilNoAnswer) {
  const auto usage_of = [](const std::string& count) {
    const std::string text =
        R"({"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}],)"
        R"("usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":)" +
        count + "}}";
    json::Document document;
    EXPECT_TRUE(document.parse(text));
    const auto response = decode_response(document.root(), 0);
    EXPECT_TRUE(response) << count;
    return response ? response->usage.value_or(Usage()) : Usage();
  };
  for (const char* count : {"-1", "2.5", "1000000000001", "1e30", R"("x")", R"("-1")", "[]"}) {
    EXPECT_TRUE(usage_of(count).is_impossible) << count;
    EXPECT_EQ(usage_of(count).output, 0) << count;
  }
  for (const char* count : {"7", R"("7")"}) {
    EXPECT_FALSE(usage_of(count).is_impossible) << count;
    EXPECT_EQ(usage_of(count).output, 7) << count;
  }
}

TEST(GeminiResponse, GivesAChoiceThatFailedWhereCandidatesAreMissing) {
  json::Document document;
  ASSERT_TRUE(document.parse(R"({"usageMetadata":{"promptTokenCount":5},"responseId":"x"})"));
  const auto response = decode_response(document.root(), 0);
  ASSERT_TRUE(response);
  ASSERT_EQ(response->choices.size(), 1U);
  EXPECT_EQ(response->choices[0].finish, Finish::other);
}

}  // namespace
}  // namespace weir::wire::gemini
