// SPDX-License-Identifier: Apache-2.0
#include "shared_state/gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared_state/gate_test_support.hpp"

namespace weir::shared_state {
namespace {

using namespace std::chrono_literals;
using policy::FailureClass;
using Breaker = policy::CircuitBreaker;
using Permit = pipeline::TargetGate::Permit;
using std::chrono::ceil;
using std::chrono::milliseconds;

/// A gate with its clock in hand, and two providers with two models each.
class GateTest : public testing::Test {
 protected:
  GateTest() : gate(options([this](const Transition& change) { told.push_back(change); })) {
    attach_all();
  }

  static Gate::Options options(std::function<void(const Transition&)> on_transition) {
    return {.seed = 1, .on_transition = std::move(on_transition)};
  }

  /// What a new snapshot of the same configuration does.
  void attach_all(const std::string& fields = usual_fields) {
    one_a = make_target(gate, "one", "a", fields);
    one_b = make_target(gate, "one", "b", fields);
    two_a = make_target(gate, "two", "a", fields);
  }

  Permit ask(const pipeline::Target& target) { return gate.permit(target, now); }
  void end(const pipeline::Target& target, const Permit& permit,
           const policy::Classified& verdict) {
    gate.report(target, permit, verdict, now);
  }
  /// One attempt that begins and ends now; false: it was refused.
  bool call(const pipeline::Target& target, const policy::Classified& verdict) {
    const Permit permit = ask(target);
    if (permit.is_granted) end(target, permit, verdict);
    return permit.is_granted;
  }
  /// Opens the target's breaker; answers for how long.
  milliseconds open(const pipeline::Target& target) {
    for (int i = 0; i < 5; ++i) call(target, ended(FailureClass::server));
    return ask(target).remaining;
  }
  /// Opens the provider's breaker, and no other.
  void make_unreachable(const std::string& provider) {
    for (int i = 0; i < 10; ++i) {
      call(*make_target(gate, provider, std::to_string(i)), ended(FailureClass::connect));
    }
  }
  TargetStatus status_of(const pipeline::Target& target) {
    for (const ProviderStatus& provider : gate.status(now)) {
      for (const TargetStatus& status : provider.targets) {
        if (status.name == target.name) return status;
      }
    }
    ADD_FAILURE() << target.name << " is not known";
    return {};
  }

  net::TimePoint now{100h};
  std::vector<Transition> told;
  Gate gate;
  std::shared_ptr<pipeline::Target> one_a;
  std::shared_ptr<pipeline::Target> one_b;
  std::shared_ptr<pipeline::Target> two_a;
};

TEST_F(GateTest, B1AFailingTargetIsLeftAloneAndItsNeighboursAreNot) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(call(*one_a, ended(FailureClass::server)));
  EXPECT_FALSE(ask(*one_a).is_granted);
  EXPECT_TRUE(call(*one_b, ended(FailureClass::ok)));
  EXPECT_TRUE(call(*two_a, ended(FailureClass::ok)));
}

TEST_F(GateTest, B1EachProvidersBreakersGoByItsOwnSettings) {
  const auto attach = [&](const policy::BreakerOptions& options) {
    auto upstream = std::make_shared<pipeline::Upstream>(*one_a->upstream);
    upstream->target_breaker = options;
    gate.attach(*upstream);
    one_a->upstream = upstream;
    gate.attach(*one_a);
  };
  attach(policy::breaker_by_count());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(call(*one_a, ended(FailureClass::server)));
    call(*one_a, ended(FailureClass::ok));
  }
  EXPECT_EQ(ask(*one_a).remaining, 30s);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(call(*two_a, ended(FailureClass::server)));
    EXPECT_TRUE(call(*two_a, ended(FailureClass::ok))) << "of eight calls, each second one failed";
  }
  told.clear();
  attach(policy::breaker_that_never_opens());
  ASSERT_EQ(told.size(), 1U) << "it is told like any other change";
  EXPECT_EQ(told[0].to, Breaker::State::closed);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(call(*one_a, ended(FailureClass::server)));
}

