// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/ollama/codec.hpp"
#include "wire/ollama/detection.hpp"
#include "wire/ollama/embeddings.hpp"
#include "wire/ollama/timestamp.hpp"

namespace weir::wire::ollama {
namespace {

using Mode = ToolChoice::Mode;

template <class Decode>
auto decode(std::string_view text, Decode function) {
  json::Document document;
  const auto parsed = document.parse(text);
  EXPECT_TRUE(parsed) << text;
  return function(document.root());
}

Result<ChatRequest> request_of(std::string_view text) { return decode(text, &decode_request); }

/// A request as a client of OpenAI's chat API makes it.
ChatRequest chat_request() {
  ChatRequest request;
  request.model = "m";
  Message message;
  message.parts.push_back(Part::text_of("hi"));
  request.items.emplace_back(std::move(message));
  for (const auto* name : {"a", "b"}) {
    Tool& tool = request.tools.emplace_back();
    tool.name = name;
  }
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

bool is_refused(const ChatRequest& request) {
  std::string out;
  const auto notes = encode_request(request, {.model = "m"}, out);
  return !notes && notes.error().code == ErrorCode::unsupported_capability;
}

bool has(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

TEST(OllamaRequest, StreamsUnlessToldNotTo) {
  EXPECT_TRUE(request_of(R"({"model":"m"})")->stream);
  EXPECT_FALSE(request_of(R"({"model":"m","stream":false})")->stream);
}

TEST(OllamaRequest, ModelGoesByItsOldNameToo) {
  EXPECT_EQ(request_of(R"({"name":"m"})")->model, "m");
  const auto nameless = request_of("{}");
  ASSERT_TRUE(nameless);
  EXPECT_EQ(nameless->model, "") << "the gateway has a default";
}

TEST(OllamaRequest, ResultsWithoutIdAnswerTheOldestOpenCallOfTheirTool) {
  const auto request = request_of(R"({"model":"m","messages":[
    {"role":"assistant","content":"","tool_calls":[
      {"function":{"name":"a","arguments":{"n":1}}},{"function":{"name":"b","arguments":{}}},
      {"function":{"name":"a","arguments":{"n":2}}}]},
    {"role":"tool","tool_name":"a","content":"1"},
    {"role":"tool","tool_name":"a","content":"2"},
    {"role":"tool","content":"3"},
    {"role":"tool","content":"4"}]})");
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->items.size(), 7U);
  const auto call = [&](std::size_t i) { return std::get<ToolCall>(request->items[i]).id; };
  const auto result = [&](std::size_t i) {
    return std::get<ToolResult>(request->items[i]).call_id;
  };
  EXPECT_NE(call(0), call(2));
  EXPECT_EQ(result(3), call(0));
  EXPECT_EQ(result(4), call(2));
  EXPECT_EQ(result(5), call(1));
  EXPECT_EQ(result(6), "");  // nothing is open any more
}

// The same request must give the same ids each time: a retry is compared with what went before.
TEST(OllamaRequest, MadeIdsAreTheSameEachTime) {
  constexpr std::string_view text = R"({"model":"m","messages":[{"role":"assistant",
    "tool_calls":[{"function":{"name":"a","arguments":{}}}]}]})";
  const auto first = request_of(text);
  const auto second = request_of(text);
  EXPECT_EQ(first->items, second->items);
}

TEST(OllamaRequest, NoLimitIsNotALimit) {
  const auto request = request_of(R"({"model":"m","options":{"num_predict":-1}})");
  EXPECT_FALSE(request->output_tokens_max);
  EXPECT_TRUE(has(encoded(*request), R"("options":{"num_predict":-1})"));
}

TEST(OllamaRequest, ErrorsNameTheFieldByItsPath) {
  const auto path_of = [](std::string_view text) {
    const auto request = request_of(text);
    return request ? std::string("taken") : request.error().param;
  };
  EXPECT_EQ(path_of(R"({"model":"m","messages":[{"role":"user","content":[]}]})"),
            "messages[0].content");
  EXPECT_EQ(path_of(R"({"model":"m","messages":[{"role":"x"}]})"), "messages[0].role");
  EXPECT_EQ(path_of(R"({"model":"m","options":{"stop":[1]}})"), "options.stop");
  EXPECT_EQ(path_of(R"({"model":"m","think":"very"})"), "think");
  EXPECT_EQ(path_of(R"({"model":"m","format":7})"), "format");
}

