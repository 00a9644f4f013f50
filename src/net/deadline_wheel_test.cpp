// SPDX-License-Identifier: Apache-2.0
#include "net/deadline_wheel.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

/// An alarm of the wheel, and when it went off.
struct Timeout {
  Timeout(DeadlineWheel& wheel, const TimePoint& now, TimePoint at)
      : due(at), alarm([this, &now] { fired.push_back(now); }) {
    wheel.add(alarm, due);
  }

  const TimePoint due;
  std::vector<TimePoint> fired;
  CallbackAlarm alarm;
};

/// Looks at the wheel once per tick from `now` on, as the loop does, until it is empty.
void run(DeadlineWheel& wheel, TimePoint& now) {
  while (!wheel.empty()) {
    now += DeadlineWheel::tick;
    wheel.advance(now);
  }
}

/// The same of a loop that sleeps as long as it may.
void run_asleep(DeadlineWheel& wheel, TimePoint& now) {
  while (!wheel.empty()) {
    now = std::max(now + DeadlineWheel::tick, wheel.next_advance());
    wheel.advance(now);
  }
}

class DeadlineWheelTest
    : public testing::TestWithParam<void (*)(DeadlineWheel& wheel, TimePoint& now)> {};

// T-20: within [T, T + max(50 ms, 2 % of T)]. Everything that is timed by T-1 to T-17 is timed
// here.
TEST_P(DeadlineWheelTest, T20FiresOnceNeverEarlyAndSoonAfter) {
  TimePoint now{1h};
  DeadlineWheel wheel;
  wheel.advance(now);
  const TimePoint begin = now;
  std::mt19937_64 random(1);
  std::vector<std::unique_ptr<Timeout>> all;
  const auto add = [&](Duration after) {
    all.push_back(std::make_unique<Timeout>(wheel, now, begin + after));
  };
  // On both sides of a tick, of the wheel's whole turn, and anywhere up to T-17's hour.
  for (const Duration edge : {Duration(DeadlineWheel::tick), Duration(81'920ms), Duration(1h)}) {
    for (const Duration aside : {Duration(-1ns), Duration(0), Duration(1ns)}) add(edge + aside);
  }
  for (int i = 0; i < 2'000; ++i) add(Duration(random() % Duration(1h).count()));

  GetParam()(wheel, now);
  for (const auto& timeout : all) {
    ASSERT_EQ(timeout->fired.size(), 1U) << (timeout->due - begin) / 1ns;
    const Duration late = timeout->fired.front() - timeout->due;
    EXPECT_GE(late, 0ns);
    const Duration allowed = std::max<Duration>(50ms, (timeout->due - begin) / 50);
    EXPECT_LE(late, allowed) << (timeout->due - begin) / 1ns;
  }
}

// What is put off, or brought forward, any number of times fires once, when it was last said.
TEST_P(DeadlineWheelTest, T20FiresWhenItWasLastToldTo) {
  TimePoint now{1h};
  DeadlineWheel wheel;
  wheel.advance(now);
  const TimePoint begin = now;
  std::mt19937_64 random(2);
  struct Moved {
    TimePoint due;
    std::vector<TimePoint> fired;
    std::unique_ptr<CallbackAlarm> alarm;
  };
  std::vector<Moved> all(500);
  for (Moved& one : all) {
    one.alarm = std::make_unique<CallbackAlarm>([&] { one.fired.push_back(now); });
    one.due = begin + Duration(random() % Duration(5min).count());
    wheel.add(*one.alarm, one.due);
  }
  for (int round = 0; round < 3'000; ++round) {
    now += DeadlineWheel::tick;
    wheel.advance(now);
    Moved& one = all[random() % all.size()];
    if (!one.fired.empty()) continue;
    one.due = now + Duration(random() % Duration(5min).count());
    wheel.move(*one.alarm, one.due);
  }
  GetParam()(wheel, now);
  for (const Moved& one : all) {
    ASSERT_EQ(one.fired.size(), 1U);
    EXPECT_GE(one.fired.front(), one.due);
    EXPECT_LE(one.fired.front(), one.due + 50ms);
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, DeadlineWheelTest, testing::Values(run, run_asleep),
                         [](const auto& which) { return which.index == 0 ? "busy" : "asleep"; });

TEST(DeadlineWheel, IsNotToBeLookedAtBeforeSomethingIsDue) {
  TimePoint now{1h};
  DeadlineWheel wheel;
  wheel.advance(now);
  EXPECT_EQ(wheel.next_advance(), TimePoint::max());
  const Timeout late(wheel, now, now + 75s);
  const Timeout soon(wheel, now, now + 5s + 1ms);
  EXPECT_EQ(wheel.next_advance(), now + 5s + DeadlineWheel::tick);
  now = wheel.next_advance();
  wheel.advance(now);
  EXPECT_EQ(soon.fired.size(), 1U);
  EXPECT_EQ(wheel.next_advance(), TimePoint(1h) + 75s + DeadlineWheel::tick);
}

TEST(DeadlineWheel, ForgetsWhatWasPutOffAndRemoved) {
  TimePoint now{1h};
  DeadlineWheel wheel;
  wheel.advance(now);
  int fired = 0;
  CallbackAlarm kept([&] { ++fired; });
  CallbackAlarm removed([&] { ++fired; });
  for (CallbackAlarm* alarm : {&kept, &removed}) {
    wheel.add(*alarm, now + 30ms);
    wheel.move(*alarm, now + 10s);
  }
  wheel.remove(removed);
  run(wheel, now);
  EXPECT_EQ(fired, 1);
  EXPECT_TRUE(wheel.empty());
}

// A thread that was held up, by a suspended machine say, finds everything that became due.
TEST(DeadlineWheel, FiresAllThatIsDueAfterAStandstill) {
  TimePoint now{1h};
  DeadlineWheel wheel;
  wheel.advance(now);
  std::vector<std::unique_ptr<Timeout>> all;
  for (int i = 1; i <= 100; ++i) {
    all.push_back(std::make_unique<Timeout>(wheel, now, now + i * 3s));
  }
  now += 10min;
  wheel.advance(now);
  EXPECT_TRUE(wheel.empty());
  for (const auto& timeout : all) EXPECT_EQ(timeout->fired, std::vector<TimePoint>{now});
}

TEST(DeadlineWheel, ForgetsWhatIsRemovedAlsoByAnAlarmOfTheSameMoment) {
  TimePoint now{1h};
  DeadlineWheel wheel;
  wheel.advance(now);
  int fired = 0;
  std::vector<std::unique_ptr<CallbackAlarm>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(std::make_unique<CallbackAlarm>([&] {
      if (++fired > 1) return;
      wheel.remove(*all[0]);  // the wheel tells the latest first
      wheel.remove(*all[1]);
    }));
    wheel.add(*all.back(), now + 30ms);
  }
  run(wheel, now);
  EXPECT_EQ(fired, 1);
}

}  // namespace
}  // namespace weir::net