TEST_F(GateTest, ATargetRestsAfterAnyErrorOfItsOwnWhereThatIsSet) {
  auto upstream = std::make_shared<pipeline::Upstream>(*one_a->upstream);
  upstream->cooldowns.after_error = 5min;
  gate.attach(*upstream);
  const auto rests = [&](const pipeline::Target& target, FailureClass failure,
                         std::optional<milliseconds> wait = {}) {
    EXPECT_TRUE(call(target, ended(failure, wait)));
    const milliseconds remaining = gate.refused_for(target, now);
    gate.reset("one", now);
    return remaining;
  };
  EXPECT_EQ(rests(*one_a, FailureClass::server), 5min);
  EXPECT_EQ(rests(*one_a, FailureClass::connect), 5min);
  EXPECT_EQ(rests(*one_a, FailureClass::timeout_sent), 5min);
  EXPECT_EQ(rests(*one_a, FailureClass::rate), 5min);
  EXPECT_EQ(rests(*one_a, FailureClass::rate, 20s), 20s) << "the provider knows better";
  EXPECT_EQ(rests(*one_a, FailureClass::forbidden), 10min);
  EXPECT_EQ(rests(*one_a, FailureClass::request), 0s);
  EXPECT_EQ(rests(*one_a, FailureClass::ok), 0s);
  EXPECT_TRUE(call(*one_a, ended(FailureClass::server)));
  EXPECT_TRUE(ask(*one_b).is_granted) << "its neighbour did nothing";
}

