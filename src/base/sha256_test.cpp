// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.hpp"

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

std::string hex(const Sha256Digest& digest) {
  std::string text;
  for (const unsigned char byte : digest) {
    text.push_back("0123456789abcdef"[byte >> 4U]);
    text.push_back("0123456789abcdef"[byte & 15U]);
  }
  return text;
}

// FIPS 180-4's examples.
TEST(Sha256, GivesThePublishedValues) {
  EXPECT_EQ(hex(Sha256().finish()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(Sha256().add("abc").finish()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(Sha256().add("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").finish()),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(Sha256().add(std::string(1'000'000, 'a')).finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotMindHowATextIsCut) {
  const std::string text(200, 'x');
  const Sha256Digest whole = Sha256().add(text).finish();
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Sha256().add(text.substr(0, cut)).add({}).add(text.substr(cut)).finish(), whole);
  }
}

// RFC 4231, 4.2, 4.3 and 4.7, whose key is longer than a block.
TEST(HmacSha256, GivesThePublishedValues) {
  EXPECT_EQ(hex(HmacSha256(std::string(20, '\x0b')).of("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(HmacSha256("Jefe").of("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(HmacSha256(std::string(131, '\xaa'))
                    .of("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HmacSha256, CanBeAskedAgain) {
  const HmacSha256 keyed("key");
  EXPECT_EQ(keyed.of("one"), keyed.of("one"));
  EXPECT_NE(keyed.of("one"), keyed.of("two"));
}

}  // namespace
}  // namespace weir
