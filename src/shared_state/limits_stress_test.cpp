// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "shared_state/limits_test_support.hpp"

// What only many threads can break. ThreadSanitizer reads along in its build.
namespace weir::shared_state {
namespace {

using policy::LimitScope;

constexpr int thread_count = 64;

/// Runs `work(thread)` on so many threads, all let go at once.
template <class Work>
void run_on_threads(const Work& work) {
  std::latch ready(thread_count);
  std::vector<std::thread> threads;
  for (int i = 0; i < thread_count; ++i) {
    threads.emplace_back([&, i] {
      ready.arrive_and_wait();
      work(i);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(LimitsStress, L11Of64ThreadsThatOfferTenTimesTheLimitExactlyTheLimitIsAdmitted) {
  constexpr int limit = 1'000;
  for (const auto algorithm :
       {policy::Algorithm::fixed_window, policy::Algorithm::sliding_log,
        policy::Algorithm::sliding_window, policy::Algorithm::token_bucket}) {
    HandClock wall;
    Limits limits(wall);
    // Two levels on each side: what one refuses must not be left behind at another.
    limits.set({LimitScope::global, ""}, only(rule(LimitUnit::requests, limit, algorithm)), {});
    limits.set({LimitScope::key, "k"}, only(rule(LimitUnit::requests, limit * 2, algorithm)), {});
    limits.set({LimitScope::provider, "p"}, only(rule(LimitUnit::requests, limit * 2, algorithm)),
               {});
    std::atomic<int> admitted{0};
    run_on_threads([&](int) {
      Client client(limits);
      admitted += client.ask_times(limit * 10 / thread_count);
    });
    EXPECT_EQ(admitted, limit) << policy::name(algorithm);
    EXPECT_EQ(limits.open_reservations(), 0U);
    for (const LimitStatus& status : limits.status(policy::TimePoint(std::chrono::hours(1)))) {
      EXPECT_EQ(status.used, limit) << policy::name(status.owner.scope);
    }
  }
}

TEST(LimitsStress, L5NoMoreAreInsideThanMayBe) {
  constexpr int limit = 7;
  HandClock wall;
  Limits limits(wall);
  LimitSet set;
  set.concurrency = limit;
  limits.set({LimitScope::provider, "p"}, set, {});
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  run_on_threads([&](int) {
    Client client(limits);
    for (int i = 0; i < 200; ++i) {
      auto going = client.begin();
      if (!going.is_admitted()) continue;
      const int now = inside.fetch_add(1) + 1;
      for (int seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::yield();
      inside.fetch_sub(1);
      client.end(std::move(going));
    }
  });
  EXPECT_LE(most, limit);
  EXPECT_EQ(limits.open_reservations(), 0U);
}

TEST(LimitsStress, U3NothingIsOverspentHoweverManyCallAtOnce) {
  constexpr std::int64_t price = 100 * 1'000 + 50 * 10'000;
  constexpr int affordable = 500;
  HandClock wall;
  Limits limits(wall);
  limits.set({LimitScope::user, "u"}, daily_budget(price * affordable), {});
  limits.set({LimitScope::provider, "p"}, daily_budget(price * affordable * 2), {});
  std::atomic<int> admitted{0};
  run_on_threads([&](int i) {
    Client client(limits, "k" + std::to_string(i), "u");
    admitted += client.ask_times(affordable * 10 / thread_count);
  });
  // While others hold their share a call may be refused; never may one too many be let in.
  EXPECT_LE(admitted, affordable);
  Client last(limits, "k", "u");
  admitted += last.ask_times(affordable);
  EXPECT_EQ(admitted, affordable);
}

TEST(LimitsStress, U8ChangesUnderTrafficTouchNoCount) {
  HandClock wall;
  Limits limits(wall);
  LimitSet set = only(rule(LimitUnit::requests, 1'000'000));
  limits.set({LimitScope::key, "k"}, set, {});
  std::atomic<int> admitted{0};
  run_on_threads([&](int i) {
    if (i < 4) {
      for (int round = 0; round < 100; ++round) {
        LimitSet other = set;
        other.concurrency = 1'000 + round;
        limits.set({LimitScope::key, "k"}, other, policy::TimePoint(std::chrono::hours(1)));
        static_cast<void>(limits.status(policy::TimePoint(std::chrono::hours(1))));
      }
      return;
    }
    Client client(limits);
    admitted += client.ask_times(100);
  });
  const auto status = limits.status(policy::TimePoint(std::chrono::hours(1)));
  ASSERT_FALSE(status.empty());
  EXPECT_EQ(status.front().used, admitted);
  EXPECT_EQ(admitted, 60 * 100);
}

}  // namespace
}  // namespace weir::shared_state