TEST_F(GateTest, K2AProvidersCooldownsLastAsLongAsIsSetForIt) {
  auto upstream = std::make_shared<pipeline::Upstream>(*one_a->upstream);
  policy::CooldownOptions& set = upstream->cooldowns;
  set.rate_limit = {{milliseconds(2'000), 3s, 4s, 5s}};
  set.quota.lengths.fill(6s);
  set.auth.lengths.fill(7s);
  set.forbidden.lengths.fill(8s);
  set.not_found.lengths.fill(9s);
  set.length_max = 1min;
  gate.attach(*upstream);
  const auto rests = [&](FailureClass failure, std::optional<milliseconds> wait = {}) {
    EXPECT_TRUE(call(*one_a, ended(failure, wait)));
    const milliseconds remaining = gate.refused_for(*one_a, now);
    gate.reset("one", now);
    return remaining;
  };
  EXPECT_EQ(rests(FailureClass::rate), 2s);
  EXPECT_EQ(rests(FailureClass::rate, 1h), 1min);
  EXPECT_EQ(rests(FailureClass::quota), 6s);
  EXPECT_EQ(rests(FailureClass::auth), 7s);
  EXPECT_EQ(rests(FailureClass::forbidden), 8s);
  EXPECT_EQ(rests(FailureClass::not_found), 9s);
}

// One bad model must not close a router of many; an endpoint that nobody reaches closes them all.
TEST_F(GateTest, OnlyAnUnreachableEndpointClosesTheWholeProvider) {
  open(*make_target(gate, "one", "bad"));
  open(*make_target(gate, "one", "worse"));
  EXPECT_TRUE(ask(*one_a).is_granted);

  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(call(*one_a, ended(FailureClass::connect)));
    EXPECT_TRUE(call(*one_b, ended(FailureClass::certificate)));
  }
  auto other = make_target(gate, "one", "c");
  const Permit refused = ask(*other);
  EXPECT_FALSE(refused.is_granted);
  EXPECT_EQ(refused.reason, "the provider is off after failures");
  EXPECT_TRUE(ask(*two_a).is_granted);
}

// Clients sleep on this number: a moment earlier they would only be refused again.
// B-8, K-4: a restart must not bring back what an administrator has taken out of service, nor spend
// the calls that teach about a quota again.
TEST_F(GateTest, B9APeersOpeningMakesOneBreakerQuickerToJudge) {
  EXPECT_TRUE(gate.heed_peer("one/a", now));
  EXPECT_FALSE(gate.heed_peer("nobody", now));
  EXPECT_TRUE(ask(*one_a).is_granted) << "it opens nothing by itself";
  for (int i = 0; i < 3; ++i) {
    call(*one_a, ended(FailureClass::server));
    call(*one_b, ended(FailureClass::server));
  }
  EXPECT_FALSE(ask(*one_a).is_granted);
  EXPECT_TRUE(ask(*one_b).is_granted);
}

TEST_F(GateTest, B8AndK4OrdersAndLongCooldownsOutliveTheProgram) {
  gate.force_open("two", now);
  gate.disable("one/a", now);
  auto spent = ended(FailureClass::quota);
  spent.wait = 10min;
  spent.cooldown = policy::CooldownScope::target;
  call(*one_b, spent);
  auto limited = ended(FailureClass::rate);
  limited.wait = 30s;
  limited.cooldown = policy::CooldownScope::target;
  call(*one_a, limited);
  const std::vector<KeptState> kept = gate.kept(now);

  Gate next({.seed = 2});
  const auto other_a = make_target(next, "one", "a", usual_fields);
  const auto other_b = make_target(next, "one", "b", usual_fields);
  const auto other_two = make_target(next, "two", "a", usual_fields);
  next.restore(kept, now);
  EXPECT_FALSE(next.permit(*other_two, now).is_granted);
  EXPECT_TRUE(next.permit(*other_a, now).is_granted) << "30 s are over before it is back";
  const Permit refused = next.permit(*other_b, now);
  EXPECT_FALSE(refused.is_granted);
  EXPECT_GT(refused.remaining, 9min);
  EXPECT_TRUE(next.permit(*other_b, now + 10min).is_granted);
}

TEST_F(GateTest, K4ACooldownOfAnotherKeyIsNotGoneOnWith) {
  auto spent = ended(FailureClass::quota);
  spent.wait = 10min;
  spent.cooldown = policy::CooldownScope::key;
  call(*one_b, spent);
  const std::vector<KeptState> kept = gate.kept(now);
  EXPECT_FALSE(kept.empty());
  Gate next({.seed = 2});
  const auto other = make_target(next, "one", "b", "authorization: Bearer another\r\n");
  next.restore(kept, now);
  EXPECT_TRUE(next.permit(*other, now).is_granted);
}

TEST_F(GateTest, B10ARefusalTellsWhenTheTargetMayBeAskedAgain) {
  const milliseconds remaining = open(*one_a);
  ASSERT_GE(remaining, 8s);
  ASSERT_LE(remaining, 12s);
  EXPECT_EQ(gate.refused_for(*one_a, now), remaining);
  now += remaining - 1ms;
  EXPECT_FALSE(ask(*one_a).is_granted);
  now += 1ms;
  EXPECT_TRUE(ask(*one_a).is_granted);
}

TEST_F(GateTest, B10TheTimeIsRoundedUp) {
  end(*one_a, ask(*one_a), ended(FailureClass::rate, 20s));
  now += 300us;
  EXPECT_EQ(ask(*one_a).remaining, 20s);
  EXPECT_EQ(gate.refused_for(*one_a, now), 20s);
}

TEST_F(GateTest, B10TheLongestOfSeveralReasonsCounts) {
  const milliseconds off = open(*one_a);
  end(*one_b, ask(*one_b), ended(FailureClass::auth));  // cools the key down for 60 s
  const Permit refused = ask(*one_a);
  EXPECT_EQ(refused.remaining, 60s);
  EXPECT_EQ(refused.reason, "the provider is cooling down after auth");

  // Asking in vain must not begin the breaker's time for probes, which would then run out.
  now += off;
  EXPECT_FALSE(ask(*one_a).is_granted);
  EXPECT_EQ(status_of(*one_a).circuit.state, Breaker::State::open);
}

TEST_F(GateTest, B5AnAttemptThatSaysNothingGivesEverythingBack) {
  now += open(*one_a);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(call(*one_a, ended(FailureClass::client)));
  EXPECT_TRUE(call(*one_a, ended(FailureClass::ok)));
  EXPECT_TRUE(call(*one_a, ended(FailureClass::ok)));
  EXPECT_EQ(status_of(*one_a).circuit.state, Breaker::State::closed);
}

// A stream may take an hour. Its probe is over when it speaks.
TEST_F(GateTest, B6TheFirstContentOfAStreamIsASuccessAlready) {
  now += open(*one_a);
  Permit first = ask(*one_a);
  ASSERT_TRUE(first.is_granted);
  EXPECT_FALSE(ask(*one_a).is_granted);
  gate.note_first_content(*one_a, first, 1s, now);

  Permit second = ask(*one_a);
  ASSERT_TRUE(second.is_granted);
  gate.note_first_content(*one_a, second, 1s, now);
  EXPECT_EQ(status_of(*one_a).circuit.state, Breaker::State::closed);
  now += 1h;
  end(*one_a, first, ended(FailureClass::ok));
  end(*one_a, second, ended(FailureClass::ok));
  EXPECT_TRUE(ask(*one_a).is_granted);
}

TEST_F(GateTest, B6AStreamThatBreaksAfterItsFirstContentIsOneFailureMore) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(status_of(*one_a).circuit.state, Breaker::State::closed);
    Permit permit = ask(*one_a);
    gate.note_first_content(*one_a, permit, 1s, now);
    end(*one_a, permit, ended(FailureClass::cut));
  }
  // Five successes and five failures: half of ten calls.
  EXPECT_EQ(status_of(*one_a).circuit.state, Breaker::State::open);
  EXPECT_EQ(status_of(*one_a).circuit.cause, Breaker::Cause::failure_rate);
}

