// SPDX-License-Identifier: Apache-2.0
#include "base/spare_text.hpp"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "base/sanitizer.hpp"

namespace weir {
namespace {

TEST(SpareTextTest, GivesTheRoomOfOneToTheNext) {
  if (is_address_sanitized) GTEST_SKIP() << "nothing is kept there";
  const auto room_of = [](std::string& text) {
    return reinterpret_cast<std::uintptr_t>(text.data());
  };
  std::uintptr_t room = 0;
  {
    SpareText text;
    (*text).reserve(4'000);
    *text = "something";
    room = room_of(*text);
  }
  SpareText next;
  EXPECT_EQ(*next, "");
  EXPECT_GE((*next).capacity(), 4'000U);
  EXPECT_EQ(room_of(*next), room);
  SpareText other;
  EXPECT_NE(room_of(*other), room);
}

TEST(SpareTextTest, KeepsNoRoomThatIsVeryLarge) {
  {
    SpareText text;
    (*text).reserve(100'000);
  }
  SpareText next;
  EXPECT_LT((*next).capacity(), 100'000U);
}

}  // namespace
}  // namespace weir
