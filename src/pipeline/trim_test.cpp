// SPDX-License-Identifier: Apache-2.0
#include "pipeline/trim.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace weir::pipeline {
namespace {

Target target_of(std::int64_t context_tokens) {
  auto upstream = std::make_shared<Upstream>();
  upstream->type = "openai";
  Target target;
  target.upstream = std::move(upstream);
  target.name = "up/gpt-4o";
  target.model = "gpt-4o";
  target.context_tokens = context_tokens;
  return target;
}

wire::Item message(wire::Role role, const std::string& text) {
  wire::Message made;
  made.role = role;
  made.parts.push_back(wire::Part::text_of(text));
  return made;
}

std::string words(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "word ";
  return text;
}

/// A system prompt, then turns of about two hundred tokens each, which call a tool.
wire::ChatRequest conversation(int turns) {
  wire::ChatRequest request;
  request.items.push_back(message(wire::Role::system, "be brief"));
  for (int i = 0; i < turns; ++i) {
    request.items.push_back(message(wire::Role::user, "q" + std::to_string(i) + words(100)));
    wire::ToolCall call;
    call.id = "call_" + std::to_string(i);
    call.name = "look";
    call.arguments = "{}";
    request.items.emplace_back(std::move(call));
    wire::ToolResult result;
    result.call_id = "call_" + std::to_string(i);
    result.parts.push_back(wire::Part::text_of("found"));
    request.items.emplace_back(std::move(result));
    request.items.push_back(message(wire::Role::assistant, words(100)));
  }
  request.items.push_back(message(wire::Role::user, "last"));
  return request;
}

std::string first_user_text(const wire::ChatRequest& request) {
  return std::get<wire::Message>(request.items[1]).parts[0].text.substr(0, 2);
}

TEST(Trim, LeavesOutTheFewestOfTheOldestTurnsAndKeepsTheSystemPrompt) {
  wire::ChatRequest request = conversation(10);
  request.output_tokens_max = 100;
  const auto dropped = trim_to_window(request, target_of(1'000));
  ASSERT_TRUE(dropped);
  EXPECT_GE(*dropped, 5U);
  EXPECT_LE(*dropped, 7U);
  EXPECT_EQ(first_user_text(request), "q" + std::to_string(*dropped));
  EXPECT_EQ(std::get<wire::Message>(request.items[0]).parts[0].text, "be brief");
  EXPECT_EQ(std::get<wire::Message>(request.items.back()).parts[0].text, "last");
  // Each call that is left has its result behind it.
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    if (!std::holds_alternative<wire::ToolCall>(request.items[i])) continue;
    EXPECT_TRUE(std::holds_alternative<wire::ToolResult>(request.items.at(i + 1)));
  }
  EXPECT_EQ(request.output_tokens_max, 100);
}

TEST(Trim, LeavesAloneWhatFits) {
  wire::ChatRequest request = conversation(2);
  const std::size_t before = request.items.size();
  const auto dropped = trim_to_window(request, target_of(100'000));
  ASSERT_TRUE(dropped);
  EXPECT_EQ(*dropped, 0U);
  EXPECT_EQ(request.items.size(), before);
}

TEST(Trim, WhatIsLeftOfTheWindowIsTheOutputLimitOfARequestWithout) {
  wire::ChatRequest request = conversation(2);
  Target target = target_of(2'000);
  ASSERT_TRUE(trim_to_window(request, target));
  ASSERT_TRUE(request.output_tokens_max);
  EXPECT_GT(*request.output_tokens_max, 1'400);
  EXPECT_LT(*request.output_tokens_max, 1'700);
  wire::ChatRequest other = conversation(2);
  target.traits.output_tokens_max = 512;
  ASSERT_TRUE(trim_to_window(other, target));
  EXPECT_EQ(other.output_tokens_max, 512);
}

TEST(Trim, SaysThatALastTurnIsTooLongByItself) {
  wire::ChatRequest request = conversation(3);
  request.items.back() = message(wire::Role::user, words(2'000));
  const auto dropped = trim_to_window(request, target_of(1'000));
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().code, ErrorCode::context_length_exceeded);
}

TEST(Trim, LowersAnOutputLimitForWhichThereIsNoRoomBesideTheLastTurn) {
  wire::ChatRequest request = conversation(1);
  request.output_tokens_max = 5'000;
  const auto dropped = trim_to_window(request, target_of(1'000));
  ASSERT_TRUE(dropped);
  EXPECT_LE(*request.output_tokens_max, 1'000 - 200);
  EXPECT_GE(*request.output_tokens_max, 500);
}

}  // namespace
}  // namespace weir::pipeline
