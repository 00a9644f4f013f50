// SPDX-License-Identifier: Apache-2.0
#include "pipeline/prompt_fan.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "json/document.hpp"
#include "pipeline/loop_test_support.hpp"

namespace weir::pipeline {
namespace {

/// One request for several prompts. Each call's answer tells which one it was, after a time that
/// the test sets.
class FanRig {
 public:
  explicit FanRig(const std::string& members) {
    body_ = R"({"model":"m",)" + members + "}";
    EXPECT_TRUE(document_.parse(body_));
    auto made = CompletionOperation::make(document_.root(), "req_1", 7);
    EXPECT_TRUE(made);
    operation_ = *std::move(made);
    upstream_ = std::make_shared<Upstream>();
    target_.upstream = upstream_;
    target_.chat_path = "/chat";
    delivery_.emplace(channel, wire::Dialect::openai_chat, "req_1");
    fan_.emplace(loop, cancellation, *operation_, *delivery_,
                 [this](PromptFan::Part part) { return answer(part); });
  }

  void start() { tasks_.spawn(serve()); }
  CallResult& finish() {
    start();
    loop.run();
    EXPECT_TRUE(result) << "the fan has not ended";
    return *result;
  }

  VirtualLoop loop;
  RecordingChannel channel{loop};
  net::Cancellation cancellation;
  std::optional<CallResult> result;
  std::map<std::string, net::Duration> takes;  ///< by request id; the others: no time
  std::string failing;                         ///< the request id of a call that fails as it ends
  std::vector<std::string> begun;              ///< request ids
  std::vector<std::string> cancelled;
  std::size_t room = 100;  ///< for calls at the same time
  std::size_t under_way = 0;
  std::size_t most_under_way = 0;

 private:
  net::Task<void> serve() {
    CallResult ending = co_await fan_->run();
    result = std::move(ending);
  }

  /// What the attempt loop would do with the call.
  net::Task<void> answer(PromptFan::Part part) {
    const std::string id = part.request_id;
    begun.push_back(id);
    if (under_way == room) {
      ExceededLimit exceeded;
      exceeded.unit = "concurrent_requests";
      part.result.error = Error(ErrorCode::rate_limited, "the key has too many");
      part.result.error.exceeded = std::make_shared<const ExceededLimit>(std::move(exceeded));
      part.channel.on_settled(part.result);
      co_return;
    }
    most_under_way = std::max(most_under_way, ++under_way);
    part.result.attempts = 1;
    Delivery delivery(part.channel, wire::Dialect::openai_chat, id);
    AnswerNotes notes;
    notes.attempts = 1;
    notes.target = "p/m";
    const auto relay = part.operation.make_relay(target_);
    const bool is_stream = part.operation.is_stream();
    std::string out;
    if (is_stream) {
      EXPECT_TRUE(relay->feed(said("<" + id), out));
      static_cast<void>(co_await delivery.commit("text/event-stream", notes, out));
      out.clear();
    }
    net::Sleep pause(loop, loop.now() + takes[id], part.cancellation);
    const bool has_waited = co_await pause;
    --under_way;
    part.result.outcome = Outcome::completed;
    if (!has_waited) {
      cancelled.push_back(id);
      part.result.outcome = Outcome::cancelled_client;
      co_return;
    }
    if (id == failing) {
      part.result.outcome = Outcome::failed;
      part.result.error = Error(ErrorCode::upstream_error, "p: it broke");
    }
    part.result.target = "p/m";
    part.result.cost_nanousd = 1'000'000;
    notes.cost = "0.001";
    part.channel.on_settled(part.result);
    if (id == failing && !is_stream) {
      static_cast<void>(co_await delivery.refuse(part.result.error, notes));
    } else if (id == failing) {
      relay->fail(part.result.error, id, out);
      static_cast<void>(co_await delivery.finish(out));
    } else if (is_stream) {
      EXPECT_TRUE(relay->feed(said(id + ">"), out));
      static_cast<void>(co_await delivery.more(out));
    } else {
      EXPECT_TRUE(relay->whole(whole_answer("<" + id + ">"), out));
      static_cast<void>(co_await delivery.whole(200, "application/json", notes, out));
    }
  }

  std::string body_;
  json::Document document_;
  std::unique_ptr<CompletionOperation> operation_;
  std::shared_ptr<Upstream> upstream_;
  Target target_;
  std::optional<Delivery> delivery_;
  std::optional<PromptFan> fan_;
  net::TaskSet tasks_;
};

std::string prompts(int count) {
  std::string text = R"("prompt":[)";
  for (int i = 0; i < count; ++i) text.append(i == 0 ? "" : ",").append("\"p\"");
  return text + "]";
}

// The answer is in the order of the prompts, whichever came first.
TEST(PromptFan, JoinsAnswersInTheOrderOfThePrompts) {
  FanRig rig(prompts(3));
  rig.takes["req_1"] = 300ms;
  rig.takes["req_1-2"] = 100ms;
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  EXPECT_EQ(result.attempts, 3);
  EXPECT_EQ(rig.begun, (std::vector<std::string>{"req_1", "req_1-2", "req_1-3"}));
  EXPECT_EQ(rig.channel.status(), 200);
  json::Document document;
  ASSERT_TRUE(document.parse(rig.channel.text)) << rig.channel.text;
  EXPECT_TRUE(document.root().find("id")->equals("cmpl-1"));
  std::vector<std::string> texts;
  for (const json::Value choice : document.root().find("choices")->elements()) {
    EXPECT_EQ(choice.find("index")->as_int(), texts.size());
    texts.push_back(choice.find("text")->as_string());
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"<req_1>", "<req_1-2>", "<req_1-3>"}));
  EXPECT_EQ(document.root().find("usage")->find("total_tokens")->as_int(), 42);
  EXPECT_EQ(rig.channel.field("x-weir-request-id"), "req_1");
  EXPECT_EQ(rig.channel.field("x-weir-attempts"), "3");
  EXPECT_EQ(rig.channel.field("x-weir-cost"), "0.003");
}

