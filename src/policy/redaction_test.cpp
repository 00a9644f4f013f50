// SPDX-License-Identifier: Apache-2.0
#include "policy/redaction.hpp"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

std::string all(std::string_view text) { return redact(text, PersonalKinds::all()); }
std::string only(PersonalKind kind, std::string_view text) {
  return redact(text, PersonalKinds().add(kind));
}

TEST(Redaction, ReplacesMailAddresses) {
  EXPECT_EQ(all("Write to ann.o'neil+x@mail.example.co.uk."), "Write to [email].");
  EXPECT_EQ(all("<a_b@example.com>,c@d.org"), "<[email]>,[email]");
  for (const char* text :
       {"a@b", "@example.com", "a@.com", "a@b..com", "a@b.c", "a@b.1c", "a @b.de"}) {
    EXPECT_EQ(all(text), text);
  }
}

TEST(Redaction, ReplacesCardsWithARightCheckDigitOnly) {
  EXPECT_EQ(all("card 4111 1111 1111 1111, thanks"), "card [card], thanks");
  EXPECT_EQ(all("5500-0000-0000-0004"), "[card]");
  EXPECT_EQ(all("378282246310005"), "[card]");
  EXPECT_EQ(all("4111111111111111 12/29"), "[card] 12/29");
  EXPECT_EQ(all("4111111111111112"), "4111111111111112");
  EXPECT_EQ(all("order 9999999999999995"), "order 9999999999999995");
  EXPECT_EQ(all("x4111111111111111"), "x4111111111111111");
  EXPECT_EQ(all("41111111111111111111111"), "41111111111111111111111");
}

TEST(Redaction, ReplacesIbansOfTheRightLengthAndChecksumOnly) {
  EXPECT_EQ(all("IBAN: DE89 3704 0044 0532 0130 00."), "IBAN: [iban].");
  EXPECT_EQ(all("GB82WEST12345698765432"), "[iban]");
  EXPECT_EQ(all("no9386011117947"), "[iban]");
  EXPECT_EQ(only(PersonalKind::iban, "DE89 3704 0044 0532 0130 01"), "DE89 3704 0044 0532 0130 01");
  EXPECT_EQ(all("DE8937040044053201300"), "DE8937040044053201300");
  EXPECT_EQ(all("ZZ82WEST12345698765432"), "ZZ82WEST12345698765432");
}

TEST(Redaction, ReplacesTelephoneNumbers) {
  EXPECT_EQ(all("call +49 (30) 1234-5678 now"), "call [phone] now");
  EXPECT_EQ(all("+14155550132"), "[phone]");
  EXPECT_EQ(all("(415) 555-0132"), "[phone]");
  EXPECT_EQ(all("415-555-0132 or 415.555.0132"), "[phone] or [phone]");
  for (const char* text : {"1 + 1", "+1 2 3", "2026-11-21", "10.0.0.7", "555-0132", "415-555-01321",
                           "a+4915112345678"}) {
    EXPECT_EQ(only(PersonalKind::phone, text), text);
  }
}

TEST(Redaction, ReplacesKeysOfKnownForms) {
  EXPECT_EQ(all("OPENAI_API_KEY=sk-proj-abcdefghijklmnop."), "OPENAI_API_KEY=[key].");
  EXPECT_EQ(all("use weir-admin-0123456789abcdef"), "use [key]");
  EXPECT_EQ(all("risk-free sk-eleton"), "risk-free sk-eleton");
}

TEST(Redaction, LooksForNothingButWhatItIsAskedFor) {
  const char* const text = "ann@example.com 4111111111111111";
  EXPECT_EQ(only(PersonalKind::email, text), "[email] 4111111111111111");
  EXPECT_EQ(only(PersonalKind::card, text), "ann@example.com [card]");
  EXPECT_EQ(redact(text, {}), text);
}

TEST(Redaction, SaysWhereItFoundWhat) {
  const std::string key = "sk-" + std::string(2'000, 'a');
  const std::string text = "a@b.de " + key + " +14155550132";
  const auto found = find_personal(text, PersonalKinds::all());
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(text.substr(found[0].begin, found[0].end - found[0].begin), "a@b.de");
  EXPECT_EQ(text.substr(found[1].begin, found[1].end - found[1].begin), key);
  EXPECT_EQ(text.substr(found[2].begin, found[2].end - found[2].begin), "+14155550132");
}

std::string everything() {
  return "Ann <ann.lee@example.com>, card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00, "
         "+49 30 12345678, (415) 555-0132, key sk-proj-0123456789abcdef. at be 4111 AT12 sk- x@y "
         "eyJ" +
         std::string(1'000, 'x') + ". ünïcode +1";
}

// A provider cuts its text anywhere; what the client sees must not depend on it.
TEST(StreamRedaction, GivesTheSameHoweverTheTextIsCut) {
  const std::string text = everything();
  const std::string whole = all(text);
  EXPECT_EQ(whole.find("4111 1111"), std::string::npos);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    StreamRedactor redactor(PersonalKinds::all());
    std::string out = redactor.feed(text.substr(0, cut));
    out += redactor.feed(text.substr(cut));
    ASSERT_EQ(out + redactor.finish(), whole) << cut;
  }
  for (const std::size_t size : {1u, 2u, 3u, 7u, 100u}) {
    StreamRedactor redactor(PersonalKinds::all());
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size)
      out += redactor.feed(text.substr(at, size));
    ASSERT_EQ(out + redactor.finish(), whole) << size;
  }
}

TEST(StreamRedaction, HoldsBackLittle) {
  for (const char c : {'a', '4', '.', '-', ' ', '@', '+'}) {
    StreamRedactor redactor(PersonalKinds::all());
    std::size_t in = 0;
    std::size_t out = 0;
    for (; in < 5'000; ++in) {
      out += redactor.feed(std::string_view(&c, 1)).size();
      ASSERT_LE(in + 1 - out, PersonalScanner::view_max) << c;
    }
    EXPECT_EQ(out + redactor.finish().size(), in) << c;
  }
}

// Plain words go on at their end, not only when the sentence is over.
TEST(StreamRedaction, PassesOnWhatIsDecided) {
  StreamRedactor redactor(PersonalKinds::all());
  EXPECT_EQ(redactor.feed("Hello wor"), "Hello ");
  EXPECT_EQ(redactor.feed("ld, "), "world, ");
  EXPECT_EQ(redactor.feed("ann@exam"), "");
  EXPECT_EQ(redactor.feed("ple.com!"), "[email]!");
  EXPECT_EQ(redactor.found(), 1u);
}

// Text made to be looked at again and again takes time in proportion to its length all the same.
TEST(Redaction, OfHostileTextIsLinear) {
  for (const std::string unit : {"a.", "4 ", "4-", "a@", "+1", "DE89 ", "sk-", "(415) ", "a@b."}) {
    std::string text;
    while (text.size() < 200'000) text += unit;
    EXPECT_LE(all(text).size(), text.size() * 4);  // and is over at once
  }
}

}  // namespace
}  // namespace weir::policy
