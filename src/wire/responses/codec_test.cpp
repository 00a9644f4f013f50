// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/responses/answer.hpp"
#include "wire/responses/codec.hpp"
#include "wire/responses/items.hpp"
#include "wire/sse.hpp"

namespace weir::wire::responses {
namespace {

using Type = StreamEvent::Type;

Result<ChatRequest> request_of(std::string_view text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text)) << text;
  return decode_request(document.root());
}

/// A request as a client of OpenAI's chat API makes it.
ChatRequest chat_request() {
  ChatRequest request;
  request.model = "m";
  Message message;
  message.parts.push_back(Part::text_of("hi"));
  request.items.emplace_back(std::move(message));
  request.tools.emplace_back().name = "f";
  return request;
}

std::string encoded(const ChatRequest& request, const EncodeOptions& options = {.model = "m"}) {
  std::string out;
  const auto notes = encode_request(request, options, out);
  EXPECT_TRUE(notes) << notes.error().message;
  return out;
}

std::vector<std::string> dropped(const ChatRequest& request) {
  std::string out;
  const auto notes = encode_request(request, {.model = "m"}, out);
  EXPECT_TRUE(notes) << notes.error().message;
  return notes ? notes->dropped : std::vector<std::string>();
}

bool has(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

// Unset means "strict if the schema fits" here, and "not strict" where the request came from.
TEST(ResponsesRequest, UnsetStrictBecomesFalseForOtherClients) {
  ChatRequest request = chat_request();
  EXPECT_TRUE(has(encoded(request), R"("strict":false)"));
  request.origin = Dialect::openai_responses;
  EXPECT_FALSE(has(encoded(request), "strict"));
}

TEST(ResponsesRequest, NothingIsStoredForOtherClientsUnlessTheyAsk) {
  ChatRequest request = chat_request();
  EXPECT_TRUE(has(encoded(request), R"("store":false)"));
  request.store = true;
  EXPECT_TRUE(has(encoded(request), R"("store":true)"));
  request.store.reset();
  request.origin = Dialect::openai_responses;
  EXPECT_FALSE(has(encoded(request), "store"));
}

// Without it a stateless conversation loses the thoughts of its tool loop.
TEST(ResponsesRequest, EncryptedReasoningIsAskedForWhereTheModelReasons) {
  EncodeOptions options{.model = "m"};
  EXPECT_FALSE(has(encoded(chat_request(), options), "include"));
  options.traits.reasons = true;
  EXPECT_TRUE(
      has(encoded(chat_request(), options), R"("include":["reasoning.encrypted_content"])"));
}

TEST(ResponsesRequest, ABudgetOrASwitchBecomesAnEffort) {
  EncodeOptions options{.model = "m"};
  options.traits.reasons = true;
  ChatRequest request = chat_request();
  request.reasoning.budget_tokens = 8192;
  EXPECT_TRUE(has(encoded(request, options), R"("reasoning":{"effort":"medium"})"));
  request.reasoning.enabled = false;
  EXPECT_TRUE(has(encoded(request, options), R"("reasoning":{"effort":"none"})"));
  request.reasoning = {};
  request.reasoning.wants_text = true;
  EXPECT_TRUE(has(encoded(request, options), R"("reasoning":{"summary":"auto"})"));
}

TEST(ResponsesRequest, ThinkingForAModelThatCannotIsNamed) {
  ChatRequest request = chat_request();
  request.reasoning.enabled = true;
  EXPECT_EQ(dropped(request), std::vector<std::string>{"reasoning_effort"});
  request.reasoning.enabled = false;
  EXPECT_TRUE(dropped(request).empty());
}

TEST(ResponsesRequest, WhatWouldChangeTheAnswerIsRefused) {
  const auto is_refused = [](auto&& change) {
    ChatRequest request = chat_request();
    change(request);
    std::string out;
    const auto notes = encode_request(request, {.model = "m"}, out);
    return !notes && notes.error().code == ErrorCode::unsupported_capability;
  };
  const auto with_part = [&](auto&& change) {
    return is_refused([&](ChatRequest& request) {
      change(request, std::get<Message>(request.items[0]).parts.emplace_back());
    });
  };
  EXPECT_TRUE(is_refused([](ChatRequest& request) { request.n = 2; }));
  EXPECT_TRUE(is_refused([](ChatRequest& request) { request.stop = {"END"}; }));
  EXPECT_TRUE(is_refused([](ChatRequest& request) { request.tools[0].kind = ToolKind::hosted; }));
  EXPECT_TRUE(is_refused([](ChatRequest& request) { request.items.emplace_back(OpaqueItem{}); }));
  EXPECT_TRUE(is_refused(
      [](ChatRequest& request) { request.tool_choice.mode = ToolChoice::Mode::opaque; }));
  EXPECT_TRUE(with_part([](ChatRequest&, Part& part) { part.kind = PartKind::audio; }));
  EXPECT_TRUE(with_part([](ChatRequest&, Part& part) { part.kind = PartKind::opaque; }));
  EXPECT_TRUE(with_part([](ChatRequest& request, Part& part) {
    request.origin = Dialect::anthropic;
    part.kind = PartKind::file;
    part.file_id = "file_011";
  }));
}

// Thoughts are bound to the model that made them; a signature tells that it was another one.
TEST(ResponsesRequest, ThoughtsOfOtherModelsStayOut) {
  Reasoning thoughts;
  thoughts.id = "rs_1";
  thoughts.encrypted = "gAAAA";
  ChatRequest request = chat_request();
  request.items.emplace_back(thoughts);
  EXPECT_FALSE(has(encoded(request), "gAAAA"));
  EXPECT_EQ(dropped(request), std::vector<std::string>{"reasoning"});
  request.origin = Dialect::openai_responses;
  EXPECT_TRUE(has(encoded(request), R"("encrypted_content":"gAAAA")"));
  std::get<Reasoning>(request.items[1]).signature = "EqQB";
  EXPECT_FALSE(has(encoded(request), "gAAAA"));
}

TEST(ResponsesRequest, ErrorsNameTheFieldByItsPath) {
  const auto path_of = [](std::string_view text) {
    const auto request = request_of(text);
    return request ? std::string("taken") : request.error().param;
  };
  EXPECT_EQ(path_of(R"({"input":"a"})"), "taken") << "the gateway has a default";
  EXPECT_EQ(path_of(R"({"model":"m","input":7})"), "input");
  EXPECT_EQ(path_of(R"({"model":"m","input":[{"type":"function_call","call_id":"c"}]})"),
            "input[0].name");
  EXPECT_EQ(path_of(R"({"model":"m","input":"a","temperature":3})"), "temperature");
  EXPECT_EQ(path_of(R"({"model":"m","input":"a","tools":[{"type":"function"}]})"), "tools[0].name");
  EXPECT_EQ(path_of(R"({"model":"m","input":"a","reasoning":{"effort":"much"}})"),
            "reasoning.effort");
  EXPECT_EQ(path_of(R"({"model":"m","input":"a","text":{"format":{"type":"json_schema"}}})"),
            "text.format.name");
}

// Turn-based formats must see text behind thoughts as one turn, and a new question as another.
TEST(ResponsesRequest, AssistantTextContinuesTheTurnOfWhatTheModelDidBefore) {
  const auto request = request_of(R"({"model":"m","input":[{"role":"user","content":"a"},
    {"type":"reasoning","summary":[]},{"role":"assistant","content":"b"},
    {"role":"user","content":"c"},{"role":"assistant","content":"d"}]})");
  ASSERT_TRUE(request);
  const auto begins = [&](std::size_t i) {
    return std::get<Message>(request->items[i]).begins_turn;
  };
  EXPECT_TRUE(begins(0));
  EXPECT_FALSE(begins(2));
  EXPECT_TRUE(begins(3));
  EXPECT_TRUE(begins(4));
}