TEST(OllamaRequest, ToolChoiceIsSaidThroughTheListOfTools) {
  ChatRequest request = chat_request();
  request.tool_choice.mode = Mode::none;
  EXPECT_FALSE(has(encoded(request), "tools"));

  request.tool_choice.mode = Mode::named;
  request.tool_choice.name = "b";
  EXPECT_TRUE(has(encoded(request), R"("tools":[{"type":"function","function":{"name":"b"}}])"));
  EXPECT_EQ(dropped(request), std::vector<std::string>{"tool_choice"});

  request.tool_choice.mode = Mode::allowed;
  request.tool_choice.allowed = {"a"};
  EXPECT_TRUE(has(encoded(request), R"("tools":[{"type":"function","function":{"name":"a"}}])"));
  EXPECT_TRUE(dropped(request).empty());
}

TEST(OllamaRequest, AForcedCallIsRefused) {
  ChatRequest request = chat_request();
  request.tool_choice.mode = Mode::required;
  EXPECT_TRUE(is_refused(request));
  request.tool_choice.mode = Mode::allowed;
  request.tool_choice.allowed = {"a"};
  request.tool_choice.is_allowed_required = true;
  EXPECT_TRUE(is_refused(request));
}

TEST(OllamaRequest, WhatWouldChangeTheAnswerIsRefused) {
  const auto with = [](auto&& change) {
    ChatRequest request = chat_request();
    change(request);
    return is_refused(request);
  };
  EXPECT_TRUE(with([](ChatRequest& request) { request.n = 2; }));
  EXPECT_TRUE(with([](ChatRequest& request) { request.previous_response_id = "resp_1"; }));
  EXPECT_TRUE(with([](ChatRequest& request) { request.tools[0].kind = ToolKind::hosted; }));
  EXPECT_TRUE(with([](ChatRequest& request) { request.items.emplace_back(OpaqueItem{}); }));
  for (const PartKind kind : {PartKind::image, PartKind::audio, PartKind::file, PartKind::opaque}) {
    EXPECT_TRUE(with([&](ChatRequest& request) {
      Part part;
      part.kind = kind;
      part.url = "https://example.com/x";
      std::get<Message>(request.items[0]).parts.push_back(part);
    })) << static_cast<int>(kind);
  }
}

TEST(OllamaRequest, ThinkIsWrittenForModelsThatReasonOnly) {
  ChatRequest request = chat_request();
  request.reasoning.effort = Effort::xhigh;
  EXPECT_FALSE(has(encoded(request), "think"));
  EXPECT_EQ(dropped(request), std::vector<std::string>{"reasoning_effort"});

  EncodeOptions options{.model = "m"};
  options.traits.reasons = true;
  EXPECT_TRUE(has(encoded(request, options), R"("think":"max")"));
  request.reasoning.effort = Effort::none;
  EXPECT_TRUE(has(encoded(request, options), R"("think":false)"));
  EXPECT_FALSE(has(encoded(request), "think"));
}

// Signed thoughts are another model's; plain ones came from a model like this.
TEST(OllamaRequest, OnlyUnsignedThoughtsGoBack) {
  ChatRequest request = chat_request();
  Reasoning plain;
  plain.text = "plain";
  Reasoning foreign;
  foreign.text = "foreign";
  foreign.signature = "sig";
  request.items.emplace_back(plain);
  request.items.emplace_back(foreign);
  const std::string out = encoded(request);
  EXPECT_TRUE(has(out, R"("thinking":"plain")"));
  EXPECT_FALSE(has(out, "foreign"));
  EXPECT_EQ(dropped(request), std::vector<std::string>{"reasoning"});
}

struct Recorder final : EventSink {
  void on_event(const StreamEvent& event) override {
    types.push_back(event.type);
    if (event.type == StreamEvent::Type::tool_call_begin) ids.emplace_back(event.id);
  }
  std::vector<StreamEvent::Type> types;
  std::vector<std::string> ids;
};

TEST(OllamaStream, NothingIsReadBehindTheEnd) {
  Recorder recorder;
  const auto decoder = make_stream_decoder(0);
  ASSERT_TRUE(
      decoder->feed("{\"message\":{\"content\":\"\"},\"done\":true}\nnot json\n", recorder));
  ASSERT_TRUE(decoder->feed("not json\n", recorder));
  EXPECT_TRUE(decoder->is_terminated());
  using enum StreamEvent::Type;
  EXPECT_EQ(recorder.types, (std::vector{start, usage, finish}));
}

