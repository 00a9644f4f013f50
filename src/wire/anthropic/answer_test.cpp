// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "json/document.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/usage.hpp"
#include "wire/foreign_seal.hpp"

namespace weir::wire::anthropic {
namespace {

using Type = StreamEvent::Type;

/// Usage as the decoder of whole answers counts it.
Usage usage_of(std::string_view json) {
  json::Document document;
  EXPECT_TRUE(document.parse(json));
  UsageCounters counters;
  counters.update(document.root());
  return counters.canonical();
}

TEST(AnthropicUsage, CountsEachTokenOnce) {
  const Usage usage = usage_of(
      R"({"input_tokens":5,"cache_read_input_tokens":7,"cache_creation_input_tokens":30,)"
      R"("cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":10},)"
      R"("output_tokens":18,"output_tokens_details":{"thinking_tokens":9}})");
  EXPECT_EQ(usage.input, 5);
  EXPECT_EQ(usage.input_cache_read, 7);
  EXPECT_EQ(usage.input_cache_write, 20);
  EXPECT_EQ(usage.input_cache_write_1h, 10);
  EXPECT_EQ(usage.output, 9);
  EXPECT_EQ(usage.output_reasoning, 9);
  EXPECT_EQ(usage.input_total(), 42);
  EXPECT_EQ(usage.output_total(), 18);
}

TEST(AnthropicUsage, TakesEitherFormOfTheCacheWrites) {
  EXPECT_EQ(usage_of(R"({"cache_creation_input_tokens":30,"cache_creation":null})"),
            usage_of(R"({"cache_creation":{"ephemeral_5m_input_tokens":30}})"));
}

// These numbers become money: a hostile upstream must not make them overflow or go below zero.
TEST(AnthropicUsage, IgnoresCountsThatCannotBe) {
  Usage nothing;
  nothing.is_impossible = true;  // the figures are not to be believed at all
  EXPECT_EQ(usage_of(R"({"input_tokens":-5,"output_tokens":9223372036854775807,)"
                     R"("cache_read_input_tokens":"7","cache_creation":[1],)"
                     R"("output_tokens_details":{"thinking_tokens":1.5}})"),
            nothing);
  const Usage usage =
      usage_of(R"({"output_tokens":3,"output_tokens_details":{"thinking_tokens":9}})");
  EXPECT_EQ(usage.output, 0);
  EXPECT_EQ(usage.output_reasoning, 3);
}

TEST(AnthropicResponse, SaysToolUseWhenTheAnswerHoldsCalls) {
  EXPECT_EQ(stop_reason_of(Finish::stop, true), "tool_use");
  EXPECT_EQ(stop_reason_of(Finish::stop, false), "end_turn");
  EXPECT_EQ(stop_reason_of(Finish::length, true), "max_tokens");
}

std::string encoded(const ChatResponse& response) {
  std::string out;
  encode_response(response, out);
  json::Document document;
  EXPECT_TRUE(document.parse(out)) << out;
  return out;
}

TEST(AnthropicResponse, ShowsAnotherProvidersAnswerWithoutItsSeals) {
  ChatResponse response;
  response.origin = Dialect::openai_responses;
  response.id = "resp_1";
  Choice& choice = response.choices.emplace_back();
  Reasoning reasoning;
  reasoning.summary = {"One.", "Two."};
  reasoning.encrypted = "opaque";
  choice.output.emplace_back(reasoning);
  ToolCall call;
  call.id = "call_1";
  call.name = "f";
  call.arguments = "{\"cut\":";  // the limit was reached
  choice.output.emplace_back(call);
  choice.output.emplace_back(OpaqueItem{R"({"type":"web_search_call"})", true, {}});
  choice.finish = Finish::length;
  const std::string out = encoded(response);
  EXPECT_NE(out.find(R"({"type":"thinking","thinking":"One.\n\nTwo.","signature":""})"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find(R"("input":{"_raw":"{\"cut\":"})"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("stop_reason":"max_tokens")"), std::string::npos) << out;
  EXPECT_EQ(out.find("opaque"), std::string::npos);
  EXPECT_EQ(out.find("web_search_call"), std::string::npos);
}

TEST(AnthropicResponse, IsWholeEvenWithoutChoiceOrUsage) {
  const std::string out = encoded({});
  EXPECT_NE(out.find(R"("content":[],"stop_reason":null)"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("usage":{"input_tokens":0)"), std::string::npos) << out;
}

TEST(AnthropicResponse, CallsAMalformedAnswerTheUpstreamsFault) {
  for (const char* text : {"[]", "{}", R"({"content":7})", R"({"content":[{"type":"text"}]})"}) {
    json::Document document;
    ASSERT_TRUE(document.parse(text));
    const auto response = decode_response(document.root(), 0);
    ASSERT_FALSE(response) << text;
    EXPECT_EQ(response.error().code, ErrorCode::upstream_malformed);
  }
}

/// Feeds events to a client's encoder and keeps what the client sees.
class Client {
 public:
  Client& start() {
    StreamEvent event;
    event.type = Type::start;
    event.id = "chatcmpl-1";
    return give(event);
  }
  Client& tell(Type type, std::string_view text) {
    StreamEvent event;
    event.type = type;
    event.text = text;
    return give(event);
  }
  Client& seal(std::string_view signature, Vendor sealed_by) {
    StreamEvent event;
    event.type = Type::reasoning_signature;
    event.text = signature;
    event.sealed_by = sealed_by;
    return give(event);
  }
  Client& call(Type type, std::uint32_t tool, std::string_view text = {}) {
    StreamEvent event;
    event.type = type;
    event.tool = tool;
    event.text = text;
    const std::string id = "call_" + std::to_string(tool);
    if (type == Type::tool_call_begin) event.id = event.name = id;
    return give(event);
  }
  Client& usage(std::int64_t output) {
    Usage usage;
    usage.output = output;
    StreamEvent event;
    event.type = Type::usage;
    event.usage = &usage;
    return give(event);
  }
  Client& ended(Finish finish) {
    StreamEvent event;
    event.type = Type::finish;
    event.finish = finish;
    return give(event);
  }
  Client& close() {
    encoder_->finish(out_);
    return *this;
  }
  Client& give(const StreamEvent& event) {
    encoder_->encode(event, out_);
    return *this;
  }
  StreamEncoder& encoder() { return *encoder_; }
  std::string& out() { return out_; }

  /// The frames since the last look, as short words: what opens, what comes, what closes.
  std::vector<std::string> look() {
    std::vector<std::string> words;
    std::size_t at = 0;
    for (; (at = out_.find("data: ", at)) != std::string::npos; ++at) {
      const std::string data = out_.substr(at + 6, out_.find('\n', at) - at - 6);
      json::Document document;
      EXPECT_TRUE(document.parse(data)) << data;
      words.push_back(word_of(document.root()));
    }
    out_.clear();
    return words;
  }

 private:
  static std::string word_of(json::Value root) {
    std::string type = root.find("type")->as_string();
    const std::string index = root.find("index") ? std::string(root.find("index")->raw()) : "";
    if (type == "content_block_start") {
      return index + "+" + root.find("content_block")->find("type")->as_string();
    }
    if (type == "content_block_stop") return index + "-";
    if (type == "message_delta") {
      const auto reason = root.find("delta")->find("stop_reason");
      const auto count = root.find("usage")->find("output_tokens");
      return reason->as_string() + " " + std::string(count->raw());
    }
    if (type != "content_block_delta") return type;
    for (const char* key : {"text", "thinking", "partial_json", "signature"}) {
      if (const auto text = root.find("delta")->find(key)) return index + ":" + text->as_string();
    }
    return "?";
  }

  std::string out_;
  std::unique_ptr<StreamEncoder> encoder_ =
      make_stream_encoder({.id = "weir-1", .model = "weir-model"});
};

using Words = std::vector<std::string>;

TEST(AnthropicStreamEncoder, OpensAndClosesBlocksAsTheKindChanges) {
  Client client;
  client.start().tell(Type::reasoning, "Hm").tell(Type::text, "A").tell(Type::text, "B");
  EXPECT_EQ(client.look(),
            (Words{"message_start", "0+thinking", "0:Hm", "0-", "1+text", "1:A", "1:B"}));
  client.ended(Finish::stop).usage(7);
  EXPECT_EQ(client.look(), (Words{"1-", "end_turn 7"}));
  client.close();
  EXPECT_EQ(client.look(), Words{"message_stop"});
}

// A block that is closed can't be opened again, so the second call waits for the first.
TEST(AnthropicStreamEncoder, WritesInterleavedCallsOneAfterTheOther) {
  Client client;
  client.start();
  client.call(Type::tool_call_begin, 0).call(Type::tool_call_delta, 0, "{\"a\":");
  client.call(Type::tool_call_begin, 1).call(Type::tool_call_delta, 1, "{\"b\":");
  client.tell(Type::text, "late");
  client.call(Type::tool_call_delta, 0, "1}").call(Type::tool_call_delta, 1, "2}");
  EXPECT_EQ(client.look(), (Words{"message_start", "0+tool_use", "0:{\"a\":", "0:1}"}));
  client.call(Type::tool_call_end, 1);
  EXPECT_EQ(client.look(), Words{});
  client.call(Type::tool_call_end, 0);
  EXPECT_EQ(client.look(), (Words{"0-", "1+tool_use", "1:{\"b\":2}", "1-", "2+text", "2:late"}));
  client.ended(Finish::stop).close();
  EXPECT_EQ(client.look(), (Words{"2-", "tool_use 0", "message_stop"}));
}

TEST(AnthropicStreamEncoder, ClosesCallsThatNeverEnded) {
  Client client;
  client.call(Type::tool_call_begin, 0).call(Type::tool_call_begin, 1);
  client.call(Type::tool_call_delta, 1, "{}").ended(Finish::tool_calls).close();
  EXPECT_EQ(client.look(), (Words{"message_start", "0+tool_use", "0-", "1+tool_use", "1:{}", "1-",
                                  "tool_use 0", "message_stop"}));
}

TEST(AnthropicStreamEncoder, IgnoresArgumentsOfCallsThatAreOver) {
  Client client;
  client.call(Type::tool_call_begin, 0).call(Type::tool_call_end, 0);
  client.look();
  client.call(Type::tool_call_delta, 0, "{}").call(Type::tool_call_delta, 5, "{}");
  client.call(Type::tool_call_end, 5);
  EXPECT_EQ(client.look(), Words{});
}

TEST(AnthropicStreamEncoder, EndsAThinkingBlockWithItsSignature) {
  Client client;
  client.tell(Type::reasoning, "A").seal("S", Vendor::anthropic).tell(Type::reasoning, "B");
  EXPECT_EQ(client.look(),
            (Words{"message_start", "0+thinking", "0:A", "0:S", "0-", "1+thinking", "1:B"}));
}

// It would come back in a thinking block, as if Anthropic had made it.
TEST(AnthropicStreamEncoder, MarksTheSealsOfOthersAndKeepsThoseOfNobodyToItself) {
  Client client;
  client.tell(Type::reasoning, "A").seal("S", Vendor::google).seal("S", Vendor::unknown);
  const std::string marked = wrap_seal({Vendor::google, ForeignSeal::Kind::signature, "S"});
  EXPECT_EQ(client.look(), (Words{"message_start", "0+thinking", "0:A", "0:" + marked, "0-"}));
}

TEST(AnthropicStreamEncoder, HoldsTheStopReasonForTheUsage) {
  Client client;
  client.start().tell(Type::text, "x").usage(1).ended(Finish::length);
  client.look();
  client.usage(9);
  EXPECT_EQ(client.look(), (Words{"0-", "max_tokens 9"}));
  client.usage(10).tell(Type::text, "late").close();
  EXPECT_EQ(client.look(), Words{"message_stop"});
}

TEST(AnthropicStreamEncoder, TellsTheUsageThatIsKnownAtTheStart) {
  Client client;
  client.start().usage(3).tell(Type::text, "x");
  EXPECT_NE(client.out().find(R"("id":"chatcmpl-1")"), std::string::npos);
  EXPECT_NE(client.out().find(R"("model":"weir-model")"), std::string::npos);
  EXPECT_NE(client.out().find(R"("output_tokens":3)"), std::string::npos);
}

TEST(AnthropicStreamEncoder, FailsWithOneErrorFrameAndNothingBehindIt) {
  Client client;
  client.start().tell(Type::text, "x");
  client.out().clear();
  client.encoder().fail(Error(ErrorCode::overloaded, "busy"), "req_1", client.out());
  EXPECT_EQ(client.out().find("event: error\ndata: {\"type\":\"error\",\"error\":"
                              "{\"type\":\"overloaded_error\",\"message\":\"busy\""),
            0U)
      << client.out();
  EXPECT_NE(client.out().find(R"("request_id":"req_1")"), std::string::npos);
  client.out().clear();
  client.tell(Type::text, "y").close();
  client.encoder().fail(Error(ErrorCode::overloaded, "busy"), "req_1", client.out());
  EXPECT_EQ(client.out(), "");
}

TEST(AnthropicStreamEncoder, ShowsOnlyTheFirstChoice) {
  Client client;
  StreamEvent other;
  other.type = Type::text;
  other.text = "second";
  other.choice = 1;
  client.give(other);
  EXPECT_EQ(client.out(), "");
}

class Ignore final : public EventSink {
 public:
  void on_event(const StreamEvent&) override { ++count; }
  int count = 0;
};

TEST(AnthropicStreamDecoder, GivesUpOnFramesThatMakeNoSense) {
  const char* start = R"({"type":"content_block_start","index":0,"content_block":{"type":"text"}})";
  const std::vector<std::vector<std::string>> broken{
      {"7"},
      {"{"},
      {R"({"type":"content_block_start","content_block":{"type":"text"}})"},
      {R"({"type":"content_block_start","index":"0","content_block":{"type":"text"}})"},
      {R"({"type":"content_block_start","index":0})"},
      {start, start},
      {R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}})"},
      {start, R"({"type":"content_block_delta","index":0})"},
  };
  for (const auto& frames : broken) {
    const auto decoder = make_stream_decoder(0);
    Ignore sink;
    Result<> fed;
    for (const auto& frame : frames) fed = decoder->feed("data: " + frame + "\n\n", sink);
    ASSERT_FALSE(fed) << frames.back();
    EXPECT_EQ(fed.error().code, ErrorCode::upstream_malformed);
    // What comes after a lost stream is ignored.
    EXPECT_TRUE(decoder->feed("data: {\"type\":\"message_stop\"}\n\n", sink));
    EXPECT_FALSE(decoder->is_terminated());
  }
}

TEST(AnthropicStreamDecoder, LimitsTheBlocksThatAreOpenAtATime) {
  const auto decoder = make_stream_decoder(0);
  Ignore sink;
  int opened = 0;
  const auto open = [&] {
    return decoder->feed("data: {\"type\":\"content_block_start\",\"index\":" +
                             std::to_string(opened) + ",\"content_block\":{\"type\":\"text\"}}\n\n",
                         sink);
  };
  while (opened < 5000 && open()) ++opened;
  EXPECT_EQ(opened, 1024);
}

TEST(AnthropicStreamDecoder, SuppliesAFinishWhereTheServerLeavesItOut) {
  const auto decoder = make_stream_decoder(0);
  Ignore sink;
  ASSERT_TRUE(decoder->feed("data: {\"type\":\"message_stop\"}\n\n", sink));
  EXPECT_EQ(sink.count, 1);
  EXPECT_TRUE(decoder->is_complete());
  EXPECT_TRUE(decoder->is_terminated());
}

}  // namespace
}  // namespace weir::wire::anthropic