TEST(ResponsesUsage, IsNeverNegativeAndNeverOverflows) {
  const json::Path path;
  const auto usage_of = [&](std::string_view text, json::Problem& problem) {
    json::Document document;
    EXPECT_TRUE(document.parse(text));
    return read_usage(document.root(), path, problem);
  };
  json::Problem problem;
  const Usage usage = usage_of(R"({"input_tokens":5,"input_tokens_details":{"cached_tokens":9},
    "output_tokens":1,"output_tokens_details":{"reasoning_tokens":2}})",
                               problem);
  EXPECT_FALSE(problem.is_set());
  EXPECT_EQ(usage.input, 0);
  EXPECT_EQ(usage.output, 0);
  EXPECT_FALSE(usage.is_impossible);
  EXPECT_TRUE(usage_of(R"({"input_tokens":9223372036854775807})", problem).is_impossible);
}

struct Recorder final : EventSink {
  void on_event(const StreamEvent& event) override {
    types.push_back(event.type);
    if (event.type == Type::tool_call_delta) arguments += event.text;
  }
  std::vector<Type> types;
  std::string arguments;
};

std::string event(std::string_view data) {
  std::string out;
  append_sse(out, "", data);
  return out;
}

TEST(ResponsesStream, ArgumentsThatAreRepeatedAtTheEndAreGivenOnce) {
  Recorder recorder;
  const auto decoder = make_stream_decoder(0);
  const auto feed = [&](std::string_view data) {
    ASSERT_TRUE(decoder->feed(event(data), recorder));
  };
  feed(
      R"({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":""}})");
  feed(R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"a\""})");
  feed(
      R"({"type":"response.function_call_arguments.done","output_index":0,"arguments":"{\"a\":1}"})");
  feed(
      R"({"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}})");
  EXPECT_EQ(recorder.arguments, "{\"a\":1}");
  EXPECT_EQ(recorder.types.back(), Type::tool_call_end);
}

