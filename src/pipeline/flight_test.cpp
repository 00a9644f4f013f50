// SPDX-License-Identifier: Apache-2.0
//
// What is charged to the client for each way a request can end: the rows of S-11.2.
#include "pipeline/flight.hpp"

#include <gtest/gtest.h>

#include "pipeline/loop_test_support.hpp"
#include "tokens/counter.hpp"

namespace weir::pipeline {
namespace {

using net::ExchangeError;

constexpr std::int64_t input_estimate = 100;  // PlainOperation's

/// The beginning of a stream that tells its input at once, and of its output that it has begun.
std::string begun() {
  return R"(data: {"id":"c1","choices":[],"usage":{"prompt_tokens":37,"completion_tokens":1}})"
         "\n\n";
}

class ChargeTest : public testing::Test {
 protected:
  static constexpr std::string_view text = "The quick brown fox jumps over the lazy dog, twice.";
  [[nodiscard]] static std::int64_t tokens_of(std::string_view said) {
    return tokens::counter_for("openai", "m").estimate(said);
  }
  /// One nano-dollar a token, so that costs are seen, too.
  Target& add(const std::string& name, std::vector<Script> scripts) {
    Target& target = rig.add(name, std::move(scripts));
    target.model = "m";
    providers::OwnPrices prices;
    prices.prices.set(providers::PriceKind::input, *TokenPrice::parse_usd_per_million("0.001"));
    prices.prices.set(providers::PriceKind::output, *TokenPrice::parse_usd_per_million("0.001"));
    target.prices = providers::price_book(nullptr, prices);
    return target;
  }
  /// The client leaves after that time.
  const CallResult& leave_after(net::Duration time) {
    rig.start();
    rig.loop.run_for(time);
    rig.cancellation.cancel();
    rig.loop.run();
    EXPECT_TRUE(rig.result);
    EXPECT_EQ(rig.result->outcome, Outcome::cancelled_client);
    return *rig.result;
  }
  /// What the client pays, and that the row says the same.
  void expect_charged(const CallResult& result, std::int64_t input, std::int64_t output,
                      bool is_estimated) {
    ASSERT_FALSE(result.rows.empty());
    const AttemptRow& row = result.rows.back();
    EXPECT_TRUE(row.is_charged);
    EXPECT_EQ(row.is_estimated, is_estimated);
    EXPECT_EQ(row.exposure_nanousd, 0);
    ASSERT_TRUE(result.usage);
    EXPECT_EQ(result.usage->input, input);
    EXPECT_EQ(result.usage->output, output);
    EXPECT_EQ(result.cost_nanousd, input + output);
  }
  static void expect_nothing_charged(const CallResult& result) {
    EXPECT_FALSE(result.usage);
    EXPECT_EQ(result.cost_nanousd, 0);
    for (const AttemptRow& row : result.rows) {
      EXPECT_FALSE(row.is_charged);
      EXPECT_EQ(row.cost_nanousd, 0);
    }
  }

  Rig rig;
};

TEST_F(ChargeTest, S112CompletedAsReported) {
  add("a/m", {{.pieces = {{0ms, said(text)}, {0ms, stopped(), true}}}});
  expect_charged(rig.finish(), 10, 4, false);
}

// Some servers tell zeros of every stream.
TEST_F(ChargeTest, S111AStreamWithContentIsNeverBookedWithoutOutput) {
  const std::string last =
      R"(data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":37,"completion_tokens":0}})"
      "\n\ndata: [DONE]\n\n";
  add("a/m", {{.pieces = {{0ms, said(text)}, {0ms, last, true}}}});
  expect_charged(rig.finish(), 37, tokens_of(text), true);
}

TEST_F(ChargeTest, S112CancelledAfterCommitWhatWasDeliveredAtTheEstimate) {
  add("a/m", {{.pieces = {{0ms, said(text)}}}});
  expect_charged(leave_after(1s), input_estimate, tokens_of(text), true);
}

