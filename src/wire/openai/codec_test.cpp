// SPDX-License-Identifier: Apache-2.0
//
// What needs requests of other dialects, or numbers; the rest is pinned down by the wire cases.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "wire/openai/codec.hpp"
#include "wire/openai/ids.hpp"
#include "wire/openai/usage.hpp"

namespace weir::wire::openai {
namespace {

Message message_of(Role role, std::string text) {
  Message message;
  message.role = role;
  message.parts.push_back(Part::text_of(std::move(text)));
  return message;
}

ToolCall call_of(std::string id) {
  ToolCall call;
  call.id = std::move(id);
  call.name = "f";
  call.arguments = "{}";
  return call;
}

ToolResult result_of(std::string id, std::string text) {
  ToolResult result;
  result.call_id = std::move(id);
  result.parts.push_back(Part::text_of(std::move(text)));
  return result;
}

ChatRequest from_anthropic(std::vector<Item> items) {
  ChatRequest request;
  request.origin = Dialect::anthropic;
  request.items = std::move(items);
  return request;
}

struct Encoded {
  std::string messages;  ///< the body from `messages` on
  std::vector<std::string> dropped;
  std::optional<ErrorCode> refused;
};

EncodeOptions with(Quirk quirk) {
  EncodeOptions options;
  options.quirks = static_cast<Quirks>(quirk);
  return options;
}

Encoded encode(const ChatRequest& request, EncodeOptions options = {}) {
  options.model = "t";
  std::string out = "kept";
  const auto notes = encode_request(request, options, out);
  if (!notes) {
    EXPECT_EQ(out, "kept") << "a refused request leaves bytes behind";
    return {{}, {}, notes.error().code};
  }
  constexpr std::string_view head = R"(kept{"model":"t","messages":)";
  EXPECT_EQ(out.substr(0, head.size()), head);
  return {out.substr(head.size()), notes->dropped, std::nullopt};
}

TEST(EncodeRequest, JoinsTextCallsAndTextOfOneTurn) {
  Message after = message_of(Role::assistant, "Now.");
  after.begins_turn = false;
  const auto encoded =
      encode(from_anthropic({message_of(Role::user, "q"), message_of(Role::assistant, "See: "),
                             call_of("a"), std::move(after), result_of("a", "1")}));
  EXPECT_EQ(encoded.messages,
            R"([{"role":"user","content":"q"},)"
            R"({"role":"assistant","content":"See: \n\nNow.","tool_calls":[)"
            R"({"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
            R"({"role":"tool","tool_call_id":"a","content":"1"}]})");
}

// Mapping rule 4: a history that lost half of a pair is refused before it costs anything.
TEST(EncodeRequest, RefusesCallsWithoutResultsAndResultsWithoutCalls) {
  const auto refused = [](std::vector<Item> items) {
    return encode(from_anthropic(std::move(items))).refused == ErrorCode::invalid_request;
  };
  const Message user = message_of(Role::user, "q");
  EXPECT_TRUE(refused({user, call_of("a")}));
  EXPECT_TRUE(refused({user, call_of("a"), call_of("b"), result_of("a", "1")}));
  EXPECT_TRUE(refused({user, call_of("a"), user, result_of("a", "1")}));
  EXPECT_TRUE(refused({user, result_of("a", "1")}));
  EXPECT_TRUE(refused({user, call_of("a"), result_of("a", "1"), result_of("a", "1")}));
  EXPECT_FALSE(
      refused({user, call_of("a"), call_of("b"), result_of("b", "1"), result_of("a", "2")}));
}

TEST(EncodeRequest, MovesImagesOfResultsBehindTheLastResult) {
  ToolResult with_image = result_of("a", "seen");
  Part image;
  image.kind = PartKind::image;
  image.mime = "image/png";
  image.data = "AAAA";
  with_image.parts.push_back(image);
  with_image.is_error = true;
  const auto encoded = encode(from_anthropic(
      {message_of(Role::user, "q"), call_of("a"), call_of("b"), with_image, result_of("b", "2")}));
  EXPECT_NE(
      encoded.messages.find(
          R"({"role":"tool","tool_call_id":"a","content":"Error: seen\n[The attachments of this )"
          R"(result follow in the next user message.]"},)"
          R"({"role":"tool","tool_call_id":"b","content":"2"},)"
          R"({"role":"user","content":[{"type":"image_url","image_url":)"
          R"({"url":"data:image/png;base64,AAAA"}}]}])"),
      std::string::npos)
      << encoded.messages;
}

