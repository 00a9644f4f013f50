// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "guard/answer_filter.hpp"
#include "guard/json_screen.hpp"
#include "guard/text_filter.hpp"

namespace weir::guard {
namespace {

RuleSpec masking(std::string name) {
  RuleSpec spec;
  spec.name = std::move(name);
  spec.action = Action::mask;
  spec.with = "[x]";
  return spec;
}

RuleSpec masking_words(std::vector<std::string> words) {
  RuleSpec spec = masking("words");
  spec.words = std::move(words);
  return spec;
}

RuleSpec blocking_words(std::vector<std::string> words) {
  RuleSpec spec = masking_words(std::move(words));
  spec.action = Action::block;
  return spec;
}

RuleSpec masking_pattern(std::string pattern) {
  RuleSpec spec = masking("pattern");
  spec.pattern = std::move(pattern);
  return spec;
}

RuleSpec masking_cards() {
  RuleSpec spec = masking("cards");
  spec.personal.add(policy::PersonalKind::card);
  return spec;
}

std::shared_ptr<const Rules> compiled(std::vector<RuleSpec> specs) {
  auto rules = Rules::compile(std::move(specs));
  EXPECT_TRUE(rules) << rules.error().message;
  return *rules;
}

/// What passes of `text` fed in pieces of `size`; `stopped` where a rule stopped it.
std::string fed(const Rules& rules, std::string_view text, std::size_t size) {
  TextFilter filter(rules, Side::output);
  std::string out;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    if (!filter.feed(piece, out)) return "stopped after: " + out;
  }
  return filter.finish(out) ? out : "stopped after: " + out;
}

// A rule must not depend on where a model's tokens happen to end.
TEST(TextFilter, GivesTheSameHoweverTheTextIsCut) {
  const auto rules = compiled({masking_words({"secret", "blue whale", "geheim\u00fc"}),
                               masking_pattern("ACME-[0-9]{6}"), masking_cards()});
  const std::string text =
      "A Secret, secretly a SECRET: the blue whale of ACME-123456 and ACME-12345; "
      "card 4111 1111 1111 1111, no card 4111 1111 1111 1112. geheim\u00fc \U0001F40B secret";
  const std::string expected =
      "A [x], secretly a [x]: the [x] of [x] and ACME-12345; "
      "card [x], no card 4111 1111 1111 1112. [x] \U0001F40B [x]";
  EXPECT_EQ(fed(*rules, text, text.size()), expected);
  for (std::size_t size = 1; size < 40; ++size) EXPECT_EQ(fed(*rules, text, size), expected);
}

TEST(TextFilter, HoldsBackNoMoreThanTheRulesNeed) {
  const auto rules = compiled({masking_words({"secret"})});
  TextFilter filter(*rules, Side::output);
  std::string out;
  ASSERT_TRUE(filter.feed("a long enough beginning ", out));
  EXPECT_EQ(out, "a long enough beg");
  ASSERT_TRUE(filter.finish(out));
  EXPECT_EQ(out, "a long enough beginning ");
}

TEST(TextFilter, LetsNothingOfABlockedWordOut) {
  const auto rules = compiled({blocking_words({"forbidden word"})});
  for (std::size_t size = 1; size < 40; ++size) {
    const std::string passed = fed(*rules, "This is a Forbidden Word, really", size);
    EXPECT_TRUE(passed.starts_with("stopped after: ")) << passed;
    EXPECT_EQ(passed.find("orbidden"), std::string::npos) << passed;
  }
  EXPECT_EQ(fed(*rules, "unforbidden words", 3), "unforbidden words");
  EXPECT_EQ(fed(*rules, "a forbidden word", 3), "stopped after: a");
}

TEST(TextFilter, KeepsCharactersWhole) {
  const auto rules = compiled({masking_words({"secret"})});
  TextFilter filter(*rules, Side::output);
  const std::string whales = "\U0001F40B\U0001F40B\U0001F40B\U0001F40B\U0001F40B";
  std::string out;
  ASSERT_TRUE(filter.feed(whales, out));
  EXPECT_EQ(out.size() % 4, 0U);
  ASSERT_TRUE(filter.finish(out));
  EXPECT_EQ(out, whales);
}

TEST(TextFilter, CutsOrStopsWhatIsTooLongByCharacters) {
  RuleSpec cut = masking("length");
  cut.length_max = 5;
  RuleSpec stop = cut;
  stop.action = Action::block;
  const std::string text = "\u00fc\u00fc\u00fc\u00fc\u00fcxyz";
  for (std::size_t size = 2; size < 12; size += 2) {
    EXPECT_EQ(fed(*compiled({cut}), text, size), "\u00fc\u00fc\u00fc\u00fc\u00fc");
    EXPECT_TRUE(fed(*compiled({stop}), text, size).starts_with("stopped"));
  }
  EXPECT_EQ(fed(*compiled({stop}), text.substr(0, 10), 2), text.substr(0, 10));
}

TEST(Rules, RefusesWhatLooksForNothing) {
  EXPECT_FALSE(Rules::compile({masking("empty")}));
  EXPECT_FALSE(Rules::compile({masking_pattern("a*")}));
  EXPECT_FALSE(Rules::compile({masking_pattern("(")}));
  EXPECT_FALSE(Rules::compile({masking_words({""})}));
  EXPECT_FALSE(Rules::compile({masking_pattern("(a)\\1")}));  // would not be of linear time
}

TEST(Rules, AreForOneSideOrBoth) {
  RuleSpec input = masking_words({"a"});
  input.on = Side::input;
  EXPECT_TRUE(compiled({input})->has(Side::input));
  EXPECT_FALSE(compiled({input})->has(Side::output));
  EXPECT_EQ(fed(*compiled({input}), "a", 1), "a");
}

Screened screened(const std::string& text, const Rules& rules) {
  json::Document document;
  EXPECT_TRUE(document.parse(text)) << text;
  return screen_request(document.root(), rules);
}

TEST(JsonScreen, MasksTextOfEveryDialectAndNothingElse) {
  const auto rules = compiled({masking_words({"secret"})});
  const std::string text =
      R"({"model":"secret","messages":[{"role":"user","content":"my secret"},)"
      R"({"role":"user","content":[{"type":"text","text":"se\u0063ret \"q\""},)"
      R"({"type":"image_url","image_url":{"url":"data:secret"}},{"inlineData":{"data":"secret"}}]}],)"
      R"("contents":[{"parts":[{"text":"secret"},{"functionCall":{"name":"secret","args":{"q":"secret"}}}]}],)"
      R"("system":"Secret","n":1})";
  const Screened result = screened(text, *rules);
  ASSERT_TRUE(result.text);
  EXPECT_EQ(
      *result.text,
      R"({"model":"secret","messages":[{"role":"user","content":"my [x]"},)"
      R"({"role":"user","content":[{"type":"text","text":"[x] \"q\""},)"
      R"({"type":"image_url","image_url":{"url":"data:secret"}},{"inlineData":{"data":"secret"}}]}],)"
      R"("contents":[{"parts":[{"text":"[x]"},{"functionCall":{"name":"secret","args":{"q":"[x]"}}}]}],)"
      R"("system":"[x]","n":1})");
  EXPECT_FALSE(screened(R"({"messages":[{"content":"nothing"}]})", *rules).text);
}

