// SPDX-License-Identifier: Apache-2.0
#include "store/temporary_file.hpp"

#include <array>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::store {
namespace {

class TemporaryFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "weir-upload-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(TemporaryFileTest, GivesBackWhatWasWrittenFromAnyPlace) {
  auto file = TemporaryFile::make(folder_);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append("hello "));
  ASSERT_TRUE(file->append("world"));
  EXPECT_EQ(file->size(), 11U);
  std::array<char, 8> into{};
  auto got = file->read(6, into);
  ASSERT_TRUE(got);
  EXPECT_EQ(std::string_view(into.data(), *got), "world");
  got = file->read(11, into);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 0U);
}

// What a client uploads must not stay behind, whatever becomes of the program.
TEST_F(TemporaryFileTest, HasNoName) {
  auto file = TemporaryFile::make(folder_ / "made" / "for it");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->append("secret"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "made" / "for it"));
}

TEST_F(TemporaryFileTest, SaysWhyItCantBeMade) {
  const auto file = TemporaryFile::make("/proc/nowhere");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::store_unavailable);
}

}  // namespace
}  // namespace weir::store
