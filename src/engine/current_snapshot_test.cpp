// SPDX-License-Identifier: Apache-2.0
#include "engine/current_snapshot.hpp"

#include <memory>
#include <utility>

#include <gtest/gtest.h>

namespace weir::engine {
namespace {

std::shared_ptr<const Snapshot> make(shared_state::Gate& gate) {
  auto made = Snapshot::make(config::Config(), {}, gate, nullptr);
  EXPECT_TRUE(made);
  return *made;
}

TEST(CurrentSnapshot, IsMetByEveryFollowerFromItsMomentOn) {
  shared_state::Gate gate({});
  CurrentSnapshot current;
  SnapshotFollower first(current);
  SnapshotFollower second(current);
  EXPECT_FALSE(first.catch_up());
  EXPECT_EQ(first.get(), nullptr);

  current.set(make(gate));
  EXPECT_TRUE(first.catch_up());
  EXPECT_FALSE(first.catch_up());
  EXPECT_TRUE(second.catch_up());
  EXPECT_EQ(first.get(), current.get());
  EXPECT_EQ(second.get(), current.get());
}

TEST(CurrentSnapshot, LetsTheOneBeforeGoWithItsLastFollower) {
  shared_state::Gate gate({});
  CurrentSnapshot current;
  SnapshotFollower follower(current);
  current.set(make(gate));
  EXPECT_TRUE(follower.catch_up());
  const std::weak_ptr<const Snapshot> before = follower.get();

  current.set(make(gate));
  EXPECT_FALSE(before.expired());
  EXPECT_TRUE(follower.catch_up());
  EXPECT_TRUE(before.expired());
}

}  // namespace
}  // namespace weir::engine
