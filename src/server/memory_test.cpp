// SPDX-License-Identifier: Apache-2.0
#include "server/memory.hpp"

#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace weir::server {
namespace {

std::optional<std::int64_t> max_with(std::map<std::string, std::string> files) {
  return cgroup_memory_max([&](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Memory, IsBoundedByTheTightestGroupOnTheWayUp) {
  EXPECT_EQ(max_with({{"/proc/self/cgroup", "0::/system.slice/weir.service\n"},
                      {"/sys/fs/cgroup/system.slice/weir.service/memory.max", "max\n"},
                      {"/sys/fs/cgroup/system.slice/memory.max", "1073741824\n"}}),
            1 << 30);
  EXPECT_EQ(max_with({{"/proc/self/cgroup", "0::/a/b\n"},
                      {"/sys/fs/cgroup/a/b/memory.max", "2000\n"},
                      {"/sys/fs/cgroup/a/memory.max", "3000\n"}}),
            2000);
}

TEST(Memory, IsBoundedByTheContainersOwnRoot) {
  EXPECT_EQ(max_with({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "5000\n"}}),
            5000);
  EXPECT_EQ(max_with({{"/proc/self/cgroup", "4:memory:/docker/x\n"},
                      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "6000\n"}}),
            6000);
}

TEST(Memory, IsNotBoundedByGroupsThatSayNothing) {
  EXPECT_EQ(max_with({}), std::nullopt);
  EXPECT_EQ(
      max_with({{"/proc/self/cgroup", "0::relative\n"}, {"/sys/fs/cgroup/memory.max", "max\n"}}),
      std::nullopt);
}

TEST(Memory, OfThisProcessIsSomeOfTheMachines) {
  EXPECT_GT(resident_bytes(), 0);
  EXPECT_LT(resident_bytes(), memory_max());
}

TEST(Memory, OfTheStartIsGivenBackAndWhatIsInUseComesAgain) {
  const std::string text(1 << 20, 'x');
  const std::int64_t before = resident_bytes();
  give_back_start();
  EXPECT_LT(resident_bytes(), before);
  EXPECT_EQ(std::count(text.begin(), text.end(), 'x'), 1 << 20);
  EXPECT_EQ(max_with({{"/sys/fs/cgroup/memory.max", "7000\n"}}), 7000);
}

}  // namespace
}  // namespace weir::server
