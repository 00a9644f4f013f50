// SPDX-License-Identifier: Apache-2.0
#include "identity/login_guard.hpp"

#include <gtest/gtest.h>

namespace weir::identity {
namespace {

using namespace std::chrono_literals;

constexpr LoginGuard::TimePoint start{1h};

bool may_try(const LoginGuard& guard, std::string_view account, std::string_view address,
             LoginGuard::TimePoint now = start) {
  return guard.wait(account, address, now) == LoginGuard::Duration::zero();
}

TEST(LoginGuard, Y7FiveFailuresOfAnAccountInFifteenMinutes) {
  LoginGuard guard;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(may_try(guard, "ann", "192.0.2.1")) << i;
    guard.note_failure("ann", "192.0.2." + std::to_string(i), start + i * 1min);
  }
  EXPECT_EQ(guard.wait("ann", "198.51.100.1", start + 5min), 10min);
  EXPECT_TRUE(may_try(guard, "bob", "198.51.100.1", start + 5min));
  EXPECT_FALSE(may_try(guard, "ann", "198.51.100.1", start + 15min - 1ns));
  EXPECT_TRUE(may_try(guard, "ann", "198.51.100.1", start + 15min));
  // The next one counts with the four that are left.
  guard.note_failure("ann", "192.0.2.9", start + 15min);
  EXPECT_EQ(guard.wait("ann", "198.51.100.1", start + 15min), 1min);
}

TEST(LoginGuard, Y7TwentyFailuresFromAnAddressInFifteenMinutes) {
  LoginGuard guard;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(may_try(guard, "ann", "192.0.2.1")) << i;
    guard.note_failure("user" + std::to_string(i), "192.0.2.1", start);
  }
  EXPECT_EQ(guard.wait("ann", "192.0.2.1", start), 15min);
  EXPECT_FALSE(may_try(guard, "ann", "::ffff:192.0.2.1"));  // the same in another writing
  EXPECT_TRUE(may_try(guard, "ann", "192.0.2.2"));
  EXPECT_TRUE(may_try(guard, "ann", "192.0.2.1", start + 15min));
}

TEST(LoginGuard, Y7AddressesOfOneNetworkOfIpv6AreOne) {
  LoginGuard guard;
  for (int i = 0; i < 20; ++i) {
    guard.note_failure("user" + std::to_string(i), "2001:db8:1:2::" + std::to_string(i), start);
  }
  EXPECT_FALSE(may_try(guard, "ann", "2001:db8:1:2:aaaa::1"));
  EXPECT_TRUE(may_try(guard, "ann", "2001:db8:1:3::1"));
}

TEST(LoginGuard, Y7WhoLogsInIsForgivenButNotWhereHeCameFrom) {
  LoginGuard guard;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 5; ++j) guard.note_failure("ann", "192.0.2.1", start);
    EXPECT_FALSE(may_try(guard, "ann", "192.0.2.2"));
    guard.note_success("ann");
    EXPECT_TRUE(may_try(guard, "ann", "192.0.2.2"));
  }
  EXPECT_FALSE(may_try(guard, "ann", "192.0.2.1"));
}

TEST(LoginGuard, RemembersSoManyNamesAndNoMore) {
  LoginGuard guard;
  constexpr int many = 10'050;
  for (int i = 0; i < many; ++i) {
    guard.note_failure("user" + std::to_string(i), "192.0.2.1", start + i * 1ms);
  }
  EXPECT_EQ(guard.size(), 10'000u + 1);
  EXPECT_FALSE(may_try(guard, "ann", "192.0.2.1", start + 11s));
}

}  // namespace
}  // namespace weir::identity