TEST_F(GateTest, K1ARateLimitCoolsOneTargetAndABadKeyAllOfTheProvider) {
  end(*one_a, ask(*one_a), ended(FailureClass::rate, 20s));
  EXPECT_EQ(ask(*one_a).remaining, 20s);
  EXPECT_TRUE(call(*one_b, ended(FailureClass::ok)));

  end(*one_b, ask(*one_b), ended(FailureClass::auth));
  EXPECT_EQ(ask(*one_b).remaining, 60s);
  EXPECT_EQ(ask(*one_a).remaining, 60s);
  EXPECT_TRUE(ask(*two_a).is_granted);
}

TEST_F(GateTest, K2AServersErrorCoolsOnlyWhenItNamesAWait) {
  EXPECT_TRUE(call(*one_a, ended(FailureClass::server)));
  EXPECT_TRUE(ask(*one_a).is_granted);
  EXPECT_TRUE(call(*one_a, ended(FailureClass::server, 3s)));
  EXPECT_EQ(ask(*one_a).remaining, 3s);
}

// Providers send the wait of the limit per minute also where the day's is spent.
TEST_F(GateTest, K2AShortWaitBesideASpentDayIsNotBelieved) {
  policy::Classified verdict = ended(FailureClass::quota, 34s);
  verdict.is_daily_limit = true;
  end(*one_a, ask(*one_a), verdict);
  EXPECT_EQ(ask(*one_a).remaining, 1h);

  verdict.wait = 5h;
  end(*two_a, ask(*two_a), verdict);
  EXPECT_EQ(ask(*two_a).remaining, 5h);
}

TEST_F(GateTest, K3OfAllWhoWaitForTheEndOfACooldownOneGoes) {
  end(*one_a, ask(*one_a), ended(FailureClass::rate, 10s));
  now += 10s;
  std::vector<Permit> granted;
  for (int i = 0; i < 500; ++i) {
    Permit permit = ask(*one_a);
    if (permit.is_granted) granted.push_back(std::move(permit));
  }
  ASSERT_EQ(granted.size(), 1U);
  // Its success lets two in, theirs more.
  end(*one_a, granted.front(), ended(FailureClass::ok));
  EXPECT_TRUE(ask(*one_a).is_granted);
  EXPECT_TRUE(ask(*one_a).is_granted);
  EXPECT_FALSE(ask(*one_a).is_granted);
}

TEST_F(GateTest, K3AStreamThatSucceededGivesItsPlaceBackOnce) {
  end(*one_a, ask(*one_a), ended(FailureClass::rate, 10s));
  now += 10s;
  Permit stream = ask(*one_a);
  gate.note_first_content(*one_a, stream, 1s, now);
  end(*one_a, stream, ended(FailureClass::ok));
  EXPECT_TRUE(ask(*one_a).is_granted);
  EXPECT_TRUE(ask(*one_a).is_granted);
  EXPECT_FALSE(ask(*one_a).is_granted);
}

// The probation of a key lends its one slot for an attempt, not for being turned away elsewhere.
TEST_F(GateTest, WhoeverIsRefusedHoldsNothing) {
  open(*one_a);
  EXPECT_TRUE(call(*one_b, ended(FailureClass::auth)));
  now += 60s;
  EXPECT_TRUE(call(*one_b, ended(FailureClass::ok)));  // the key may be used by two at once now
  const Permit probe = ask(*one_a);
  ASSERT_TRUE(probe.is_granted);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(*one_a).reason, "the target is being probed after failures");
  }
  EXPECT_TRUE(ask(*one_b).is_granted);
  EXPECT_EQ(ask(*one_b).reason, "the provider is coming back slowly");
}

TEST_F(GateTest, WhoeverIsRefusedByTheEndpointHoldsNothingOfTheTarget) {
  EXPECT_TRUE(call(*one_a, ended(FailureClass::rate, 1s)));
  make_unreachable("one");
  now += 15s;
  const Permit probe = ask(*one_b);
  ASSERT_TRUE(probe.is_granted);
  EXPECT_EQ(ask(*one_a).reason, "the provider is being probed after failures");
  end(*one_b, probe, ended(FailureClass::client));
  EXPECT_TRUE(ask(*one_a).is_granted);
}

