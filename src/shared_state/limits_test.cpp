// SPDX-License-Identifier: Apache-2.0
#include "shared_state/limits.hpp"

#include <gtest/gtest.h>

#include "shared_state/limits_test_support.hpp"

namespace weir::shared_state {
namespace {

using namespace std::chrono_literals;
using policy::LimitScope;

// ---- rates --------------------------------------------------------------------------------------

TEST_F(LimitsTest, WithoutAnyLimitNothingIsSetAside) {
  auto going = client.begin();
  EXPECT_TRUE(going.is_admitted());
  EXPECT_EQ(going.call->admission, 0U);
  EXPECT_EQ(limits.open_reservations(), 0U);
  client.end(std::move(going));
}

TEST_F(LimitsTest, L7EveryScopeRefusesWhatIsTooMuchForIt) {
  const std::vector<std::pair<LimitScope, std::string>> owners{
      {LimitScope::key, "k"},          {LimitScope::user, "u"},     {LimitScope::team, "t"},
      {LimitScope::organisation, "o"}, {LimitScope::route, "r"},    {LimitScope::global, ""},
      {LimitScope::target, "p/m"},     {LimitScope::provider, "p"}, {LimitScope::provider_key, "p"},
      {LimitScope::model, "p/m"}};
  client.target.limited_model = "p/m";
  for (const auto& [scope, name] : owners) {
    limit(scope, name, only(rule(LimitUnit::requests, 3)));
    EXPECT_EQ(client.ask_times(5), 3) << policy::name(scope);
    ASSERT_NE(client.refusal.exceeded, nullptr);
    EXPECT_EQ(client.refusal.code, ErrorCode::rate_limited);
    EXPECT_EQ(client.refusal.exceeded->scope, policy::name(scope));
    EXPECT_EQ(client.refusal.exceeded->unit, "requests");
    limit(scope, name, {});
    EXPECT_TRUE(client.ask()) << "a limit that is gone refuses nobody";
  }
}

TEST_F(LimitsTest, L7ARefusalChangesNoCounterAtAnyLevel) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 10)));
  limit(LimitScope::global, "", only(rule(LimitUnit::requests, 2)));
  EXPECT_EQ(client.ask_times(6), 2);
  EXPECT_EQ(used(LimitScope::key), 2);
  EXPECT_EQ(client.refusal.exceeded->scope, "global");
}

TEST_F(LimitsTest, L7TheFirstScopeThatRefusesIsNamedAndTheWaitIsTheLongest) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 1)));
  limit(LimitScope::global, "",
        only(rule(LimitUnit::requests, 1, policy::Algorithm::automatic, 1h)));
  ASSERT_TRUE(client.ask());
  client.loop.run_for(10s);
  ASSERT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.exceeded->scope, "key");
  EXPECT_EQ(client.refusal.retry_after, 1h - 10s) << "no sooner would it get in";
}

TEST_F(LimitsTest, L10TheWaitIsExact) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 2)));
  EXPECT_TRUE(client.ask());
  client.loop.run_for(20s);
  EXPECT_TRUE(client.ask());
  client.loop.run_for(15s);
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.retry_after, 25s);
  client.loop.run_for(24'999ms);
  EXPECT_FALSE(client.ask());
  client.loop.run_for(1ms);
  EXPECT_TRUE(client.ask());
}

TEST_F(LimitsTest, L10WhatCanNeverFitIsNotAskedToWait) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::total_tokens, 149)));
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.code, ErrorCode::request_exceeds_limit);
  EXPECT_FALSE(client.refusal.retry_after);
}

TEST_F(LimitsTest, L12EachAttemptCountsForTheProviderAndTheCallOnceForItsKey) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 100)));
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 100)));
  auto call = client.make_call();
  ASSERT_TRUE(limits.admit(*call, client.operation));
  for (int i = 0; i < 3; ++i) {
    const auto reserved = limits.reserve(*call, client.operation, client.target, false);
    ASSERT_TRUE(reserved);
    pipeline::AttemptRow row;
    row.failure = policy::FailureClass::server;
    limits.settle(*reserved, *call, row);
  }
  pipeline::CallResult result;
  result.rows.resize(3);
  limits.release(*call, result);
  EXPECT_EQ(used(LimitScope::key), 1);
  EXPECT_EQ(used(LimitScope::provider), 3);
}

