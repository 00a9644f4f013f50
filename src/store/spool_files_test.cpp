// SPDX-License-Identifier: Apache-2.0
#include "store/spool_files.hpp"

#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir::store {
namespace {

class SpoolFilesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_ = testing::TempDir() + "/weir-spool-XXXXXX";
};

TEST_F(SpoolFilesTest, WhatIsToldOfAFilesUseChangesNothingOfWhatIsInIt) {
  constexpr std::size_t size = std::size_t{64} << 10;
  constexpr std::size_t written = size - 100;  // up to the middle of a page
  std::string expected(size, '\0');
  for (std::size_t i = 0; i < written; ++i) expected[i] = static_cast<char>('a' + i % 23);

  auto file = system_spool_files().create(directory_ + "/one", size);
  ASSERT_TRUE(file);
  const std::span<char> bytes = (*file)->bytes();
  (*file)->prepare(100, size);  // beyond its end, too
  EXPECT_EQ(std::string_view(bytes.data(), size), std::string(size, '\0'));
  expected.copy(bytes.data(), written);
  (*file)->let_go(0, written);
  EXPECT_TRUE((*file)->sync());
  EXPECT_EQ(std::string_view(bytes.data(), size), expected);

  auto reader = system_spool_files().open(directory_ + "/one");
  ASSERT_TRUE(reader);
  std::string read(size, '\0');
  const auto got = (*reader)->read(0, read);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, size);
  EXPECT_EQ(read, expected);
}

}  // namespace
}  // namespace weir::store