// Older servers number every call 0 and give no ids.
TEST(OllamaStream, CallsWithoutIdsAreToldApart) {
  Recorder recorder;
  const auto decoder = make_stream_decoder(0);
  const std::string line =
      R"({"created_at":"2026-08-21T10:00:00Z","message":{"tool_calls":[{"function":{"index":0,"name":"a","arguments":{}}}]}})"
      "\n";
  ASSERT_TRUE(decoder->feed(line + line, recorder));
  ASSERT_EQ(recorder.ids.size(), 2U);
  EXPECT_NE(recorder.ids[0], recorder.ids[1]);
}

TEST(OllamaStream, ABodyThatEndsEarlyIsNotComplete) {
  Recorder recorder;
  const auto decoder = make_stream_decoder(0);
  ASSERT_TRUE(decoder->feed("{\"message\":{\"content\":\"a\"},\"done\":false}", recorder));
  ASSERT_TRUE(decoder->end(recorder));
  EXPECT_FALSE(decoder->is_complete());
}

// S-9.9: a client must not run a call whose arguments were cut.
TEST(OllamaStream, ACallThatNeverEndedIsNotWritten) {
  const auto encoder = make_stream_encoder({.model = "m"});
  std::string out;
  encoder->encode({.type = StreamEvent::Type::tool_call_begin, .id = "c", .name = "cut"}, out);
  encoder->encode({.type = StreamEvent::Type::tool_call_delta, .text = "{\"a\":"}, out);
  encoder->finish(out);
  EXPECT_FALSE(has(out, "cut"));
  EXPECT_TRUE(has(out, R"("done":true)"));
}

struct FixedStopwatch final : Stopwatch {
  std::int64_t now = 0;
  [[nodiscard]] std::int64_t elapsed_ns() const override { return now; }
};

// Clients divide the counters by them.
TEST(OllamaStream, TellsHowLongTheAnswerTookWhereThatIsMeasured) {
  FixedStopwatch stopwatch;
  const auto encoder = make_stream_encoder({.model = "m"}, stopwatch);
  std::string out;
  stopwatch.now = 30;
  encoder->encode({.text = "a"}, out);
  stopwatch.now = 100;
  encoder->finish(out);
  EXPECT_TRUE(has(out, R"("total_duration":100,"load_duration":0,)"
                       R"("prompt_eval_duration":30,"eval_duration":70)"));
}

// Words per second would be none, or as many as there are.
TEST(OllamaStream, GivesAllTheTimeToAnAnswerThatCameAtOnce) {
  FixedStopwatch stopwatch;
  const auto encoder = make_stream_encoder({.model = "m"}, stopwatch);
  std::string out;
  stopwatch.now = 100;
  encoder->encode({.text = "a"}, out);
  encoder->finish(out);
  EXPECT_TRUE(has(out, R"("prompt_eval_duration":0,"eval_duration":100)"));
}

TEST(OllamaResponse, TellsHowLongAWholeAnswerOfAnotherDialectTook) {
  ChatResponse response;
  response.choices.emplace_back().finish = Finish::stop;
  std::string out;
  encode_response(response, 100, out);
  EXPECT_TRUE(has(out, R"("total_duration":100,"load_duration":0,)"
                       R"("prompt_eval_duration":0,"eval_duration":100)"));
  out.clear();
  encode_response(response, 0, out);  // the clock had not moved on
  EXPECT_TRUE(has(out, R"("eval_duration":1)"));
  out.clear();
  response.origin = Dialect::ollama;
  encode_response(response, 100, out);
  EXPECT_FALSE(has(out, "_duration"));
}

// A line break between the tokens of the arguments would end the line early.
TEST(OllamaStream, ArgumentsStayInTheirLine) {
  const auto encoder = make_stream_encoder({.model = "m"});
  std::string out;
  encoder->encode({.type = StreamEvent::Type::tool_call_begin, .id = "c", .name = "f"}, out);
  encoder->encode({.type = StreamEvent::Type::tool_call_delta, .text = "{\n \"a\": 1\n}"}, out);
  encoder->encode({.type = StreamEvent::Type::tool_call_end}, out);
  EXPECT_TRUE(has(out, R"("arguments":{"a":1})"));
  EXPECT_EQ(out.find('\n'), out.size() - 1);
}