TEST(EncodeRequest, ReplaysReasoningOnlyWhereItIsWanted) {
  Reasoning thought;
  thought.text = "Hm";
  thought.signature = "sig";
  thought.sealed_by = Vendor::anthropic;
  ChatRequest request = from_anthropic({message_of(Role::user, "q"), thought, call_of("a"),
                                        result_of("a", "1"), message_of(Role::user, "r")});
  const auto plain = encode(request);
  EXPECT_EQ(plain.messages.find("Hm"), std::string::npos);
  EXPECT_EQ(plain.dropped, std::vector<std::string>{"reasoning"});

  const auto replayed = encode(request, with(Quirk::replay_reasoning));
  EXPECT_NE(replayed.messages.find(
                R"("reasoning_content":"Hm","reasoning_details":[{"type":"reasoning.text",)"
                R"("text":"Hm","signature":"sig","format":"anthropic-claude-v1"}],"tool_calls")"),
            std::string::npos)
      << replayed.messages;
  EXPECT_TRUE(replayed.dropped.empty());
}

TEST(EncodeRequest, WritesNoExtraMemberOfAnotherDialect) {
  Message user = message_of(Role::user, "q");
  user.extra.members.push_back({"message_member", "1"});
  user.parts[0].extra.members.push_back({"cache_control", R"({"type":"ephemeral"})"});
  ChatRequest request = from_anthropic({user});
  request.extra.members.push_back({"top_member", "1"});
  const auto encoded = encode(request);
  EXPECT_EQ(encoded.messages, R"([{"role":"user","content":"q"}]})");
  EXPECT_EQ(encoded.dropped,
            (std::vector<std::string>{"message_member", "cache_control", "top_member"}));
}

// Anthropic's clients mark with it what is to be cached, and OpenRouter hands that on.
TEST(EncodeRequest, KeepsTheMarksOfAPromptCacheWhereTheyAreKnown) {
  Message user = message_of(Role::user, "q");
  user.parts[0].extra.members.push_back({"cache_control", R"({"type":"ephemeral"})"});
  user.parts[0].extra.members.push_back({"citations", "[1]"});
  ChatRequest request = from_anthropic({user});
  const auto encoded = encode(request, with(Quirk::takes_cache_control));
  EXPECT_EQ(encoded.messages, R"([{"role":"user","content":[{"type":"text","text":"q",)"
                              R"("cache_control":{"type":"ephemeral"}}]}]})");
  EXPECT_EQ(encoded.dropped, std::vector<std::string>{"citations"});
}

TEST(EncodeRequest, TurnsThinkingBudgetsIntoEffortsWhereThatIsKnown) {
  ChatRequest request = from_anthropic({message_of(Role::user, "q")});
  request.reasoning.enabled = true;
  request.reasoning.budget_tokens = 8192;
  const auto known = encode(request, with(Quirk::reasoning_effort_hint));
  EXPECT_NE(known.messages.find(R"("reasoning_effort":"medium")"), std::string::npos);
  EXPECT_EQ(encode(request).dropped, std::vector<std::string>{"thinking"});
}

TEST(EncodeRequest, AsksForAContinuationOrSaysThatItCant) {
  const auto request =
      from_anthropic({message_of(Role::user, "q"), message_of(Role::assistant, "The")});
  EncodeOptions takes;
  takes.traits.takes_prefill = true;
  EXPECT_NE(encode(request, takes).messages.find(R"("content":"The","prefix":true)"),
            std::string::npos);
  EXPECT_EQ(encode(request).dropped, std::vector<std::string>{"prefill"});
}

// F-3: what makes the answer what it is can't be left out.
TEST(EncodeRequest, RefusesWhatATargetLacks) {
  const auto refused = [](const ChatRequest& request, Quirk quirk) {
    return encode(request, with(quirk)).refused == ErrorCode::unsupported_capability;
  };
  ChatRequest many = from_anthropic({message_of(Role::user, "q")});
  many.n = 2;
  EXPECT_TRUE(refused(many, Quirk::no_n));
  EXPECT_FALSE(refused(many, Quirk::none));
  ChatRequest schema = from_anthropic({message_of(Role::user, "q")});
  schema.format.kind = OutputFormat::Kind::json_schema;
  EXPECT_TRUE(refused(schema, Quirk::no_json_schema));
  ChatRequest logprobs = from_anthropic({message_of(Role::user, "q")});
  logprobs.logprobs = true;
  EXPECT_TRUE(refused(logprobs, Quirk::no_logprobs));
  ChatRequest hosted = from_anthropic({message_of(Role::user, "q")});
  hosted.tools.emplace_back().kind = ToolKind::hosted;
  EXPECT_TRUE(refused(hosted, Quirk::none));
  Part file;
  file.kind = PartKind::file;
  file.file_id = "file-1";
  ChatRequest uploaded = from_anthropic({message_of(Role::user, "q")});
  std::get<Message>(uploaded.items[0]).parts.push_back(file);
  EXPECT_TRUE(refused(uploaded, Quirk::none));
  EXPECT_TRUE(refused(from_anthropic({OpaqueItem{"{}", false, {}}}), Quirk::none));
}

