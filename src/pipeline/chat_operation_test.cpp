// SPDX-License-Identifier: Apache-2.0
#include "pipeline/chat_operation.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "pipeline/codecs.hpp"
#include "tokens/counter.hpp"

namespace weir::pipeline {
namespace {

/// An OpenAI client's chat, and a target that takes unfinished turns.
class ChatOperationTest : public testing::Test {
 protected:
  ChatOperationTest() {
    auto upstream = std::make_shared<Upstream>();
    upstream->type = "custom";
    target.upstream = std::move(upstream);
    target.model = "m";
    target.traits.takes_prefill = true;
  }

  ChatOperation operation_of(std::string_view text) {
    EXPECT_TRUE(document_.parse(text));
    ChatAsk ask;
    ask.root = document_.root();
    auto peek = codec_of(ask.client).peek_request(ask.root);
    EXPECT_TRUE(peek);
    if (peek) ask.peek = *std::move(peek);
    return ChatOperation(std::move(ask));
  }

  /// What `operation` asks of the target after `answer`; 0: for no limit.
  std::int64_t limit_after(ChatOperation& operation, std::string answer,
                           std::string thoughts = {}) {
    const auto outgoing = operation.prepare_prefilled(
        target, {.text = std::move(answer), .others = std::move(thoughts)});
    if (!outgoing) return -1;
    return limit_of(outgoing->body).value_or(0);
  }

  Target target;

 private:
  static std::optional<std::int64_t> limit_of(std::string_view body) {
    json::Document document;
    if (!document.parse(body)) return -1;
    const auto request = codec_of(wire::Dialect::openai_chat).decode_request(document.root());
    return request ? request->output_tokens_max : -1;
  }

  json::Document document_;
};

constexpr std::string_view limited =
    R"({"model":"m","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"hi"}]})";
constexpr std::string_view unlimited =
    R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]})";

/// Of so many tokens, by any counter.
std::string words(int count) {
  std::string text = "one";
  for (int i = 1; i < count; ++i) text += " one";
  return text;
}

// S-9.11: both answers together are within what the client allowed.
TEST_F(ChatOperationTest, S911APrefilledAnswerGetsWhatTheFirstHasLeft) {
  ChatOperation operation = operation_of(limited);
  const auto& counter = tokens::counter_for("custom", "m");
  const std::int64_t said = counter.estimate(words(20));
  ASSERT_GT(said, 10);
  EXPECT_EQ(limit_after(operation, words(20)), 50 - said);
  EXPECT_EQ(limit_after(operation, "one"), 49);
}

// A limit is for the thoughts, too: what they took is gone.
TEST_F(ChatOperationTest, S911APrefilledAnswerGetsNothingForWhatWasThoughtBefore) {
  ChatOperation operation = operation_of(limited);
  const auto& counter = tokens::counter_for("custom", "m");
  const std::int64_t thought = counter.estimate(words(30));
  ASSERT_GT(thought, 15);
  EXPECT_EQ(limit_after(operation, "one", words(30)), 49 - thought);
  EXPECT_EQ(limit_after(operation, "one", words(500)), 1);
}

TEST_F(ChatOperationTest, S911APrefilledAnswerIsAlwaysAskedForSomething) {
  ChatOperation operation = operation_of(limited);
  EXPECT_EQ(limit_after(operation, words(500)), 1);
}

TEST_F(ChatOperationTest, S911APrefilledAnswerHasNoLimitWhereTheClientNamedNone) {
  ChatOperation operation = operation_of(unlimited);
  EXPECT_EQ(limit_after(operation, words(20)), 0);
  operation.limit_output(70);
  EXPECT_EQ(limit_after(operation, words(20)), 70) << "what was set aside for the attempt";
}

}  // namespace
}  // namespace weir::pipeline
