// SPDX-License-Identifier: Apache-2.0
#include "wire/foreign_seal.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

TEST(ForeignSeal, ComesBackAsItWas) {
  for (const Vendor vendor : {Vendor::openai, Vendor::anthropic, Vendor::google}) {
    for (const auto kind :
         {ForeignSeal::Kind::signature, ForeignSeal::Kind::encrypted, ForeignSeal::Kind::call}) {
      const ForeignSeal seal{vendor, kind, std::string("E\0q:B\xff>?", 8)};
      EXPECT_EQ(unwrap_seal(wrap_seal(seal)), seal);
    }
  }
}

// Python's SDK of Google reads bytes and writes them in the other alphabet.
TEST(ForeignSeal, MayComeBackInTheOtherAlphabetAndWithoutPadding) {
  const ForeignSeal seal{Vendor::anthropic, ForeignSeal::Kind::signature, "\xfb\xff\xfe>>>~~"};
  std::string text = wrap_seal(seal);
  ASSERT_NE(text.find_first_of("+/"), std::string::npos);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  while (text.ends_with('=')) text.pop_back();
  EXPECT_EQ(unwrap_seal(text), seal);
}

TEST(ForeignSeal, IsNothingElse) {
  for (const char* text : {"", "EqQBCkYIBx", "d2Vpcj", "d2Vpcjp4", "d2VpcjphOmI6Yw==",
                           "d2VpcjphbnRocm9waWMtY2xhdWRlLXYxOng6YQ==", "d2Vpcj!!"}) {
    EXPECT_FALSE(unwrap_seal(text)) << text;
  }
}

}  // namespace
}  // namespace weir::wire
