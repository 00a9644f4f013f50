// SPDX-License-Identifier: Apache-2.0
#include "store/instance.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::store {
namespace {

class InstanceTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_ = testing::TempDir() + "/weir-instance-XXXXXX";
};

// H-8: two programs that write the same files without knowing of each other would spoil them.
TEST_F(InstanceTest, IsAloneUnlessBothShare) {
  auto first = Instance::open(directory_, false);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->folder(), directory_ + "/instances/0");
  for (const bool is_shared : {false, true}) {
    const auto second = Instance::open(directory_, is_shared);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::invalid_request);
    EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())),
              std::string::npos)
        << second.error().message;
  }
  *first = Instance();
  EXPECT_TRUE(Instance::open(directory_, false));
}

TEST_F(InstanceTest, HasAFolderOfItsOwnWhereSeveralShare) {
  auto first = Instance::open(directory_, true);
  const auto second = Instance::open(directory_, true);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->folder(), directory_ + "/instances/0");
  EXPECT_EQ(second->folder(), directory_ + "/instances/1");
  EXPECT_EQ(instance_folders(directory_),
            (std::vector<std::string>{first->folder(), second->folder()}));
  EXPECT_FALSE(Instance::open(directory_, false));
  *first = Instance();
  const auto third = Instance::open(directory_, true);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->folder(), directory_ + "/instances/0");
}

TEST_F(InstanceTest, SaysWhatIsWrongWithAFolderThatCantBe) {
  const auto none = Instance::open("/proc/nowhere", false);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::store_unavailable);
}

}  // namespace
}  // namespace weir::store
