// SPDX-License-Identifier: Apache-2.0
#include "store/shared_counter.hpp"

#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

namespace weir::store {
namespace {

class SharedCounterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_ = testing::TempDir() + "/weir-counter-XXXXXX";
};

TEST_F(SharedCounterTest, IsOneForAllWhoOpenTheFile) {
  auto mine = SharedCounter::open(directory_ + "/counter");
  auto theirs = SharedCounter::open(directory_ + "/counter");
  ASSERT_TRUE(mine && theirs);
  const std::uint32_t before = theirs->value();
  mine->advance();
  EXPECT_NE(theirs->value(), before);
  EXPECT_EQ(theirs->value(), mine->value());
}

// Who waits for a change that was made between the look and the wait must not sleep through it.
TEST_F(SharedCounterTest, NobodyWaitsForWhatHasHappened) {
  auto counter = SharedCounter::open(directory_ + "/counter");
  ASSERT_TRUE(counter);
  const std::uint32_t before = counter->value();
  counter->advance();
  counter->wait(before, std::chrono::hours(1));
}

TEST_F(SharedCounterTest, WakesWhoWaits) {
  auto mine = SharedCounter::open(directory_ + "/counter");
  auto theirs = SharedCounter::open(directory_ + "/counter");
  ASSERT_TRUE(mine && theirs);
  const std::uint32_t before = theirs->value();
  std::thread waiting([&] {
    while (theirs->value() == before) theirs->wait(before, std::chrono::hours(1));
  });
  mine->advance();
  waiting.join();
}

TEST_F(SharedCounterTest, AWaitHasAnEnd) {
  auto counter = SharedCounter::open(directory_ + "/counter");
  ASSERT_TRUE(counter);
  counter->wait(counter->value(), std::chrono::milliseconds(1));
}

TEST_F(SharedCounterTest, AFolderThatIsNotThereIsToldOf) {
  const auto opened = SharedCounter::open(directory_ + "/none/counter");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::store_unavailable);
}

}  // namespace
}  // namespace weir::store
