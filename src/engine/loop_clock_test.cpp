// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include <gtest/gtest.h>

#include "engine/engine.hpp"

namespace weir::engine {
namespace {

class CountingClock final : public pipeline::WallClock {
 public:
  [[nodiscard]] std::int64_t unix_ms() const override { return ++looks; }
  mutable std::int64_t looks = 0;
};

TEST(LoopClockTest, LooksAtTheClockOnceInATurn) {
  const CountingClock clock;
  net::EpollLoop loop;
  const LoopClock of_loop(clock, loop);
  const std::int64_t before = of_loop.unix_ms();
  EXPECT_EQ(of_loop.unix_ms(), before);
  EXPECT_EQ(clock.looks, 1);

  std::int64_t later = 0;
  loop.post([&] { later = of_loop.unix_ms(); });
  loop.stop();
  loop.run();
  EXPECT_GT(later, before);
  EXPECT_EQ(clock.looks, 2);
}

}  // namespace
}  // namespace weir::engine
