// SPDX-License-Identifier: Apache-2.0
#include "shared_state/logged_tenants.hpp"

#include <gtest/gtest.h>

namespace weir::shared_state {
namespace {

using namespace std::chrono_literals;
using policy::LimitScope;

const pipeline::Caller ann{.key = "k1", .user = "ann", .team = "red"};
const pipeline::Caller bob{.key = "k2", .user = "bob", .team = "red"};

TEST(LoggedTenants, NobodysContentIsKeptUnlessItIsSaid) {
  LoggedTenants tenants;
  EXPECT_EQ(tenants.kept_for(ann), 0ms);
  EXPECT_EQ(tenants.kept_for({}), 0ms);
  tenants.configure({{{LimitScope::user, "ann"}, 1h}});
  EXPECT_EQ(tenants.kept_for(ann), 1h);
  EXPECT_EQ(tenants.kept_for(bob), 0ms);
  EXPECT_EQ(tenants.kept_for({}), 0ms) << "who has no key is nobody's";
}

TEST(LoggedTenants, TheLongestOfWhatIsSaidHolds) {
  LoggedTenants tenants;
  tenants.configure({{{LimitScope::team, "red"}, 2h}});
  tenants.set({LimitScope::key, "k1"}, 5h);
  tenants.set({LimitScope::team, "red"}, 1h);
  EXPECT_EQ(tenants.kept_for(ann), 5h);
  EXPECT_EQ(tenants.kept_for(bob), 2h);
}

TEST(LoggedTenants, WhatIsTakenBackHoldsNoMore) {
  LoggedTenants tenants;
  tenants.configure({{{LimitScope::team, "red"}, 2h}});
  tenants.set({LimitScope::team, "red"}, 1h);
  tenants.configure({});
  EXPECT_EQ(tenants.kept_for(bob), 1h);
  tenants.set({LimitScope::team, "red"}, 0ms);
  EXPECT_EQ(tenants.kept_for(bob), 0ms);
}

// A user may be called like a team.
TEST(LoggedTenants, NamesOfDifferentKindsAreNotMixedUp) {
  LoggedTenants tenants;
  tenants.set({LimitScope::team, "ann"}, 1h);
  tenants.set({LimitScope::user, "k1"}, 1h);
  EXPECT_EQ(tenants.kept_for(ann), 0ms);
}

}  // namespace
}  // namespace weir::shared_state
