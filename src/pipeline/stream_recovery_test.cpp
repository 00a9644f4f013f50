// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stream_recovery.hpp"

#include <gtest/gtest.h>

#include "pipeline/codecs.hpp"
#include "pipeline/loop_test_support.hpp"
#include "tokens/counter.hpp"
#include "wire/sse.hpp"

namespace weir::pipeline {
namespace {

using net::ExchangeError;

Script breaks_after(std::string text, ExchangeError error = ExchangeError::cut) {
  return {.pieces = {{0ms, std::move(text)}, {0ms, "", false, error}}};
}
Script answers_in(const std::vector<std::string>& pieces) {
  Script script;
  for (const auto& piece : pieces) script.pieces.push_back({0ms, said(piece)});
  script.pieces.push_back({0ms, stopped(), true});
  return script;
}

/// What a client of `dialect` reads in `stream`.
class Reader final : public wire::EventSink {
 public:
  Reader(wire::Dialect dialect, std::string_view stream) {
    auto decoder = codec_of(dialect).make_stream_decoder(0, wire::event_bytes_max_default);
    EXPECT_TRUE(decoder->feed(stream, *this));
    EXPECT_TRUE(decoder->end(*this));
    is_terminated = decoder->is_terminated();
  }
  void on_event(const wire::StreamEvent& event) override {
    using enum wire::StreamEvent::Type;
    if (event.type == start) ++starts;
    if (event.type == start) id = event.id;
    if (event.type == text) said.append(event.text);
    if (event.type == finish) ++finishes;
    if (event.type == error) ++errors;
    if (event.type == usage) total = *event.usage;
  }
  std::string said;
  std::string id;
  wire::Usage total;
  int starts = 0;
  int finishes = 0;
  int errors = 0;
  bool is_terminated = false;
};

class StreamRecoveryTest : public testing::Test {
 protected:
  Rig rig;
};

TEST_F(StreamRecoveryTest, S911AReplaySwallowsWhatTheClientHas) {
  rig.add("a/m", {breaks_after(said("Hello ") + said("wor"))});
  rig.add("b/m", {answers_in({"Hel", "lo world", "!"})});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  const Reader client(wire::Dialect::openai_chat, rig.channel.text);
  EXPECT_EQ(client.said, "Hello world!");
  EXPECT_TRUE(client.is_terminated);
  EXPECT_EQ(client.finishes, 1);
  EXPECT_NE(rig.channel.text.find(": weir recovered attempt=2 method=replay\n\n"),
            std::string::npos);
}

TEST_F(StreamRecoveryTest, S912KeepsIdModelAndTimeOfTheFirst) {
  rig.add("a/m", {breaks_after(said("one "))});
  Script other = answers_in({"one ", "two"});
  for (auto& piece : other.pieces) {
    for (std::size_t at = 0; (at = piece.bytes.find("\"c1\"", at)) != std::string::npos; ++at) {
      piece.bytes.replace(at, 4, "\"c2\"");
    }
  }
  rig.add("b/m", {other});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.channel.text.find("\"c2\""), std::string::npos);
  EXPECT_NE(rig.channel.text.find(R"("created":5,"model":"up","choices":[{"index":0,"delta":)"
                                  R"({"content":"two"})"),
            std::string::npos)
      << rig.channel.text;
}

TEST_F(StreamRecoveryTest, S912EveryAttemptThatContributedIsCharged) {
  rig.add("a/m", {breaks_after(said("12345678"))});
  rig.add("b/m", {answers_in({"12345678", "9"})});
  const CallResult& result = rig.finish();
  ASSERT_EQ(result.rows.size(), 2U);
  EXPECT_TRUE(result.rows[0].is_charged);
  EXPECT_TRUE(result.rows[0].is_estimated);
  EXPECT_EQ(result.rows[0].recovered_by, 2);
  EXPECT_EQ(result.rows[0].usage.output, 4);
  EXPECT_TRUE(result.rows[1].is_charged);
  EXPECT_EQ(result.usage->output, 4 + 4);
  EXPECT_EQ(result.usage->input, 100 + 10);
}

TEST_F(StreamRecoveryTest, S911ADifferentAnswerEndsInTheErrorAndIsNotShown) {
  rig.add("a/m", {breaks_after(said("Hello "))});
  rig.add("b/m", {answers_in({"Help", " yourself"})});
  EXPECT_EQ(rig.finish().outcome, Outcome::aborted_upstream);
  EXPECT_EQ(rig.channel.text.find("yourself"), std::string::npos);
  EXPECT_EQ(rig.channel.text.find("[DONE]"), std::string::npos);
  EXPECT_NE(rig.channel.text.find(R"("request_id":"req_1")"), std::string::npos);
}

// Who can't go on with another's answer did nothing wrong: not to the client, nor in its figures.
TEST_F(StreamRecoveryTest, S92TheErrorNamesTheOneThatBrokeOffAndBlamesNoOther) {
  rig.add("a/m", {breaks_after(said("Hello "))});
  const Target& innocent = rig.add("b/m", {answers_in({"Help", " yourself"})});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.target, "a/m");
  EXPECT_EQ(result.error.code, ErrorCode::upstream_error);
  EXPECT_EQ(result.error.message,
            "a: the stream broke off, and no other answer could be joined to it");
  for (const TrafficCounters* counters :
       {innocent.counters.get(), innocent.upstream->counters.get()}) {
    EXPECT_EQ(counters->attempts, 1U);
    EXPECT_EQ(counters->failures, 0U);
    EXPECT_EQ(counters->failing_permille, 0);
    EXPECT_EQ(counters->meter.read().counts.failures(), 0U);
  }
  EXPECT_EQ(rig.route().steps.front().targets.front()->counters->failures, 1U);
}

