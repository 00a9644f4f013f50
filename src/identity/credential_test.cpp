// SPDX-License-Identifier: Apache-2.0
#include "identity/credential.hpp"

#include <cstdlib>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "store/files.hpp"

namespace weir::identity {
namespace {

KeyEntropy counting() {
  KeyEntropy entropy{};
  for (std::size_t i = 0; i < entropy.size(); ++i) entropy[i] = static_cast<unsigned char>(i);
  return entropy;
}

// The shape is a promise: people's scanners for leaked secrets search for it.
TEST(ClientKey, Y1HasItsShape) {
  const std::string key = make_client_key(counting());
  ASSERT_EQ(key.size(), 8u + 12 + 1 + 32 + 6);
  EXPECT_EQ(key.substr(0, 8), "sk-weir-");
  EXPECT_EQ(key[20], '-');
  EXPECT_EQ(key.substr(8, 12), "000g40r40m30");
  EXPECT_EQ(key.find_first_of("ilouABC", 8), std::string::npos);
}

TEST(ClientKey, Y2IsKnownByItsChecksum) {
  const std::string key = make_client_key(counting());
  EXPECT_TRUE(is_client_key(key));
  for (std::size_t i = 0; i < key.size(); ++i) {
    std::string wrong = key;
    wrong[i] = wrong[i] == '7' ? '8' : '7';
    EXPECT_FALSE(is_client_key(wrong)) << i;
  }
  EXPECT_FALSE(is_client_key(key + "0"));
  EXPECT_FALSE(is_client_key(key.substr(0, key.size() - 1)));
  EXPECT_FALSE(is_client_key(""));
}

// Every bit of the entropy that is meant for the secret must reach it.
TEST(ClientKey, Y1UsesAllOfItsEntropy) {
  std::set<std::string> keys{make_client_key(KeyEntropy{})};
  for (std::size_t bit = 64; bit < 64 + 160; ++bit) {
    KeyEntropy entropy{};
    entropy[bit / 8] = static_cast<unsigned char>(0x80U >> (bit % 8));
    EXPECT_TRUE(keys.insert(make_client_key(entropy).substr(0, 53)).second) << bit;
  }
}

TEST(Secrets, AreMadeOnceAndReadAfterwards) {
  std::string folder = testing::TempDir() + "/weir-keys-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string file = folder + "/data/admin-token";
  const auto first = read_or_create_secret(file, make_admin_token);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_new);
  EXPECT_GE(first->text.size(), 32u);
  const auto second = read_or_create_secret(file, make_admin_token);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->is_new);
  EXPECT_EQ(second->text, first->text);

  // An empty token would let everyone in who sends none.
  ASSERT_TRUE(store::replace_file(file, "\n"));
  EXPECT_FALSE(read_or_create_secret(file, make_admin_token));
  std::filesystem::remove_all(folder);
}

TEST(Secrets, AreEqualOnlyWhole) {
  EXPECT_TRUE(is_equal_secret("abc", "abc"));
  EXPECT_FALSE(is_equal_secret("abc", "abd"));
  EXPECT_FALSE(is_equal_secret("abc", "ab"));
  EXPECT_FALSE(is_equal_secret("", "ab"));
}

}  // namespace
}  // namespace weir::identity
