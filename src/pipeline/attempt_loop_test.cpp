// SPDX-License-Identifier: Apache-2.0
#include "pipeline/attempt_loop.hpp"

#include <gtest/gtest.h>

#include "pipeline/charge.hpp"
#include "pipeline/loop_test_support.hpp"
#include "tokens/counter.hpp"

namespace weir::pipeline {
namespace {

using net::ExchangeError;
using policy::FailureClass;

Script answers(std::string_view text, net::Duration after = 0ms) {
  return {.pieces = {{after, said(text)}, {0ms, stopped(), true}}};
}
Script answers_whole(std::string_view text, net::Duration after = 0ms) {
  return {.content_type = "application/json",
          .head_after = after,
          .pieces = {{0ms, whole_answer(text), true}}};
}
Script refuses(int status, std::string retry_after = {}) {
  return {.status = status,
          .content_type = "application/json",
          .retry_after = std::move(retry_after),
          .pieces = {{0ms, R"({"error":{"message":"no"}})", true}}};
}
Script fails_to_connect() { return {.send_error = ExchangeError::connect}; }
Script stays_silent() { return {.head_after = 23h}; }

class AttemptLoopTest : public testing::Test {
 protected:
  Rig rig;
};

// ---- Retries (section 5) ------------------------------------------------------------------------

TEST_F(AttemptLoopTest, R5GoesToTheNextTargetWithoutDrawingOnTheRetryBudget) {
  rig.add("a/m", {fails_to_connect()});
  rig.add("b/m", {answers("hi")});
  rig.route().retries.attempts_per_target = 1;
  rig.gate.retries_left = 0;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/m", "b/m"}));
  EXPECT_EQ(rig.gate.first_visits, 2);
}

TEST_F(AttemptLoopTest, R4ARefusedRetryEndsTheRequestWithItsLastError) {
  rig.add("a/m", {refuses(500)});
  rig.gate.retries_left = 0;
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(result.attempts, 1);
  EXPECT_EQ(result.error.code, ErrorCode::upstream_error);
}

TEST_F(AttemptLoopTest, R4AnotherModelOfAFailedProviderDrawsOnItsBudget) {
  rig.add("a/m", {refuses(500)});
  rig.add("a/n", {answers("hi")});
  rig.route().retries.attempts_per_target = 1;
  rig.gate.retries_left = 0;
  EXPECT_EQ(rig.finish().outcome, Outcome::failed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"a/m"});
}

// Two attempts are left for two targets: the failed one may not have the second of them.
TEST_F(AttemptLoopTest, R10LeavesTheLastAttemptToAnUntriedTarget) {
  rig.add("a/m", {refuses(500)});
  rig.add("b/m", {answers("hi")});
  rig.route().retries.max_attempts = 2;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/m", "b/m"}));
}

TEST_F(AttemptLoopTest, R10DoesNotSaveAttemptsForATargetThatIsOff) {
  rig.add("a/m", {refuses(500), answers("hi")});
  rig.add("b/m");
  rig.gate.refused = {"b/m"};
  rig.route().retries.max_attempts = 2;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/m", "a/m"}));
}

TEST_F(AttemptLoopTest, R9ClassicBackoffWaitsOneTwoFourAndEightSeconds) {
  rig.add("a/m", {refuses(500)});
  rig.route().retries = {.max_attempts = 5, .attempts_per_target = 5};
  rig.route().retries.backoff = policy::classic_backoff();
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().attempts, 5);
  EXPECT_EQ(*rig.ended_at - started, 15s);
}

TEST_F(AttemptLoopTest, T23NoAttemptStartsWithoutEnoughTimeLeft) {
  rig.add("a/m", {refuses(500)});
  rig.add("b/m", {answers("hi")});
  rig.route().request_total = 5s;
  rig.route().retries.backoff.attempt_budget_min = 5001ms;
  EXPECT_EQ(rig.finish().attempts, 1);
}

TEST_F(AttemptLoopTest, T14OneFurtherAttemptAfterAWholeAnswerThatTookTooLong) {
  rig.operation.streams = false;
  rig.add("a/m", {stays_silent()});
  rig.add("b/m", {stays_silent()});
  rig.add("c/m", {answers_whole("hi")});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.error.code, ErrorCode::upstream_timeout);
  EXPECT_EQ(result.attempts, 2);
}

TEST_F(AttemptLoopTest, T14NoFurtherAttemptWhereThatIsOff) {
  rig.operation.streams = false;
  rig.add("a/m", {stays_silent()});
  rig.add("b/m", {answers_whole("hi")});
  rig.route().retries.retry_on_total_timeout = false;
  EXPECT_EQ(rig.finish().attempts, 1);
}

