// SPDX-License-Identifier: Apache-2.0
#include "pipeline/relay.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "base/utf8.hpp"
#include "pipeline/codecs.hpp"
#include "wire/sse.hpp"

namespace weir::pipeline {
namespace {

using wire::Dialect;

struct Wants {
  bool usage = false;
  bool keeps_text = false;
};

std::unique_ptr<Relay> relay_between(Dialect upstream, Dialect client, Wants wants = {}) {
  const RelayOptions options{.client = client,
                             .upstream = upstream,
                             .request_id = "req_1",
                             .model = "m",
                             .created = 7,
                             .wants_stream_usage = wants.usage,
                             .keeps_text = wants.keeps_text};
  return upstream == client ? make_passthrough_relay(options) : make_translating_relay(options);
}

// Some servers put the failure into the event's type and write any object as its data.
TEST(PassthroughRelay, TakesAnEventOfTypeErrorForAFault) {
  const auto relay = relay_between(Dialect::openai_chat, Dialect::openai_chat);
  std::string out;
  ASSERT_TRUE(
      relay->feed("event: error\ndata: {\"message\":\"out of memory\",\"code\":503}\n\n", out));
  ASSERT_TRUE(relay->facts().fault);
  EXPECT_EQ(relay->facts().fault->message, "out of memory");
  EXPECT_EQ(relay->facts().fault->status, 503);
  EXPECT_EQ(out, "") << "a client must not read it as an answer";
}

TEST(PassthroughRelay, TakesPlainTextInAnErrorEventForAFaultToo) {
  const auto relay = relay_between(Dialect::openai_chat, Dialect::openai_chat);
  std::string out;
  ASSERT_TRUE(relay->feed("event: error\ndata: overloaded\n\n", out));
  ASSERT_TRUE(relay->facts().fault);
  EXPECT_EQ(relay->facts().fault->message, "overloaded");
}

constexpr std::string_view whole_answer =
    R"({"id":"c1","object":"chat.completion","created":5,"model":"up","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"t1","type":"function",)"
    R"("function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],)"
    R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}})";

struct Streamed {
  std::string text;
  RelayFacts facts;
};

Streamed streamed(Relay& relay, std::string_view body) {
  Streamed result;
  EXPECT_TRUE(relay.whole_as_stream(body, result.text));
  relay.finish(result.text);
  result.facts = relay.facts();
  return result;
}

/// How often `part` stands in `text`.
std::size_t count(std::string_view text, std::string_view part) {
  std::size_t times = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++times;
  return times;
}

// Compatible servers exist that ignore `stream: true`; the answer is there, so the client gets it.
TEST(PassthroughRelay, MakesAStreamOfAWholeAnswer) {
  const auto relay = relay_between(Dialect::openai_chat, Dialect::openai_chat, {.usage = true});
  const auto [text, facts] = streamed(*relay, whole_answer);
  EXPECT_TRUE(text.ends_with("data: [DONE]\n\n")) << text;
  EXPECT_EQ(count(text, R"("content":"Hi")"), 1u) << text;
  EXPECT_EQ(count(text, R"("name":"f")"), 1u) << text;
  EXPECT_EQ(count(text, R"("arguments":"{}")"), 1u) << text;
  EXPECT_EQ(count(text, R"("finish_reason":"tool_calls")"), 1u) << text;
  EXPECT_EQ(count(text, R"("total_tokens":5)"), 1u) << text;
  EXPECT_EQ(count(text, R"("id":"c1","object":"chat.completion.chunk","created":5,"model":"up")"),
            count(text, "data: {"));
  EXPECT_TRUE(facts.is_complete && facts.is_terminated && facts.has_content);
  EXPECT_EQ(facts.finish, wire::Finish::tool_calls);
  ASSERT_TRUE(facts.usage);
  EXPECT_EQ(facts.usage->input_total(), 3);
}

struct IdCase {
  Dialect client;
  std::string_view of_upstream;  ///< of an answer with the id c1
  std::string_view own;          ///< of the request req_1
};