TEST(OllamaTimestamp, ReadsOffsetsAndFractions) {
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_timestamp("2026-08-21T10:00:00.123456789Z"), 1787306400);
  EXPECT_EQ(parse_timestamp("2026-08-21T12:30:00+02:30"), 1787306400);
  EXPECT_EQ(parse_timestamp("2026-08-21T09:00:00-01:00"), 1787306400);
}

TEST(OllamaTimestamp, RefusesWhatIsNoTime) {
  for (const auto* text :
       {"", "2026", "2026-02-30T00:00:00Z", "2026-08-21T24:00:00Z", "2026-08-21T10:00:00",
        "2026-08-21T10:00:00Zx", "2026-08-21T10:00:00."}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
}

TEST(OllamaTimestamp, FormatsWhatItReads) {
  EXPECT_EQ(format_timestamp(1787306400), "2026-08-21T10:00:00Z");
  EXPECT_EQ(format_timestamp(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(format_timestamp(INT64_MAX), "9999-12-31T23:59:59Z");
  EXPECT_EQ(format_timestamp(INT64_MIN), "0000-01-01T00:00:00Z");
}

TEST(OllamaEmbeddings, EncodeTextsAndRefuseTokens) {
  EmbeddingsRequest request;
  std::string out;
  EXPECT_FALSE(encode_embeddings_request(request, "e", out));
  request.inputs = {{.text = "a", .tokens = {}}, {.text = "b", .tokens = {}}};
  request.dimensions = 256;
  request.user = "u";
  out.clear();
  const auto notes = encode_embeddings_request(request, "e", out);
  ASSERT_TRUE(notes);
  EXPECT_EQ(out, R"({"model":"e","input":["a","b"],"dimensions":256})");
  EXPECT_EQ(notes->dropped, std::vector<std::string>{"user"});
  request.inputs[1].tokens = "[1]";
  const auto refused = encode_embeddings_request(request, "e", out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported_capability);
}

TEST(OllamaEmbeddings, DecodeVectorsAndCount) {
  const auto response = decode(R"({"model":"e","embeddings":[[0.5,-1],[2,1e300]],
                                   "prompt_eval_count":8})",
                               &decode_embeddings_response);
  ASSERT_TRUE(response) << response.error().message;
  ASSERT_EQ(response->vectors.size(), 2U);
  EXPECT_EQ(response->vectors[0], (std::vector<float>{0.5F, -1.0F}));
  EXPECT_EQ(response->vectors[1][1], std::numeric_limits<float>::max());
  EXPECT_EQ(response->input_tokens, 8);
  for (const auto* text : {"{}", R"({"embeddings":[1]})", R"({"embeddings":[["a"]]})", "[]"}) {
    const auto refused = decode(text, &decode_embeddings_response);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::upstream_malformed);
  }
}

TEST(OllamaDetection, ReadsNamesCapabilitiesAndContextOfTheList) {
  const auto models = decode(R"({"models":[
    {"name":"m:8b","details":{"context_length":40960},"capabilities":["completion","tools","x"]},
    {"name":"old:1b","details":{}},
    {"name":"big:cloud","remote_host":"https://ollama.com"}]})",
                             &decode_tags);
  ASSERT_TRUE(models) << models.error().message;
  ASSERT_EQ(models->size(), 3U);
  const ModelFacts expected{.name = "m:8b",
                            .has_capabilities = true,
                            .completes = true,
                            .takes_tools = true,
                            .context_tokens = 40960};
  EXPECT_EQ((*models)[0], expected);
  EXPECT_FALSE((*models)[1].has_capabilities);
  EXPECT_TRUE((*models)[2].is_remote);
  EXPECT_TRUE(decode(R"({"models":null})", &decode_tags)->empty());
  EXPECT_FALSE(decode("{}", &decode_tags));
}

TEST(OllamaDetection, FindsTheContextUnderTheArchitecturesName) {
  const auto facts = decode(R"({"model_info":{"general.architecture":"qwen3",
    "qwen3.context_length":40960,"llama.context_length":1},
    "capabilities":["completion","vision","thinking","embedding","audio"]})",
                            &decode_show);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->context_tokens, 40960);
  EXPECT_TRUE(facts->takes_images && facts->reasons && facts->embeds && facts->takes_audio);
  EXPECT_FALSE(facts->takes_tools);
}

}  // namespace
}  // namespace weir::wire::ollama