TEST_F(LimitsTest, AnAttemptThatWasNeverSentCountsForNobody) {
  limit(LimitScope::provider, "p", only(rule(LimitUnit::requests, 100)));
  auto going = client.begin();
  EXPECT_EQ(used(LimitScope::provider), 1);
  limits.give_back(going.attempt, *going.call);
  EXPECT_EQ(used(LimitScope::provider), 0);
  limits.release(*going.call, {});
}

// M-2: an answer that is there already takes no tokens and no place among the calls under way.
TEST_F(LimitsTest, M2AReplayIsOneRequestAndNothingElse) {
  LimitSet set = only(rule(LimitUnit::requests, 3));
  set.rates.push_back(rule(LimitUnit::total_tokens, 200));
  set.concurrency = 1;
  limit(LimitScope::key, "k", set);
  auto going = client.begin();
  ASSERT_TRUE(going.is_admitted());
  const auto replayed = client.make_call();
  EXPECT_TRUE(limits.admit_replay(*replayed)) << "though another is under way";
  EXPECT_TRUE(limits.admit_replay(*replayed));
  const auto refused = limits.admit_replay(*replayed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::rate_limited);
  EXPECT_EQ(refused.error().exceeded->unit, "requests");
  client.end(std::move(going));
  EXPECT_EQ(limits.open_reservations(), 0U);
}

