// SPDX-License-Identifier: Apache-2.0
#include "wire/anthropic/prompt_cache.hpp"

#include <gtest/gtest.h>

namespace weir::wire::anthropic {
namespace {

constexpr std::string_view mark = R"("cache_control":{"type":"ephemeral"})";

std::string marked(const std::string& text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text)) << text;
  std::string out;
  append_with_cache_marks(document.root(), out);
  json::Document again;
  EXPECT_TRUE(again.parse(out)) << out;
  return out;
}

std::size_t marks_in(std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) ++count;
  return count;
}

const std::string long_text(5'000, 'x');
const std::string question = R"({"role":"user","content":"q"})";

TEST(PromptCache, MarksALongSystemPromptOfEitherForm) {
  EXPECT_EQ(marked(R"({"system":")" + long_text + R"(","messages":[]})"),
            R"({"system":[{"type":"text","text":")" + long_text + R"(",)" + std::string(mark) +
                R"(}],"messages":[]})");
  const std::string blocks = R"({"system":[{"type":"text","text":"a"},{"type":"text","text":")" +
                             long_text + R"("}],"messages":[]})";
  EXPECT_EQ(marks_in(marked(blocks)), 1U);
  EXPECT_NE(marked(blocks).find("{" + std::string(mark) + R"(,"type":"text","text":"x)"),
            std::string::npos);
}

TEST(PromptCache, MarksTheLastToolWhereThereIsNoSystemPrompt) {
  const std::string text =
      R"({"tools":[{"name":"a"},{"name":"b","description":")" + long_text + R"("}],"messages":[]})";
  EXPECT_NE(marked(text).find("{" + std::string(mark) + R"(,"name":"b")"), std::string::npos);
}

TEST(PromptCache, MarksAConversationFromItsSecondTurnOn) {
  const std::string answer = R"({"role":"assistant","content":")" + long_text + R"("})";
  EXPECT_EQ(marks_in(marked(R"({"messages":[{"role":"user","content":")" + long_text + R"("}]})")),
            0U);
  const std::string second =
      marked(R"({"messages":[)" + question + "," + answer + "," + question + "]}");
  EXPECT_TRUE(second.ends_with(R"({"role":"user","content":[{"type":"text","text":"q",)" +
                               std::string(mark) + "}]}]}"))
      << second;
}

TEST(PromptCache, LeavesAloneWhatIsShortOrWasMarkedByItsAuthor) {
  for (
      const std::string& text :
      {std::string(R"({"system":"short","messages":[)") + question + "]}",
       R"({"system":[{"type":"text","text":")" + long_text +
           R"("}],"messages":[{"role":"user","content":[{"type":"text","text":"q","cache_control":null}]}]})",
       R"({"system":[{"type":"text","text":"a)" + long_text +
           R"("},{"type":"text","text":""}],"messages":[]})"}) {
    EXPECT_EQ(marked(text), text);
  }
}

TEST(PromptCache, NeverMarksThoughts) {
  const std::string text = R"({"messages":[)" + question + "," + question +
                           R"(,{"role":"assistant","content":[{"type":"thinking","thinking":")" +
                           long_text + R"(","signature":"s"}]}]})";
  EXPECT_EQ(marked(text), text);
}

}  // namespace
}  // namespace weir::wire::anthropic
