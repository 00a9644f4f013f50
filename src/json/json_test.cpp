// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "json/canonical.hpp"
#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"

namespace weir::json {
namespace {

bool parses(std::string_view text) { return Document().parse(text).has_value(); }

// Each of these passes some lenient reader; a gateway that lets one through reads another request
// than its upstream does.
TEST(Document, RefusesWhatRfc8259Refuses) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[",
                           "]",
                           "tru",
                           "nul",
                           "truex",
                           "[1 2]",
                           "[1,,2]",
                           "[1,]",
                           "{\"a\" 1}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{\"a\":tru}",
                           "{\"a\":[1 2,,]}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "--1",
                           "1 2",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"a\nb\"",
                           "\"\x80\"",
                           "'a'",
                           "NaN",
                           "Infinity",
                           "1e999",
                           "[1]]",
                           "{\"a\":1}{",
                           "// c\n1",
                           "\"a\"b",
                           "\"a\"\"b\"",
                           "[\"a\" \"b\"]",
                           "\xEF\xBB\xBF{}"}) {
    EXPECT_FALSE(parses(text)) << text;
  }
}

TEST(Document, TakesWhatRfc8259Takes) {
  for (const char* text : {"0", "-0", "1e5", "1E-5", "-1.5e+3", "\"\"", "[]", "{}", " [ ] ", "null",
                           "true", "false", "\"\\ud83d\\ude00\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                           "{\"a\":{\"b\":[1,2,{}]}}", "1e-999", "\"\\\\\"", "\"\xC3\xA4\""}) {
    EXPECT_TRUE(parses(text)) << text;
  }
}

TEST(Document, RefusesDepthOneBeyondTheLimit) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(parses(nested(64)));
  EXPECT_FALSE(parses(nested(65)));
  EXPECT_FALSE(parses(std::string(100000, '[')));
}

TEST(Document, LimitsTheLengthOfNumbers) {
  EXPECT_TRUE(parses(std::string(64, '1')));
  EXPECT_FALSE(parses(std::string(65, '1')));
}

TEST(Value, KeepsTheExactBytes) {
  const std::string text = R"( { "a" : [ 1.0 , 2e0 ] , "b\u0041" : "x\u00e4" } )";
  Document document;
  ASSERT_TRUE(document.parse(text));
  const auto array = document.root().find("a");
  ASSERT_TRUE(array);
  EXPECT_EQ(array->raw(), "[ 1.0 , 2e0 ]");
  EXPECT_EQ(array->size(), 2U);
  for (const Value element : array->elements()) EXPECT_TRUE(element.as_int());
  const auto escaped = document.root().find("bA");
  ASSERT_TRUE(escaped);
  EXPECT_EQ(escaped->as_string(), "x\xC3\xA4");
  EXPECT_EQ(text.substr(escaped->offset(), 9), R"("x\u00e4")");
}

TEST(Value, ReadsWholeNumbersOnlyWhereTheyAreExact) {
  Document document;
  ASSERT_TRUE(
      document.parse(R"([1, 1.0, 1e2, 1.5, 9223372036854775807, 9223372036854775808, 1e300])"));
  std::vector<std::optional<std::int64_t>> numbers;
  for (const Value element : document.root().elements()) numbers.push_back(element.as_int());
  EXPECT_EQ(numbers,
            (std::vector<std::optional<std::int64_t>>{1, 1, 100, std::nullopt, 9223372036854775807,
                                                      std::nullopt, std::nullopt}));
}

TEST(Path, IsFoundFromWhereAValueStarts) {
  const std::string_view text = R"({"a":[{"b":1},{"b":[2,{"c\"d":"x"}]}],"e":{}})";
  Document document;
  ASSERT_TRUE(document.parse(text));
  const auto path_of = [&](std::string_view value) {
    return path_at(document.root(), text.find(value));
  };
  EXPECT_EQ(path_of("\"x\""), "a[1].b[1].c\"d");
  EXPECT_EQ(path_of("2,"), "a[1].b[0]");
  EXPECT_EQ(path_of("{\"b\":1}"), "a[0]");
  EXPECT_EQ(path_of("{}"), "e");
  EXPECT_EQ(path_at(document.root(), 0), "");
  EXPECT_EQ(path_of("\"b\":[2"), "") << "a name is no value";
  EXPECT_EQ(path_at(document.root(), text.size()), "");
}

TEST(ObjectReader, NamesThePathOfAWrongType) {
  Document document;
  ASSERT_TRUE(document.parse(R"({"messages":[{"content":1}]})"));
  Problem problem;
  const Path root;
  ObjectReader reader(document.root(), root, problem);
  const auto messages = reader.array("messages");
  ASSERT_TRUE(messages);
  const Path list = reader.path("messages");
  const Path element{&list, {}, 0};
  ObjectReader message(*messages->elements().begin(), element, problem);
  EXPECT_FALSE(message.string("content"));
  ASSERT_TRUE(problem.is_set());
  EXPECT_EQ(problem.error().param, "messages[0].content");
}

TEST(ObjectReader, RefusesAMemberThatStandsTwiceOnlyIfItIsRead) {
  Document document;
  ASSERT_TRUE(document.parse(R"({"model":"a","\u006dodel":"b","x":1,"x":2})"));
  Problem problem;
  const Path root;
  ObjectReader reader(document.root(), root, problem);
  EXPECT_FALSE(reader.string("absent"));
  EXPECT_FALSE(problem.is_set());
  EXPECT_FALSE(reader.string("model"));
  EXPECT_TRUE(problem.is_set());
}

