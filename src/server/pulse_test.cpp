// SPDX-License-Identifier: Apache-2.0
#include "server/pulse.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "net/epoll_loop.hpp"

namespace weir::server {
namespace {

using namespace std::chrono_literals;

void turn(net::EpollLoop& loop) {
  loop.stop();
  loop.run();
}

TEST(Pulse, Z1ALoopThatDoesNotTurnForFiveSecondsIsNoticed) {
  net::EpollLoop one;
  net::EpollLoop two;
  Pulse pulse;
  pulse.add(one);
  pulse.add(two);
  const net::TimePoint start(100h);
  EXPECT_TRUE(pulse.beats(start));
  turn(one);
  EXPECT_TRUE(pulse.beats(start + 5s));
  EXPECT_FALSE(pulse.beats(start + 5s + 1ms));
  turn(two);
  EXPECT_TRUE(pulse.beats(start + 5s + 1ms));
}

// Who is asked after an hour has not stood still for an hour.
TEST(Pulse, TheTimeBetweenTwoQuestionsIsNobodysFault) {
  net::EpollLoop loop;
  Pulse pulse;
  pulse.add(loop);
  net::TimePoint now(100h);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(pulse.beats(now));
    turn(loop);
    now += 1h;
  }
}

}  // namespace
}  // namespace weir::server