TEST(TranslatingRelay, NamesAnswersAsTheClientsOwnKindOfProviderDoes) {
  constexpr std::string_view named = R"({"id":"c1",)";
  ASSERT_TRUE(whole_answer.starts_with(named));
  const std::string without_id = "{" + std::string(whole_answer.substr(named.size()));
  for (const auto& [client, of_upstream, own] :
       {IdCase{Dialect::anthropic, R"("id":"msg_c1")", R"("id":"msg_1")"},
        IdCase{Dialect::openai_responses, R"("id":"resp_c1")", R"("id":"resp_1")"},
        IdCase{Dialect::gemini, R"("responseId":"c1")", R"("responseId":"1")"}}) {
    for (const auto& [answer, expected] :
         {std::pair(std::string(whole_answer), of_upstream), std::pair(without_id, own)}) {
      std::string whole;
      ASSERT_TRUE(relay_between(Dialect::openai_chat, client)->whole(answer, whole)) << answer;
      EXPECT_NE(whole.find(expected), std::string::npos) << whole;
      const Streamed stream = streamed(*relay_between(Dialect::openai_chat, client), answer);
      EXPECT_NE(stream.text.find(expected), std::string::npos) << stream.text;
    }
  }
}

TEST(TranslatingRelay, MakesAStreamOfAWholeAnswerInTheClientsDialect) {
  const auto relay = relay_between(Dialect::openai_chat, Dialect::anthropic);
  const auto [text, facts] = streamed(*relay, whole_answer);
  EXPECT_EQ(count(text, "event: message_start"), 1u) << text;
  EXPECT_EQ(count(text, R"("type":"text_delta","text":"Hi")"), 1u) << text;
  EXPECT_EQ(count(text, R"("stop_reason":"tool_use")"), 1u) << text;
  EXPECT_EQ(count(text, "event: message_stop"), 1u) << text;
  EXPECT_TRUE(facts.is_complete);
}

/// An event of OpenAI's with `text`, which stands in it as it is.
std::string text_event(std::string_view text) {
  return R"(data: {"id":"c1","created":5,"model":"up","choices":[{"index":0,"delta":{"content":")" +
         std::string(text) + "\"}}]}\n\n";
}

constexpr std::array every_client{Dialect::openai_chat, Dialect::openai_responses,
                                  Dialect::anthropic, Dialect::gemini, Dialect::ollama};

// S-9.7: a character cut between two events reaches the client whole, and bytes that are none as
// U+FFFD; the answer goes on, whether its events pass or are translated.
TEST(Relay, S97NoCharacterIsSplitAndNoInvalidByteGoesOut) {
  for (const Dialect client : every_client) {
    const auto relay = relay_between(Dialect::openai_chat, client);
    std::string out;
    for (const std::string_view text :
         {"a\xF0\x9F", "\x98\x80", "b\xFFz", R"(c\ud83d)", R"(\ude01)"}) {
      ASSERT_TRUE(relay->feed(text_event(text), out)) << name(client);
    }
    EXPECT_EQ(valid_utf8_prefix(out), out.size()) << out;
    EXPECT_EQ(count(out, "\xF0\x9F\x98\x80"), 1U) << out;
    EXPECT_EQ(count(out, "b\xEF\xBF\xBDz"), 1U) << out;
    EXPECT_EQ(count(out, "\xF0\x9F\x98\x81") + count(out, R"(\ud83d\ude01)"), 1U) << out;
  }
}

constexpr std::string_view mark = "\xEF\xBF\xBD";  // U+FFFD

/// A stream of `upstream`'s that ends in half a character.
std::string stream_that_ends_in_half(Dialect upstream) {
  const auto sse = [](std::string_view type, const std::string& data) {
    return "event: " + std::string(type) + "\ndata: " + data + "\n\n";
  };
  switch (upstream) {
    case Dialect::openai_chat:
      return text_event("caf\xC3") +
             "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},"
             "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    case Dialect::openai_responses:
      return sse("response.created",
                 R"({"type":"response.created","response":{"id":"resp_1","status":"in_progress"}})") +
             sse("response.output_text.delta",
                 "{\"type\":\"response.output_text.delta\",\"output_index\":0,"
                 "\"content_index\":0,\"delta\":\"caf\xC3\"}") +
             sse("response.output_text.done",
                 "{\"type\":\"response.output_text.done\",\"output_index\":0,"
                 "\"content_index\":0,\"text\":\"caf\xC3\"}") +
             sse("response.completed",
                 R"({"type":"response.completed","response":{"id":"resp_1","status":"completed",)"
                 R"("output":[]}})");
    case Dialect::anthropic:
      return sse("message_start",
                 R"({"type":"message_start","message":{"id":"msg_1","model":"up","usage":{}}})") +
             sse("content_block_start", R"({"type":"content_block_start","index":0,)"
                                        R"("content_block":{"type":"text","text":""}})") +
             sse("content_block_delta",
                 "{\"type\":\"content_block_delta\",\"index\":0,"
                 "\"delta\":{\"type\":\"text_delta\",\"text\":\"caf\xC3\"}}") +
             sse("ping", R"({"type":"ping"})") +
             sse("content_block_stop", R"({"type":"content_block_stop","index":0})") +
             sse("message_delta",
                 R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}})") +
             sse("message_stop", R"({"type":"message_stop"})");
    case Dialect::gemini:  // whose last piece of text tells that it is the last
      return "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":"
             "\"caf\xC3\"}]},\"finishReason\":\"STOP\"}]}\n\n";
    case Dialect::ollama:
      return "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"caf\xC3\"},"
             "\"done\":false}\n"
             R"({"model":"m","message":{"role":"assistant","content":""},"done":true})"
             "\n";
  }
  return {};
}

