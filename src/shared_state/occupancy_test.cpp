// SPDX-License-Identifier: Apache-2.0
#include "shared_state/occupancy.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace weir::shared_state {
namespace {

using namespace std::chrono_literals;

class OccupancyTest : public testing::Test {
 protected:
  policy::TimePoint now_{1h};
  SeededRandom random_{1};
  std::int64_t resident_ = 0;
  int told_ = 0;
  Occupancy occupancy_{{.resident_bytes = [this] { return resident_; },
                        .on_pressure = [this](std::int64_t) { ++told_; }}};

  Result<Occupancy::Place> call(const std::string& key = "") {
    return occupancy_.admit_call(key, now_, random_);
  }
};

TEST_F(OccupancyTest, HasNoLimitsUnlessTold) {
  std::vector<Occupancy::Place> places;
  for (int i = 0; i < 100; ++i) {
    places.push_back(*call("key"));
    places.push_back(*occupancy_.admit_connection());
    places.push_back(*occupancy_.admit_address("203.0.113.7"));
  }
  EXPECT_EQ(occupancy_.calls(), 100);
  EXPECT_TRUE(occupancy_.take(std::size_t{1} << 40));
}

// Section 15: 503 with a wait of 1 to 3 s, so that those refused don't come back as one.
TEST_F(OccupancyTest, RefusesCallsBeyondTheirNumberAndTakesThemAgainWhenOneHasEnded) {
  occupancy_.set_limits({.calls_max = 2});
  auto first = call();
  const auto second = call();
  ASSERT_TRUE(first && second);
  for (int i = 0; i < 50; ++i) {
    const auto third = call();
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::overloaded);
    EXPECT_GE(*third.error().retry_after, 1'000ms);
    EXPECT_LE(*third.error().retry_after, 3'000ms);
  }
  *first = Occupancy::Place();
  EXPECT_TRUE(call());
}

TEST_F(OccupancyTest, CountsEachKeyByItself) {
  occupancy_.set_limits({.calls_max = 10, .calls_per_key_max = 1});
  {
    const auto mine = call("mine");
    ASSERT_TRUE(mine);
    EXPECT_EQ(call("mine").error().code, ErrorCode::rate_limited);
    EXPECT_TRUE(call("other"));
    EXPECT_EQ(occupancy_.calls(), 1);  // who was refused left nothing behind
  }
  EXPECT_TRUE(call("mine"));
}

TEST_F(OccupancyTest, BoundsConnectionsInAllAndOfOneAddress) {
  occupancy_.set_limits({.connections_max = 2, .connections_per_address_max = 1});
  const auto first = occupancy_.admit_connection();
  const auto second = occupancy_.admit_connection();
  EXPECT_FALSE(occupancy_.admit_connection());
  const auto here = occupancy_.admit_address("203.0.113.7");
  EXPECT_FALSE(occupancy_.admit_address("203.0.113.7"));
  EXPECT_TRUE(occupancy_.admit_address("203.0.113.8"));
}

// O-2: clients can't take the administration's places, nor it more than its own.
TEST_F(OccupancyTest, KeepsPlacesForTheAdministration) {
  occupancy_.set_limits({.connections_max = 1});
  const auto client = occupancy_.admit_connection();
  EXPECT_FALSE(occupancy_.admit_connection());
  std::vector<Occupancy::Place> places;
  for (int i = 0; i < 64; ++i) {
    auto place = occupancy_.admit_administrator();
    ASSERT_TRUE(place) << i;
    places.push_back(*std::move(place));
  }
  EXPECT_FALSE(occupancy_.admit_administrator());
}

TEST_F(OccupancyTest, RefusesCallsAboveTheHardLimitOfMemoryAndTellsAboveTheSoftOne) {
  occupancy_.set_limits({.memory_soft_bytes = 750, .memory_hard_bytes = 900});
  resident_ = 749;
  EXPECT_TRUE(call());
  EXPECT_EQ(told_, 0);
  EXPECT_FALSE(occupancy_.is_tight());
  now_ += 100ms;
  resident_ = 899;
  EXPECT_TRUE(call());
  EXPECT_EQ(told_, 1);
  EXPECT_TRUE(occupancy_.is_tight());
  now_ += 100ms;
  resident_ = 900;
  EXPECT_EQ(call().error().code, ErrorCode::overloaded);
  EXPECT_EQ(told_, 1);  // at most once a second
  // O-3: service is normal again once the memory is.
  now_ += 100ms;
  resident_ = 100;
  EXPECT_TRUE(call());
}

TEST_F(OccupancyTest, LetsBodiesHoldHalfOfTheMemory) {
  occupancy_.set_limits({.memory_soft_bytes = 750, .memory_hard_bytes = 1000});
  EXPECT_TRUE(occupancy_.take(300));
  EXPECT_FALSE(occupancy_.take(201));
  EXPECT_TRUE(occupancy_.take(200));
  occupancy_.give_back(300);
  EXPECT_EQ(occupancy_.body_bytes(), 200);
  EXPECT_TRUE(occupancy_.take(300));
}

// Whatever the threads' order: nobody above the limit, and nothing is left at the end.
TEST(OccupancyStress, HoldsItsLimitsAcrossThreads) {
  Occupancy occupancy({});
  occupancy.set_limits({.calls_max = 3, .calls_per_key_max = 2});
  std::atomic<int> inside{0};
  std::atomic<bool> is_broken{false};
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      SeededRandom random(seed);
      for (int i = 0; i < 2'000; ++i) {
        const auto place = occupancy.admit_call(seed % 2 == 0 ? "a" : "b", {}, random);
        if (!place) continue;
        if (++inside > 3) is_broken = true;
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(is_broken);
  EXPECT_EQ(occupancy.calls(), 0);
}

}  // namespace
}  // namespace weir::shared_state