TEST(ResponsesStream, NothingIsReadBehindTheEnd) {
  Recorder recorder;
  const auto decoder = make_stream_decoder(0);
  const std::string end =
      event(R"({"type":"response.completed","response":{"status":"completed"}})");
  ASSERT_TRUE(decoder->feed(end + "data: not json\n\n", recorder));
  ASSERT_TRUE(decoder->feed("data: not json\n\n", recorder));
  EXPECT_TRUE(decoder->is_complete() && decoder->is_terminated());
  EXPECT_EQ(recorder.types, (std::vector{Type::start, Type::finish}));
}

// An upstream must not make us keep state without end.
TEST(ResponsesStream, TooManyOpenCallsLoseTheStream) {
  Recorder recorder;
  const auto decoder = make_stream_decoder(0);
  Result<> fed;
  std::size_t calls = 0;
  while (fed && calls < 5000) {
    fed = decoder->feed(
        event(R"({"type":"response.output_item.added","output_index":)" + std::to_string(calls++) +
              R"(,"item":{"type":"function_call","call_id":"c","name":"f"}})"),
        recorder);
  }
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, ErrorCode::upstream_malformed);
  EXPECT_EQ(calls, 4097U);
}

/// What a client of the stream sees: the types of its events, and their data.
struct Sent {
  std::vector<std::string> types;
  std::string data;
};

Sent sent(const std::string& bytes) {
  Sent result;
  SseParser parser;
  parser.feed(bytes);
  SseParser::Event frame;
  std::int64_t sequence = 0;
  json::Document document;
  while (parser.next(frame)) {
    result.types.emplace_back(frame.type);
    result.data.append(frame.data).append("\n");
    EXPECT_TRUE(document.parse(frame.data)) << frame.data;
    EXPECT_TRUE(document.root().find("type")->equals(frame.type));
    EXPECT_EQ(document.root().find("sequence_number")->as_int(), sequence++);
  }
  return result;
}

StreamEvent call_event(Type type, std::uint32_t tool, std::string_view text = {}) {
  StreamEvent event;
  event.type = type;
  event.tool = tool;
  event.text = text;
  event.id = tool == 0 ? "call_A" : "call_B";
  event.name = "f";
  return event;
}

TEST(ResponsesStream, CallsWhosePiecesComeInterleavedKeepTheirPlaces) {
  const auto encoder = make_stream_encoder({.id = "resp_7", .model = "m"});
  std::string out;
  encoder->encode(call_event(Type::tool_call_begin, 0), out);
  encoder->encode(call_event(Type::tool_call_begin, 1), out);
  encoder->encode(call_event(Type::tool_call_delta, 1, "{\"b\":2}"), out);
  encoder->encode(call_event(Type::tool_call_delta, 0, "{\"a\":1}"), out);
  encoder->encode(call_event(Type::tool_call_end, 1), out);
  encoder->encode(call_event(Type::tool_call_end, 0), out);
  encoder->finish(out);
  const Sent stream = sent(out);
  EXPECT_TRUE(has(stream.data, R"("item_id":"fc_7_1","output_index":1,"delta":"{\"b\":2}")"));
  // The whole answer lists them by place, not by the time they ended.
  const auto whole = stream.data.substr(stream.data.find(R"("response.completed")"));
  EXPECT_LT(whole.find("call_A"), whole.find("call_B"));
}

// S-9.9: a client must not run a call whose arguments were cut.
TEST(ResponsesStream, ACallThatNeverEndedIsIncomplete) {
  const auto encoder = make_stream_encoder({.id = "resp_7", .model = "m"});
  std::string out;
  encoder->encode(call_event(Type::tool_call_begin, 0), out);
  encoder->encode(call_event(Type::tool_call_delta, 0, "{\"a\""), out);
  encoder->finish(out);
  const Sent stream = sent(out);
  EXPECT_FALSE(has(stream.data, "function_call_arguments.done"));
  EXPECT_TRUE(has(stream.data, R"("arguments":"{\"a\"","status":"incomplete")"));
}

TEST(ResponsesStream, AnAnswerWithoutContentHasABeginningAndAnEnd) {
  const auto encoder = make_stream_encoder({.id = "resp_7", .model = "m"});
  std::string out;
  encoder->finish(out);
  EXPECT_EQ(sent(out).types, (std::vector<std::string>{"response.created", "response.in_progress",
                                                       "response.completed"}));
}

TEST(ResponsesStream, AnUnusableAnswerHasFailed) {
  const auto encoder = make_stream_encoder({.id = "resp_7", .model = "m"});
  std::string out;
  StreamEvent finish;
  finish.type = Type::finish;
  finish.finish = Finish::other;
  encoder->encode(finish, out);
  encoder->finish(out);
  const Sent stream = sent(out);
  EXPECT_EQ(stream.types.back(), "response.failed");
  EXPECT_TRUE(has(stream.data, R"("error":{"code":"server_error")"));
}

// Signed thoughts end where their signature comes; the next ones are an item of their own.
TEST(ResponsesStream, EachSignatureKeepsToItsThoughts) {
  const auto encoder = make_stream_encoder({.id = "resp_7", .model = "m"});
  std::string out;
  for (const auto* sign : {"S1", "S2"}) {
    StreamEvent thought;
    thought.type = Type::reasoning;
    thought.text = "Hm.";
    encoder->encode(thought, out);
    thought.type = Type::reasoning_signature;
    thought.text = sign;
    encoder->encode(thought, out);
  }
  encoder->finish(out);
  const Sent stream = sent(out);
  EXPECT_TRUE(has(
      stream.data,
      R"({"id":"rs_7_0","type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}],"signature":"S1"})"));
  EXPECT_TRUE(has(
      stream.data,
      R"({"id":"rs_7_1","type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}],"signature":"S2"})"));
}