/// What a client of `dialect` reads in `stream`, in order.
class Texts final : public wire::EventSink {
 public:
  Texts(Dialect dialect, std::string_view stream) {
    auto decoder = codec_of(dialect).make_stream_decoder(0, wire::event_bytes_max_default);
    EXPECT_TRUE(decoder->feed(stream, *this)) << stream;
    EXPECT_TRUE(decoder->end(*this)) << stream;
    is_complete = decoder->is_complete();
  }
  void on_event(const wire::StreamEvent& event) override {
    if (event.type == wire::StreamEvent::Type::text) all.append(event.text);
  }
  std::string all;
  bool is_complete = false;
};

// S-9.7: half a character at the very end of a text has no other half; U+FFFD stands for it, before
// what ends the text, whether events pass or are translated.
TEST(Relay, S97HalfACharacterAtTheEndBecomesOneReplacementCharacter) {
  for (const Dialect upstream : every_client) {
    for (const Dialect client : every_client) {
      const auto relay = relay_between(upstream, client);
      std::string out;
      ASSERT_TRUE(relay->feed(stream_that_ends_in_half(upstream), out));
      ASSERT_TRUE(relay->end(out));
      relay->finish(out);
      const std::string both(name(upstream).begin(), name(upstream).end());
      EXPECT_EQ(valid_utf8_prefix(out), out.size()) << both << out;
      EXPECT_GE(count(out, mark), 1U) << both << " to " << name(client) << "\n" << out;
      const Texts read(client, out);
      EXPECT_TRUE(read.is_complete) << out;
      EXPECT_EQ(read.all, "caf" + std::string(mark)) << both << " to " << name(client) << "\n"
                                                     << out;
    }
  }
}

/// The same stream up to where its text ends.
std::string stream_that_breaks_in_half(Dialect upstream) {
  if (upstream == Dialect::gemini) {
    return "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":"
           "\"caf\xC3\"}]}}]}\n\n";
  }
  const std::string whole = stream_that_ends_in_half(upstream);
  const std::size_t half = whole.find('\xC3');
  const bool has_lines = upstream == Dialect::ollama;
  return whole.substr(0, whole.find(has_lines ? "\n" : "\n\n", half) + (has_lines ? 1 : 2));
}

const Error broken(ErrorCode::upstream_error, "the upstream's answer ended before its end");

// S-9.7: nor is there another half where the stream breaks: the text that the client has is valid,
// says that something is missing, and the error stands behind it.
TEST(Relay, S97HalfACharacterBeforeABreakBecomesOneReplacementCharacter) {
  for (const Dialect upstream : every_client) {
    for (const Dialect client : every_client) {
      const auto relay = relay_between(upstream, client);
      std::string out;
      ASSERT_TRUE(relay->feed(stream_that_breaks_in_half(upstream), out));
      ASSERT_TRUE(relay->end(out));
      EXPECT_EQ(count(out, mark), 0U) << out;
      relay->fail(broken, "req_1", out);
      EXPECT_EQ(valid_utf8_prefix(out), out.size()) << out;
      EXPECT_EQ(count(out, mark), 1U) << name(upstream) << " to " << name(client) << "\n" << out;
      EXPECT_LT(out.find(mark), out.find("ended before its end")) << out;
      const Texts read(client, out);
      EXPECT_EQ(read.all, "caf" + std::string(mark)) << out;
    }
  }
}

// S-9.11: what another target goes on with has the whole character.
TEST(Relay, S97HalfACharacterIsForgottenWhereAnotherAnswerGoesOn) {
  for (const Dialect upstream : every_client) {
    for (const Dialect client : every_client) {
      // Its own streams are not joined.
      if (upstream == client && client == Dialect::openai_responses) continue;
      const auto relay = relay_between(upstream, client, {.keeps_text = true});
      std::string out;
      ASSERT_TRUE(relay->feed(stream_that_breaks_in_half(upstream), out));
      ASSERT_EQ(relay->so_far()->text, "caf");
      wire::StreamEvent rest;
      rest.type = wire::StreamEvent::Type::text;
      rest.text = "\xC3\xA9";
      relay->join(rest, out);
      relay->fail(broken, "req_1", out);
      EXPECT_EQ(count(out, mark), 0U) << out;
      EXPECT_EQ(Texts(client, out).all, "caf\xC3\xA9") << out;
    }
  }
}

