// SPDX-License-Identifier: Apache-2.0
//
// What the attempt loop does for clients it does for a program that links the library.

#include "api/test_support.hpp"

namespace weir::api {
namespace {

using namespace std::chrono_literals;

Gateway open_text(const std::string& config) {
  auto gateway = Gateway::from_text(config);
  if (!gateway) ADD_FAILURE() << gateway.error().message;
  return *std::move(gateway);
}

/// Long enough for the mock to break off in the middle of it.
std::string many_words() {
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word" + std::to_string(i) + " ";
  return words;
}

struct Streamed {
  std::string text;
  Result<ChatResponse> answer;
};

Streamed stream(Gateway& gateway, std::string model, std::string text) {
  Streamed streamed;
  streamed.answer = gateway.stream(ask(std::move(model), std::move(text)),
                                   [&](const StreamPiece& piece) { streamed.text += piece.text; });
  return streamed;
}

// With a real provider these would be of its one key, and rest all of its models.
TEST(LibraryAttempts, AModelOfTheMockThatRefusesTheKeyTakesNoOtherAlong) {
  for (const std::string first : {"mock/error-401", "mock/error-402"}) {
    Gateway gateway = open_text("models: {smart: {targets: [" + first + ", mock/hello]}}\n");
    for (int i = 0; i < 2; ++i) {
      const auto answer = gateway.chat(ask("smart", "hi"));
      ASSERT_TRUE(answer) << first << ": " << answer.error().message;
      EXPECT_EQ(answer->metadata.at("target"), "mock/hello");
    }
  }
}

// F-7
TEST(LibraryAttempts, ASilentTargetIsHedgedWholeAndStreamed) {
  Gateway gateway =
      open_text("models: {smart: {targets: [mock/slow-60000, mock/hello], hedge: 30ms}}\n");
  const auto whole = gateway.chat(ask("smart", "hi"));
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->text, "This is the mock provider. You said: hi");
  EXPECT_EQ(whole->metadata.at("target"), "mock/hello");
  EXPECT_EQ(whole->attempts, 2);
  EXPECT_EQ(whole->tried, (std::vector<std::string>{"mock/slow-60000", "mock/hello"}));
}

TEST(LibraryAttempts, AStreamThatStaysSilentIsHedged) {
  Gateway gateway =
      open_text("models: {smart: {targets: [mock/slow-60000, mock/hello], hedge: 30ms}}\n");
  const auto streamed = stream(gateway, "smart", "hi");
  ASSERT_TRUE(streamed.answer) << streamed.answer.error().message;
  EXPECT_EQ(streamed.text, "This is the mock provider. You said: hi");
  EXPECT_EQ(streamed.answer->text, streamed.text);
  EXPECT_EQ(streamed.answer->model, "hello");
}

GatewayOptions with_hedge(std::string hedge) {
  RouteOptions route;
  route.name = "smart";
  route.targets = {"mock/slow-200", "mock/hello"};
  route.more = {{"hedge", std::move(hedge)}};
  GatewayOptions options;
  options.routes.push_back(std::move(route));
  return options;
}

TEST(LibraryAttempts, ARouteSaysWhenItIsHedged) {
  Gateway off = open_gateway(with_hedge("\"off\""));
  const auto alone = off.chat(ask("smart", "hi"));
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(alone->attempts, 1);

  Gateway on = open_gateway(with_hedge("\"20ms\""));
  const auto hedged = on.chat(ask("smart", "hi"));
  ASSERT_TRUE(hedged) << hedged.error().message;
  EXPECT_EQ(hedged->attempts, 2);

  const auto refused = Gateway::from_options(with_hedge("soon"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "models.smart.more.hedge");
}

// S-9.11, S-9.12: the answer is whole, nothing of it comes twice, and it is told by whom.
TEST(LibraryAttempts, ABrokenStreamIsGoneOnWith) {
  for (const std::string first : {"mock/cut-after-12", "mock/stall-after-12"}) {
    Gateway gateway = open_text(
        "timeouts: {stream_idle: 100ms, content_idle: 100ms}\n"
        "models: {smart: {targets: [" +
        first + ", mock/hello]}}\n");
    const auto streamed = stream(gateway, "smart", many_words());
    ASSERT_TRUE(streamed.answer) << first << ": " << streamed.answer.error().message;
    EXPECT_EQ(streamed.text, "This is the mock provider. You said: " + many_words());
    EXPECT_EQ(streamed.answer->text, streamed.text);
    EXPECT_EQ(streamed.answer->attempts, 2);
    EXPECT_EQ(streamed.answer->provider, "mock");
    EXPECT_EQ(streamed.answer->model, first.substr(5)) << "S-9.12: the first attempt's";
  }
}

TEST(LibraryAttempts, AnotherAnswerIsNotJoinedToAStream) {
  Gateway gateway = open_text("models: {smart: {targets: [mock/cut-after-12, mock/echo]}}\n");
  const auto streamed = stream(gateway, "smart", many_words());
  ASSERT_FALSE(streamed.answer);
  EXPECT_EQ(streamed.answer.error().kind(), ErrorKind::upstream_unavailable);
  EXPECT_TRUE(streamed.text.starts_with("This is the mock provider."));
  EXPECT_EQ(streamed.text.find("word39"), std::string::npos);
}

TEST(LibraryAttempts, NoStreamIsGoneOnWithWhereThatIsOff) {
  Gateway gateway = open_text(
      "stream: {recovery: off}\n"
      "models: {smart: {targets: [mock/cut-after-12, mock/hello]}}\n");
  const auto streamed = stream(gateway, "smart", many_words());
  ASSERT_FALSE(streamed.answer);
  EXPECT_EQ(gateway.failover().answered, 0U);
}

// S-9.13
TEST(LibraryAttempts, WhatIsHeldBackIsNeverSeenWhenItBreaks) {
  Gateway gateway = open_text(
      "stream: {hold_back: {tokens: 500, max: 10s}}\n"
      "models: {smart: {targets: [mock/cut-after-3, mock/echo]}}\n");
  const auto streamed = stream(gateway, "smart", "only this");
  ASSERT_TRUE(streamed.answer) << streamed.answer.error().message;
  EXPECT_EQ(streamed.text, "only this");
  EXPECT_EQ(streamed.answer->text, "only this");
  EXPECT_EQ(streamed.answer->attempts, 2);
}

}  // namespace
}  // namespace weir::api
