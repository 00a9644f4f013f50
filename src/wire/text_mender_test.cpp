// SPDX-License-Identifier: Apache-2.0
#include "wire/text_mender.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "json/document.hpp"

namespace weir::wire {
namespace {

/// The texts of `parts`, each the inside of a JSON string in an event of its own.
std::vector<std::string> through(TextMender& mender, const std::vector<std::string>& parts) {
  std::vector<std::string> texts;
  for (const std::string& part : parts) {
    const std::string event = R"({"type":"x","delta":{"text":")" + part + R"("}})";
    json::Document document;
    const std::string mended(mender.event(event));
    EXPECT_TRUE(document.parse(mended)) << mended;
    if (!document.parse(mended)) return texts;
    texts.push_back(document.root().find("delta")->find("text")->as_string());
  }
  return texts;
}

using Texts = std::vector<std::string>;

// S-9.7: whatever way a character of four bytes is cut, it comes whole, with the part that ends it.
TEST(TextMender, JoinsACharacterThatWasCutAnywhere) {
  const std::string face = "\xF0\x9F\x98\x80";
  for (std::size_t cut = 1; cut < face.size(); ++cut) {
    TextMender mender;
    EXPECT_EQ(through(mender, {"a" + face.substr(0, cut), face.substr(cut) + "b"}),
              (Texts{"a", face + "b"}));
  }
  TextMender mender;
  EXPECT_EQ(through(mender, {"\xF0", "\x9F", "", "\x98", "\x80", "b"}),
            (Texts{"", "", "", "", face, "b"}));
  EXPECT_EQ(through(mender, {R"(a\ud83d)", "", R"(\uDE00b)"}), (Texts{"a", "", face + "b"}));
}

// S-9.7
TEST(TextMender, ReplacesWhatCannotBeMadeWhole) {
  const std::string mark = "\xEF\xBF\xBD";
  TextMender mender;
  EXPECT_EQ(through(mender, {"a\xFF\xFE z", "\x80", "\xC3(", "\xED\xA0\x80"}),
            (Texts{"a" + mark + mark + " z", mark, mark + "(", mark + mark + mark}));
  EXPECT_EQ(through(mender, {"a\xE2\x82", "b"}), (Texts{"a", mark + "b"}));
  EXPECT_EQ(through(mender, {R"(\ude00a\ud83db)", R"(\ud83d\ud83d\ude00)"}),
            (Texts{mark + "a" + mark + "b", mark + "\xF0\x9F\x98\x80"}));
  EXPECT_EQ(through(mender, {R"(a\ud83d)", R"(\n)"}), (Texts{"a", mark + "\n"}));
}

// What goes on must be the same text: not a name, nor another member of an event in between.
TEST(TextMender, HoldsAHalfUntilItsOwnStringGoesOn) {
  TextMender mender;
  EXPECT_EQ(mender.event("{\"text\":\"\xE2\x82\"}"), R"({"text":""})");
  EXPECT_EQ(mender.event(R"({"ping":"x","text" : 7})"), R"({"ping":"x","text" : 7})");
  EXPECT_EQ(mender.event("{\"id\":\"\xAC\"}"), "{\"id\":\"\xEF\xBF\xBD\"}");
  EXPECT_EQ(mender.event("{\"text\":\"\xAC\"}"), "{\"text\":\"\xE2\x82\xAC\"}");
  EXPECT_EQ(mender.event("{\"\xE2\x82\":\"\"}"), "{\"\xEF\xBF\xBD\":\"\"}") << "a name is not held";
}

TEST(TextMender, LeavesAloneWhatIsSound) {
  for (const std::string_view text :
       {R"({"text":"plain \u00e4 \"quoted\" \\"})", "{\"text\":\"\xC3\xA4\xF0\x9F\x98\x80\"}",
        "[DONE]", "", R"({"text":"\u12)", R"({"a)"}) {
    TextMender mender;
    EXPECT_EQ(mender.event(text).data(), text.data()) << text;
    EXPECT_EQ(mender.whole(text).data(), text.data()) << text;
  }
  // Only looks like half a pair.
  TextMender mender;
  const std::string_view pair = R"({"text":"\ud83d\ude00","b":"\\ud83d","c":"\\\"\\"})";
  EXPECT_EQ(mender.event(pair), pair);
  // No JSON, and none afterwards.
  EXPECT_EQ(mender.event("{\"a\xFF"), "{\"a\xEF\xBF\xBD");
  EXPECT_EQ(mender.event("\xFF"), "\xFF");
  EXPECT_EQ(mender.event("{\"a\xFF\\"), "{\"a\xEF\xBF\xBD\\");
}

