// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "wire/openai/completions.hpp"
#include "wire/openai/models.hpp"

namespace weir::wire::openai {
namespace {

Result<ChatRequest> decode_text(std::string_view text, std::size_t place = 0) {
  json::Document document;
  WEIR_TRY(document.parse(text));
  return decode_completion_request(document.root(), place);
}

TEST(CompletionRequest, MakesAChatOfEachPrompt) {
  constexpr std::string_view body =
      R"({"model":"m","prompt":["a","b"],"n":2,"temperature":0.5,"stop":"x","seed":3})";
  const auto first = decode_text(body);
  const auto second = decode_text(body, 1);
  ASSERT_TRUE(first && second);
  ASSERT_EQ(second->items.size(), 1U);
  EXPECT_EQ(std::get<Message>(first->items[0]).parts.at(0).text, "a");
  EXPECT_EQ(std::get<Message>(second->items[0]).parts.at(0).text, "b");
  EXPECT_EQ(second->n, 2);
  EXPECT_EQ(second->sampling.temperature, 0.5);
  EXPECT_EQ(second->stop, std::vector<std::string>{"x"});
  EXPECT_EQ(second->output_tokens_max, 16);
  EXPECT_TRUE(second->extra.empty());
}

TEST(CompletionRequest, StreamsASinglePrompt) {
  const auto request = decode_text(R"({"model":"m","prompt":"a","max_tokens":5,"stream":true,
                                        "stream_options":{"include_usage":true}})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->wants_stream_usage);
  EXPECT_EQ(request->output_tokens_max, 5);
}

TEST(CompletionRequest, RefusesWhatNoChatCanGive) {
  for (const auto& [member, param] :
       {std::array{R"("echo":true,"logprobs":0)", "echo"}, std::array{R"("best_of":3)", "best_of"},
        std::array{R"("suffix":"x")", "suffix"}}) {
    const auto refused = decode_text(R"({"model":"m","prompt":"a",)" + std::string(member) + "}");
    ASSERT_FALSE(refused) << member;
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported_capability) << member;
    EXPECT_EQ(refused.error().param, param);
  }
  EXPECT_EQ(decode_text(R"({"model":"m","prompt":[1,2]})").error().code,
            ErrorCode::unsupported_capability);
  const auto with_tokens = decode_text(R"({"model":"m","prompt":["a",[1,2]]})");
  EXPECT_EQ(with_tokens.error().code, ErrorCode::unsupported_capability);
  EXPECT_EQ(with_tokens.error().param, "prompt");
  EXPECT_EQ(decode_text(R"({"model":"m"})").error().code, ErrorCode::invalid_request);
  EXPECT_TRUE(decode_text(R"({"model":"m","prompt":"a","echo":false,"best_of":1,"suffix":null})"));
}

ChatResponse answer(std::string text, std::int64_t tokens) {
  ChatResponse response;
  response.id = "cmpl-1";
  response.created = 7;
  response.model = "m";
  Choice choice;
  Message message;
  message.role = Role::assistant;
  message.parts.push_back(Part::text_of(std::move(text)));
  choice.output.emplace_back(std::move(message));
  choice.finish = Finish::length;
  response.choices.push_back(std::move(choice));
  response.usage.emplace().output = tokens;
  return response;
}

std::string written(const ChatResponse& response, const CompletionStyle& style) {
  std::string text;
  encode_completion_response(response, style, text);
  return text;
}

TEST(CompletionResponse, JoinsTheAnswersToSeveralPrompts) {
  const std::array answers{written(answer("A", 2), {.echo = "a: ", .id = "cmpl-x"}),
                           written(answer("B", 3), {.id = "cmpl-x", .first_choice = 1})};
  std::string out;
  join_completions(answers, out);
  EXPECT_EQ(out, R"({"id":"cmpl-x","object":"text_completion","created":7,"model":"m","choices":[)"
                 R"({"text":"a: A","index":0,"logprobs":null,"finish_reason":"length"},)"
                 R"({"text":"B","index":1,"logprobs":null,"finish_reason":"length"}],)"
                 R"("usage":{"prompt_tokens":0,"completion_tokens":5,"total_tokens":5,)"
                 R"("prompt_tokens_details":{"cached_tokens":0},)"
                 R"("completion_tokens_details":{"reasoning_tokens":0}}})");
}