// S-11.1: of the output what came counts; what the provider has told of it by then may be no more
// than that there is some.
TEST_F(ChargeTest, S112CancelledAfterCommitTheInputAsReported) {
  add("a/m", {{.pieces = {{0ms, begun()}, {0ms, said(text)}}}});
  expect_charged(leave_after(1s), 37, tokens_of(text), true);
}

TEST_F(ChargeTest, S112CancelledBeforeCommitTheInputAtTheEstimate) {
  add("a/m", {{.head_after = 1h}});
  expect_charged(leave_after(1s), input_estimate, 0, true);
}

TEST_F(ChargeTest, S112CancelledBeforeCommitAndDrainedAsReported) {
  add("a/m", {{.head_after = 5s, .pieces = {{0ms, said(text)}, {0ms, stopped(), true}}}});
  rig.upstream(0).drains_on_disconnect = true;
  expect_charged(leave_after(1s), 10, 4, false);
}

// A provider that never had the whole request has nothing to bill.
TEST_F(ChargeTest, S112CancelledBeforeTheRequestWasSentNothing) {
  add("a/m", {{.head_after = 1h, .sent_after = 2s}});
  const CallResult& result = leave_after(1s);
  expect_nothing_charged(result);
  ASSERT_EQ(result.rows.size(), 1U);
  EXPECT_EQ(result.rows[0].exposure_nanousd, 0);
  EXPECT_FALSE(result.rows[0].is_estimated);
}

TEST_F(ChargeTest, S112AbortedByTheUpstreamWhatWasDelivered) {
  rig.route().stream.recovers = false;
  add("a/m", {{.pieces = {{0ms, said(text)}, {.error = ExchangeError::cut}}}});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::aborted_upstream);
  expect_charged(result, input_estimate, tokens_of(text), true);
}

TEST_F(ChargeTest, S112AbortedByTheUpstreamTheInputAsReported) {
  rig.route().stream.recovers = false;
  add("a/m", {{.pieces = {{0ms, begun()}, {0ms, said(text)}, {.error = ExchangeError::cut}}}});
  expect_charged(rig.finish(), 37, tokens_of(text), true);
}

TEST_F(ChargeTest, S112FailedNothing) {
  add("a/m", {{.status = 500, .pieces = {{0ms, "{}", true}}}});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::failed);
  expect_nothing_charged(result);
  for (const AttemptRow& row : result.rows) EXPECT_EQ(row.exposure_nanousd, 0);
}

TEST_F(ChargeTest, S112RejectedNothing) {
  add("a/m", {});
  rig.gate.refused.insert("a/m");
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::rejected);
  EXPECT_TRUE(result.rows.empty());
  expect_nothing_charged(result);
}

// The provider may bill it, the client does not pay it.
TEST_F(ChargeTest, S112AFailedAttemptBeforeTheOneThatServedIsExposure) {
  add("a/m", {{.send_error = ExchangeError::reset_sent}});
  add("b/m", {{.pieces = {{0ms, said(text)}, {0ms, stopped(), true}}}});
  const CallResult& result = rig.finish();
  ASSERT_EQ(result.rows.size(), 2U);
  EXPECT_FALSE(result.rows[0].is_charged);
  EXPECT_EQ(result.rows[0].cost_nanousd, 0);
  EXPECT_EQ(result.rows[0].exposure_nanousd, input_estimate);
  expect_charged(result, 10, 4, false);
}

TEST_F(ChargeTest, S112AHedgeThatWasNeverSentIsNoExposure) {
  add("a/m", {{.head_after = 5s, .pieces = {{0ms, said(text)}, {0ms, stopped(), true}}}});
  add("b/m", {{.head_after = 1h, .sent_after = 20s}});
  rig.route().hedge = {.mode = HedgePolicy::Mode::after, .after = 1s};
  const CallResult& result = rig.finish();
  ASSERT_EQ(result.rows.size(), 2U);
  EXPECT_TRUE(result.rows[1].is_hedge);
  EXPECT_FALSE(result.rows[1].is_charged);
  EXPECT_EQ(result.rows[1].exposure_nanousd, 0);
}

}  // namespace
}  // namespace weir::pipeline