// Clients read either the flat members or the nested ones.
TEST(ResponsesStream, TheErrorEventHasBothShapesAndNothingFollows) {
  const auto encoder = make_stream_encoder({.id = "resp_7", .model = "m"});
  std::string out;
  encoder->fail(Error(ErrorCode::upstream_timeout, "too late"), "req_1", out);
  json::Document document;
  const Sent stream = sent(out);
  EXPECT_EQ(stream.types, std::vector<std::string>{"error"});
  ASSERT_TRUE(document.parse(stream.data));
  EXPECT_TRUE(document.root().find("code")->equals("upstream_timeout"));
  EXPECT_TRUE(document.root().find("error")->find("code")->equals("upstream_timeout"));
  EXPECT_TRUE(document.root().find("error")->find("request_id")->equals("req_1"));
}

// Clients know an answer by the id that we gave it, and see in it what they had asked for.
TEST(ResponsesStream, AFrameOfOursHasOurIdAndTheRequestsSettings) {
  std::string answer;
  const auto encoder = make_stream_encoder(
      {.id = "req_1", .model = "m"},
      {.id = "resp_ours", .echo = R"({"store":true,"temperature":0.5})", .answer = &answer});
  std::string out;
  StreamEvent start;
  start.type = Type::start;
  start.id = "chatcmpl-9";
  encoder->encode(start, out);
  EXPECT_EQ(answer, "");
  encoder->finish(out);
  EXPECT_FALSE(has(out, "chatcmpl"));
  EXPECT_TRUE(has(out, R"("response":)" + answer));
  EXPECT_TRUE(has(answer, R"({"id":"resp_ours")"));
  EXPECT_TRUE(has(answer, R"("temperature":0.5)"));
}

// OpenAI refuses ids that it never gave.
TEST(ResponsesRequest, ItemsOfTranslatedAnswersLoseTheirIds) {
  const auto request = request_of(R"({"model":"m","input":[
    {"type":"message","id":"msg_7_0","role":"assistant","content":"a"},
    {"type":"reasoning","id":"rs_7_1","summary":[{"type":"summary_text","text":"Hm."}]},
    {"type":"function_call","id":"fc_7_2","call_id":"c","name":"f","arguments":"{}"},
    {"type":"reasoning","id":"rs_68a3","summary":[],"encrypted_content":"gAAA"}]})");
  ASSERT_TRUE(request) << request.error().message;
  const std::string text = encoded(*request);
  EXPECT_FALSE(has(text, "_7_")) << text;
  EXPECT_FALSE(has(text, "Hm.")) << "nobody can open these thoughts";
  EXPECT_TRUE(has(text, R"("id":"rs_68a3")"));
}

// A client sends items of several answers back in one request, where an id twice is refused.
TEST(ResponsesItems, IdsDifferBetweenAnswersAndPlaces) {
  std::set<std::string> ids;
  for (const auto* answer : {"resp_7", "resp_8", "chatcmpl-9Zq"}) {
    for (const std::size_t place : {0, 1}) ids.insert(derived_item_id("msg", answer, place));
  }
  EXPECT_EQ(ids.size(), 6U);
  const std::string hostile = derived_item_id("msg", "a-\"\n" + std::string(500, 'x'), 3);
  EXPECT_LE(hostile.size(), 64U);
  EXPECT_EQ(hostile.find_first_of("\"\n"), std::string::npos);
}

}  // namespace
}  // namespace weir::wire::responses