TEST(PromptFan, HasNoMoreThanEightUnderWay) {
  FanRig rig(prompts(20));
  for (int i = 2; i <= 20; ++i) rig.takes["req_1-" + std::to_string(i)] = 10ms * i;
  rig.takes["req_1"] = 1s;
  rig.finish();
  EXPECT_EQ(rig.most_under_way, 8U);
  EXPECT_EQ(rig.begun.size(), 20U);
  EXPECT_EQ(rig.channel.status(), 200);
}

// A client that may have two calls at once can still ask for more prompts than that.
TEST(PromptFan, AsksAgainForWhatHadNoRoomBesideTheOthers) {
  FanRig rig(prompts(5));
  rig.room = 2;
  rig.takes["req_1"] = 3s;
  rig.takes["req_1-2"] = 1s;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.most_under_way, 2U);
  EXPECT_EQ(rig.channel.status(), 200);
  EXPECT_EQ(rig.begun, (std::vector<std::string>{"req_1", "req_1-2", "req_1-3", "req_1-3",
                                                 "req_1-4", "req_1-5"}));
}

TEST(PromptFan, StreamsWholeWhatHadNoRoomAtFirst) {
  FanRig rig(R"("stream":true,)" + prompts(2));
  rig.room = 1;
  rig.takes["req_1"] = 1s;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_NE(rig.channel.text.find(R"("text":"<req_1-2")"), std::string::npos) << rig.channel.text;
  EXPECT_NE(rig.channel.text.find(R"("text":"req_1-2>")"), std::string::npos) << rig.channel.text;
}

TEST(PromptFan, FailsWhereThereIsNoRoomForASingleOne) {
  FanRig rig(prompts(2));
  rig.room = 0;
  EXPECT_EQ(rig.finish().outcome, Outcome::rejected);
  EXPECT_EQ(rig.channel.status(), 429);
  EXPECT_EQ(rig.begun.size(), 1U);
}

TEST(PromptFan, FailsWithTheFirstThatFailsAndEndsTheOthers) {
  FanRig rig(prompts(12));
  for (int i = 2; i <= 12; ++i) rig.takes["req_1-" + std::to_string(i)] = 10s;
  rig.takes["req_1"] = 10s;
  rig.takes["req_1-3"] = 1s;
  rig.failing = "req_1-3";
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(result.error.message, "p: it broke");
  EXPECT_EQ(rig.begun.size(), 8U) << "none is begun that is of no use";
  EXPECT_EQ(rig.cancelled.size(), 7U);
  EXPECT_EQ(rig.channel.status(), 502);
  EXPECT_NE(rig.channel.text.find(R"("request_id":"req_1")"), std::string::npos);
  EXPECT_EQ(rig.channel.field("x-weir-request-id"), "req_1");
}

TEST(PromptFan, EndsAllWhenTheClientLeaves) {
  FanRig rig(prompts(3));
  for (const char* id : {"req_1", "req_1-2", "req_1-3"}) rig.takes[id] = 10s;
  rig.start();
  rig.loop.run_for(1s);
  rig.cancellation.cancel();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.result->outcome, Outcome::cancelled_client);
  EXPECT_EQ(rig.cancelled.size(), 3U);
  EXPECT_FALSE(rig.channel.is_ended);
}

// Two calls may have something to say while the client still takes the last: bytes of one event
// never stand within another.
TEST(PromptFan, StreamsThePiecesOfAllAsTheyCome) {
  FanRig rig(R"("stream":true,"n":2,"stream_options":{"include_usage":true},)" + prompts(2));
  rig.channel.write_takes = 50ms;
  rig.takes["req_1"] = 10ms;
  rig.takes["req_1-2"] = 10ms;
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  ASSERT_TRUE(rig.channel.is_ended);
  wire::SseParser parser;
  parser.feed(rig.channel.text);
  wire::SseParser::Event event;
  std::map<std::int64_t, std::string> texts;
  int ends = 0;
  while (parser.next(event)) {
    if (event.data == "[DONE]") {
      ++ends;
      continue;
    }
    json::Document document;
    ASSERT_TRUE(document.parse(event.data)) << event.data;
    EXPECT_TRUE(document.root().find("id")->equals("cmpl-1")) << event.data;
    for (const json::Value choice : document.root().find("choices")->elements()) {
      texts[*choice.find("index")->as_int()] += choice.find("text")->as_string();
    }
  }
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(texts[0], "<req_1req_1>");
  EXPECT_EQ(texts[2], "<req_1-2req_1-2>");
}

TEST(PromptFan, EndsABegunStreamWithTheErrorOfOne) {
  FanRig rig(R"("stream":true,)" + prompts(2));
  rig.takes["req_1"] = 10s;
  rig.takes["req_1-2"] = 1s;
  rig.failing = "req_1-2";
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(rig.cancelled, std::vector<std::string>{"req_1"});
  EXPECT_TRUE(rig.channel.is_ended);
  EXPECT_EQ(rig.channel.text.find("[DONE]"), std::string::npos) << rig.channel.text;
  EXPECT_EQ(rig.channel.text.find(R"("request_id":"req_1-2")"), std::string::npos);
  EXPECT_NE(rig.channel.text.find(R"("request_id":"req_1")"), std::string::npos);
}

}  // namespace
}  // namespace weir::pipeline
