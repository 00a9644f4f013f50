// SPDX-License-Identifier: Apache-2.0
#include "chaos/fault.hpp"

#include <gtest/gtest.h>

#include "chaos/answer.hpp"
#include "json/document.hpp"

namespace weir::chaos {
namespace {

using namespace std::chrono_literals;

Fault fault_of(std::string_view text) {
  const auto fault = parse_fault(text);
  EXPECT_TRUE(fault) << fault.error().message;
  return fault ? *fault : Fault();
}

TEST(Fault, VerbsAreReadInAnyNumberAndOrder) {
  const Fault fault = fault_of("delay=300ms,cut@token=5,status=429,retry_after=2,lie_length=-5");
  EXPECT_EQ(fault.delay, 300ms);
  EXPECT_EQ(fault.cut_token, 5U);
  EXPECT_EQ(fault.status, 429);
  EXPECT_EQ(fault.retry_after, "2");
  EXPECT_EQ(fault.length_lie, -5);
  EXPECT_EQ(fault_of("stall").stall_token, 0U);
  EXPECT_EQ(fault_of(""), fault_of("ok"));
}

TEST(Fault, WhatIsNoVerbIsNamed) {
  for (const char* text : {"explode", "status", "status=99", "status=2e2", "delay=soon", "ok=1",
                           "cut@token=-1", "retry_after=1\r\nset-cookie: a", "stall=9999999999"}) {
    const auto fault = parse_fault(text);
    ASSERT_FALSE(fault) << text;
    EXPECT_NE(fault.error().message.find("no fault"), std::string::npos);
  }
}

struct Chat {
  wire::Dialect dialect;
  const char* body;
};
constexpr Chat chats[] = {
    {wire::Dialect::openai_chat,
     R"({"model":"m","stream":true,"messages":[{"role":"user","content":"one two three"}]})"},
    {wire::Dialect::openai_responses, R"({"model":"m","stream":true,"input":"one two three"})"},
    {wire::Dialect::anthropic,
     R"({"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"one two three"}]})"},
    {wire::Dialect::gemini, R"({"contents":[{"role":"user","parts":[{"text":"one two three"}]}]})"},
    {wire::Dialect::ollama,
     R"({"model":"m","messages":[{"role":"user","content":"one two three"}]})"},
};

Script script_of(const Chat& chat, std::string_view fault) {
  const Ask ask{.dialect = chat.dialect,
                .body = chat.body,
                .path_model = chat.dialect == wire::Dialect::gemini ? "m" : "",
                .is_path_stream = chat.dialect == wire::Dialect::gemini};
  return make_script(ask, fault_of(fault), 1'700'000'000);
}

std::int64_t tokens_of(const Script& script) {
  std::int64_t tokens = 0;
  for (const Script::Piece& piece : script.pieces) tokens += piece.tokens;
  return tokens;
}

TEST(ChaosAnswer, EveryDialectRepeatsTheQuestionTokenByToken) {
  for (const Chat& chat : chats) {
    const Script script = script_of(chat, "ok");
    EXPECT_EQ(script.status, 200) << wire::name(chat.dialect);
    EXPECT_TRUE(script.is_stream);
    EXPECT_EQ(script.end, Script::End::whole);
    EXPECT_EQ(tokens_of(script), 4) << wire::name(chat.dialect);
  }
}

TEST(ChaosAnswer, ACutAndAStallLeaveTheRestOutInEveryDialect) {
  for (const Chat& chat : chats) {
    EXPECT_EQ(script_of(chat, "cut@token=2").end, Script::End::cut);
    EXPECT_EQ(tokens_of(script_of(chat, "cut@token=2")), 2);
    EXPECT_EQ(script_of(chat, "stall").end, Script::End::stall);
    EXPECT_EQ(tokens_of(script_of(chat, "stall")), 0);
    EXPECT_EQ(tokens_of(script_of(chat, "error_event=1")), 1);
  }
}

TEST(ChaosAnswer, ARefusalIsAnErrorOfTheDialectWithItsHeaders) {
  for (const Chat& chat : chats) {
    const Script script = script_of(chat, "status=429,retry_after=7");
    EXPECT_EQ(script.status, 429);
    EXPECT_NE(script.fields.find("retry-after: 7"), std::string::npos);
    json::Document document;
    ASSERT_TRUE(document.parse(script.pieces.front().bytes));
    EXPECT_TRUE(document.root().find("error").has_value());
    EXPECT_EQ(tokens_of(script), 0);
  }
}

TEST(ChaosAnswer, TheTerminatorIsMissingOrThereTwice) {
  const auto all = [](const Script& script) {
    std::string text;
    for (const Script::Piece& piece : script.pieces) text += piece.bytes;
    return text;
  };
  const std::string good = all(script_of(chats[0], "ok"));
  EXPECT_NE(good.find("[DONE]"), std::string::npos);
  EXPECT_EQ(all(script_of(chats[0], "no_terminator")).find("[DONE]"), std::string::npos);
  const std::string twice = all(script_of(chats[0], "double_terminator"));
  EXPECT_NE(twice.find("[DONE]"), twice.rfind("[DONE]"));
}

TEST(ChaosAnswer, WhatIsNoRequestIsRefused) {
  const Ask ask{.dialect = wire::Dialect::openai_chat, .body = "{"};
  EXPECT_EQ(make_script(ask, {}, 0).status, 400);
}

}  // namespace
}  // namespace weir::chaos