TEST_F(AttemptLoopTest, F8APinnedRequestStaysWithItsTarget) {
  rig.operation.pins = true;
  rig.add("a/m", {refuses(500), refuses(500)});
  rig.add("b/m", {answers("hi")});
  EXPECT_EQ(rig.finish().outcome, Outcome::failed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/m", "a/m"}));
}

// ---- Keys and limits
// ------------------------------------------------------------------------------

TEST_F(AttemptLoopTest, ARefusedKeyIsFollowedByTheProvidersNext) {
  rig.add("a/m", {refuses(401)}, "one");
  rig.add("a/m", {answers("hi")}, "two");
  rig.add("b/m", {answers("no")});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/mone", "a/mtwo"}));
}

TEST_F(AttemptLoopTest, AnotherKeyDoesNotHelpAProviderThatFails) {
  rig.add("a/m", {refuses(500)}, "one");
  rig.add("a/m", {answers("no")}, "two");
  rig.add("b/m", {answers("hi")});
  rig.route().retries.attempts_per_target = 1;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/mone", "b/m"}));
}

TEST_F(AttemptLoopTest, ACoolingKeyIsPassedOverForTheNext) {
  rig.add("a/m", {}, "one");
  rig.add("a/m", {answers("hi")}, "two");
  rig.gate.refused = {"a/mone"};
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"a/mtwo"});
}

TEST_F(AttemptLoopTest, AProviderWithAllTheRequestsItMayHaveIsPassedOver) {
  rig.add("a/m", {answers("no")});
  rig.add("b/m", {answers("hi")});
  rig.upstream(0).in_flight_max = 3;
  rig.upstream(0).counters->in_flight = 3;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
}

TEST_F(AttemptLoopTest, F2ATargetWithoutAPriceIsSkippedWhereThatIsSaid) {
  rig.add("a/m", {answers("no")});
  rig.add("b/m", {answers("hi")}).prices = providers::free_book({});
  rig.route().rejects_unpriced = true;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
}

// ---- Streams (section 9) ------------------------------------------------------------------------

TEST_F(AttemptLoopTest, S91AStreamThatBreaksBeforeItsFirstContentFailsOver) {
  rig.add("a/m", {{.pieces = {{0ms, ": ping\n\n"}, {0ms, "", false, ExchangeError::cut}}}});
  rig.add("b/m", {answers("hi")});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.channel.text,
            said("hi") + stopped().substr(0, stopped().find("\n\n") + 2) + "data: [DONE]\n\n");
}

TEST_F(AttemptLoopTest, S92AStreamThatCannotBeJoinedEndsWithOneErrorAndNoTerminator) {
  rig.operation.joins = false;
  rig.add("a/m", {{.pieces = {{0ms, said("hi")}, {0ms, "", false, ExchangeError::cut}}}});
  rig.add("b/m", {answers("no")});
  EXPECT_EQ(rig.finish().outcome, Outcome::aborted_upstream);
  EXPECT_EQ(rig.channel.text.find("[DONE]"), std::string::npos);
  EXPECT_NE(rig.channel.text.find(R"("request_id":"req_1")"), std::string::npos);
  EXPECT_TRUE(rig.channel.is_ended);
}

TEST_F(AttemptLoopTest, S94WaitsTwoSecondsForUsageAfterTheFinish) {
  const std::string finish = stopped().substr(0, stopped().find("\n\n") + 2);
  rig.add("a/m", {{.pieces = {{0ms, said("hi") + finish}}}});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(*rig.ended_at - started, 2s);
}

TEST_F(AttemptLoopTest, S95SendsACommentAfterEachQuarterMinuteOfSilence) {
  rig.add("a/m", {{.pieces = {{0ms, said("a")}, {40s, said("b")}, {1s, stopped(), true}}}});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  std::vector<net::Duration> beats;
  for (const auto& [when, bytes] : rig.channel.writes) {
    if (bytes == ": \n\n") beats.push_back(when - started);
  }
  EXPECT_EQ(beats, (std::vector<net::Duration>{15s, 30s}));
}

TEST(Heartbeat, S95IsInTheClientsOwnWords) {
  using wire::Dialect;
  EXPECT_EQ(heartbeat_of(Dialect::openai_responses, "text/event-stream"), ": \n\n");
  EXPECT_EQ(heartbeat_of(Dialect::anthropic, "text/event-stream"),
            "event: ping\ndata: {\"type\":\"ping\"}\n\n");
  EXPECT_EQ(heartbeat_of(Dialect::ollama, "application/x-ndjson"), "");
}

