// SPDX-License-Identifier: Apache-2.0
#include "base/edit_distance.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(EditDistance, CountsTheChanges) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("listen", "listen"), 0u);
  EXPECT_EQ(edit_distance("listen", "Listen"), 0u);
  EXPECT_EQ(edit_distance("listne", "listen"), 1u);
  EXPECT_EQ(edit_distance("lisen", "listen"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

// A hostile model name must not make the suggestion expensive.
TEST(EditDistance, LooksAtABoundedPartOnly) {
  EXPECT_EQ(edit_distance(std::string(100'000, 'a'), std::string(200'000, 'a')), 0u);
}

TEST(NearestNames, ComeBestFirstAndWithoutTheFarOnes) {
  NearestNames nearest("gpt-4o-mimi", 2);
  for (const auto* name : {"claude", "gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-4o-mini"}) {
    nearest.offer(name);
  }
  EXPECT_EQ(std::move(nearest).take(), (std::vector<std::string>{"gpt-4o-mini", "gpt-4.1-mini"}));
}

}  // namespace
}  // namespace weir
