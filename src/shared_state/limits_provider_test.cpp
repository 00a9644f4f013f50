// SPDX-License-Identifier: Apache-2.0
// What providers say of their limits, in headers and by refusing, and whom it is about.
#include <gtest/gtest.h>

#include "shared_state/limits_test_support.hpp"

namespace weir::shared_state {
namespace {

using namespace std::chrono_literals;
using policy::LimitScope;

TEST_F(LimitsTest, ARefusalByTheProviderShrinksItsLimitAndTimeBringsItBack) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  client.end(client.begin(), 0, 0, policy::FailureClass::rate);
  EXPECT_EQ(status_of(LimitScope::provider).in_force, 700);
  client.end(client.begin(), 0, 0, policy::FailureClass::rate);
  EXPECT_EQ(status_of(LimitScope::provider).in_force, 700) << "a burst of them is one sign";
  for (int i = 0; i < 5; ++i) {
    client.loop.run_for(11s);
    EXPECT_TRUE(client.ask());
  }
  EXPECT_EQ(status_of(LimitScope::provider).in_force, 950);
  for (int i = 0; i < 5; ++i) {
    client.loop.run_for(11s);
    EXPECT_TRUE(client.ask());
  }
  EXPECT_EQ(status_of(LimitScope::provider).in_force, 1'000);
}

TEST_F(LimitsTest, AnAssumedLimitIsCorrectedByTheProvidersOwnWord) {
  LimitRule assumed = rule(LimitUnit::requests, 500);
  assumed.is_assumed = true;
  limit(LimitScope::provider, "p", only(assumed));
  tell_requests({.limit = 15'000, .remaining = 14'999, .reset = 1s});
  EXPECT_TRUE(client.ask());
  EXPECT_EQ(status_of(LimitScope::provider).limit, 15'000);

  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 100)));
  EXPECT_TRUE(client.ask());
  EXPECT_EQ(status_of(LimitScope::provider).limit, 100) << "what the operator says stands";
}

TEST_F(LimitsTest, AProviderThatSaysNothingIsLeftIsNotAskedUntilItsReset) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  tell_tokens({.limit = 90'000, .remaining = 0, .reset = 7s});
  EXPECT_TRUE(client.ask());
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.retry_after, 7s);
  pass(7s);
  EXPECT_TRUE(client.ask());
}