// One that had gone on for a while is the one that broke off last.
TEST_F(StreamRecoveryTest, S92TheErrorNamesTheLastThatBroughtSomething) {
  rig.add("a/m", {breaks_after(said("one "))});
  rig.add("b/m", {breaks_after(said("one ") + said("two "), ExchangeError::stalled)});
  rig.add("c/m", {answers_in({"no"})});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.target, "b/m");
  EXPECT_EQ(result.error.code, ErrorCode::upstream_timeout);
  EXPECT_TRUE(result.error.message.starts_with("b: ")) << result.error.message;
}

TEST_F(StreamRecoveryTest, S911APrefillGoesOnFromTheText) {
  rig.add("a/m", {breaks_after(said("Hello "))});
  rig.add("b/m", {answers_in({"world"})}).traits.takes_prefill = true;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked.back(), "b/m prefilled: Hello ");
  EXPECT_EQ(Reader(wire::Dialect::openai_chat, rig.channel.text).said, "Hello world");
  EXPECT_NE(rig.channel.text.find("method=prefill"), std::string::npos);
}

std::string thought(std::string_view text) {
  return R"(data: {"id":"c1","object":"chat.completion.chunk","created":5,"model":"up","choices":[)"
         R"({"index":0,"delta":{"reasoning_content":")" +
         std::string(text) + R"("},"finish_reason":null}]})" + "\n\n";
}

// S-9.11: what each attempt thought is gone from the limit of the next, also what the client was
// not shown; and each pays for its own thoughts alone.
TEST_F(StreamRecoveryTest, S911ThoughtsAreCountedOnceAndGoToTheNext) {
  const std::string first = "the first thinks for a while about what it is going to say";
  const std::string second = "so does the other";
  rig.add("a/m", {breaks_after(thought(first) + said("Hello "))});
  Target& b = rig.add("b/m", {breaks_after(thought(second) + said("wor"))});
  b.traits.takes_prefill = true;
  rig.add("c/m", {answers_in({"ld"})}).traits.takes_prefill = true;
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.thoughts, (std::vector<std::string>{first, first + second}));
  const Reader client(wire::Dialect::openai_chat, rig.channel.text);
  EXPECT_EQ(client.said, "Hello world");
  ASSERT_EQ(result.rows.size(), 3U);
  const auto& counter = tokens::counter_for(b.upstream->type, b.model);
  EXPECT_EQ(result.rows[0].usage.output, counter.estimate("Hello ") + counter.estimate(first));
  EXPECT_EQ(result.rows[1].usage.output, counter.estimate("wor") + counter.estimate(second));
}

TEST_F(StreamRecoveryTest, S911ARefusedPrefillIsTriedByReplay) {
  const Script refused{.status = 400,
                       .content_type = "application/json",
                       .pieces = {{0ms, R"({"error":{"message":"no prefill"}})", true}}};
  rig.add("a/m", {breaks_after(said("Hello "))});
  rig.add("b/m", {refused, answers_in({"Hello ", "world"})}).traits.takes_prefill = true;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/m", "b/m prefilled: Hello ", "b/m"}));
  EXPECT_EQ(Reader(wire::Dialect::openai_chat, rig.channel.text).said, "Hello world");
}

TEST_F(StreamRecoveryTest, S911TwoBreaksAreJoinedByAThirdTarget) {
  rig.add("a/m", {breaks_after(said("one "))});
  rig.add("b/m", {breaks_after(said("one ") + said("two "))});
  rig.add("c/m", {answers_in({"one two three"})});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  EXPECT_EQ(Reader(wire::Dialect::openai_chat, rig.channel.text).said, "one two three");
  ASSERT_EQ(result.rows.size(), 3U);
  EXPECT_EQ(result.rows[0].recovered_by, 2);
  EXPECT_EQ(result.rows[1].recovered_by, 3);
}

TEST_F(StreamRecoveryTest, S911EndsAfterTheAttemptsThatAreAllowed) {
  rig.route().stream.recovery_attempts = 1;
  rig.add("a/m", {breaks_after(said("one "))});
  rig.add("b/m", {breaks_after(said("one ") + said("two "))});
  rig.add("c/m", {answers_in({"one two three"})});
  EXPECT_EQ(rig.finish().outcome, Outcome::aborted_upstream);
  EXPECT_EQ(rig.operation.asked.size(), 2U);
}