TEST_F(AttemptLoopTest, S95CommitsEarlyAndStillFailsOver) {
  rig.route().stream.early_commit = 20s;
  rig.route().hedge.mode = HedgePolicy::Mode::off;
  rig.add("a/m", {{.head_after = 25s, .send_error = ExchangeError::reset_sent}});
  rig.add("b/m", {answers("hi")});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(*rig.channel.begun_at - started, 20s);
  EXPECT_EQ(rig.channel.text.substr(0, 4 + said("hi").size()), ": \n\n" + said("hi"));
}

TEST_F(AttemptLoopTest, S95AfterAnEarlyCommitTheErrorTravelsInTheStream) {
  rig.route().stream.early_commit = 0s;
  rig.add("a/m", {{.head_after = 5s, .send_error = ExchangeError::reset_sent}});
  EXPECT_EQ(rig.finish().outcome, Outcome::failed);
  EXPECT_EQ(rig.channel.status(), 200);
  EXPECT_NE(rig.channel.text.find(R"("request_id":"req_1")"), std::string::npos);
  EXPECT_EQ(rig.channel.text.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(rig.channel.is_ended);
}

TEST_F(AttemptLoopTest, S913AnEarlyBreakWithinTheWindowFailsOverUnseen) {
  rig.route().stream.hold_back_tokens = 1000;
  rig.add("a/m", {{.pieces = {{0ms, said("bad")}, {100ms, "", false, ExchangeError::cut}}}});
  rig.add("b/m", {answers("hi")});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.channel.text.find("bad"), std::string::npos);
  EXPECT_EQ(rig.channel.text.find(said("hi")), 0U);
}

TEST_F(AttemptLoopTest, S913WhatIsHeldBackGoesOutWhenTheWindowEnds) {
  rig.route().stream.hold_back_tokens = 1000;
  rig.add("a/m", {{.pieces = {{0ms, said("a")}, {500ms, said("b")}, {1s, stopped(), true}}}});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  ASSERT_GE(rig.channel.writes.size(), 2U);
  EXPECT_EQ(rig.channel.writes[0], std::pair(started + 300ms, said("a")));
  EXPECT_EQ(rig.channel.writes[1], std::pair(started + 500ms, said("b")));
}

TEST_F(AttemptLoopTest, T11SilenceBeforeTheFirstContentFailsOver) {
  rig.route().hedge.mode = HedgePolicy::Mode::off;
  rig.add("a/m", {{.pieces = {{50s, ": ping\n\n"}, {50s, ": ping\n\n"}, {50s, said("late")}}}});
  rig.add("b/m", {answers("hi")});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_GE(*rig.ended_at - started, 120s);
  EXPECT_LE(*rig.ended_at - started, 120s + 50ms);
}

// T-24: pings keep the line, not the answer.
TEST_F(AttemptLoopTest, T13PingsDoNotStandForContent) {
  rig.operation.joins = false;
  Script pings{.pieces = {{0ms, said("a")}}};
  for (int i = 0; i < 20; ++i) pings.pieces.push_back({30s, ": ping\n\n"});
  rig.add("a/m", {pings});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::aborted_upstream);
  EXPECT_EQ(*rig.ended_at - started, 180s);
}

TEST_F(AttemptLoopTest, T17AStreamEndsWhenItsTimeIsOver) {
  Script endless;
  for (int i = 0; i < 20; ++i) endless.pieces.push_back({30s, said("a")});
  rig.route().hedge.mode = HedgePolicy::Mode::off;
  rig.add("a/m", {endless}).timeouts.stream_total = 100s;
  rig.add("b/m", {answers("no")});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::aborted_upstream);
  EXPECT_EQ(*rig.ended_at - started, 130s) << "counted from the first content";
}

// ---- Hedging (F-7) ------------------------------------------------------------------------------

TEST_F(AttemptLoopTest, F7ASecondTargetAnswersForASilentFirst) {
  rig.add("a/m", {answers("slow", 20s)});
  rig.add("b/m", {answers("fast")});
  const TimePoint started = rig.loop.now();
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  EXPECT_EQ(result.target, "b/m");
  EXPECT_EQ(*rig.ended_at - started, 8s) << "fewer than 20 samples: 8 s";
  EXPECT_EQ(rig.channel.text.find("slow"), std::string::npos);
  ASSERT_EQ(result.rows.size(), 2U);
  EXPECT_FALSE(result.rows[0].is_charged);
  EXPECT_TRUE(result.rows[1].is_hedge);
  EXPECT_TRUE(result.rows[1].is_charged);
}