TEST(TextMender, HoldsNothingOfAWholeAnswer) {
  TextMender mender;
  EXPECT_EQ(mender.whole("{\"text\":\"a\xE2\x82\"}"), "{\"text\":\"a\xEF\xBF\xBD\"}");
  EXPECT_EQ(mender.whole(R"({"text":"a\ud83d"})"), "{\"text\":\"a\xEF\xBF\xBD\"}");
  EXPECT_EQ(mender.event("{\"text\":\"\xAC\"}"), "{\"text\":\"\xEF\xBF\xBD\"}");
}

// Whoever knows that the text has ended says so.
TEST(TextMender, PutsAMarkWhereAHalfIsGivenUp) {
  TextMender newest;
  EXPECT_EQ(newest.event("{\"a\":1,\"text\":\"caf\xC3\",\"b\":2}"),
            R"({"a":1,"text":"caf","b":2})");
  ASSERT_TRUE(newest.is_holding() && newest.is_of_newest());
  EXPECT_EQ(newest.marked(), "{\"a\":1,\"text\":\"caf\xEF\xBF\xBD\",\"b\":2}");
  ASSERT_TRUE(newest.is_holding()) << "which gives up nothing";
  EXPECT_EQ(newest.give_up(TextMender::Rest::waits),
            "{\"a\":1,\"text\":\"caf\xEF\xBF\xBD\",\"b\":2}");
  EXPECT_FALSE(newest.is_holding());

  TextMender older;
  older.event("{\"a\":1,\"text\":\"x\xF0\",\"b\":2}");
  older.event("{\"a\":3,\"text\":\"\x9F\",\"b\":4}");
  older.event(R"({"end":true})");
  ASSERT_TRUE(older.is_holding());
  EXPECT_FALSE(older.is_of_newest());
  EXPECT_EQ(older.give_up(TextMender::Rest::is_out), "{\"a\":3,\"text\":\"\xEF\xBF\xBD\",\"b\":4}");

  TextMender pair;
  pair.event(R"({"text":"c\ud83d"})");
  pair.event("[DONE]");
  ASSERT_TRUE(pair.is_holding());
  EXPECT_EQ(pair.give_up(TextMender::Rest::is_out), "{\"text\":\"\xEF\xBF\xBD\"}")
      << "what went out before comes not again";
}

TEST(TextMender, TellsWhetherAnEventWentOnWithTheHalf) {
  TextMender mender;
  mender.event("{\"text\":\"caf\xC3\"}");
  EXPECT_FALSE(mender.has_gone_on());
  mender.event(R"({"ping":"x"})");
  EXPECT_FALSE(mender.has_gone_on());
  mender.event(R"({"text":""})");
  EXPECT_FALSE(mender.has_gone_on()) << "an empty piece says nothing";
  EXPECT_EQ(mender.event("{\"text\":\"\xA9\"}"), "{\"text\":\"\xC3\xA9\"}");
  EXPECT_TRUE(mender.has_gone_on());
  mender.event(R"({"text":"!"})");
  EXPECT_FALSE(mender.has_gone_on());
}

// The texts of a list have the same name; the end of one is not the beginning of the next.
TEST(TextMender, DoesNotJoinTwoTextsOfOneEvent) {
  TextMender mender;
  EXPECT_EQ(mender.event("[{\"text\":\"a\xC3\"},{\"text\":\"\xA9z\"}]"),
            "[{\"text\":\"a\"},{\"text\":\"\xEF\xBF\xBDz\"}]");
  EXPECT_EQ(mender.give_up(TextMender::Rest::waits),
            "[{\"text\":\"a\xEF\xBF\xBD\"},{\"text\":\"\xEF\xBF\xBDz\"}]");

  TextMender both;
  EXPECT_EQ(both.event("[{\"text\":\"a\xC3\"},{\"text\":\"b\xC3\"}]"),
            "[{\"text\":\"a\xEF\xBF\xBD\"},{\"text\":\"b\"}]")
      << "one can wait";
  EXPECT_EQ(both.give_up(TextMender::Rest::waits),
            "[{\"text\":\"a\xEF\xBF\xBD\"},{\"text\":\"b\xEF\xBF\xBD\"}]");
}

}  // namespace
}  // namespace weir::wire