TEST(JsonScreen, LooksInsideArgumentsThatAreWrittenAsText) {
  RuleSpec spec = masking_words({"secret"});
  spec.with = "\"quoted\"";
  const Screened result =
      screened(R"({"arguments":"{\"q\":\"a secret\",\"name\":\"secret\"}"})", *compiled({spec}));
  ASSERT_TRUE(result.text);
  json::Document document;
  ASSERT_TRUE(document.parse(*result.text));
  json::Document inner;
  const std::string arguments = document.root().find("arguments")->as_string();
  ASSERT_TRUE(inner.parse(arguments)) << arguments;
  EXPECT_TRUE(inner.root().find("q")->equals("a \"quoted\""));
  EXPECT_TRUE(inner.root().find("name")->equals("\"quoted\""));
}

TEST(JsonScreen, NamesTheRuleAndThePlaceOfWhatItStopped) {
  const auto rules = compiled({blocking_words({"bomb"})});
  json::Document document;
  ASSERT_TRUE(document.parse(R"({"messages":[{"content":"x"},{"content":"a bomb"}]})"));
  const auto held = hold_request_to(document.root(), rules.get());
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, ErrorCode::content_filtered);
  EXPECT_EQ(held.error().param, "messages[1].content");
  EXPECT_NE(held.error().message.find("'words'"), std::string::npos);
}

/// Writes events down.
class Script final : public wire::EventSink {
 public:
  void on_event(const wire::StreamEvent& event) override {
    using Type = wire::StreamEvent::Type;
    switch (event.type) {
      case Type::text:
        text.append(event.text);
        break;
      case Type::reasoning:
        reasoning.append(event.text);
        break;
      case Type::reasoning_signature:
        signatures.append(event.text);
        break;
      case Type::tool_call_delta:
        arguments.append(event.text);
        break;
      case Type::finish:
        finish = event.finish;
        break;
      default:
        break;
    }
    kinds.push_back(event.type);
  }
  std::string text, reasoning, signatures, arguments;
  wire::Finish finish = wire::Finish::none;
  std::vector<wire::StreamEvent::Type> kinds;
};