TEST(EncodeRequest, RefusesAConversationThatComesToNothing) {
  EXPECT_EQ(encode(from_anthropic({})).refused, ErrorCode::invalid_request);
  EXPECT_EQ(encode(from_anthropic({Message{}})).refused, ErrorCode::invalid_request);
}

Usage usage_of(std::string_view text, Quirks quirks = 0) {
  json::Document document;
  EXPECT_TRUE(document.parse(text));
  return read_usage(document.root(), quirks);
}

TEST(ReadUsage, CountsEachTokenOnce) {
  const Usage usage = usage_of(
      R"({"prompt_tokens":31,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":10,
          "cache_write_tokens":3},"completion_tokens_details":{"reasoning_tokens":4}})");
  EXPECT_EQ(usage.input, 18);
  EXPECT_EQ(usage.input_total(), 31);
  EXPECT_EQ(usage.output, 3);
  EXPECT_EQ(usage.output_total(), 7);
}

// The total tells where reasoning stands; the quirk speaks only where there is none.
TEST(ReadUsage, FindsReasoningOutsideTheCompletion) {
  constexpr auto quirk = static_cast<Quirks>(Quirk::reasoning_outside_completion);
  constexpr std::string_view outside =
      R"({"prompt_tokens":20,"completion_tokens":34,"total_tokens":84,
          "completion_tokens_details":{"reasoning_tokens":30}})";
  EXPECT_EQ(usage_of(outside).output_total(), 64);
  constexpr std::string_view inside =
      R"({"prompt_tokens":20,"completion_tokens":34,"total_tokens":54,
          "completion_tokens_details":{"reasoning_tokens":30}})";
  EXPECT_EQ(usage_of(inside, quirk).output_total(), 34);
  constexpr std::string_view unsaid =
      R"({"prompt_tokens":20,"completion_tokens":34,
          "completion_tokens_details":{"reasoning_tokens":30}})";
  EXPECT_EQ(usage_of(unsaid).output_total(), 34);
  EXPECT_EQ(usage_of(unsaid, quirk).output_total(), 64);
}

TEST(ReadUsage, FindsCachedTokensOutsideThePrompt) {
  constexpr std::string_view text =
      R"({"prompt_tokens":20,"completion_tokens":4,"total_tokens":32,
          "prompt_tokens_details":{"cached_tokens":8}})";
  EXPECT_EQ(usage_of(text, static_cast<Quirks>(Quirk::reasoning_outside_completion)).input, 20);
  EXPECT_EQ(usage_of(text).input, 12);
}

