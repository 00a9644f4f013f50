// SPDX-License-Identifier: Apache-2.0
#include "identity/key_index.hpp"

#include <gtest/gtest.h>

#include "base/hash.hpp"

namespace weir::identity {
namespace {

std::shared_ptr<const Grant> grant_of(std::string key) {
  auto grant = std::make_shared<Grant>();
  grant->caller.key = std::move(key);
  return grant;
}

std::uint64_t id_at(std::uint64_t i) { return mixed(i) | 1; }

TEST(KeyIndex, FindsWhatWasPutAndNothingElse) {
  KeyIndex index;
  constexpr std::uint64_t count = 20'000;
  for (std::uint64_t i = 0; i < count; ++i) index.put(id_at(i), grant_of(std::to_string(i)));
  EXPECT_EQ(index.size(), count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto found = index.find(id_at(i));
    ASSERT_TRUE(found.is_known);
    ASSERT_EQ(found.grant->caller.key, std::to_string(i));
  }
  for (std::uint64_t i = count; i < 2 * count; ++i) EXPECT_FALSE(index.find(id_at(i)).is_known);
}

// The comparison that follows a look-up is made for unknown ids too (Y-2).
TEST(KeyIndex, GivesSomethingToCompareWithForAnUnknownId) {
  KeyIndex index;
  EXPECT_NE(index.find(7).grant, nullptr);
  index.put(7, grant_of("a"));
  index.remove(7);
  const auto found = index.find(7);
  EXPECT_FALSE(found.is_known);
  ASSERT_NE(found.grant, nullptr);
  EXPECT_EQ(found.grant->caller.key, "");
}

TEST(KeyIndex, ReplacesAndForgets) {
  KeyIndex index;
  index.put(7, grant_of("a"));
  index.put(7, grant_of("b"));
  EXPECT_EQ(index.size(), 1u);
  EXPECT_EQ(index.find(7).grant->caller.key, "b");
  index.remove(7);
  index.remove(7);
  EXPECT_EQ(index.size(), 0u);
}

}  // namespace
}  // namespace weir::identity