// What no provider has told is not told as nothing.
TEST(CompletionResponse, IsJoinedWithoutUsageWhereThereIsNone) {
  ChatResponse untold = answer("A", 2);
  untold.usage.reset();
  const std::array answers{written(untold, {}), written(untold, {.first_choice = 1})};
  std::string out;
  join_completions(answers, out);
  EXPECT_EQ(out.find("usage"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("index":1)"), std::string::npos) << out;
}

TEST(CompletionStream, OfOnePromptEndsInWhatTheJointOneNeeds) {
  const CompletionStyle style{.id = "cmpl-x", .first_choice = 2};
  const auto encoder =
      make_completion_stream_encoder({.id = "c", .model = "m", .wants_usage = true}, style);
  std::string chunks;
  StreamEvent event;
  event.type = StreamEvent::Type::start;
  event.id = "other";
  encoder->encode(event, chunks);
  event = {};
  event.text = "A";
  event.choice = 1;
  encoder->encode(event, chunks);
  EXPECT_NE(chunks.find(R"("id":"cmpl-x")"), std::string::npos) << chunks;
  EXPECT_NE(chunks.find(R"("index":3)"), std::string::npos) << chunks;
  Usage usage;
  usage.output = 4;
  event = {};
  event.type = StreamEvent::Type::usage;
  event.usage = &usage;
  encoder->encode(event, chunks);
  std::string last;
  encoder->finish(last);
  const CompletionStreamEnd end = read_completion_stream_end(last);
  ASSERT_TRUE(end.usage);
  EXPECT_EQ(end.usage->output, 4);
  EXPECT_EQ(end.model, "m");
  EXPECT_EQ(end.rest, "");
  const CompletionStreamEnd bare = read_completion_stream_end(chunks + "data: [DONE]\n\n");
  EXPECT_FALSE(bare.usage);
  EXPECT_EQ(bare.rest, chunks);
}

TEST(CompletionStream, WritesTextChunksAndTheEnd) {
  const CompletionStyle style;
  const auto encoder =
      make_completion_stream_encoder({.id = "c", .model = "m", .created = 7}, style);
  std::string out;
  StreamEvent event;
  event.text = "A";
  encoder->encode(event, out);
  event.type = StreamEvent::Type::reasoning;
  encoder->encode(event, out);
  event.type = StreamEvent::Type::finish;
  event.finish = Finish::stop;
  encoder->encode(event, out);
  encoder->finish(out);
  EXPECT_EQ(
      out,
      "data: {\"id\":\"cmpl-c\",\"object\":\"text_completion\",\"created\":7,\"model\":\"m\","
      "\"choices\":[{\"text\":\"A\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}]}"
      "\n\n"
      "data: {\"id\":\"cmpl-c\",\"object\":\"text_completion\",\"created\":7,\"model\":\"m\","
      "\"choices\":[{\"text\":\"\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"}]}"
      "\n\n"
      "data: [DONE]\n\n");
}

TEST(CompletionRequest, AsksForTheLogProbabilitiesOfAChat) {
  const auto asked = decode_text(R"({"model":"m","prompt":"a","logprobs":2})");
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->logprobs, true);
  EXPECT_EQ(asked->top_logprobs, 2);
  EXPECT_EQ(decode_text(R"({"model":"m","prompt":"a","logprobs":0})")->top_logprobs, std::nullopt);
  EXPECT_EQ(decode_text(R"({"model":"m","prompt":"a","logprobs":6})").error().param, "logprobs");
}

constexpr std::string_view logprobs_of_two =
    R"({"content":[{"token":"é","logprob":-0.5,"bytes":[195,169],"top_logprobs":[)"
    R"({"token":"é","logprob":-0.5},{"token":"x","logprob":-2},{"token":"x","logprob":-3}]},)"
    R"({"token":"B","logprob":-1.0,"bytes":null,"top_logprobs":[]}],"refusal":null})";

// Offsets are in characters, and a name may stand in an object once.
TEST(CompletionResponse, TellsLogProbabilitiesAsThisEndpointDoes) {
  ChatResponse response = answer("éB", 2);
  response.choices[0].logprobs = logprobs_of_two;
  const std::string out = written(response, {});
  EXPECT_NE(out.find(R"("logprobs":{"tokens":["é","B"],"token_logprobs":[-0.5,-1.0],)"
                     R"("top_logprobs":[{"é":-0.5,"x":-2},null],"text_offset":[0,1]})"),
            std::string::npos)
      << out;
}

TEST(CompletionStream, EchoesFirstAndCountsOffsetsOnFromChunkToChunk) {
  const CompletionStyle style{.echo = "Say: "};
  const auto encoder = make_completion_stream_encoder({.id = "c", .model = "m"}, style);
  std::string out;
  StreamEvent event;
  event.text = "éB";
  event.logprobs = logprobs_of_two;
  encoder->encode(event, out);
  encoder->encode(event, out);
  EXPECT_NE(out.find(R"("text":"Say: éB")"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("text":"éB")"), std::string::npos) << out;
  EXPECT_NE(out.find(R"("text_offset":[2,3])"), std::string::npos) << out;
}

TEST(ModelList, HasOpenAisShape) {
  const std::array models{ModelEntry{.id = "a", .owned_by = "weir", .created = 7}};
  std::string out;
  encode_models(models, out);
  EXPECT_EQ(out, R"({"object":"list","data":[)"
                 R"({"id":"a","object":"model","created":7,"owned_by":"weir"}]})");
}

}  // namespace
}  // namespace weir::wire::openai
