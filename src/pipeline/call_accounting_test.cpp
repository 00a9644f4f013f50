// SPDX-License-Identifier: Apache-2.0
// What the attempt loop sets aside, books and gives back, and who waits for a full target.
#include <gtest/gtest.h>

#include "pipeline/charge.hpp"
#include "pipeline/loop_test_support.hpp"

namespace weir::pipeline {
namespace {

using net::ExchangeError;
using policy::FailureClass;

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

class CallAccountingTest : public testing::Test {
 protected:
  Rig rig;
};

TEST_F(CallAccountingTest, S119EveryAttemptReservesAndSettlesOnce) {
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
TEST_F(CallAccountingTest, X1WithTheLastByteEverythingIsSettled) {
  for (const bool streams : {true, false}) {
    Rig own;
    CountingAccounting accounting;
    own.accounting = &accounting;
    own.operation.streams = streams;
    Script whole = {.content_type = "application/json",
                    .pieces = {{0ms, whole_answer("hi"), true}}};
    Target& target = own.add("a/m", {streams ? answers("hi") : whole});
    int ends = 0;
    own.channel.on_end = [&] {
      ++ends;
      EXPECT_EQ(accounting.outstanding, 0);
      EXPECT_EQ(accounting.calls, 0);
      EXPECT_EQ(own.gate.granted, own.gate.reported);
      EXPECT_EQ(target.counters->in_flight.load(), 0);
      EXPECT_EQ(target.counters->successes.load(), 1U);
      EXPECT_EQ(target.upstream->counters->output_tokens.load(), 4U);
    };
    EXPECT_EQ(own.finish().outcome, Outcome::completed);
    EXPECT_EQ(ends, 1);
    EXPECT_EQ(accounting.rows.size(), 1U);
  }
}

TEST_F(CallAccountingTest, X1WithARefusalEverythingIsSettled) {
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
    Rig own;
    own.operation.context_windows = 1;
    own.operation.streams = false;
    Target& target = own.add("a/m", {{.content_type = "application/json",
                                      .pieces = {{0ms, answer_with_usage(row.usage), true}}}});
    target.context_tokens = 20'000;
    target.traits.output_tokens_max = 100;
    target.prices = one_dollar();
    const CallResult& result = own.finish();
    ASSERT_EQ(result.rows.size(), 1U);
    constexpr std::string_view said = "12345678";
    const std::int64_t estimate = 100'000 + 1'000 * tokens_estimate(said.size());
    const std::int64_t expected = row.nanousd == estimated ? estimate : row.nanousd;
    EXPECT_EQ(result.rows[0].cost_nanousd, expected) << row.usage;
    EXPECT_EQ(result.rows[0].flags.odd, row.is_odd) << row.usage;
    EXPECT_EQ(result.rows[0].flags.impossible, row.is_impossible) << row.usage;
    EXPECT_EQ(result.rows[0].is_estimated, row.is_impossible) << row.usage;
    EXPECT_EQ(target.upstream->counters->impossible_usage.load(), row.is_impossible ? 1U : 0U);
    EXPECT_EQ(own.channel.field("x-weir-warning"), row.is_impossible ? "impossible_usage" : "");
    EXPECT_EQ(own.channel.field("x-weir-cost"), to_usd_text(NanoUsd(expected)))
        << "what the client is told is what is booked";
  }
}

// U-5
TEST_F(CallAccountingTest, U5AnUnpricedModelIsBookedAtTheDearestAndCounted) {
  Target& target = rig.add("a/m", {answers("hi")});
  target.prices = one_dollar();
  target.prices.is_assumed = true;
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.cost_nanousd, 14'000);
  EXPECT_TRUE(result.rows[0].flags.unpriced);
  EXPECT_EQ(target.upstream->counters->unpriced.load(), 1U);
}

// F-2, S-11.9: it spills to the next target, and that costs the request none of its attempts.
TEST_F(CallAccountingTest, S119ATargetAtItsLimitIsPassedOver) {
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
TEST_F(CallAccountingTest, ATargetNearTheEndOfItsQuotaIsAskedWhenNoOtherIsLeft) {
  CountingAccounting accounting;
  accounting.spared = {"a/m"};
  rig.accounting = &accounting;
  rig.add("a/m", {answers("from a"), answers("from a")});
  rig.add("b/m", {answers("from b")});
  rig.finish();
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
}

TEST_F(CallAccountingTest, WhatIsSparedOfAQuotaIsUsedWhenTheOthersAreFull) {
  CountingAccounting accounting;
  accounting.spared = {"a/m"};
  accounting.full = {{"b/m", 9'000ms}};
  rig.accounting = &accounting;
  rig.add("a/m", {answers("from a")});
  rig.add("b/m");
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"a/m"});
}

TEST_F(CallAccountingTest, L10WhenAllTargetsAreAtTheirLimitsTheSoonestOfThemIsTold) {
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

TEST_F(CallAccountingTest, AFullTargetIsWaitedForUntilItHasRoom) {
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

TEST_F(CallAccountingTest, WhoIsCalledFromTheLineDoesNotWaitForItsTime) {
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

TEST_F(CallAccountingTest, WhoIsBehindOthersWaitsItsWholeTimeAndIsThenRefused) {
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

// ---- max_wait: rather a wait for the first than an answer of the next

TEST_F(CallAccountingTest, AFullTargetIsWaitedForBeforeTheNextIsAsked) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 2'000ms}};
  rig.accounting = &accounting;
  rig.route().max_wait = 3s;
  rig.add("a/m", {answers("hi")});
  rig.add("b/m");
  rig.start();
  rig.loop.run_for(1'999ms);
  EXPECT_TRUE(rig.operation.asked.empty());
  accounting.full.clear();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"a/m"});
  EXPECT_FALSE(accounting.wake) << "it has left the line";
}

TEST_F(CallAccountingTest, WhenThatWaitIsOverTheNextTargetIsAsked) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 2'000ms}};
  rig.accounting = &accounting;
  rig.route().max_wait = 3s;
  rig.add("a/m");
  rig.add("b/m", {answers("hi")});
  const TimePoint began = rig.loop.now();
  rig.start();
  rig.loop.run();
  ASSERT_TRUE(rig.result);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
  EXPECT_EQ(*rig.ended_at - began, 2s) << "after it another wait would be too long";
}

TEST_F(CallAccountingTest, WhoMayNotWaitGoesToTheNextAtOnce) {
  CountingAccounting accounting;
  accounting.full = {{"a/m", 2'000ms}};
  rig.accounting = &accounting;
  rig.route().max_wait = 3s;
  rig.add("a/m");
  rig.add("b/m", {answers("hi")});
  const TimePoint began = rig.loop.now();
  EXPECT_EQ(rig.finish({.max_wait = 0ms}).outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
  EXPECT_EQ(*rig.ended_at, began);
}

TEST_F(CallAccountingTest, ATargetThatRestsIsNotWaitedFor) {
  CountingAccounting accounting;
  rig.accounting = &accounting;
  rig.route().max_wait = 3s;
  rig.add("a/m");
  rig.add("b/m", {answers("hi")});
  rig.gate.refused = {"a/m"};
  const TimePoint began = rig.loop.now();
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(*rig.ended_at, began);
  EXPECT_TRUE(accounting.lines_entered.empty());
}

TEST_F(CallAccountingTest, WhatHasNoChanceToBeServedInTimeIsRefusedAtOnce) {
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

TEST_F(CallAccountingTest, AFullLineRefusesAtOnce) {
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
TEST_F(CallAccountingTest, AClientThatLeavesTheLineIsGoneAtOnce) {
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

TEST_F(CallAccountingTest, L7ACallThatIsNotAdmittedReachesNoTarget) {
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
TEST_F(CallAccountingTest, S119AClientThatLeavesDuringABackOffLeavesNothingBehind) {
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

}  // namespace
}  // namespace weir::pipeline