TEST_F(StreamRecoveryTest, S911ABegunToolCallAlwaysEndsInTheError) {
  rig.add("a/m",
          {breaks_after(R"(data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":)"
                        R"(0,"id":"t","function":{"name":"f","arguments":"{"}}]}}]})"
                        "\n\n")});
  rig.add("b/m", {answers_in({"no"})});
  EXPECT_EQ(rig.finish().outcome, Outcome::aborted_upstream);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"a/m"});
}

TEST_F(StreamRecoveryTest, S911IsOffWhereTheRouteOrTheClientSaysSo) {
  rig.add("a/m", {breaks_after(said("one "))});
  rig.add("b/m", {answers_in({"one ", "two"})});
  EXPECT_EQ(rig.finish({.stream_recovery = false}).outcome, Outcome::aborted_upstream);

  Rig off;
  off.route().stream.recovers = false;
  off.add("a/m", {breaks_after(said("one "))});
  off.add("b/m", {answers_in({"one ", "two"})});
  EXPECT_EQ(off.finish().outcome, Outcome::aborted_upstream);
}

// S-9.3: the three shapes of a break are one to the client.
TEST_F(StreamRecoveryTest, S93SilenceAndABrokenLineAreRecoveredLikeACut) {
  const Script silent{.pieces = {{0ms, said("one ")}}};
  const Script broken{.pieces = {{0ms, said("one ")}, {0ms, "data: {\"id\":\n\n"}}};
  const Script unfinished{.pieces = {{0ms, said("one ")}, {0ms, "", true}}};
  for (const Script& shape : {silent, broken, unfinished}) {
    Rig each;
    each.add("a/m", {shape});
    each.add("b/m", {answers_in({"one ", "two"})});
    EXPECT_EQ(each.finish().outcome, Outcome::completed);
    EXPECT_EQ(Reader(wire::Dialect::openai_chat, each.channel.text).said, "one two");
  }
}

// The client's dialect decides about framing and ends, whatever the targets speak.
TEST_F(StreamRecoveryTest, S912HasOneStartAndOneEndInEveryDialectThatTranslates) {
  using wire::Dialect;
  for (const Dialect client :
       {Dialect::openai_responses, Dialect::anthropic, Dialect::gemini, Dialect::ollama}) {
    Rig each;
    each.operation.client = client;
    each.add("a/m", {breaks_after(said("one "))});
    each.add("b/m", {answers_in({"one ", "two"})});
    EXPECT_EQ(each.finish().outcome, Outcome::completed);
    const Reader read(client, each.channel.text);
    EXPECT_EQ(read.said, "one two") << wire::name(client);
    EXPECT_LE(read.starts, 1) << wire::name(client);
    EXPECT_EQ(read.finishes, 1) << wire::name(client);
    EXPECT_EQ(read.errors, 0) << wire::name(client);
  }
}

TEST(StreamMemory, ReadsOnlyWhatItMustAndKeepsItsMemoryBounded) {
  StreamMemory memory(wire::Dialect::openai_chat, 0, {});
  std::string expected;
  for (int i = 0; i < 2'000; ++i) {
    memory.keep(said("word "));
    expected += "word ";
  }
  EXPECT_EQ(memory.so_far().text, expected);
  EXPECT_TRUE(memory.so_far().is_plain);
}

TEST(StreamMemory, KeepsTheOrderOfFramesAndPiecesOfText) {
  StreamMemory memory(wire::Dialect::openai_chat, 0, {});
  json::Document pieces;
  ASSERT_TRUE(pieces.parse(R"(["b\n","d"])"));
  auto piece = pieces.root().elements().begin();
  memory.keep(said("a"));
  memory.keep_text(*piece, std::nullopt);
  memory.keep(said("c"));
  memory.keep_text(*++piece, std::nullopt);
  EXPECT_EQ(memory.so_far().text, "ab\ncd");
  EXPECT_TRUE(memory.so_far().is_plain);
  memory.keep(
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\","
      "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n");
  EXPECT_FALSE(memory.so_far().is_plain);
}

TEST(StreamMemory, TellsTheNewestCountsThatCameWithText) {
  StreamMemory memory(wire::Dialect::gemini, 0, {});
  json::Document pieces;
  ASSERT_TRUE(pieces.parse(R"(["a","b"])"));
  auto piece = pieces.root().elements().begin();
  wire::Usage usage;
  usage.input = 3;
  usage.output = 1;
  memory.keep_text(*piece, usage);
  usage.output = 2;
  memory.keep_text(*++piece, usage);
  EXPECT_EQ(memory.so_far().text, "ab");

  wire::StreamEvent end;
  end.type = wire::StreamEvent::Type::finish;
  end.finish = wire::Finish::stop;
  std::string out;
  memory.join(end, out);
  memory.finish(out);
  EXPECT_NE(out.find(R"("candidatesTokenCount":2)"), std::string::npos) << out;
}

}  // namespace
}  // namespace weir::pipeline
