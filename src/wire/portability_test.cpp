// SPDX-License-Identifier: Apache-2.0
#include "wire/portability.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

ChatRequest from(Dialect origin) {
  ChatRequest request;
  request.origin = origin;
  return request;
}

ChatRequest with_member(Dialect origin, std::string name, std::string json) {
  ChatRequest request = from(origin);
  request.extra.members.push_back({std::move(name), std::move(json)});
  return request;
}

ChatRequest with_tool(Dialect origin, std::string name) {
  ChatRequest request = from(origin);
  request.tools.emplace_back().name = std::move(name);
  return request;
}

/// The refused member, "passes" when there is none.
std::string refused(const ChatRequest& request, Dialect target) {
  const auto checked = check_portable(request, {}, target);
  if (checked) return "passes";
  EXPECT_EQ(checked.error().code, ErrorCode::unsupported_capability);
  return checked.error().param;
}

// Without them the model would answer another question.
TEST(Portability, RefusesContentThatIsKeptAtOneProvider) {
  const auto conversation = with_member(Dialect::openai_responses, "conversation", "\"conv_1\"");
  EXPECT_EQ(refused(conversation, Dialect::anthropic), "conversation");
  EXPECT_EQ(refused(conversation, Dialect::openai_responses), "passes");
  const auto prompt = with_member(Dialect::openai_responses, "prompt", R"({"id":"pmpt_1"})");
  EXPECT_EQ(refused(prompt, Dialect::openai_chat), "prompt");
  const auto cached = with_member(Dialect::gemini, "cachedContent", "\"cachedContents/x\"");
  EXPECT_EQ(refused(cached, Dialect::ollama), "cachedContent");
  ChatRequest response = from(Dialect::openai_responses);
  response.previous_response_id = "resp_1";
  EXPECT_EQ(refused(response, Dialect::gemini), "previous_response_id");
  EXPECT_EQ(refused(response, Dialect::openai_responses), "passes");
}

TEST(Portability, LetsMembersPassThatSayNothing) {
  EXPECT_EQ(refused(with_member(Dialect::openai_responses, "prompt", "null"), Dialect::gemini),
            "passes");
  EXPECT_EQ(refused(with_member(Dialect::openai_chat, "prompt", "1"), Dialect::gemini), "passes")
      << "another dialect's word means nothing here";
}

TEST(Portability, RefusesToolNamesThatTheTargetCannotTake) {
  const auto dotted = with_tool(Dialect::gemini, "maps.find:near");
  EXPECT_EQ(refused(dotted, Dialect::anthropic), "tools");
  EXPECT_EQ(refused(dotted, Dialect::openai_chat), "tools");
  EXPECT_EQ(refused(dotted, Dialect::openai_responses), "tools");
  EXPECT_EQ(refused(dotted, Dialect::ollama), "passes");
  EXPECT_EQ(refused(dotted, Dialect::gemini), "passes");
  EXPECT_EQ(refused(with_tool(Dialect::ollama, "maps.find"), Dialect::gemini), "passes");
  EXPECT_EQ(refused(with_tool(Dialect::ollama, "find it"), Dialect::gemini), "tools");
  EXPECT_EQ(refused(with_tool(Dialect::ollama, std::string(64, 'a')), Dialect::anthropic),
            "passes");
  EXPECT_EQ(refused(with_tool(Dialect::ollama, std::string(65, 'a')), Dialect::anthropic), "tools");
  EXPECT_NE(check_portable(dotted, {}, Dialect::anthropic).error().message.find("maps.find:near"),
            std::string::npos);
}

TEST(Portability, ChecksTheNamesOfEarlierCallsToo) {
  ChatRequest request = from(Dialect::gemini);
  ToolCall call;
  call.name = "a.b";
  request.items.emplace_back(std::move(call));
  EXPECT_EQ(refused(request, Dialect::openai_chat), "contents");
}

}  // namespace
}  // namespace weir::wire
