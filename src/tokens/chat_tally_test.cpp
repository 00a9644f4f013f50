// SPDX-License-Identifier: Apache-2.0
#include "tokens/chat_tally.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace weir::tokens {
namespace {

// Three a message, one for a name, three for the answer's begin: OpenAI's published figures.
TEST(ChatTally, MessagesCostWhatOpenAiPublishes) {
  ChatTally tally("openai", "gpt-4o");
  tally.message("system", "example_user");
  tally.text("Hello world");
  tally.message("user");
  tally.text("Hello world");
  const std::int64_t texts = 2 + 2;  // "Hello", " world"
  const std::int64_t roles = 1 + 1;  // system, user
  const std::int64_t name = 1 + counter_for("openai", "gpt-4o").count("example_user");
  EXPECT_EQ(tally.total().tokens, 2 * 3 + texts + roles + name + 3);
  EXPECT_EQ(tally.total().method, Method::exact);
}

TEST(ChatTally, ToolsAndImagesMakeItAnEstimate) {
  ChatTally with_tool("openai", "gpt-4o");
  with_tool.tool("f", "does it", "{}");
  EXPECT_EQ(with_tool.total().method, Method::estimated);
  ChatTally with_image("openai", "gpt-4o");
  with_image.image({});
  EXPECT_EQ(with_image.total().tokens, 3 + 765);
  EXPECT_EQ(with_image.total().method, Method::estimated);
  ChatTally unmeasured("anthropic", "claude-opus-4-5");
  unmeasured.image({});
  EXPECT_EQ(unmeasured.total().method, Method::unmeasured);
}

// The examples of OpenAI's page on images.
TEST(ImageTokens, OpenAiCutsIntoTiles) {
  EXPECT_EQ(image_tokens("openai", "gpt-4o", {1024, 1024}), 765);
  EXPECT_EQ(image_tokens("openai", "gpt-4o", {2048, 4096}), 1105);
  EXPECT_EQ(image_tokens("openai", "gpt-4o", {4096, 8192, true}), 85);
  EXPECT_EQ(image_tokens("openai", "gpt-4o", {512, 512}), 255);
  EXPECT_EQ(image_tokens("openai", "gpt-4o", {513, 512}), 425);
}

TEST(ImageTokens, SmallModelsOfOpenAiCutIntoPatches) {
  EXPECT_EQ(image_tokens("openai", "gpt-4.1-mini", {1024, 1024}), 1024 * 162 / 100);
  EXPECT_EQ(image_tokens("openai", "gpt-4.1-mini", {4096, 4096}), 1536 * 162 / 100);
}

TEST(ImageTokens, OthersHaveTheirOwnRules) {
  EXPECT_EQ(image_tokens("anthropic", "claude-opus-4-5", {750, 1000}), 1000);
  EXPECT_EQ(image_tokens("anthropic", "claude-opus-4-5", {5000, 5000}), 1600);
  EXPECT_EQ(image_tokens("gemini", "gemini-2.5-pro", {384, 384}), 258);
  EXPECT_EQ(image_tokens("gemini", "gemini-2.5-pro", {769, 768}), 2 * 258);
}

TEST(ImageTokens, SizesOfNoSenseDoNoHarm) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  for (const char* model : {"gpt-4o", "gpt-5-mini", "claude-3", "gemini-2.5-pro"}) {
    EXPECT_GT(image_tokens("", model, {most, most}), 0) << model;
    EXPECT_GT(image_tokens("", model, {most, 1}), 0) << model;
    EXPECT_EQ(image_tokens("", model, {-5, 10}), image_tokens("", model, {})) << model;
  }
}

}  // namespace
}  // namespace weir::tokens
