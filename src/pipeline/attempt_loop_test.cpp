// SPDX-License-Identifier: Apache-2.0
#include "pipeline/attempt_loop.hpp"

#include <gtest/gtest.h>

#include "pipeline/loop_test_support.hpp"
#include "tokens/counter.hpp"

namespace weir::pipeline {
namespace {

using net::ExchangeError;

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

// A second would only bring it the same answer.
TEST_F(AttemptLoopTest, B10ARefusalWithoutAWaitSaysWhenTheTargetIsAskedAgain) {
  for (const int status : {402, 429}) {
    Rig own;
    Script refusal = refuses(status);
    refusal.head_after = 1s;
    own.add("a/m", {refusal});
    own.start();
    own.loop.run_for(500ms);
    own.gate.refused = {"a/m"};  // as it does at the answer
    own.loop.run();
    ASSERT_TRUE(own.result);
    EXPECT_EQ(own.channel.status(), 429);
    EXPECT_EQ(own.channel.field("retry-after"), "3");
  }
}

// The minutes that a provider names beside it are those of another limit.
TEST_F(AttemptLoopTest, K6ASpentDaysAllowanceIsBackWhenTheProvidersDayIsOver) {
  for (const bool is_known : {true, false}) {
    Rig own;
    Script refusal = refuses(429);
    refusal.pieces = {{0ms, R"({"error":{"message":"100 requests per day are used up"}})", true}};
    own.add("a/m", {refusal});
    const auto day = policy::Calendar::make(policy::Period::day, "Asia/Kolkata");
    ASSERT_TRUE(day);
    if (is_known) own.upstream(0).quota_day = *day;
    own.finish();
    const std::int64_t now =
        std::chrono::duration_cast<milliseconds>(own.loop.now().time_since_epoch()).count();
    const milliseconds left(day->window_at(now).end_ms - now);
    EXPECT_EQ(own.gate.latest_wait, is_known ? std::optional(left) : std::nullopt);
  }
}

TEST_F(AttemptLoopTest, AnExplanationIsKeptForTheLogWhereThatIsSaid) {
  rig.add("a/m", {refuses(500)});
  rig.add("b/m", {answers("hi")});
  rig.route().retries.attempts_per_target = 1;
  rig.start();
  rig.call().keeps_explanation = true;
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  const std::string& text = rig.result->explanation;
  EXPECT_NE(text.find(R"("target":"a/m","step":1,"strategy":"priority","state":"failed")"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("target":"b/m","step":1,"strategy":"priority","state":"chosen")"),
            std::string::npos);
  EXPECT_EQ(rig.channel.field("x-weir-explain"), "");
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

TEST_F(AttemptLoopTest, S91AStreamThatFailsWithItsFirstContentFailsOver) {
  rig.add("a/m", {{.pieces = {{0ms, said("lost") + "data: {\"broken\n\n"}}}});
  rig.add("b/m", {answers("hi")});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.channel.text.find("lost"), std::string::npos);
  EXPECT_NE(rig.channel.text.find("hi"), std::string::npos);
}

// The client has read on to where the stream broke, and what goes on there begins behind it.
TEST_F(AttemptLoopTest, S92WhatCameWithAFlawButBeforeItIsTheClients) {
  rig.operation.joins = false;
  rig.add("a/m", {{.pieces = {{0ms, said("one")}, {0ms, said("two") + "data: {\"broken\n\n"}}}});
  EXPECT_EQ(rig.finish().outcome, Outcome::aborted_upstream);
  EXPECT_EQ(rig.channel.text.substr(0, said("one").size() + said("two").size()),
            said("one") + said("two"));
  EXPECT_EQ(rig.channel.text.find("broken"), std::string::npos);
}

TEST_F(AttemptLoopTest, S94WaitsTwoSecondsForUsageAfterTheFinish) {
  const std::string finish = stopped().substr(0, stopped().find("\n\n") + 2);
  rig.add("a/m", {{.pieces = {{0ms, said("hi") + finish}}}});
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(*rig.ended_at - started, 2s);
}

TEST_F(AttemptLoopTest, S94WaitsAsLongAsIsSetAfterTheFinish) {
  const std::string finish = stopped().substr(0, stopped().find("\n\n") + 2);
  rig.add("a/m", {{.pieces = {{0ms, said("hi") + finish}}}}).timeouts.after_finish = 300ms;
  const TimePoint started = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(*rig.ended_at - started, 300ms);
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

// A connection takes one write at a time, and who reads nothing needs no sign of life.
TEST_F(AttemptLoopTest, S95NothingIsSentByTheClockWhileTheClientTakesNothing) {
  rig.channel.write_takes = 50s;
  rig.add("a/m", {{.pieces = {{0ms, said("a")}, {1s, said("b")}, {1s, stopped(), true}}}});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.channel.text.find(": \n\n"), std::string::npos);
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

// A server that hangs and never fails trips no breaker; who goes by speed must see it.
TEST_F(AttemptLoopTest, F7WhoLosesToItsHedgeIsSlowInItsFigures) {
  const Target& hanging = rig.add("a/m", {answers("slow", 20s)});
  const Target& quick = rig.add("b/m", {answers("fast", 1s)});
  EXPECT_EQ(rig.finish().target, "b/m");
  EXPECT_EQ(hanging.counters->first_content_us, 9'000'000) << "as long as it was waited for";
  EXPECT_EQ(hanging.upstream->counters->first_content_us, 9'000'000);
  EXPECT_EQ(quick.counters->first_content_us, 1'000'000);
  EXPECT_EQ(hanging.counters->failures, 0U) << "it was ended, it did not fail";

  Rig slower;
  slower.add("a/m", {answers("first", 9s)});
  const Target& hedge = slower.add("b/m", {answers("second", 20s)});
  EXPECT_EQ(slower.finish().target, "a/m");
  EXPECT_EQ(hedge.counters->first_content_us, 0) << "it had hardly begun";
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

// H-5: who reads a stream when the program ends is told so; who waits for an answer gets it as one.
TEST_F(AttemptLoopTest, H5AStreamThatTheProgramsEndCutsShortEndsWithAnError) {
  rig.add("a/m", {{.pieces = {{0ms, said("a")}, {0ms, said("b")}}}});
  rig.add("b/m", {answers("hi", 0ms)});
  rig.start();
  rig.loop.run_for(1s);
  rig.shut_down();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.result->outcome, Outcome::shutdown);
  EXPECT_TRUE(rig.channel.text.starts_with(said("a") + said("b"))) << rig.channel.text;
  EXPECT_NE(rig.channel.text.find("\"code\":\"draining\""), std::string::npos) << rig.channel.text;
  EXPECT_EQ(rig.channel.text.find("[DONE]"), std::string::npos);
  EXPECT_EQ(rig.operation.asked.size(), 1U) << "and nobody else is asked";
  EXPECT_EQ(rig.open_exchanges, 0);
}

TEST_F(AttemptLoopTest, H5ACallThatTheProgramsEndCutsShortBeforeItsAnswerIsRefused) {
  rig.add("a/m", {stays_silent()});
  rig.start();
  rig.loop.run_for(1s);
  rig.shut_down();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.result->outcome, Outcome::shutdown);
  EXPECT_EQ(rig.channel.status(), 503);
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

TEST_F(AttemptLoopTest, S105ADrainEndsAfterThirtySecondsOrTheTimeThatIsSet) {
  const auto drained_for = [](std::optional<milliseconds> set) {
    Rig used;
    used.add("a/m", {{.pieces = {{0ms, said("a")}}}});
    used.upstream(0).drains_on_disconnect = true;
    if (set) used.upstream(0).drain_max = *set;
    used.start();
    used.loop.run_for(1s);
    const TimePoint left = used.loop.now();
    used.cancellation.cancel();
    used.loop.run();
    EXPECT_TRUE(used.result && used.result->rows[0].is_estimated);
    return *used.ended_at - left;
  };
  EXPECT_EQ(drained_for({}), 30s);
  EXPECT_EQ(drained_for(3s), 3s);
}

// The count is the provider's, of all threads.
TEST_F(AttemptLoopTest, S105DrainsBeyondTheNumberAreCancelled) {
  rig.add("a/m", {{.pieces = {{0ms, said("a")}}}});
  Upstream& upstream = rig.upstream(0);
  upstream.drains_on_disconnect = true;
  upstream.counters->drains = 16;
  rig.start();
  rig.loop.run_for(1s);
  rig.cancellation.cancel();
  ASSERT_TRUE(rig.result) << "at once";
  EXPECT_EQ(upstream.counters->drains, 16);
}

TEST_F(AttemptLoopTest, S105ADrainGivesItsPlaceBack) {
  rig.add("a/m", {{.pieces = {{0ms, said("a")}}}});
  Upstream& upstream = rig.upstream(0);
  upstream.drains_on_disconnect = true;
  upstream.drains_max = 1;
  rig.start();
  rig.loop.run_for(1s);
  rig.cancellation.cancel();
  EXPECT_FALSE(rig.result);
  EXPECT_EQ(upstream.counters->drains, 1);
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(upstream.counters->drains, 0);
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
