// SPDX-License-Identifier: Apache-2.0
#include "base/redact.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Redacted, HidesTheKeysOfKnownProviders) {
  EXPECT_EQ(redacted("Incorrect API key provided: sk-proj-abcdefgh12345678wxyz. You can find"),
            "Incorrect API key provided: sk-…wxyz. You can find");
  EXPECT_EQ(redacted("sk-ant-api03-AbCdEfGhIjKlMnOp"), "sk-…MnOp");
  EXPECT_EQ(redacted("(AIzaSyA1234567890abcdefghijklmnopqrstu)"), "(AIza…rstu)");
  EXPECT_EQ(redacted("id AKIAIOSFODNN7EXAMPLE refused"), "id AKIA…MPLE refused");
  EXPECT_EQ(redacted("\"gsk_abcdefghijklmnop\""), "\"gsk_…mnop\"");
  EXPECT_EQ(redacted("sk-abcd****************wxyz is wrong"), "sk-…wxyz is wrong");
}

// Four characters of a short secret would be too much of it.
TEST(Redacted, ShowsNothingOfAShortSecret) {
  EXPECT_EQ(redacted("sk-12345678"), "sk-…");
  EXPECT_EQ(redacted("Bearer abc12345"), "Bearer …");
}

TEST(Redacted, HidesWhatStandsBehindAnAuthenticationScheme) {
  EXPECT_EQ(redacted("authorization: Bearer abc.DEF-123_456~789/0=, x"),
            "authorization: Bearer …9/0=, x");
  EXPECT_EQ(redacted("BASIC  dXNlcjpwYXNzd29yZDEyMw=="), "BASIC  …Mw==");
  EXPECT_EQ(redacted("use Bearer authentication"), "use Bearer authentication");
}

// Azure's keys and AWS's secrets have no prefix: only what stands beside them tells.
TEST(Redacted, HidesRandomWordsBesideTheWordKey) {
  EXPECT_EQ(redacted("api-key: 0123456789abcdef0123456789abcdef"), "api-key: …cdef");
  EXPECT_EQ(redacted("0123456789abcdef0123456789abcdef is no valid Key"), "…cdef is no valid Key");
  EXPECT_EQ(redacted("secret=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "secret=…EKEY");
  EXPECT_EQ(redacted("https://h/v1?key=abcdefghij0123456789"), "https://h/v1?key=…6789");
}

TEST(Redacted, HidesPasswordsInUrls) {
  EXPECT_EQ(redacted("at https://user:p4ss@host:1/x"), "at https://…@host:1/x");
  EXPECT_EQ(redacted("redis://:pw@h"), "redis://…@h");
  EXPECT_EQ(redacted("https://host/a@b"), "https://host/a@b");
}

TEST(Redacted, LeavesEverythingElseAsItIs) {
  for (const std::string text :
       {"", "Your API key does not have access to gpt-4o-2024-08-06.",
        "The key for Meta-Llama-3.1-405B-Instruct-Turbo is off", "task-12345678 and risk-averse",
        "request 0123456789abcdef0123456789abcdef failed", "sk-learn", "\xFF\x80 bytes",
        "Rate limit reached for requests per min: 3. Try again in 20s.", "AIza", "Bearer"}) {
    EXPECT_EQ(redacted(text), text);
  }
}

// An upstream writes these texts: no form of them may cost more than its length.
TEST(Redacted, IsLinearOnHostileText) {
  for (const std::string piece : {"a/", "sk-.", "://", "Bearer ", "eyJ", "key ", "sk-a "}) {
    std::string text;
    while (text.size() < (std::size_t{1} << 20)) text.append(piece);
    const auto start = std::chrono::steady_clock::now();
    redacted(text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << piece;
  }
}

TEST(RedactedMessage, CutsAtACharacter) {
  EXPECT_EQ(redacted_message("abc", 3), "abc");
  EXPECT_EQ(redacted_message("abcd", 3), "abc");
  EXPECT_EQ(redacted_message("a\xC3\xA4", 2), "a");
  EXPECT_EQ(redacted_message("\xF0\x9F\x8C\x8A!", 4), "\xF0\x9F\x8C\x8A");
  EXPECT_EQ(redacted_message("\xF0\x9F\x8C\x8A!", 3), "");
}

// A key that the cut would halve must not slip through because its rest is gone.
TEST(RedactedMessage, HidesBeforeItCuts) {
  EXPECT_EQ(redacted_message("key sk-abcdefgh12345678", 12), "key sk-…56");
}

}  // namespace
}  // namespace weir