TEST_F(AttemptLoopTest, F7TheFirstMayStillWinAndTheSecondIsEndedAtOnce) {
  rig.add("a/m", {answers("first", 9s)});
  rig.add("b/m", {answers("second", 20s)});
  const TimePoint started = rig.loop.now();
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.target, "a/m");
  EXPECT_EQ(*rig.ended_at - started, 9s);
  EXPECT_EQ(result.attempts, 2);
}

TEST_F(AttemptLoopTest, F7AHedgeGoesOnWhereTheFirstFails) {
  rig.add("a/m", {{.head_after = 9s, .send_error = ExchangeError::reset_sent}});
  rig.add("b/m", {answers("hi", 5s)});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(*rig.ended_at - started, 13s);
  EXPECT_EQ(rig.operation.asked.size(), 2U);
}

TEST_F(AttemptLoopTest, F7WhenBothFailTheNextTargetIsAsked) {
  rig.add("a/m", {{.head_after = 9s, .send_error = ExchangeError::reset_sent}});
  rig.add("b/m", {{.head_after = 3s, .send_error = ExchangeError::reset_sent}});
  rig.add("c/m", {answers("hi")});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"a/m", "b/m", "c/m"}));
}

TEST_F(AttemptLoopTest, F7NeverLeavesAFreeTargetForAPaidOneUnlessTold) {
  rig.add("a/m", {answers("free", 20s)});
  rig.upstream(0).is_local = true;
  rig.add("b/m", {answers("paid")});
  EXPECT_EQ(rig.finish().target, "a/m");

  Rig told;
  told.add("a/m", {answers("free", 20s)});
  told.upstream(0).is_local = true;
  told.add("b/m", {answers("paid")});
  told.route().hedge = {.mode = HedgePolicy::Mode::after, .after = 1s};
  EXPECT_EQ(told.finish().target, "b/m");
}

TEST_F(AttemptLoopTest, F7AutoIsForStreamsAlone) {
  rig.operation.streams = false;
  rig.add("a/m", {answers_whole("slow", 60s)});
  rig.add("b/m", {answers_whole("fast")});
  EXPECT_EQ(rig.finish().target, "a/m");
}

TEST_F(AttemptLoopTest, F7AWholeAnswerIsHedgedWhereThatIsSaid) {
  rig.operation.streams = false;
  rig.route().hedge = {.mode = HedgePolicy::Mode::after, .after = 2s};
  rig.add("a/m", {answers_whole("slow", 60s)});
  rig.add("b/m", {answers_whole("fast")});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().target, "b/m");
  EXPECT_EQ(*rig.ended_at - started, 2s);
}

// ---- Leaving (section 10) -----------------------------------------------------------------------

TEST_F(AttemptLoopTest, S102NothingIsLeftWhenTheClientGoesWhileTwoAttemptsAreUnderWay) {
  rig.add("a/m", {stays_silent()});
  rig.add("b/m", {stays_silent()});
  rig.start();
  rig.loop.run_for(10s);
  EXPECT_EQ(rig.open_exchanges, 2);
  rig.cancellation.cancel();
  ASSERT_TRUE(rig.result) << "it takes no time at all";
  EXPECT_EQ(rig.result->outcome, Outcome::cancelled_client);
  EXPECT_EQ(rig.open_exchanges, 0);
  EXPECT_EQ(rig.gate.granted, rig.gate.reported);
  EXPECT_TRUE(rig.loop.is_idle());
}

TEST_F(AttemptLoopTest, S102TheClientGoesWhileAHeartbeatIsOnItsWay) {
  rig.add("a/m", {{.pieces = {{0ms, said("a")}}}});
  rig.start();
  rig.loop.run_for(1s);
  rig.channel.write_takes = 5s;
  rig.loop.run_for(15s);
  rig.cancellation.cancel();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.result->outcome, Outcome::cancelled_client);
}

TEST_F(AttemptLoopTest, S105ADrainReadsOnForTheUsage) {
  rig.add("a/m", {{.pieces = {{0ms, said("a")}, {5s, stopped(), true}}}});
  rig.upstream(0).drains_on_disconnect = true;
  rig.start();
  rig.loop.run_for(1s);
  rig.cancellation.cancel();
  EXPECT_FALSE(rig.result);
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.result->outcome, Outcome::cancelled_client);
  EXPECT_EQ(rig.result->rows[0].usage.output, 4);
  EXPECT_FALSE(rig.result->rows[0].is_estimated);
  EXPECT_EQ(rig.channel.text, said("a"));
}