/// An event of a Responses stream.
std::string numbered(int number, std::string_view type, std::string_view members) {
  std::string event = "event: response." + std::string(type) + "\ndata: {\"type\":\"response.";
  event.append(type).append("\",\"sequence_number\":").append(std::to_string(number));
  event.append(",\"output_index\":0,\"content_index\":0,").append(members).append("}\n\n");
  return event;
}
std::string numbered_delta(int number, std::string_view text) {
  return numbered(number, "output_text.delta", "\"delta\":\"" + std::string(text) + "\"");
}

// S-9.7, where events have numbers, by which a client may ask for the rest later: they stay what
// they are, and the pieces are the whole text.
TEST(PassthroughRelay, S97TheEventThatBringsHalfACharacterWaitsForTheNext) {
  const auto relay = relay_between(Dialect::openai_responses, Dialect::openai_responses);
  std::string out;
  ASSERT_TRUE(relay->feed(numbered_delta(4, "caf\xC3"), out));
  EXPECT_EQ(out, "");
  const std::string between = numbered(5, "output_text.annotation.added", "\"annotation\":{}");
  ASSERT_TRUE(relay->feed(between, out));
  EXPECT_EQ(out, "");
  ASSERT_TRUE(relay->feed(numbered_delta(6, "\xA9 na\xC3"), out));
  EXPECT_EQ(out, numbered_delta(4, "caf") + between);
  out.clear();
  ASSERT_TRUE(relay->feed(numbered_delta(7, "\xAFve\xC3"), out));
  EXPECT_EQ(out, numbered_delta(6, "\xC3\xA9 na"));
  out.clear();
  const std::string done = "\"text\":\"caf\xC3\xA9 na\xC3\xAFve";
  ASSERT_TRUE(relay->feed(numbered(8, "output_text.done", done + "\xC3\""), out));
  EXPECT_EQ(out, numbered_delta(7, "\xC3\xAFve" + std::string(mark)) +
                     numbered(8, "output_text.done", done + std::string(mark) + "\""));
}

TEST(PassthroughRelay, S97WhatWaitsForTheOtherHalfHasALimit) {
  const auto relay = relay_between(Dialect::openai_responses, Dialect::openai_responses);
  std::string out;
  ASSERT_TRUE(relay->feed(numbered_delta(1, "caf\xC3"), out));
  const std::string members = "\"padding\":\"" + std::string(1024, 'x') + "\"";
  int number = 2;
  while (out.empty() && number < 100) {
    ASSERT_TRUE(relay->feed(numbered(number++, "in_progress", members), out));
  }
  EXPECT_LT(number, 70);
  EXPECT_TRUE(out.starts_with(numbered_delta(1, "caf" + std::string(mark)))) << out.substr(0, 200);
  ASSERT_TRUE(relay->feed(numbered_delta(number, "\xA9"), out));
  EXPECT_TRUE(out.ends_with(numbered_delta(number, mark))) << "the other half is too late";
}

// S-9.7: what comes behind a text is no rest of it.
TEST(Relay, S97HalfACharacterBeforeACallStaysInItsText) {
  for (const Dialect client : every_client) {
    if (client == Dialect::openai_chat) continue;
    const auto relay = relay_between(Dialect::openai_chat, client);
    std::string out;
    ASSERT_TRUE(relay->feed(
        text_event("caf\xC3") +
            R"(data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t",)"
            R"("type":"function","function":{"name":"f","arguments":"{}"}}]}}]})"
            "\n\n"
            R"(data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})"
            "\n\ndata: [DONE]\n\n",
        out));
    ASSERT_TRUE(relay->end(out));
    relay->finish(out);
    EXPECT_EQ(Texts(client, out).all, "caf" + std::string(mark)) << out;
    EXPECT_LT(out.find(mark), out.find("\"f\"")) << out;
  }
}

// S-9.7: a half in front of a keep-alive is still completed by what comes behind it.
TEST(Relay, S97AKeepAliveDoesNotEndACharacter) {
  const auto delta = [](std::string_view text) {
    return "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
           "\"delta\":{\"type\":\"text_delta\",\"text\":\"" +
           std::string(text) + "\"}}\n\n";
  };
  const auto relay = relay_between(Dialect::anthropic, Dialect::anthropic);
  std::string out;
  ASSERT_TRUE(relay->feed(
      delta("caf\xC3") + "event: ping\ndata: {\"type\":\"ping\"}\n\n" + delta("\xA9!"), out));
  EXPECT_EQ(count(out, "\"text\":\"\xC3\xA9!\""), 1U) << out;
  EXPECT_EQ(count(out, mark), 0U) << out;
}