// Others use the account, too: what they took is not in our count.
TEST_F(LimitsTest, WhatAProviderTellsIsLeftIsAllThatIsUsedUntilItsReset) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  tell_requests({.limit = 1'000, .remaining = 3, .reset = 20s});
  EXPECT_TRUE(client.ask());  // which is what it told with
  EXPECT_EQ(used(LimitScope::provider), 997);
  EXPECT_EQ(client.ask_times(5), 3);
  EXPECT_EQ(client.refusal.retry_after, 20s);
  ASSERT_NE(client.refusal.exceeded, nullptr);
  EXPECT_EQ(client.refusal.exceeded->limit, 1'000);
  pass(20s);
  EXPECT_EQ(client.ask_times(5), 5) << "and then by our own count";
}

TEST_F(LimitsTest, OfTokensLeftAnAttemptTakesItsEstimateAndGivesBackWhatItDidNotUse) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::total_tokens, 100'000)));
  tell_tokens({.limit = 100'000, .remaining = 300, .reset = 20s});
  EXPECT_TRUE(client.ask());
  client.end(client.begin(), 10, 5);  // 150 were expected
  EXPECT_EQ(used(LimitScope::provider), 100'000 - 300 + 15);
  EXPECT_EQ(client.ask_times(3), 1) << "285 are left, an attempt takes 150";
}

TEST_F(LimitsTest, WhatWasToldLongAgoCountsUntilTheResetThatWasMeantThen) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  Client::Going stream = client.begin();
  tell_requests({.limit = 1'000, .remaining = 0, .reset = 20s});
  pass(15s);
  client.end(std::move(stream));
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.retry_after, 5s);
}

// Heads come in an order, attempts end in another.
TEST_F(LimitsTest, TheSameWordHeardTwiceGivesBackNothing) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  Client::Going one = client.begin();
  Client::Going other = client.begin();
  tell_requests({.limit = 1'000, .remaining = 2, .reset = 20s}, &other);
  client.end(std::move(one));
  EXPECT_TRUE(client.ask());
  client.end(std::move(other));
  EXPECT_EQ(client.ask_times(3), 1);
}

// A stream hears its head and ends a minute later: what began meanwhile is not in what it was told.
TEST_F(LimitsTest, WhatBeganBehindTheAnswerIsTakenOffWhatItTold) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  Client::Going before = client.begin();
  Client::Going stream = client.begin();
  tell_requests({.limit = 1'000, .remaining = 3, .reset = 50s}, &stream);
  pass(5s);
  Client::Going one = client.begin();
  Client::Going other = client.begin();
  client.end(std::move(stream));
  EXPECT_EQ(client.ask_times(3), 1) << "two of the three are under way";
  client.end(std::move(before));
  client.end(std::move(one));
  EXPECT_FALSE(client.ask()) << "each counts once, whenever it ends";
  limits.give_back(other.attempt, *other.call);
  limits.release(*other.call, {});
  EXPECT_EQ(client.ask_times(3), 1) << "and what was never sent is there again";
}

TEST_F(LimitsTest, OfTokensWhatBeganBehindTheAnswerGivesBackWhatItDidNotUse) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::total_tokens, 100'000)));
  Client::Going before = client.begin();
  Client::Going stream = client.begin();
  tell_tokens({.limit = 100'000, .remaining = 450, .reset = 50s}, &stream);
  Client::Going behind = client.begin();
  client.end(std::move(stream), 10, 5);
  EXPECT_EQ(used(LimitScope::provider), 100'000 - 450 + 150);
  client.end(std::move(behind), 10, 5);
  EXPECT_EQ(used(LimitScope::provider), 100'000 - 450 + 15);
  client.end(std::move(before), 10, 5);
  EXPECT_EQ(used(LimitScope::provider), 100'000 - 450 + 15) << "which was in what was told";
}

// The word is about what was taken behind the one that heard it, whoever brings it.
TEST_F(LimitsTest, TheWordThatAnotherHeardMeanwhileIsTakenAsThatOne) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  Client::Going old = client.begin();
  EXPECT_EQ(client.ask_times(5), 5);
  Client::Going hearer = client.begin();
  tell_requests({.limit = 1'000, .remaining = 4, .reset = 50s}, &hearer);
  Client::Going behind = client.begin();
  client.end(std::move(old));
  EXPECT_EQ(used(LimitScope::provider), 997) << "only one began behind the answer";
  client.end(std::move(hearer));
  EXPECT_EQ(used(LimitScope::provider), 997);
  client.end(std::move(behind));
  EXPECT_EQ(client.ask_times(5), 3);
}

TEST_F(LimitsTest, AWordWhoseHearerHasEndedIsNotHeardAgain) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  Client::Going one = client.begin();
  Client::Going hearer = client.begin();
  tell_requests({.limit = 1'000, .remaining = 4, .reset = 50s}, &hearer);
  client.end(std::move(hearer));
  EXPECT_EQ(client.ask_times(2), 2);
  client.end(std::move(one));
  EXPECT_EQ(used(LimitScope::provider), 998);
}

// Six seconds until 14,400 requests are full again: taken for a minute's they would let us ask 480
// times as much as we may.
TEST_F(LimitsTest, WhatIsToldOfADayCorrectsTheDayAndNotTheMinute) {
  LimitSet assumed = daily_quota(LimitUnit::requests, 1'000);
  assumed.rates.push_back(rule(LimitUnit::requests, 30));
  for (LimitRule& one : assumed.rates) one.is_assumed = true;
  limit(LimitScope::provider, "p", assumed);
  auto upstream = std::make_shared<pipeline::Upstream>(*client.target.upstream);
  upstream->tells_requests_of_day = true;
  client.target.upstream = std::move(upstream);
  tell_requests({.limit = 14'400, .remaining = 14'399, .reset = 6s});
  EXPECT_TRUE(client.ask());
  const auto all = limits.status(client.loop.now());
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].limit, 14'400);
  EXPECT_EQ(all[1].limit, 30);
}

// The operator's limit of a model stands beside those of its provider and of its plan.
TEST_F(LimitsTest, AModelsOwnLimitHoldsForItAloneAndHearsNothing) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 5)));
  limit(LimitScope::model, "p/m", only(rule(LimitUnit::requests, 2)));
  client.target.limited_model = "p/m";
  tell_requests({.limit = 30, .remaining = 29, .reset = 1s});
  EXPECT_EQ(client.ask_times(4), 2);
  EXPECT_EQ(client.refusal.exceeded->scope, "model");
  EXPECT_EQ(status_of(LimitScope::model).limit, 2);
  Client other(limits);
  EXPECT_EQ(other.ask_times(9), 3) << "the rest of the provider's five";
}

TEST_F(LimitsTest, ModelsThatCountOnTheirOwnLeaveEachOtherAlone) {
  limit(LimitScope::target, "p/m", only(rule(LimitUnit::requests, 2)));
  limit(LimitScope::target, "p/other", only(rule(LimitUnit::requests, 5)));
  EXPECT_EQ(client.ask_times(4), 2);
  Client other(limits);
  other.target.limit_pool = "p/other";
  EXPECT_EQ(other.ask_times(9), 5);
}

TEST_F(LimitsTest, AModelWithLimitsOfItsOwnHearsOfThoseAndItsProviderDoesNot) {
  LimitSet assumed = only(rule(LimitUnit::requests, 1'000));
  assumed.rates[0].is_assumed = true;
  limit(LimitScope::provider, "p", assumed);
  limit(LimitScope::target, "p/m", assumed);
  client.end(client.begin(), 100, 50, policy::FailureClass::rate);
  EXPECT_EQ(status_of(LimitScope::target).in_force, 700);
  tell_requests({.limit = 30, .remaining = 29, .reset = 1s});
  EXPECT_TRUE(client.ask());
  EXPECT_EQ(status_of(LimitScope::target).in_force, 30);
  EXPECT_EQ(status_of(LimitScope::provider).in_force, 1'000);
}

// Each of several keys is an account: the one that has nothing left says nothing of the others.
TEST_F(LimitsTest, OneOfSeveralKeysThatIsUsedUpLeavesTheOthersAlone) {
  const auto use_key = [&](const std::string& name) {
    auto upstream = std::make_shared<pipeline::Upstream>(*client.target.upstream);
    upstream->key_name = name;
    client.target.upstream = std::move(upstream);
    client.target.reported = std::make_shared<pipeline::ReportedLimits>();
    client.target.memo.as_of = 0;  // it is another target
  };
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 1'000)));
  limit(LimitScope::provider_key, "p one", only(rule(LimitUnit::requests, 100)));
  limit(LimitScope::provider_key, "p two", only(rule(LimitUnit::requests, 100)));
  use_key("one");
  tell_requests({.limit = 100, .remaining = 0, .reset = 7s});
  EXPECT_TRUE(client.ask());
  EXPECT_FALSE(client.ask());
  ASSERT_NE(client.refusal.exceeded, nullptr);
  EXPECT_EQ(client.refusal.exceeded->scope, "provider_key");
  use_key("two");
  EXPECT_EQ(client.ask_times(3), 3);
  client.end(client.begin(), 100, 50, policy::FailureClass::rate);
  EXPECT_EQ(status_of(LimitScope::provider).in_force, 1'000) << "only the key was refused";
}

}  // namespace
}  // namespace weir::shared_state