TEST(ObjectReader, KeepsWhatNobodyAskedFor) {
  Document document;
  ASSERT_TRUE(document.parse(R"({"a":1,"b":2,"c":3})"));
  Problem problem;
  const Path root;
  ObjectReader reader(document.root(), root, problem);
  EXPECT_EQ(reader.integer("b"), 2);
  std::string unread;
  reader.for_each_unread([&](const std::string& key, Value value) {
    unread += key + "=" + std::string(value.raw()) + ";";
  });
  EXPECT_EQ(unread, "a=1;c=3;");
}

TEST(Writer, EscapesAndMendsStrings) {
  std::string out;
  append_string(out,
                "a\"\\\n\x01\xC3\xA4\xFF"
                "b\xE2\x82");
  EXPECT_EQ(out,
            "\"a\\\"\\\\\\n\\u0001\xC3\xA4\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_TRUE(parses(out));
}

TEST(Writer, EscapesAtEveryPlaceOfALongString) {
  for (std::size_t at = 0; at < 24; ++at) {
    for (const auto& [byte, written] : {std::pair<char, std::string>{'"', "\\\""},
                                        {'\\', "\\\\"},
                                        {'\n', "\\n"},
                                        {'\x1f', "\\u001f"},
                                        {'\x80', "\xEF\xBF\xBD"},
                                        {'\x7f', "\x7f"},
                                        {'!', "!"}}) {
      std::string text(24, 'x');
      text[at] = byte;
      std::string out;
      append_string(out, text);
      EXPECT_EQ(out, '"' + std::string(at, 'x') + written + std::string(23 - at, 'x') + '"');
    }
  }
}

TEST(Writer, SetsCommasByItself) {
  std::string out;
  Writer json(out);
  json.begin_object().member("a", 1).key("b").begin_array().integer(1).string("x").end_array();
  json.member("c", true).member("d", "e").key("f").begin_object().end_object().end_object();
  EXPECT_EQ(out, R"({"a":1,"b":[1,"x"],"c":true,"d":"e","f":{}})");
}

TEST(Writer, CompactsWithoutTouchingStringsOrNumbers) {
  std::string out;
  append_compact(out, "{ \"a b\" : [ 1.0 , \"c \\\" d\" ] }");
  EXPECT_EQ(out, "{\"a b\":[1.0,\"c \\\" d\"]}");
}

// M-1: a client that says the same again may not say it in the same bytes.
TEST(Canonical, IsTheSameHoweverAValueWasWritten) {
  const auto canonical = [](std::string_view text) {
    Document document;
    EXPECT_TRUE(document.parse(text));
    std::string out;
    append_canonical(out, document.root());
    return out;
  };
  EXPECT_EQ(canonical(R"({ "b" : [1, 2.50,true ,null], "a" : {"d":"\u0041\/","c":{}} })"),
            R"({"a":{"c":{},"d":"A/"},"b":[1,2.50,true,null]})");
  EXPECT_EQ(canonical(R"({"a":1,"b":2})"), canonical(R"({"b":2,"\u0061":1})"));
  EXPECT_NE(canonical(R"([1,2])"), canonical(R"([2,1])"));
  EXPECT_NE(canonical(R"({"a":"1"})"), canonical(R"({"a":1})"));
  // Of two members of one name one reader takes the first, another the last.
  EXPECT_NE(canonical(R"({"a":1,"a":2})"), canonical(R"({"a":2,"a":1})"));
}

TEST(Writer, WritesNamesOfEachKindAlike) {
  const std::string known = "b";
  std::string out;
  Writer json(out);
  json.begin_object()
      .member("a", 1)
      .member(known, std::string(70, 'x'))
      .key(std::string_view("\""));
  json.begin_object()
      .members(R"({"c" : [1], "d":{}})")
      .members("{ }")
      .member("e", "f")
      .end_object();
  json.end_object();
  EXPECT_EQ(out,
            R"({"a":1,"b":")" + std::string(70, 'x') + R"(","\"":{"c" : [1], "d":{},"e":"f"}})");
}

TEST(Writer, EscapesWhereverItStandsInShortAndLongStrings) {
  for (std::size_t size = 1; size <= 140; ++size) {
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
      std::string text(size, 'a');
      text[at] = '\n';
      std::string wanted = "\"" + text + "\"";
      wanted.replace(at + 1, 1, "\\n");
      std::string out;
      append_string(out, text);
      ASSERT_EQ(out, wanted) << size << " " << at;
      text[at] = 'a';
      out.clear();
      append_string(out, text);
      ASSERT_EQ(out, "\"" + text + "\"");
    }
  }
}

TEST(AppendCompact, LeavesOutSpaceBetweenTokensAlone) {
  std::string out = "kept:";
  append_compact(out, " { \"a \\\" b\" : [ 1 ,\t2 ] ,\r\n\"c\" : \"\\\\\" , \"d\":\" e \" } ");
  EXPECT_EQ(out, R"(kept:{"a \" b":[1,2],"c":"\\","d":" e "})");
}

}  // namespace
}  // namespace weir::json