TEST(Relay, S97AWholeAnswerGoesOutAsValidText) {
  std::string body(whole_answer);
  body.replace(body.find("\"Hi\""), 4, "\"a\xFF z\xE2\x82\"");
  for (const Dialect client : every_client) {
    std::string out;
    ASSERT_TRUE(relay_between(Dialect::openai_chat, client)->whole(body, out)) << name(client);
    EXPECT_EQ(count(out, "a\xEF\xBF\xBD z\xEF\xBF\xBD"), 1U) << out;
  }
}

// S-9.10: after the first content each event goes out in the turn that it came in, and two that
// came at once stay two.
TEST(Relay, S910EventsAreNeitherHeldNorMerged) {
  for (const Dialect client : every_client) {
    const auto frames = [&](std::string_view text) {
      return count(text, client == Dialect::ollama ? "\n" : "data: ");
    };
    const auto relay = relay_between(Dialect::openai_chat, client);
    std::string out;
    ASSERT_TRUE(relay->feed(text_event("begin"), out));
    out.clear();
    ASSERT_TRUE(relay->feed(text_event("one"), out));
    const std::string one = out;
    EXPECT_EQ(count(one, "\"one\""), 1U) << one;
    out.clear();
    ASSERT_TRUE(relay->feed(text_event("two") + text_event("three"), out));
    EXPECT_EQ(count(out, "\"two\""), 1U) << out;
    EXPECT_EQ(count(out, "\"three\""), 1U) << out;
    EXPECT_EQ(frames(out), 2 * frames(one)) << out;
  }
}

// S-9.6: the operator's limit holds for every dialect, whether its events pass or are translated,
// and for an event that comes in many pieces.
TEST(Relay, S96AnEventAboveItsLimitIsMalformedInEveryDialect) {
  constexpr std::size_t limit = 1024;
  for (const Dialect upstream : {Dialect::openai_chat, Dialect::openai_responses,
                                 Dialect::anthropic, Dialect::gemini, Dialect::ollama}) {
    for (const Dialect client : {upstream, Dialect::openai_chat, Dialect::anthropic}) {
      const RelayOptions options{
          .client = client, .upstream = upstream, .event_bytes_max = limit, .request_id = "req_1"};
      const bool passes = client == upstream;
      const auto relay = passes ? make_passthrough_relay(options) : make_translating_relay(options);
      std::string out;
      const std::string begin = upstream == Dialect::ollama ? "{\"a\":\"" : "data: {\"a\":\"";
      ASSERT_TRUE(relay->feed(begin + std::string(limit - 64, 'x'), out)) << name(upstream);
      const auto fed = relay->feed(std::string(128, 'x'), out);
      ASSERT_FALSE(fed) << name(upstream) << " to " << name(client);
      EXPECT_EQ(fed.error().code, ErrorCode::upstream_malformed);
    }
  }
}

TEST(Relay, KeepsNoPlaceForChoicesThatAreNotThere) {
  const auto relay = relay_between(Dialect::openai_chat, Dialect::openai_chat);
  const auto [text, facts] = streamed(
      *relay,
      R"({"choices":[{"index":4000000000,"message":{"content":"Hi"},"finish_reason":"stop"}]})");
  EXPECT_EQ(count(text, R"("index":0,"delta":{"content":"Hi"})"), 1u) << text;
}

TEST(Relay, TellsFaultsAndNonsenseFromWholeAnswersToAStream) {
  for (const Dialect client : {Dialect::openai_chat, Dialect::gemini}) {
    std::string out;
    const auto faulty = relay_between(Dialect::openai_chat, client);
    ASSERT_TRUE(faulty->whole_as_stream(R"({"error":{"message":"no"}})", out));
    ASSERT_TRUE(faulty->facts().fault);
    EXPECT_EQ(faulty->facts().fault->message, "no");
    for (const std::string_view body : {"<html>", "{}", R"({"choices":7})", ""}) {
      const auto lost = relay_between(Dialect::openai_chat, client)->whole_as_stream(body, out);
      ASSERT_FALSE(lost) << body;
      EXPECT_EQ(lost.error().code, ErrorCode::upstream_malformed) << body;
    }
    EXPECT_EQ(out, "");
  }
}

}  // namespace
}  // namespace weir::pipeline