TEST_F(AttemptLoopTest, S105ADrainEndsAfterThirtySeconds) {
  rig.add("a/m", {{.pieces = {{0ms, said("a")}}}});
  rig.upstream(0).drains_on_disconnect = true;
  rig.start();
  rig.loop.run_for(1s);
  const TimePoint left = rig.loop.now();
  rig.cancellation.cancel();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(*rig.ended_at - left, 30s);
  EXPECT_TRUE(rig.result->rows[0].is_estimated);
}

// Whoever leaves pays for what was written, in tokens of its language: bytes tell little of them.
TEST_F(AttemptLoopTest, S116WhatReachedAClientThatLeftIsCountedByItsText) {
  const auto& counter = tokens::counter_for("openai", "gpt-4o");
  for (const std::string& text :
       {std::string("The quick brown fox jumps over the lazy dog, and then it does so once more. "),
        std::string("\u6625\u7720\u4e0d\u89c9\u6653\uff0c\u5904\u5904\u95fb\u557c\u9e1f\u3002"),
        std::string("for (int i = 0; i < n; ++i) { sum += values[i] * weights[i]; }")}) {
    Rig used;
    used.add("openai/gpt-4o", {{.pieces = {{0ms, said(text)}, {0ms, said(text)}}}}).model =
        "gpt-4o";
    used.start();
    used.loop.run_for(1s);
    used.cancellation.cancel();
    used.loop.run();
    ASSERT_TRUE(used.result);
    const AttemptRow& row = used.result->rows[0];
    EXPECT_TRUE(row.is_estimated);
    EXPECT_EQ(row.usage.output, counter.estimate(text + text)) << text;
  }
}

// ---- Accounting (section 11) --------------------------------------------------------------------

