// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "wire/openai/completions.hpp"
#include "wire/openai/models.hpp"

namespace weir::wire::openai {
namespace {

Result<std::vector<ChatRequest>> decode_text(std::string_view text) {
  json::Document document;
  WEIR_TRY(document.parse(text));
  return decode_completion_request(document.root());
}

TEST(CompletionRequest, MakesAChatOfEachPrompt) {
  const auto requests = decode_text(
      R"({"model":"m","prompt":["a","b"],"n":2,"temperature":0.5,"stop":"x","seed":3})");
  ASSERT_TRUE(requests) << requests.error().message;
  ASSERT_EQ(requests->size(), 2U);
  const ChatRequest& second = (*requests)[1];
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(std::get<Message>(second.items[0]).parts.at(0).text, "b");
  EXPECT_EQ(second.n, 2);
  EXPECT_EQ(second.sampling.temperature, 0.5);
  EXPECT_EQ(second.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(second.output_tokens_max, 16);
  EXPECT_TRUE(second.extra.empty());
}

TEST(CompletionRequest, StreamsASinglePrompt) {
  const auto requests = decode_text(R"({"model":"m","prompt":"a","max_tokens":5,"stream":true,
                                        "stream_options":{"include_usage":true}})");
  ASSERT_TRUE(requests) << requests.error().message;
  EXPECT_TRUE(requests->front().stream);
  EXPECT_TRUE(requests->front().wants_stream_usage);
  EXPECT_EQ(requests->front().output_tokens_max, 5);
}

TEST(CompletionRequest, RefusesWhatNoChatCanGive) {
  for (const auto& [member, param] :
       {std::array{R"("echo":true)", "echo"}, std::array{R"("best_of":3)", "best_of"},
        std::array{R"("suffix":"x")", "suffix"}, std::array{R"("logprobs":2)", "logprobs"}}) {
    const auto refused = decode_text(R"({"model":"m","prompt":"a",)" + std::string(member) + "}");
    ASSERT_FALSE(refused) << member;
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported_capability) << member;
    EXPECT_EQ(refused.error().param, param);
  }
  EXPECT_EQ(decode_text(R"({"model":"m","prompt":[1,2]})").error().code,
            ErrorCode::unsupported_capability);
  EXPECT_EQ(decode_text(R"({"model":"m","prompt":["a","b"],"stream":true})").error().param,
            "prompt");
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

TEST(CompletionResponse, NumbersChoicesOnFromPromptToPrompt) {
  const std::array responses{answer("A", 2), answer("B", 3)};
  std::string out;
  encode_completion_response(responses, out);
  EXPECT_EQ(out, R"({"id":"cmpl-1","object":"text_completion","created":7,"model":"m","choices":[)"
                 R"({"text":"A","index":0,"logprobs":null,"finish_reason":"length"},)"
                 R"({"text":"B","index":1,"logprobs":null,"finish_reason":"length"}],)"
                 R"("usage":{"prompt_tokens":0,"completion_tokens":5,"total_tokens":5,)"
                 R"("prompt_tokens_details":{"cached_tokens":0},)"
                 R"("completion_tokens_details":{"reasoning_tokens":0}}})");
}

TEST(CompletionStream, WritesTextChunksAndTheEnd) {
  const auto encoder = make_completion_stream_encoder({.id = "c", .model = "m", .created = 7});
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

TEST(ModelList, HasOpenAisShape) {
  const std::array models{ModelEntry{.id = "a", .owned_by = "weir", .created = 7}};
  std::string out;
  encode_models(models, out);
  EXPECT_EQ(out, R"({"object":"list","data":[)"
                 R"({"id":"a","object":"model","created":7,"owned_by":"weir"}]})");
}

}  // namespace
}  // namespace weir::wire::openai