TEST(ReadUsage, ReadsPricesAndSurvivesNonsense) {
  EXPECT_EQ(usage_of(R"({"cost":0.0028})").cost_nanousd, 2'800'000);
  EXPECT_EQ(usage_of(R"({"cost":1e-06})").cost_nanousd, 1'000);
  EXPECT_EQ(usage_of(R"({"cost":{"total_cost":0.005}})").cost_nanousd, 5'000'000);
  EXPECT_EQ(usage_of(R"({"cost_in_usd_ticks":158500})").cost_nanousd, 15'850);
  EXPECT_EQ(usage_of(R"({"cost":-1})").cost_nanousd, std::nullopt);
  EXPECT_EQ(usage_of(R"({"cost":1e300})").cost_nanousd, std::nullopt);
  EXPECT_EQ(usage_of(R"({"cost":"free"})").cost_nanousd, std::nullopt);
  const Usage nonsense = usage_of(
      R"({"prompt_tokens":-5,"completion_tokens":9223372036854775807,
          "prompt_tokens_details":{"cached_tokens":9223372036854775807}})");
  EXPECT_EQ(nonsense.input, 0);
  EXPECT_EQ(nonsense.output_total(), 0);
  EXPECT_TRUE(nonsense.is_impossible);
  // Taken for nothing it would be free of charge.
  EXPECT_TRUE(usage_of(R"({"prompt_tokens":"7","completion_tokens":"3"})").is_impossible);
  EXPECT_FALSE(usage_of(R"({"prompt_tokens":7,"completion_tokens":null})").is_impossible);
}

TEST(FinishOf, ReadsTheWordsOfOthers) {
  EXPECT_EQ(finish_of("eos", false), Finish::stop);
  EXPECT_EQ(finish_of("eos", true), Finish::tool_calls);
  EXPECT_EQ(finish_of("stop", true), Finish::tool_calls);
  EXPECT_EQ(finish_of("length", true), Finish::length);
  EXPECT_EQ(finish_of("model_length", false), Finish::length);
  EXPECT_EQ(finish_of("stop_sequence", false), Finish::stop_sequence);
  EXPECT_EQ(finish_of("stop_sequence", true), Finish::tool_calls);
  EXPECT_EQ(finish_of("error", false), Finish::other);
}

TEST(CallIds, AreNineCharactersForMistralAndStayWhereTheyFit) {
  EXPECT_EQ(mistral_call_id("abcDEF123"), "abcDEF123");
  for (const auto* id : {"", "call_A", "abcdefgh-", "abcdefgh1x"}) {
    const std::string hashed = mistral_call_id(id);
    EXPECT_EQ(hashed.size(), 9U);
    EXPECT_EQ(hashed, mistral_call_id(id));
    EXPECT_EQ(mistral_call_id(hashed), hashed) << "an id we made must not change again";
  }
  EXPECT_NE(mistral_call_id("call_A"), mistral_call_id("call_B"));
}

TEST(CallIds, MadeUpOnesDifferByAnswerChoiceAndOrdinal) {
  const std::string id = made_up_call_id("chatcmpl-1", 0, 0);
  EXPECT_EQ(id.size(), 29U);
  EXPECT_EQ(id, made_up_call_id("chatcmpl-1", 0, 0));
  EXPECT_NE(id, made_up_call_id("chatcmpl-2", 0, 0));
  EXPECT_NE(id, made_up_call_id("chatcmpl-1", 1, 0));
  EXPECT_NE(id, made_up_call_id("chatcmpl-1", 0, 1));
}

class IgnoringSink final : public EventSink {
 public:
  void on_event(const StreamEvent&) override {}
};

class FaultSink final : public EventSink {
 public:
  void on_event(const StreamEvent& event) override {
    text.append(event.text);
    if (event.type == StreamEvent::Type::finish) ++finishes;
    if (event.type == StreamEvent::Type::error) fault = event.fault->type;
  }
  std::string text;
  std::string fault;
  int finishes = 0;
};

TEST(StreamDecoder, C1AReasonToFinishMayBeAFailure) {
  FaultSink sink;
  const auto decoder = make_stream_decoder(0);
  ASSERT_TRUE(
      decoder->feed("data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n"
                    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n"
                    "data: [DONE]\n\n",
                    sink));
  EXPECT_EQ(sink.text, "half");
  EXPECT_EQ(sink.fault, "server_error");
  EXPECT_EQ(sink.finishes, 0);
  EXPECT_FALSE(decoder->is_complete());
}

// A server must not be able to make us keep state without end.
TEST(StreamDecoder, RefusesChoicesAndCallsWithoutEnd) {
  IgnoringSink sink;
  const auto choices = make_stream_decoder(0);
  EXPECT_FALSE(choices->feed("data: {\"choices\":[{\"index\":128}]}\n\n", sink));
  EXPECT_FALSE(choices->is_complete());

  const auto calls = make_stream_decoder(0);
  bool is_refused = false;
  for (int i = 0; i < 1025 && !is_refused; ++i) {
    is_refused = !calls->feed("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":" +
                                  std::to_string(i) + ",\"id\":\"c\"}]}}]}\n\n",
                              sink);
  }
  EXPECT_TRUE(is_refused);

  const auto body = make_stream_decoder(0);
  ASSERT_TRUE(body->feed("{", sink));
  EXPECT_FALSE(body->feed(std::string(std::size_t{1} << 20, ' '), sink));
}

TEST(StreamEncoder, ShowsUsageOnlyWhenItWasAskedFor) {
  Usage usage;
  usage.input = 3;
  StreamEvent event;
  event.type = StreamEvent::Type::usage;
  event.usage = &usage;
  for (const bool wants_usage : {false, true}) {
    const auto encoder = make_stream_encoder({.id = "i", .wants_usage = wants_usage});
    std::string out;
    encoder->encode(event, out);
    encoder->finish(out);
    EXPECT_EQ(out.find("prompt_tokens") != std::string::npos, wants_usage);
    EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
  }
}

}  // namespace
}  // namespace weir::wire::openai