wire::StreamEvent event_of(wire::StreamEvent::Type type, std::string_view text = {}) {
  wire::StreamEvent event;
  event.type = type;
  event.text = text;
  if (type == wire::StreamEvent::Type::finish) event.finish = wire::Finish::stop;
  return event;
}

using Type = wire::StreamEvent::Type;

TEST(AnswerFilter, MasksAcrossTheEventsOfAStreamAndKeepsTheirOrder) {
  const auto rules = compiled({masking_words({"secret"})});
  AnswerFilter filter(*rules);
  Script script;
  for (const auto& [type, text] :
       std::vector<std::pair<Type, std::string_view>>{{Type::reasoning, "sec"},
                                                      {Type::reasoning, "ret thought"},
                                                      {Type::reasoning_signature, "seal"},
                                                      {Type::text, "a se"},
                                                      {Type::text, "cre"},
                                                      {Type::text, "t"},
                                                      {Type::tool_call_begin, ""},
                                                      {Type::tool_call_delta, R"({"q":"sec)"},
                                                      {Type::tool_call_delta, R"(ret"})"},
                                                      {Type::tool_call_end, ""},
                                                      {Type::finish, ""}}) {
    ASSERT_TRUE(filter.on_event(event_of(type, text), script));
  }
  EXPECT_EQ(script.text, "a [x]");
  EXPECT_EQ(script.reasoning, "[x] thought");
  EXPECT_EQ(script.signatures, "");  // it seals other words
  EXPECT_EQ(script.arguments, R"({"q":"[x]"})");
  EXPECT_EQ(script.finish, wire::Finish::stop);
  const auto at = [&](Type type) {
    return std::find(script.kinds.begin(), script.kinds.end(), type) - script.kinds.begin();
  };
  EXPECT_LT(at(Type::reasoning), at(Type::text));
  EXPECT_LT(at(Type::text), at(Type::tool_call_begin));
  EXPECT_LT(at(Type::tool_call_delta), at(Type::tool_call_end));
}

TEST(AnswerFilter, KeepsTheSealOfThoughtsThatStayedAsTheyWere) {
  const auto rules = compiled({masking_words({"secret"})});
  AnswerFilter filter(*rules);
  Script script;
  ASSERT_TRUE(filter.on_event(event_of(Type::reasoning, "harmless"), script));
  ASSERT_TRUE(filter.on_event(event_of(Type::reasoning_signature, "seal"), script));
  EXPECT_EQ(script.reasoning, "harmless");
  EXPECT_EQ(script.signatures, "seal");
}

TEST(AnswerFilter, StopsAStreamForGood) {
  const auto rules = compiled({blocking_words({"bomb"})});
  AnswerFilter filter(*rules);
  Script script;
  ASSERT_TRUE(filter.on_event(event_of(Type::text, "about a bo"), script));
  EXPECT_FALSE(filter.on_event(event_of(Type::text, "mb, you know"), script));
  EXPECT_FALSE(filter.on_event(event_of(Type::text, "and so on"), script));
  EXPECT_EQ(name_of(*filter.stopped_by()), "words");
  EXPECT_EQ(script.text, "about");
}

TEST(AnswerFilter, SaysThatACutAnswerWasTooLong) {
  RuleSpec spec = masking("length");
  spec.length_max = 4;
  const auto rules = compiled({spec});
  AnswerFilter filter(*rules);
  Script script;
  ASSERT_TRUE(filter.on_event(event_of(Type::text, "12345678"), script));
  ASSERT_TRUE(filter.on_event(event_of(Type::finish), script));
  EXPECT_EQ(script.text, "1234");
  EXPECT_EQ(script.finish, wire::Finish::length);
}

TEST(AnswerFilter, LooksAtEveryItemOfAWholeAnswer) {
  const auto rules = compiled({masking_words({"secret"})});
  wire::ChatResponse response;
  wire::Choice& choice = response.choices.emplace_back();
  wire::Message message;
  message.parts.push_back(wire::Part::text_of("the secret"));
  choice.output.emplace_back(message);
  wire::ToolCall call;
  call.arguments = R"({"q":"secret"})";
  choice.output.emplace_back(call);
  wire::Reasoning reasoning;
  reasoning.text = "secret";
  reasoning.signature = "seal";
  choice.output.emplace_back(reasoning);
  ASSERT_TRUE(AnswerFilter(*rules).whole(response));
  EXPECT_EQ(std::get<wire::Message>(choice.output[0]).parts[0].text, "the [x]");
  EXPECT_EQ(std::get<wire::ToolCall>(choice.output[1]).arguments, R"({"q":"[x]"})");
  EXPECT_EQ(std::get<wire::Reasoning>(choice.output[2]).text, "[x]");
  EXPECT_EQ(std::get<wire::Reasoning>(choice.output[2]).signature, "");
}

}  // namespace
}  // namespace weir::guard
