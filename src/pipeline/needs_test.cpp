// SPDX-License-Identifier: Apache-2.0
#include "pipeline/needs.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace weir::pipeline {
namespace {

Target target_of(std::string type, std::string model, std::int64_t context_tokens) {
  auto upstream = std::make_shared<Upstream>();
  upstream->type = std::move(type);
  Target target;
  target.upstream = std::move(upstream);
  target.model = std::move(model);
  target.chat_path = "/chat";
  target.context_tokens = context_tokens;
  return target;
}

/// As many tokens of text as asked for; each takes five bytes.
wire::ChatRequest request_of(std::int64_t tokens) {
  wire::Message message;
  std::string text = "word";
  for (std::int64_t i = 1; i < tokens; ++i) text += " word";
  message.parts.push_back(wire::Part::text_of(std::move(text)));
  wire::ChatRequest request;
  request.items.emplace_back(std::move(message));
  return request;
}

wire::RequestPeek peek_of_bytes(std::size_t text_bytes) {
  wire::RequestPeek peek;
  peek.text_bytes = text_bytes;
  return peek;
}

constexpr std::int64_t frame_tokens = 3 + 1 + 3;  // the message, its role, the answer's begin

// F-2: what can't fit is not sent. Where the model's own tokenizer counts, the edge is sharp.
TEST(Window, AnExactCountDecidesAtTheLastToken) {
  const Target target = target_of("openai", "gpt-4o", 1000);
  wire::ChatRequest request = request_of(900 - frame_tokens);
  request.output_tokens_max = 100;
  EXPECT_FALSE(exceeds_window(request, target));
  request.output_tokens_max = 101;
  EXPECT_TRUE(exceeds_window(request, target));
}

TEST(Window, AnEstimateRefusesOnlyBeyondItsError) {
  const Target target = target_of("anthropic", "claude-sonnet-4-5", 1000);
  EXPECT_FALSE(exceeds_window(request_of(1200), target));
  EXPECT_TRUE(exceeds_window(request_of(1800), target));
}

// Clients make a conversation shorter when they are told that it is too long: it has to be that.
TEST(Window, TooLongAPromptIsToldFromTooLargeAnOutputLimit) {
  const Target target = target_of("openai", "gpt-4o", 1000);
  wire::RequestPeek request = peek_of_bytes(400);
  request.output_tokens_max = 1001;
  ASSERT_TRUE(lacking(request, target));
  EXPECT_EQ(lacking(request, target)->wish, Wish::output_limit);
  request.output_tokens_max = 900;
  EXPECT_FALSE(lacking(request, target));
  request.text_bytes = 1000 * 4 * 2;
  ASSERT_TRUE(lacking(request, target));
  EXPECT_EQ(lacking(request, target)->wish, Wish::length);
}

TEST(Window, OnlyRequestsNearItAreCounted) {
  const Target target = target_of("openai", "gpt-4o", 100'000);
  EXPECT_FALSE(is_near_window(peek_of_bytes(4000), target));
  EXPECT_TRUE(is_near_window(peek_of_bytes(380'000), target));
  EXPECT_FALSE(is_near_window(peek_of_bytes(380'000), target_of("openai", "gpt-4o", 0)));
}

// A server may be given the path by its next start, and no longer silence than for a missing model.
TEST(Needs, AMissingPathIsBelievedForTenMinutes) {
  constexpr std::int64_t now = 1'000;
  constexpr std::int64_t ten_minutes = 600'000;
  Target target;
  EXPECT_FALSE(is_path_missing(target, embeddings_own_path, now));
  learn_missing_path(target, embeddings_own_path, now);
  EXPECT_TRUE(is_path_missing(target, embeddings_own_path, now + ten_minutes - 1));
  EXPECT_FALSE(is_path_missing(target, embeddings_own_path, now + ten_minutes));
  EXPECT_FALSE(is_path_missing(target, completions_own_path, now)) << "of that one alone";
  target.learnt->forget();
  EXPECT_FALSE(is_path_missing(target, embeddings_own_path, now));
}

}  // namespace
}  // namespace weir::pipeline
