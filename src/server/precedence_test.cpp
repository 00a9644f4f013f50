// SPDX-License-Identifier: Apache-2.0
#include "server/precedence.hpp"

#include <algorithm>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weir::server {
namespace {

struct Standing {
  int steps_back = 0;
  int policy = 0;
};

Standing standing() {
  const auto self = static_cast<id_t>(::syscall(SYS_gettid));
  return {::getpriority(PRIO_PROCESS, self), ::sched_getscheduler(0)};
}

/// That of a thread which has asked by `ask`.
Standing standing_after(const std::function<void()>& ask) {
  Standing found;
  std::thread thread([&] {
    ask();
    found = standing();
  });
  thread.join();
  return found;
}

TEST(Precedence, StandingBackIsAThreadsOwn) {
  const Standing before = standing();
  constexpr int last = 19;  // where tests are run with the least of all
  EXPECT_EQ(standing_after(stand_back).steps_back, std::min(before.steps_back + 5, last));
  EXPECT_EQ(standing().steps_back, before.steps_back);
}

// Sooner, not more: whoever shares the machine with the gateway loses nothing.
TEST(Precedence, GoingFirstTakesNoLargerShare) {
  const Standing before = standing();
  const Standing after = standing_after(go_first);
  EXPECT_EQ(after.steps_back, before.steps_back);
  EXPECT_EQ(after.policy, before.policy);
}

}  // namespace
}  // namespace weir::server