class CountingAccounting final : public Accounting {
 public:
  Result<> admit(Call& call, const Operation&) override {
    if (refuses_calls) return limited("calls", 7'500ms);
    call.admission = 1;
    ++calls;
    return {};
  }
  void release(const Call& call, const CallResult&) override {
    EXPECT_EQ(call.admission, 1U);
    --calls;
  }
  Result<Reservation> reserve(const Call& call, const Operation&, const Target& target,
                              bool is_last_resort) override {
    EXPECT_EQ(call.admission, 1U);
    if (spared.contains(target.name) && !is_last_resort) return limited(target.name, 1'000ms);
    if (const auto wait = full.find(target.name); wait != full.end()) {
      return limited(target.name, wait->second);
    }
    if (is_behind) {
      Error error(ErrorCode::overloaded, "others wait");
      error.retry_after = 1'000ms;
      return error;
    }
    ++outstanding;
    return Reservation{++ids};
  }
  void settle(Reservation, const Call&, const AttemptRow& row) override {
    --outstanding;
    rows.push_back(row);
  }
  void give_back(Reservation, const Call&) override {
    --outstanding;
    ++given_back;
  }
  bool enter_line(Call& call, const Target& target, std::function<void()> on_turn) override {
    if (line_is_full) return false;
    if (call.line_place == 0) lines_entered.push_back(target.name);
    call.line_place = 7;
    wake = std::move(on_turn);
    return true;
  }
  void leave_line(Call& call) override {
    call.line_place = 0;
    wake = nullptr;
  }
  bool is_behind = false;
  bool line_is_full = false;
  std::vector<std::string> lines_entered;
  std::function<void()> wake;  ///< of who stands in line
  static Error limited(const std::string& what, milliseconds wait) {
    Error error(ErrorCode::rate_limited, what + " are at their limit");
    error.retry_after = wait;
    return error;
  }
  bool refuses_calls = false;
  std::map<std::string, milliseconds> full;  ///< targets at their limit, and for how long
  std::set<std::string> spared;              ///< for those who find nothing else
  int calls = 0;
  int given_back = 0;
  std::uint64_t ids = 0;
  int outstanding = 0;
  std::vector<AttemptRow> rows;
};

TEST_F(AttemptLoopTest, S119EveryAttemptReservesAndSettlesOnce) {
  CountingAccounting accounting;
  rig.accounting = &accounting;
  rig.add("a/m", {{.send_error = ExchangeError::reset_sent}});
  rig.add("b/m", {answers("hi")});
  const CallResult& result = rig.finish();
  EXPECT_EQ(accounting.outstanding, 0);
  ASSERT_EQ(accounting.rows.size(), 2U);
  EXPECT_EQ(result.rows[0].failure, FailureClass::reset_sent);
  EXPECT_FALSE(result.rows[0].is_charged) << "S-11.2: exposure, not the client's";
  EXPECT_TRUE(result.rows[0].is_estimated);
  EXPECT_EQ(result.rows[0].usage.input, 100);
  EXPECT_TRUE(result.rows[1].is_charged);
  EXPECT_EQ(result.usage->output, 4);
}

// A client that comes back as soon as it has its answer finds its limits and all figures settled.
TEST_F(AttemptLoopTest, X1WithTheLastByteEverythingIsSettled) {
  for (const bool streams : {true, false}) {
    Rig rig;
    CountingAccounting accounting;
    rig.accounting = &accounting;
    rig.operation.streams = streams;
    Script whole = {.content_type = "application/json",
                    .pieces = {{0ms, whole_answer("hi"), true}}};
    Target& target = rig.add("a/m", {streams ? answers("hi") : whole});
    int ends = 0;
    rig.channel.on_end = [&] {
      ++ends;
      EXPECT_EQ(accounting.outstanding, 0);
      EXPECT_EQ(accounting.calls, 0);
      EXPECT_EQ(rig.gate.granted, rig.gate.reported);
      EXPECT_EQ(target.counters->in_flight.load(), 0);
      EXPECT_EQ(target.counters->successes.load(), 1U);
      EXPECT_EQ(target.upstream->counters->output_tokens.load(), 4U);
    };
    EXPECT_EQ(rig.finish().outcome, Outcome::completed);
    EXPECT_EQ(ends, 1);
    EXPECT_EQ(accounting.rows.size(), 1U);
  }
}

TEST_F(AttemptLoopTest, X1WithARefusalEverythingIsSettled) {
  CountingAccounting accounting;
  rig.accounting = &accounting;
  rig.add("a/m", {{.status = 400, .pieces = {{0ms, "{}", true}}}});
  rig.channel.on_end = [&] {
    EXPECT_EQ(accounting.outstanding, 0);
    EXPECT_EQ(accounting.calls, 0);
  };
  EXPECT_EQ(rig.finish().outcome, Outcome::failed);
  EXPECT_TRUE(rig.channel.is_ended);
}

std::string answer_with_usage(std::string_view usage) {
  return R"({"id":"c1","object":"chat.completion","created":5,"model":"up","choices":[{"index":0,)"
         R"("message":{"role":"assistant","content":"12345678"},"finish_reason":"stop"}],"usage":)" +
         std::string(usage) + "}";
}

providers::PriceBook one_dollar() {
  providers::OwnPrices own;
  own.prices.set(providers::PriceKind::input, *TokenPrice::parse_usd_per_million("1"));
  own.prices.set(providers::PriceKind::output, *TokenPrice::parse_usd_per_million("1"));
  return providers::price_book(nullptr, own);
}

// S-11.8: odd figures are charged as told, impossible ones at our own estimate.
TEST(Charging, S118OddUsageIsChargedAsToldAndImpossibleUsageAtTheEstimate) {
  constexpr std::int64_t estimated = -1;
  const struct {
    std::string_view usage;
    std::int64_t nanousd;
    bool is_odd;
    bool is_impossible;
  } cases[] = {
      {R"({"prompt_tokens":10,"completion_tokens":4})", 14'000, false, false},
      {R"({"prompt_tokens":10400,"completion_tokens":4})", 10'404'000, false, false},
      {R"({"prompt_tokens":10401,"completion_tokens":4})", 10'405'000, true, false},
      {R"({"prompt_tokens":10,"completion_tokens":400})", 410'000, false, false},
      {R"({"prompt_tokens":10,"completion_tokens":401})", 411'000, true, false},
      {R"({"prompt_tokens":20001,"completion_tokens":4})", estimated, false, true},
      {R"({"prompt_tokens":-1,"completion_tokens":4})", estimated, false, true},
      {R"({"prompt_tokens":1.5,"completion_tokens":4})", estimated, false, true},
      {R"({"prompt_tokens":1e30,"completion_tokens":4,"cost":5})", estimated, false, true},
      {R"({"prompt_tokens":10,"completion_tokens":4,"cost":0.0000125})", 12'500, false, false},
  };
  for (const auto& row : cases) {
    Rig rig;
    rig.operation.context_windows = 1;
    rig.operation.streams = false;
    Target& target = rig.add("a/m", {{.content_type = "application/json",
                                      .pieces = {{0ms, answer_with_usage(row.usage), true}}}});
    target.context_tokens = 20'000;
    target.traits.output_tokens_max = 100;
    target.prices = one_dollar();
    const CallResult& result = rig.finish();
    ASSERT_EQ(result.rows.size(), 1U);
    const std::int64_t estimate =
        100'000 + 1'000 * tokens_estimate(answer_with_usage(row.usage).size());
    const std::int64_t expected = row.nanousd == estimated ? estimate : row.nanousd;
    EXPECT_EQ(result.rows[0].cost_nanousd, expected) << row.usage;
    EXPECT_EQ(result.rows[0].flags.odd, row.is_odd) << row.usage;
    EXPECT_EQ(result.rows[0].flags.impossible, row.is_impossible) << row.usage;
    EXPECT_EQ(result.rows[0].is_estimated, row.is_impossible) << row.usage;
    EXPECT_EQ(rig.channel.field("x-weir-cost"), to_usd_text(NanoUsd(expected)))
        << "what the client is told is what is booked";
  }
}

// U-5
TEST_F(AttemptLoopTest, U5AnUnpricedModelIsBookedAtTheDearestAndCounted) {
  Target& target = rig.add("a/m", {answers("hi")});
  target.prices = one_dollar();
  target.prices.is_assumed = true;
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.cost_nanousd, 14'000);
  EXPECT_TRUE(result.rows[0].flags.unpriced);
  EXPECT_EQ(target.upstream->counters->unpriced.load(), 1U);
}

// F-2, S-11.9: it spills to the next target, and that costs the request none of its attempts.
TEST_F(AttemptLoopTest, S119ATargetAtItsLimitIsPassedOver) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 3'000ms}};
  rig.accounting = &accounting;
  rig.add("a/m", {answers("no")});
  rig.add("b/m", {answers("hi")});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  EXPECT_EQ(result.attempts, 1);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
  EXPECT_EQ(accounting.calls, 0);
}

// What is left of a day's quota is for the time when nobody else can answer.
TEST_F(AttemptLoopTest, ATargetNearTheEndOfItsQuotaIsAskedWhenNoOtherIsLeft) {
  CountingAccounting accounting;
  accounting.spared = {"a/m"};
  rig.accounting = &accounting;
  rig.add("a/m", {answers("from a"), answers("from a")});
  rig.add("b/m", {answers("from b")});
  rig.finish();
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
}

TEST_F(AttemptLoopTest, WhatIsSparedOfAQuotaIsUsedWhenTheOthersAreFull) {
  CountingAccounting accounting;
  accounting.spared = {"a/m"};
  accounting.full = {{"b/m", 9'000ms}};
  rig.accounting = &accounting;
  rig.add("a/m", {answers("from a")});
  rig.add("b/m");
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"a/m"});
}

TEST_F(AttemptLoopTest, L10WhenAllTargetsAreAtTheirLimitsTheSoonestOfThemIsTold) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 9'000ms}, {"b/m", 2'500ms}};
  rig.accounting = &accounting;
  rig.add("a/m");
  rig.add("b/m");
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::rejected);
  EXPECT_EQ(result.error.code, ErrorCode::rate_limited);
  EXPECT_EQ(rig.channel.status(), 429);
  EXPECT_EQ(rig.channel.field("retry-after"), "3");
  EXPECT_EQ(result.attempts, 0);
  EXPECT_EQ(accounting.outstanding, 0);
  EXPECT_EQ(accounting.calls, 0);
}

// ---- Waiting for a full target (section 15) -----------------------------------------------------

TEST_F(AttemptLoopTest, AFullTargetIsWaitedForUntilItHasRoom) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 4'000ms}};
  rig.accounting = &accounting;
  rig.route().queue_wait = 30s;
  rig.add("a/m", {answers("hi")});
  const TimePoint began = rig.loop.now();
  rig.start();
  rig.loop.run_for(3'999ms);
  EXPECT_TRUE(rig.operation.asked.empty());
  EXPECT_EQ(accounting.lines_entered, std::vector<std::string>{"a/m"});
  accounting.full.clear();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.result->outcome, Outcome::completed);
  EXPECT_EQ(rig.result->attempts, 1);
  EXPECT_EQ(*rig.ended_at - began, 4s);
  EXPECT_FALSE(accounting.wake) << "it has left the line";
}