TEST_F(GateTest, WhoeverIsRefusedByTheTargetHoldsNothingOfTheEndpoint) {
  open(*one_a);
  now += 15s;
  const Permit probe = ask(*one_a);
  ASSERT_TRUE(probe.is_granted);
  make_unreachable("one");
  now += 15s;
  EXPECT_EQ(ask(*one_a).reason, "the target is being probed after failures");
  EXPECT_TRUE(ask(*one_b).is_granted);
}

TEST_F(GateTest, R4RetriesAreBoundedPerProvider) {
  const auto& one = *one_a->upstream;
  int granted = 0;
  for (int i = 0; i < 100; ++i) {
    gate.note_first_visit(one, now);
    granted += gate.may_retry(one, now) ? 1 : 0;
  }
  EXPECT_EQ(granted, 30);  // the floor of 10 and a fifth of 100
  EXPECT_TRUE(gate.may_retry(*two_a->upstream, now));
  EXPECT_EQ(gate.status(now).front().retries_refused, 70U);
}

TEST_F(GateTest, H3AReloadChangesNothingForNamesThatStay) {
  const milliseconds off = open(*one_a);
  end(*one_b, ask(*one_b), ended(FailureClass::rate, 20s));
  end(*two_a, ask(*two_a), ended(FailureClass::auth));
  attach_all();
  gate.keep_only({"one", "two"});
  EXPECT_EQ(ask(*one_a).remaining, off);
  EXPECT_EQ(ask(*one_b).remaining, 20s);
  EXPECT_EQ(ask(*two_a).remaining, 60s);
}

TEST_F(GateTest, H3AProviderThatWasTakenOutComesBackWithoutAPast) {
  open(*one_a);
  const auto before = one_a;
  gate.keep_only({"two"});
  ASSERT_EQ(gate.status(now).size(), 1U);
  EXPECT_EQ(gate.status(now).front().name, "two");
  EXPECT_FALSE(ask(*before).is_granted);  // for requests that still hold the old snapshot

  attach_all();
  EXPECT_TRUE(ask(*one_a).is_granted);
}

// Whoever puts a good key in place of a refused one will not wait an hour to see it work.
TEST_F(GateTest, ANewKeyIsFreeOfWhatTheOldOneRanInto) {
  end(*one_a, ask(*one_a), ended(FailureClass::auth));
  end(*two_a, ask(*two_a), ended(FailureClass::quota));
  const auto left = make_target(gate, "one", "a");
  EXPECT_FALSE(ask(*left).is_granted);
  attach_all("authorization: Bearer two\r\n");
  EXPECT_TRUE(ask(*one_a).is_granted);
  EXPECT_TRUE(ask(*two_a).is_granted);
}

TEST_F(GateTest, B8WhatAnAdministratorSaysHoldsUntilReset) {
  ASSERT_TRUE(gate.force_open("one", now));
  now += 24h;
  attach_all();
  const Permit refused = ask(*one_b);
  EXPECT_FALSE(refused.is_granted);
  EXPECT_EQ(refused.remaining, 0ms);
  EXPECT_EQ(refused.reason, "the provider is closed off by an administrator");

  ASSERT_TRUE(gate.reset("one", now));
  EXPECT_TRUE(call(*one_b, ended(FailureClass::ok)));
  ASSERT_TRUE(gate.disable("one/b", now));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(call(*one_b, ended(FailureClass::server)));
  EXPECT_EQ(status_of(*one_b).circuit.state, Breaker::State::disabled);
}

TEST_F(GateTest, AnAdministratorMaySpeakOfATargetThatNobodyAskedForYet) {
  ASSERT_TRUE(gate.force_open("one/new", now));
  EXPECT_FALSE(ask(*make_target(gate, "one", "new")).is_granted);
  EXPECT_FALSE(gate.force_open("three", now));
  EXPECT_FALSE(gate.disable("three/new", now));
  EXPECT_FALSE(gate.reset("", now));
}

TEST_F(GateTest, ResettingAProviderFreesAllItsTargets) {
  open(*one_a);
  EXPECT_TRUE(call(*one_b, ended(FailureClass::quota)));
  EXPECT_TRUE(call(*make_target(gate, "one", "c"), ended(FailureClass::auth)));
  open(*two_a);
  ASSERT_TRUE(gate.reset("one", now));
  EXPECT_TRUE(ask(*one_a).is_granted);
  EXPECT_TRUE(ask(*one_b).is_granted);
  EXPECT_FALSE(ask(*two_a).is_granted);
}

