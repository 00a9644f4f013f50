// SPDX-License-Identifier: Apache-2.0
#include "identity/password.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <gtest/gtest.h>

namespace weir::identity {
namespace {

constexpr std::string_view right = "correct horse battery";

/// CPU time of this thread.
std::chrono::nanoseconds thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::chrono::nanoseconds time_of_check(const std::string& hash) {
  const auto begin = thread_time();
  const auto checked = is_password("something else", hash);
  EXPECT_TRUE(checked);
  EXPECT_FALSE(*checked);
  return thread_time() - begin;
}

TEST(Password, Y7IsKeptAsArgon2idWithASaltOfItsOwn) {
  const auto one = hash_password(right);
  const auto two = hash_password(right);
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(one->starts_with("$argon2id$v=19$m=65536,t=3,p=1$")) << *one;
  EXPECT_NE(*one, *two);
  EXPECT_TRUE(*is_password(right, *one));
  EXPECT_TRUE(*is_password(right, *two));
}

TEST(Password, Y7NothingButThePasswordIsTaken) {
  const auto hash = hash_password(right);
  ASSERT_TRUE(hash);
  for (const std::string_view wrong :
       {std::string_view("correct horse batter"), std::string_view("correct horse battery "),
        std::string_view(""), std::string_view(*hash)}) {
    EXPECT_FALSE(*is_password(wrong, *hash)) << wrong;
  }
  EXPECT_FALSE(*is_password(right, ""));
  EXPECT_FALSE(*is_password("", ""));
  EXPECT_FALSE(*is_password(right, "no hash"));
}

// Who asks can't tell from the time whether there is such an account.
TEST(Password, Y7ACheckAgainstNobodysHashTakesAsLong) {
  const auto hash = hash_password(right);
  ASSERT_TRUE(hash);
  const auto somebodys = std::min(time_of_check(*hash), time_of_check(*hash));
  const auto nobodys = std::min(time_of_check(""), time_of_check(""));
  EXPECT_GT(nobodys * 2, somebodys);
  EXPECT_GT(somebodys * 2, nobodys);
}

}  // namespace
}  // namespace weir::identity