TEST_F(AttemptLoopTest, WhoIsCalledFromTheLineDoesNotWaitForItsTime) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 20'000ms}};
  rig.accounting = &accounting;
  rig.route().queue_wait = 30s;
  rig.add("a/m", {answers("hi")});
  rig.start();
  rig.loop.run_for(2s);
  ASSERT_TRUE(accounting.wake);
  accounting.full.clear();
  // What wakes it is forgotten as it goes.
  const auto wake = accounting.wake;
  wake();
  rig.loop.run_for(1ms);
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.result->outcome, Outcome::completed);
}

TEST_F(AttemptLoopTest, WhoIsBehindOthersWaitsItsWholeTimeAndIsThenRefused) {
  CountingAccounting accounting;
  accounting.is_behind = true;
  rig.accounting = &accounting;
  rig.route().queue_wait = 10s;
  rig.add("a/m", {answers("hi")});
  const TimePoint began = rig.loop.now();
  const CallResult& result = rig.finish({.priority = Priority::low});
  EXPECT_EQ(result.outcome, Outcome::rejected);
  EXPECT_EQ(rig.channel.status(), 503);
  EXPECT_EQ(*rig.ended_at - began, 5s) << "low priority gives way sooner";
  EXPECT_EQ(accounting.calls, 0);
}