TEST_F(GateTest, EveryTransitionIsToldWithItsCause) {
  const auto off = open(*one_a);
  now += off;
  call(*one_a, ended(FailureClass::server));
  using State = Breaker::State;
  using Cause = Breaker::Cause;
  struct Expected {
    State from;
    State to;
    Cause cause;
  };
  const std::vector<Expected> expected{
      {State::closed, State::open, Cause::consecutive_failures},
      {State::open, State::half_open, Cause::open_time_over},
      {State::half_open, State::open, Cause::probe_failed},
  };
  ASSERT_EQ(told.size(), expected.size());
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].name, "one/a");
    EXPECT_EQ(told[i].from, expected[i].from);
    EXPECT_EQ(told[i].to, expected[i].to);
    EXPECT_EQ(told[i].cause, expected[i].cause);
  }
}

TEST(Gate, TellsOfTransitionsWithoutALock) {
  Gate* asked = nullptr;
  std::size_t providers_seen = 0;
  Gate gate({.on_transition = [&](const Transition&) {
    providers_seen = asked->status(net::TimePoint(100h)).size();  // a held mutex would hang here
  }});
  asked = &gate;
  const auto target = make_target(gate, "one", "a");
  ASSERT_TRUE(gate.force_open("one/a", net::TimePoint(100h)));
  EXPECT_EQ(providers_seen, 1U);
}

TEST_F(GateTest, StatusTellsStateSinceOpeningsAndWhatIsLeft) {
  EXPECT_FALSE(status_of(*one_a).circuit.since);
  const auto opened = now;
  const milliseconds off = open(*one_a);
  end(*one_b, ask(*one_b), ended(FailureClass::rate, 20s));
  now += 5s;

  const TargetStatus a = status_of(*one_a);
  EXPECT_EQ(a.circuit.state, Breaker::State::open);
  EXPECT_EQ(a.circuit.since, opened);
  EXPECT_EQ(a.circuit.openings, 1U);
  EXPECT_EQ(ceil<milliseconds>(a.circuit.remaining), off - 5s);
  EXPECT_FALSE(a.cooldown.cause);
  const TargetStatus b = status_of(*one_b);
  EXPECT_EQ(b.cooldown.remaining, 15s);
  EXPECT_EQ(b.cooldown.cause, FailureClass::rate);
  now += 15s;
  EXPECT_FALSE(status_of(*one_b).cooldown.cause);
}

// Clients choose model names. Memory must not grow with them, and what a held or troubled target
// has learnt must not be lost to them.
TEST(Gate, ForgetsTargetsThatNobodyHoldsAndThatHaveNothingToRemember) {
  const net::TimePoint now(100h);
  Gate gate({.targets_kept = 10});
  const auto held = make_target(gate, "one", "held");
  {
    const auto cooling = make_target(gate, "one", "cooling");
    gate.report(*cooling, gate.permit(*cooling, now), ended(FailureClass::rate, 20s), now);
  }
  for (int i = 0; i < 1'000; ++i) make_target(gate, "one", "name-" + std::to_string(i));

  const auto targets = gate.status(now).front().targets;
  EXPECT_LE(targets.size(), 20U);
  const auto knows = [&](std::string_view name) {
    return std::any_of(targets.begin(), targets.end(),
                       [&](const TargetStatus& target) { return target.name == name; });
  };
  EXPECT_TRUE(knows("one/held"));
  EXPECT_TRUE(knows("one/cooling"));
}

TEST(Gate, BoundsWhatMadeUpNamesLeaveBehind) {
  const net::TimePoint now(100h);
  Gate gate({.targets_kept = 10});
  make_target(gate, "one", "a");
  ASSERT_TRUE(gate.force_open("one/forced", now));
  for (int i = 0; i < 1'000; ++i) {
    const auto target = make_target(gate, "one", "name-" + std::to_string(i));
    gate.report(*target, gate.permit(*target, now), ended(FailureClass::not_found), now);
  }
  EXPECT_LE(gate.status(now).front().targets.size(), 20U);
  EXPECT_FALSE(gate.permit(*make_target(gate, "one", "forced"), now).is_granted);
}

}  // namespace
}  // namespace weir::shared_state
