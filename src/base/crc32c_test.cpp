// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.hpp"

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Crc32c, GivesThePublishedValues) {
  // RFC 3720, B.4, and the usual check value.
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, IsTheSameWithAndWithoutTheInstruction) {
  std::string text;
  for (int size = 0; size < 200; ++size) {
    EXPECT_EQ(crc32c(text), detail::crc32c_portable(text)) << size;
    text.push_back(static_cast<char>(size * 37));
  }
}

}  // namespace
}  // namespace weir