TEST_F(LimitsTest, L8TokensAreReservedByTheirEstimateAndSettledByWhatWasUsed) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::total_tokens, 10'000)));
  limit(LimitScope::provider, "p", only(rule(LimitUnit::output_tokens, 10'000)));
  client.operation.output_wanted = 0;
  auto unlimited = client.begin();
  EXPECT_EQ(used(LimitScope::key), 100 + 1'024);
  EXPECT_EQ(used(LimitScope::provider), 1'024);
  client.target.traits.output_tokens_max = 300;
  auto bounded = client.begin();
  EXPECT_EQ(used(LimitScope::provider), 1'024 + 300) << "no more than the model can say";
  client.end(std::move(unlimited), 80, 20);
  client.end(std::move(bounded), 80, 400);
  EXPECT_EQ(used(LimitScope::key), 80 + 20 + 80 + 400);
  EXPECT_EQ(used(LimitScope::provider), 20 + 400);
}

TEST_F(LimitsTest, L8WhatStandsForAnAnswerOfAnyLengthCanBeSet) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::output_tokens, 5'000)));
  client.operation.output_wanted = 0;
  Client::Going usual = client.begin();
  EXPECT_EQ(used(LimitScope::key), 1'024);
  limits.set_default_output_reservation(3'000);
  Client::Going more = client.begin();
  EXPECT_EQ(used(LimitScope::key), 4'024);
  client.end(std::move(usual), 100, 50);
  client.end(std::move(more), 100, 50);
  EXPECT_EQ(used(LimitScope::key), 100) << "what was taken is what comes back";
}

TEST_F(LimitsTest, L8AFailedCallReturnsItsTokensAndNotItsRequest) {
  LimitSet set = only(rule(LimitUnit::total_tokens, 10'000));
  set.rates.push_back(rule(LimitUnit::requests, 10));
  limit(LimitScope::key, "k", set);
  client.end(client.begin(), 0, 0, policy::FailureClass::server);
  for (const LimitStatus& status : limits.status(start)) {
    EXPECT_EQ(status.used, status.unit == LimitUnit::requests ? 1 : 0);
  }
}

TEST_F(LimitsTest, L5RequestsAtOnceAreGivenBackWhateverTheirEnd) {
  LimitSet set;
  set.concurrency = 2;
  limit(LimitScope::provider, "p", set);
  limit(LimitScope::key, "k", set);
  auto first = client.begin();
  auto second = client.begin();
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.exceeded->unit, "concurrent_requests");
  limits.give_back(first.attempt, *first.call);
  limits.release(*first.call, {});
  EXPECT_TRUE(client.ask());
  client.end(std::move(second), 0, 0, policy::FailureClass::client);
  EXPECT_EQ(used(LimitScope::key), 0);
  EXPECT_EQ(used(LimitScope::provider), 0);
}

// I-2: a limit on requests at once that comes while some are under way is never owed any.
TEST_F(LimitsTest, ALimitThatComesMeanwhileCountsOnlyWhatItSaw) {
  auto before = client.begin();
  LimitSet set = only(rule(LimitUnit::total_tokens, 1'000));
  set.concurrency = 1;
  limit(LimitScope::key, "k", set);
  auto going = client.begin();
  EXPECT_TRUE(going.is_admitted());
  client.end(std::move(before));
  EXPECT_FALSE(client.ask());
  client.end(std::move(going));
  EXPECT_TRUE(client.ask());
  EXPECT_EQ(used(LimitScope::key), 300);
}

TEST_F(LimitsTest, L9WhatNobodySettlesIsReleasedAMinuteAfterItsCall) {
  LimitSet set;
  set.concurrency = 1;
  limit(LimitScope::provider, "p", set);
  auto lost = client.begin();
  limits.release(*lost.call, {});
  client.loop.run_for(59s);
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(limits.leaked(), 0U);
  client.loop.run_for(1s);
  EXPECT_TRUE(client.ask());
  EXPECT_EQ(limits.leaked(), 1U);
  EXPECT_EQ(limits.open_reservations(), 0U);
  pipeline::AttemptRow row;
  limits.settle(lost.attempt, *client.make_call(), row);  // too late, and no harm
  EXPECT_TRUE(client.ask());
}

TEST_F(LimitsTest, APriorityHasItsShareKeptForIt) {
  LimitSet set = only(rule(LimitUnit::requests, 10));
  set.reserved_permille = {0, 0, 0, 200};
  limit(LimitScope::key, "k", set);
  EXPECT_EQ(client.ask_times(20), 8);
  client.priority = pipeline::Priority::critical;
  EXPECT_EQ(client.ask_times(20), 2);
}

// A share of the burst, not of the minute's limit: that may be more than the whole burst.
TEST_F(LimitsTest, APriorityHasItsShareOfABurstKeptForIt) {
  LimitSet set = only(rule(LimitUnit::requests, 1'000, policy::Algorithm::token_bucket));
  set.rates[0].rate.burst = 10;
  set.reserved_permille = {0, 0, 0, 200};
  limit(LimitScope::key, "k", set);
  EXPECT_EQ(client.ask_times(20), 8);
  EXPECT_EQ(client.refusal.code, ErrorCode::rate_limited);
  ASSERT_NE(client.refusal.exceeded, nullptr);
  EXPECT_EQ(client.refusal.exceeded->left, 2) << "of the burst";
  EXPECT_EQ(status_of(LimitScope::key).burst, 10);
  client.priority = pipeline::Priority::critical;
  EXPECT_EQ(client.ask_times(20), 2);
  EXPECT_EQ(client.refusal.exceeded->left, 0);
}

TEST_F(LimitsTest, L6TheEndOfAQuotaIsSparedForWhoFindsNothingElse) {
  LimitSet set;
  policy::RateRule rate;
  rate.limit = 100;
  rate.calendar = *policy::Calendar::make(policy::Period::day, "");
  set.rates.push_back({LimitUnit::requests, rate, false});
  set.spill_permille = 950;
  limit(LimitScope::provider, "p", set);
  EXPECT_EQ(client.ask_times(200), 95);
  client.is_last_resort = true;
  EXPECT_EQ(client.ask_times(200), 5);
  client.is_last_resort = false;
  wall.ms += day_ms;
  EXPECT_EQ(client.ask_times(10), 10) << "and back after the reset";
}

TEST_F(LimitsTest, H3TheSameRulesGoOnCountingInAnotherConfiguration) {
  const auto configured = [&](std::int64_t limit_per_minute) {
    limits.configure({{{LimitScope::key, "k"}, only(rule(LimitUnit::requests, limit_per_minute))}},
                     client.loop.now());
  };
  configured(5);
  EXPECT_EQ(client.ask_times(3), 3);
  configured(5);
  EXPECT_EQ(client.ask_times(5), 2);
  configured(7);
  EXPECT_EQ(client.ask_times(5), 2) << "U-7";
  limits.configure({}, client.loop.now());
  EXPECT_EQ(client.ask_times(5), 5);
}

TEST_F(LimitsTest, TheConfigurationLeavesLimitsAloneThatStandElsewhere) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 1)));
  limits.configure({{{LimitScope::global, ""}, only(rule(LimitUnit::requests, 100))}}, start);
  limits.configure({}, start);
  EXPECT_EQ(client.ask_times(5), 1);
}

// ---- waiting in line ----------------------------------------------------------------------------

class LineTest : public LimitsTest {
 protected:
  void SetUp() override {
    LimitSet set;
    set.concurrency = 1;
    limit(LimitScope::provider, "p", set);
  }
  /// A call of this priority that waits; its turns are counted under its name.
  std::unique_ptr<pipeline::Call> line_up(const std::string& name, pipeline::Priority priority) {
    client.priority = priority;
    auto call = client.make_call();
    EXPECT_TRUE(limits.enter_line(*call, client.target, [this, name] { woken.push_back(name); }));
    return call;
  }
  [[nodiscard]] ErrorCode answer_to(const pipeline::Call& call) {
    const auto reserved = limits.reserve(call, client.operation, client.target, true);
    if (!reserved) return reserved.error().code;
    limits.give_back(*reserved, call);
    return ErrorCode::internal_error;  // none
  }

  static constexpr ErrorCode let_in = ErrorCode::internal_error;
  std::vector<std::string> woken;
};

TEST_F(LineTest, RoomIsForTheFirstInLineAndForNobodyElse) {
  auto inside = client.begin();
  const auto first = line_up("first", pipeline::Priority::normal);
  EXPECT_EQ(woken, std::vector<std::string>{"first"}) << "to look once more";
  const auto second = line_up("second", pipeline::Priority::normal);
  EXPECT_EQ(answer_to(*first), ErrorCode::rate_limited);
  woken.clear();
  client.end(std::move(inside));
  EXPECT_EQ(woken, std::vector<std::string>{"first"});
  EXPECT_EQ(answer_to(*second), ErrorCode::overloaded);
  EXPECT_EQ(answer_to(*client.make_call()), ErrorCode::overloaded)
      << "who comes now is behind them";
  EXPECT_EQ(answer_to(*first), let_in);
  woken.clear();
  limits.leave_line(*first);
  EXPECT_EQ(woken, std::vector<std::string>{"second"});
  limits.leave_line(*second);
  EXPECT_EQ(answer_to(*client.make_call()), let_in);
}

TEST_F(LineTest, APriorityGoesFirstAndTimeMakesUpForIt) {
  const auto low = line_up("low", pipeline::Priority::low);
  const auto high = line_up("high", pipeline::Priority::high);
  EXPECT_EQ(answer_to(*low), ErrorCode::overloaded);
  EXPECT_EQ(answer_to(*high), let_in);
  client.loop.run_for(21s);
  const auto later = line_up("later", pipeline::Priority::high);
  limits.leave_line(*high);
  EXPECT_EQ(answer_to(*low), let_in) << "it has waited for two steps of priority";
  EXPECT_EQ(answer_to(*later), ErrorCode::overloaded);
  limits.leave_line(*low);
  limits.leave_line(*later);
}

TEST_F(LineTest, ALineIsNoLongerThanItMayBe) {
  limits.set_line_length(2);
  const auto first = line_up("first", pipeline::Priority::normal);
  const auto second = line_up("second", pipeline::Priority::normal);
  const auto third = client.make_call();
  EXPECT_FALSE(limits.enter_line(*third, client.target, [] {}));
  EXPECT_TRUE(limits.enter_line(*second, client.target, [] {})) << "who is in it stays";
  limits.leave_line(*third);
  limits.leave_line(*second);
  EXPECT_TRUE(limits.enter_line(*third, client.target, [] {}));
  limits.leave_line(*third);
  limits.leave_line(*first);
}

TEST_F(LineTest, WhileLinesAreClosedWhoIsInOneStaysAndNobodyElseGetsIn) {
  const auto first = line_up("first", pipeline::Priority::normal);
  closes_lines = true;
  const auto second = client.make_call();
  EXPECT_FALSE(limits.enter_line(*second, client.target, [] {}));
  EXPECT_TRUE(limits.enter_line(*first, client.target, [] {}));
  closes_lines = false;
  EXPECT_TRUE(limits.enter_line(*second, client.target, [] {}));
  limits.leave_line(*second);
  limits.leave_line(*first);
}

TEST_F(LineTest, ALineBlocksNoOtherProvider) {
  const auto waiting = line_up("waiting", pipeline::Priority::critical);
  client.priority = pipeline::Priority::low;
  pipeline::Target other = client.target;
  auto upstream = std::make_shared<pipeline::Upstream>();
  upstream->name = "q";
  other.upstream = upstream;
  const auto call = client.make_call();
  EXPECT_TRUE(limits.reserve(*call, client.operation, other, true));
  limits.leave_line(*waiting);
}

// A window's spend is what its calls cost that name it, and those are named by a quota, too. After
// a restart the ledger would say so.
TEST_F(LimitsTest, U1ABudgetOfAWindowThatAQuotaHasOpenedBeginsWithWhatThatSpent) {
  LimitSet quota = daily_quota(LimitUnit::requests, 100);
  limit(LimitScope::user, "u", quota);
  limit(LimitScope::provider, "p", quota);
  EXPECT_EQ(client.ask_times(3), 3);
  Client::Going going = client.begin();
  quota.budgets = daily_budget(price * 10).budgets;
  limit(LimitScope::user, "u", quota);
  limit(LimitScope::provider, "p", quota);
  const auto money_of = [&](LimitScope scope) {
    for (const LimitStatus& one : limits.status(client.loop.now())) {
      if (one.owner.scope == scope && one.unit == LimitUnit::nanousd) return one.used;
    }
    return std::int64_t{-1};
  };
  EXPECT_EQ(money_of(LimitScope::user), price * 3);
  EXPECT_EQ(money_of(LimitScope::provider), price * 3);
  client.end(std::move(going));
  EXPECT_EQ(money_of(LimitScope::user), price * 4);
  EXPECT_EQ(money_of(LimitScope::provider), price * 4);
  EXPECT_EQ(client.ask_times(9), 6);
}

TEST_F(LimitsTest, L6AQuotaOfAWindowThatABudgetHasOpenedBeginsWithWhatThatSaw) {
  LimitSet set = daily_budget(price * 100);
  limit(LimitScope::user, "u", set);
  EXPECT_EQ(client.ask_times(3), 3);
  set.rates = daily_quota(LimitUnit::total_tokens, 600).rates;
  limit(LimitScope::user, "u", set);
  EXPECT_EQ(client.ask_times(3), 1) << "450 of 600 were used";
}

// Its window stays the one it is (W-2), and so does the money that is spent in it.
TEST_F(LimitsTest, W2ACallAfterTheClockWentBackOverMidnightIsBookedWhereItIsNamed) {
  wall.ms = wall.unix_ms() / day_ms * day_ms + 60'000;
  limit(LimitScope::user, "u", daily_budget(price * 10));
  EXPECT_EQ(client.ask_times(2), 2);
  wall.ms -= 600'000;
  EXPECT_EQ(client.ask_times(2), 2);
  EXPECT_EQ(used(LimitScope::user), price * 4);
}

// ---- budgets ------------------------------------------------------------------------------------

TEST_F(LimitsTest, U2WhatABudgetDoesNotCoverIsRefused) {
  limit(LimitScope::user, "u", daily_budget(price * 3 + price / 2));
  EXPECT_EQ(client.ask_times(5), 3);
  EXPECT_EQ(client.refusal.code, ErrorCode::budget_exceeded);
  EXPECT_FALSE(client.refusal.retry_after) << "U-2: waiting is no advice";
  EXPECT_EQ(used(LimitScope::user), price * 3);
}

TEST_F(LimitsTest, U2WhatABudgetRefusesTakesNothingOfTheLimits) {
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 100)));
  limit(LimitScope::global, "", daily_budget(price * 2));
  EXPECT_EQ(client.ask_times(5), 2);
  EXPECT_EQ(used(LimitScope::key), 2);
}

TEST_F(LimitsTest, U2WhatIsUnderWayIsSetAside) {
  limit(LimitScope::team, "t", daily_budget(price * 2));
  auto first = client.begin();
  auto second = client.begin();
  EXPECT_FALSE(client.ask());
  client.end(std::move(first), 10, 5);
  EXPECT_FALSE(client.ask());
  client.end(std::move(second), 10, 5);
  EXPECT_TRUE(client.ask());
  EXPECT_EQ(status_of(LimitScope::team).reserved, 0);
}

// Two teams, one purse.
TEST_F(LimitsTest, U2AnOrganisationsBudgetHoldsForAllItsTeams) {
  Client sister(limits, "k2", "u2", "t2", "o");
  Client stranger(limits, "k3", "u3", "t3", "o3");
  limit(LimitScope::organisation, "o", daily_budget(price * 2));
  EXPECT_TRUE(client.ask());
  EXPECT_TRUE(sister.ask());
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.exceeded->scope, "organisation");
  EXPECT_FALSE(sister.ask());
  EXPECT_TRUE(stranger.ask());
}

TEST_F(LimitsTest, U9AnAnswerOfAnyLengthIsPaidForByTheModelsLongestOrWhatStillFits) {
  client.operation.output_wanted = 0;
  client.operation.limits_output = true;
  client.target.traits.output_tokens_max = 2'000;
  const std::int64_t whole = 100 * 1'000 + 2'000 * 10'000;
  limit(LimitScope::key, "k", daily_budget(whole + 100 * 1'000 + 700 * 10'000 + 9'999));
  auto first = client.begin();
  EXPECT_EQ(first.attempt.output_tokens_max, 0) << "the whole fits";
  auto second = client.begin();
  EXPECT_EQ(second.attempt.output_tokens_max, 700) << "the largest that fits";
  EXPECT_EQ(status_of(LimitScope::key).reserved, whole + 100 * 1'000 + 700 * 10'000);
  EXPECT_FALSE(client.ask()) << "less than 256 tokens are not worth it";
  EXPECT_EQ(client.refusal.code, ErrorCode::budget_exceeded);
  client.end(std::move(first));
  client.end(std::move(second));
  EXPECT_EQ(used(LimitScope::key), 2 * price);
}

TEST_F(LimitsTest, U1ANewWindowBeginsWithNothingSpent) {
  limit(LimitScope::key, "k", daily_budget(price));
  EXPECT_EQ(client.ask_times(2), 1);
  wall.ms += day_ms;
  EXPECT_EQ(client.ask_times(2), 1);
}

// Who takes a budget away and sets it up again would otherwise have it twice.
TEST_F(LimitsTest, U1ABudgetThatWasTakenAwayComesBackWithWhatWasSpent) {
  LimitSet budget = daily_budget(price * 3);
  limit(LimitScope::key, "k", budget);
  EXPECT_EQ(client.ask_times(2), 2);
  limit(LimitScope::key, "k", {});
  EXPECT_EQ(client.ask_times(5), 5) << "nothing bounds it, and nothing names the window";
  limit(LimitScope::key, "k", budget);
  EXPECT_EQ(used(LimitScope::key), price * 2);
  EXPECT_EQ(client.ask_times(5), 1);
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 100)));
  EXPECT_EQ(client.ask_times(3), 3);
  limit(LimitScope::key, "k", budget);
  EXPECT_EQ(client.ask_times(5), 0) << "also where another limit stayed";
  limit(LimitScope::key, "k", {});
  wall.ms += day_ms;
  limit(LimitScope::key, "k", budget);
  EXPECT_EQ(client.ask_times(5), 3) << "of another day";
}

TEST_F(LimitsTest, U1WhatBeganUnderABudgetThatWasTakenAwayIsBookedThere) {
  limit(LimitScope::key, "k", daily_budget(price * 10));
  auto going = client.begin();
  limit(LimitScope::key, "k", {});
  client.end(std::move(going));
  limit(LimitScope::key, "k", daily_budget(price * 10));
  EXPECT_EQ(used(LimitScope::key), price);
  EXPECT_EQ(status_of(LimitScope::key).reserved, 0);
}

TEST_F(LimitsTest, L6AQuotaThatWasTakenAwayComesBackWithWhatWasUsed) {
  limit(LimitScope::user, "u", daily_quota(LimitUnit::total_tokens, 1'000));
  EXPECT_EQ(client.ask_times(2), 2);
  auto going = client.begin();
  limits.configure({}, start);
  limit(LimitScope::user, "u", {});
  client.end(std::move(going), 10, 5);
  EXPECT_EQ(client.ask_times(1), 1);
  limit(LimitScope::user, "u", daily_quota(LimitUnit::total_tokens, 500));
  EXPECT_EQ(used(LimitScope::user), 2 * 150 + 15);
  EXPECT_EQ(status_of(LimitScope::user).limit, 500);
  EXPECT_EQ(client.ask_times(5), 1);
  limit(LimitScope::user, "u", {});
  wall.ms += day_ms;
  limit(LimitScope::user, "u", daily_quota(LimitUnit::total_tokens, 500));
  EXPECT_EQ(used(LimitScope::user), 0);
}

TEST_F(LimitsTest, U4WhatBeganBeforeAResetIsBookedBeforeIt) {
  limit(LimitScope::key, "k", daily_budget(price * 10));
  auto going = client.begin();
  wall.ms += day_ms;
  client.end(std::move(going));
  EXPECT_EQ(used(LimitScope::key), 0);
  EXPECT_EQ(status_of(LimitScope::key).reserved, 0);
}

TEST_F(LimitsTest, S119ExposureIsNotTheClientsButTheProvidersAndTheWholes) {
  for (const auto& [scope, name] :
       {std::pair(LimitScope::key, "k"), {LimitScope::global, ""}, {LimitScope::provider, "p"}}) {
    limit(scope, name, daily_budget(price * 10));
  }
  client.end(client.begin(), 100, 50, policy::FailureClass::timeout_sent);
  EXPECT_EQ(used(LimitScope::key), 0);
  EXPECT_EQ(used(LimitScope::global), price);
  EXPECT_EQ(used(LimitScope::provider), price);
}

TEST_F(LimitsTest, U6EachMarkIsToldOncePerWindow) {
  limit(LimitScope::key, "k", daily_budget(price * 10));
  EXPECT_EQ(client.ask_times(7), 7);
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(client.ask_times(3), 3);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].permille, 800);
  EXPECT_EQ(events[0].spent_nanousd, price * 8);
  EXPECT_EQ(events[1].permille, 1'000);
  wall.ms += day_ms;
  EXPECT_EQ(client.ask_times(8), 8);
  EXPECT_EQ(events.size(), 3U);
}

TEST_F(LimitsTest, U6WhatWasToldBeforeTheStartIsNotToldAgain) {
  limit(LimitScope::key, "k", daily_budget(price * 10));
  restore({{"key:k:day:2026-09-21", {.nanousd = price * 8}},
           {"key:k:day:2026-09-20", {.nanousd = price * 5}}});
  EXPECT_EQ(used(LimitScope::key), price * 8) << "another window is not this one";
  EXPECT_EQ(client.ask_times(1), 1);
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(client.ask_times(5), 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].permille, 1'000);
}

// What was used before the start goes on to count, of quotas as of money, on both sides.
TEST_F(LimitsTest, U1AndL6WhatTheLedgerTellsOfTheWindowsIsUsed) {
  limit(LimitScope::global, "", daily_budget(price * 10));
  limit(LimitScope::key, "k", daily_quota(LimitUnit::total_tokens, 1'000));
  limit(LimitScope::provider, "p", daily_quota(LimitUnit::requests, 5));
  EXPECT_TRUE(limits.has_windows());
  const policy::WindowUse use{
      .requests = 3, .input_tokens = 300, .output_tokens = 150, .nanousd = price * 3};
  restore({{"global:day:2026-09-21", use},
           {"key:k:day:2026-09-21", use},
           {"provider:p:day:2026-09-21", use}});
  EXPECT_EQ(used(LimitScope::global), price * 3);
  EXPECT_EQ(used(LimitScope::key), 450);
  EXPECT_EQ(used(LimitScope::provider), 3);
  EXPECT_EQ(client.ask_times(5), 2) << "the provider's quota of five";
}

// Nothing that ended before it can have been taken from a window that is in force.
TEST_F(LimitsTest, TheOldestWindowSaysFromWhereTheLedgerIsToBeRead) {
  EXPECT_EQ(limits.windows_start_ms(start), std::nullopt);
  limit(LimitScope::key, "k", only(rule(LimitUnit::requests, 100)));
  EXPECT_EQ(limits.windows_start_ms(start), std::nullopt) << "minutes are not asked for";
  limit(LimitScope::user, "u", daily_budget(price));
  const std::int64_t midnight = wall.ms - wall.ms % day_ms;
  EXPECT_EQ(limits.windows_start_ms(start), midnight);
  LimitSet total;
  total.budgets.push_back(
      {.nanousd = price, .calendar = *policy::Calendar::make(policy::Period::total, "")});
  limit(LimitScope::global, "", total);
  EXPECT_LE(limits.windows_start_ms(start), 0);
}

std::vector<std::string> texts(const std::vector<SharedText>& shared) {
  std::vector<std::string> texts;
  for (const SharedText& text : shared) texts.push_back(*text);
  return texts;
}

TEST_F(LimitsTest, S115ACallSaysItsClientsWindowsAndAnAttemptItsProviders) {
  LimitSet both = daily_budget(price * 10);
  both.rates.push_back(daily_quota(LimitUnit::requests, 100).rates.front());
  limit(LimitScope::key, "k", both);
  limit(LimitScope::user, "u", only(rule(LimitUnit::requests, 100)));
  LimitSet total;
  total.budgets.push_back(
      {.nanousd = price * 10, .calendar = *policy::Calendar::make(policy::Period::total, "")});
  limit(LimitScope::global, "", total);
  limit(LimitScope::provider, "p", daily_quota(LimitUnit::requests, 100, "Asia/Kathmandu"));
  auto going = client.begin();
  ASSERT_TRUE(going.is_admitted());
  EXPECT_EQ(texts(going.call->windows),
            (std::vector<std::string>{"key:k:day:2026-09-21", "global:total"}));
  EXPECT_EQ(texts(going.attempt.windows),
            (std::vector<std::string>{"provider:p:day:2026-09-21@Asia/Kathmandu"}));
  client.end(std::move(going));
}

// Its second attempt begins on the next day; the client's money is still of the day before.
TEST_F(LimitsTest, U4EveryAttemptOfACallIsBookedInTheWindowTheCallWasAdmittedIn) {
  limit(LimitScope::key, "k", daily_budget(price * 10));
  limit(LimitScope::provider, "p", daily_budget(price * 10));
  auto call = client.make_call();
  ASSERT_TRUE(limits.admit(*call, client.operation));
  wall.ms += day_ms;
  auto late = limits.reserve(*call, client.operation, client.target, true);
  ASSERT_TRUE(late);
  EXPECT_EQ(texts(call->windows), (std::vector<std::string>{"key:k:day:2026-09-21"}));
  EXPECT_EQ(texts(late->windows), (std::vector<std::string>{"provider:p:day:2026-09-22"}));
  client.end({std::move(call), *late, {}});
  EXPECT_EQ(used(LimitScope::key), 0);
  EXPECT_EQ(used(LimitScope::provider), price);
}

TEST_F(LimitsTest, ASoftBudgetOnlyTells) {
  limit(LimitScope::key, "k", daily_budget(price * 2, false));
  EXPECT_EQ(client.ask_times(5), 5);
  EXPECT_EQ(events.size(), 2U);
  EXPECT_EQ(used(LimitScope::key), price * 5);
}

TEST_F(LimitsTest, ABudgetPastItsSoftMarkSendsCallsToItsCheaperRouteUntilItsWindowEnds) {
  pipeline::Caller caller;
  caller.key = "k";
  caller.user = "u";
  const auto route_for = [&](std::string_view route) {
    const auto downgrade = limits.downgrade(&caller, route);
    return downgrade ? downgrade->route : std::string();
  };
  LimitSet cheaper = daily_budget(price * 10);
  cheaper.budgets.front().downgrade = "cheap";
  limit(LimitScope::user, "u", cheaper);
  EXPECT_EQ(client.ask_times(7), 7);
  EXPECT_EQ(route_for("r"), "");
  EXPECT_TRUE(client.ask());
  EXPECT_EQ(route_for("r"), "cheap");
  EXPECT_EQ(limits.downgrade(&caller, "r")->owner.scope, LimitScope::user);
  EXPECT_EQ(route_for("cheap"), "") << "it is there already";
  EXPECT_FALSE(limits.downgrade(nullptr, "r")) << "nobody's budget but the user's is touched";
  wall.ms += day_ms;
  EXPECT_EQ(route_for("r"), "");
}

TEST_F(LimitsTest, TheInnermostBudgetPastItsSoftMarkSaysWhereCallsGo) {
  pipeline::Caller caller;
  caller.key = "k";
  LimitSet set = daily_budget(price * 2);
  set.budgets.front().downgrade = "cheapest";
  limit(LimitScope::global, "", set);
  set.budgets.front().downgrade = "cheap";
  limit(LimitScope::key, "k", set);
  EXPECT_EQ(client.ask_times(2), 2);
  EXPECT_EQ(limits.downgrade(&caller, "r")->route, "cheap");
  EXPECT_EQ(limits.downgrade(&caller, "cheap")->route, "cheapest");
  EXPECT_EQ(limits.downgrade(nullptr, "r")->route, "cheapest");
}

TEST_F(LimitsTest, U2TheStatusOfWhatABudgetRefusesCanBeSet) {
  limit(LimitScope::key, "k", daily_budget(1));
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.http_status, 402);
  limits.set_budget_status(429);
  EXPECT_FALSE(client.ask());
  EXPECT_EQ(client.refusal.http_status, 429);
}

TEST_F(LimitsTest, U7AnotherAmountHoldsAtOnceAndU8OtherFieldsTouchNoCount) {
  limit(LimitScope::key, "k", daily_budget(price * 2));
  EXPECT_EQ(client.ask_times(5), 2);
  LimitSet more = daily_budget(price * 3);
  more.rates.push_back(rule(LimitUnit::requests, 1'000));
  limit(LimitScope::key, "k", more);
  EXPECT_EQ(client.ask_times(5), 1);
}

}  // namespace
}  // namespace weir::shared_state
