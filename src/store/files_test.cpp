// SPDX-License-Identifier: Apache-2.0
#include "store/files.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::store {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/weir-files-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  static mode_t mode_of(const std::string& path) {
    struct stat found{};
    EXPECT_EQ(::stat(path.c_str(), &found), 0);
    return found.st_mode & 07777;
  }
  static std::string content_of(const std::string& path) {
    const auto read = read_file(path, 1000);
    return read ? *read : read.error().message;
  }

  std::string folder_;
};

TEST_F(Files, ANewPrivateFileIsItsOwnersAlone) {
  ASSERT_TRUE(create_private_file(path("key"), "secret\n"));
  EXPECT_EQ(mode_of(path("key")), 0600u);
  EXPECT_EQ(content_of(path("key")), "secret\n");
}

// Two starts at once must not end with two different keys, and a link must not lead our key to
// somewhere else.
TEST_F(Files, WhatIsThereIsNotOverwritten) {
  ASSERT_TRUE(create_private_file(path("key"), "first"));
  EXPECT_EQ(create_private_file(path("key"), "second").error().code,
            ErrorCode::idempotency_mismatch);
  EXPECT_EQ(content_of(path("key")), "first");

  ASSERT_EQ(::symlink(path("elsewhere").c_str(), path("link").c_str()), 0);
  EXPECT_FALSE(create_private_file(path("link"), "secret"));
  EXPECT_FALSE(std::filesystem::exists(path("elsewhere")));
}

TEST_F(Files, ReplacingKeepsThePermissionsOfTheOldFile) {
  ASSERT_TRUE(create_private_file(path("weir.yaml"), "old"));
  ASSERT_EQ(::chmod(path("weir.yaml").c_str(), 0640), 0);
  ASSERT_TRUE(replace_file(path("weir.yaml"), "new"));
  EXPECT_EQ(content_of(path("weir.yaml")), "new");
  EXPECT_EQ(mode_of(path("weir.yaml")), 0640u);
}

TEST_F(Files, ReplacingFollowsALinkAndKeepsIt) {
  ASSERT_TRUE(create_private_file(path("real.yaml"), "old"));
  ASSERT_EQ(::symlink(path("real.yaml").c_str(), path("weir.yaml").c_str()), 0);
  ASSERT_TRUE(replace_file(path("weir.yaml"), "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(path("weir.yaml")));
  EXPECT_EQ(content_of(path("real.yaml")), "new");
}

TEST_F(Files, AFailedReplacementLeavesNothingBehind) {
  ASSERT_TRUE(std::filesystem::create_directory(path("weir.yaml")));
  EXPECT_FALSE(replace_file(path("weir.yaml"), "new"));
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++count;
  EXPECT_EQ(count, 1u);
}

TEST_F(Files, DirectoriesAreMadeWithTheirParentsAndPrivate) {
  ASSERT_TRUE(make_private_directory(path("a/b/c")));
  EXPECT_EQ(mode_of(path("a/b/c")), 0700u);
  EXPECT_TRUE(make_private_directory(path("a/b/c")));
  ASSERT_TRUE(create_private_file(path("file"), ""));
  EXPECT_FALSE(make_private_directory(path("file")));
  EXPECT_FALSE(make_private_directory(path("file/below")));
}

TEST_F(Files, ReadingTellsAMissingFileFromATooBigOne) {
  EXPECT_EQ(read_file(path("none"), 10).error().code, ErrorCode::route_unknown);
  ASSERT_TRUE(create_private_file(path("ten"), "0123456789"));
  EXPECT_TRUE(read_file(path("ten"), 10));
  EXPECT_EQ(read_file(path("ten"), 9).error().code, ErrorCode::too_large);
}

TEST_F(Files, ReadingTakesTheMemoryThatIsNeededAndNotWhatIsAllowed) {
  const std::string text(100'000, 'x');
  ASSERT_TRUE(create_private_file(path("long"), text));
  for (const std::size_t allowed : {text.size(), std::size_t{1} << 30}) {
    const auto content = read_file(path("long"), allowed);
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(*content, text);
    EXPECT_LT(content->capacity(), 3 * text.size());
  }
  EXPECT_EQ(read_file(path("long"), text.size() - 1).error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace weir::store