TEST_F(AttemptLoopTest, WhatHasNoChanceToBeServedInTimeIsRefusedAtOnce) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 31'000ms}};
  rig.accounting = &accounting;
  rig.route().queue_wait = 30s;
  rig.add("a/m");
  const TimePoint began = rig.loop.now();
  rig.finish();
  EXPECT_EQ(rig.channel.status(), 429);
  EXPECT_EQ(*rig.ended_at, began);
  EXPECT_TRUE(accounting.lines_entered.empty());
}

TEST_F(AttemptLoopTest, AFullLineRefusesAtOnce) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 4'000ms}};
  accounting.line_is_full = true;
  rig.accounting = &accounting;
  rig.route().queue_wait = 30s;
  rig.add("a/m");
  const TimePoint began = rig.loop.now();
  rig.finish();
  EXPECT_EQ(rig.channel.status(), 429);
  EXPECT_EQ(*rig.ended_at, began);
}

// S-10.1
TEST_F(AttemptLoopTest, AClientThatLeavesTheLineIsGoneAtOnce) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 20'000ms}};
  rig.accounting = &accounting;
  rig.route().queue_wait = 30s;
  rig.add("a/m");
  rig.start();
  rig.loop.run_for(1s);
  const TimePoint left = rig.loop.now();
  rig.cancellation.cancel();
  rig.loop.run_for(1ms);
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(*rig.ended_at, left);
  EXPECT_EQ(rig.result->outcome, Outcome::cancelled_client);
  EXPECT_FALSE(accounting.wake);
  EXPECT_EQ(accounting.calls, 0);
}

TEST_F(AttemptLoopTest, L7ACallThatIsNotAdmittedReachesNoTarget) {
  CountingAccounting accounting;
  accounting.refuses_calls = true;
  rig.accounting = &accounting;
  rig.add("a/m", {answers("no")});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::rejected);
  EXPECT_EQ(rig.channel.status(), 429);
  EXPECT_EQ(rig.channel.field("retry-after"), "8") << "whole seconds, up";
  EXPECT_TRUE(rig.operation.asked.empty());
  EXPECT_EQ(accounting.calls, 0) << "what was never admitted is not released";
}

// I-2: what was set aside for an attempt that never starts comes back.
TEST_F(AttemptLoopTest, S119AClientThatLeavesDuringABackOffLeavesNothingBehind) {
  CountingAccounting accounting;
  rig.accounting = &accounting;
  rig.route().retries.backoff.base = 5s;
  rig.add("a/m", {fails_to_connect()});
  rig.add("b/m", {answers("hi")});
  rig.start();
  rig.loop.run_for(1ms);
  rig.cancellation.cancel();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(accounting.outstanding, 0);
  EXPECT_EQ(accounting.calls, 0);
}

TEST_F(AttemptLoopTest, C4TellsTargetAttemptsAndRequest) {
  rig.add("a/m", {fails_to_connect()});
  rig.add("b/m", {answers("hi")});
  rig.route().retries.attempts_per_target = 1;
  rig.finish();
  EXPECT_EQ(rig.channel.field("x-weir-target"), "b/m");
  EXPECT_EQ(rig.channel.field("x-weir-attempts"), "2");
  EXPECT_EQ(rig.channel.field("x-weir-request-id"), "req_1");
  EXPECT_EQ(rig.channel.field("x-weir-explain"), "") << "only who asks is told";
}

TEST_F(AttemptLoopTest, ExplainsEveryTargetToWhoAsks) {
  rig.add("a/m");
  rig.add("b/m", {answers("hi")});
  rig.add("c/m");
  rig.gate.refused = {"a/m"};
  rig.finish({.explain = true});
  const std::string told = rig.channel.field("x-weir-explain");
  EXPECT_NE(told.find(R"("target":"a/m","step":1,"strategy":"priority","state":"refused",)"
                      R"("why":"off after failures")"),
            std::string::npos)
      << told;
  EXPECT_NE(told.find(R"("target":"b/m","step":1,"strategy":"priority","state":"chosen")"),
            std::string::npos);
  EXPECT_NE(told.find(R"("target":"c/m","step":1,"strategy":"priority","state":"untried")"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::pipeline
