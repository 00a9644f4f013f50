// SPDX-License-Identifier: Apache-2.0
#include "tokens/text_features.hpp"

namespace weir::tokens {
namespace {

/// The second byte says which block it is: half of Asia's scripts begin with these.
constexpr bool begins_many_blocks(unsigned char lead) { return lead == 0xE0 || lead == 0xE1; }

constexpr TextFeatures::Feature block_of(unsigned char lead, unsigned char second) {
  if (lead == 0xE0) return second < 0xB8 ? TextFeatures::indic : TextFeatures::thai;
  return second < 0xB8 ? TextFeatures::asian : TextFeatures::latin_more;
}

/// The block of characters that any other lead byte begins.
constexpr TextFeatures::Feature block_of(unsigned char lead) {
  if (lead < 0xC2) return TextFeatures::stray;
  if (lead < 0xC3) return TextFeatures::wide_sign;
  if (lead < 0xC4) return TextFeatures::latin_1;
  if (lead < 0xCC) return TextFeatures::latin;
  if (lead < 0xD0) return TextFeatures::greek;
  if (lead < 0xD5) return TextFeatures::cyrillic;
  if (lead < 0xD8) return TextFeatures::hebrew;
  if (lead < 0xE0) return TextFeatures::arabic;
  if (lead == 0xE2) return TextFeatures::wide_sign;
  if (lead == 0xE3) return TextFeatures::kana;
  if (lead < 0xEA) return TextFeatures::han;
  if (lead < 0xEE) return TextFeatures::hangul;
  if (lead < 0xF0) return TextFeatures::full_width;
  return lead < 0xF5 ? TextFeatures::astral : TextFeatures::stray;
}

/// Letters that words share with those of ASCII.
constexpr bool is_latin(TextFeatures::Feature block) {
  return block == TextFeatures::latin_1 || block == TextFeatures::latin ||
         block == TextFeatures::latin_more;
}

constexpr bool is_letter(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

constexpr bool is_space(unsigned char byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

}  // namespace

void TextFeatures::add(std::string_view piece) {
  bytes_ += piece.size();
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_letter(byte)) {
      add_letter(byte >= 'a' ? Kind::lower : Kind::upper);
    } else if (byte >= 0x80) {
      add_wide(byte);
    } else if (is_space(byte)) {
      add_space(byte);
    } else if (byte >= '0' && byte <= '9') {
      add_digit();
    } else {
      add_sign(byte);
    }
    last_ = byte;
  }
}

void TextFeatures::add_letter(Kind kind) {
  const bool goes_on = kind_ == Kind::upper || (kind_ == Kind::lower && kind == Kind::lower);
  if (!goes_on) {
    ++values_[word];
    if (kind_ != Kind::start && kind_ != Kind::blank && kind_ != Kind::line) ++values_[inner_word];
    if (kind == Kind::upper) ++values_[title];
    run_ = 0;
  } else if (kind == Kind::upper) {
    ++values_[capital];
  }
  ++run_;
  if (run_ >= 11) {
    ++values_[letter_11];
  } else if (run_ >= 8) {
    ++values_[letter_8];
  } else if (run_ >= 5) {
    ++values_[letter_5];
  }
  kind_ = kind;
}

void TextFeatures::add_digit() {
  ++values_[kind_ == Kind::digit ? digit : number];
  if (kind_ == Kind::blank) ++values_[loose_blank];
  kind_ = Kind::digit;
}

void TextFeatures::add_sign(unsigned char byte) {
  if (kind_ == Kind::sign) {
    ++values_[more_signs];
    if (byte != last_) ++values_[other_sign];
  } else {
    ++values_[sign];
    if (kind_ == Kind::blank) ++values_[loose_sign];
  }
  kind_ = Kind::sign;
}

void TextFeatures::add_space(unsigned char byte) {
  constexpr std::uint32_t long_run = 9;
  if (kind_ == Kind::lower && (last_ == 'a' || last_ == 'i' || last_ == 'o' || last_ == 'u')) {
    ++values_[vowel_end];
  }
  if (byte == '\n') {
    ++values_[kind_ == Kind::line ? more_lines : line];
    kind_ = Kind::line;
    return;
  }
  run_ = kind_ == Kind::blank ? run_ + 1 : 1;
  if (run_ == 2) ++values_[blank_run];
  if (run_ == long_run) ++values_[long_blank_run];
  kind_ = Kind::blank;
}

void TextFeatures::add_wide(unsigned char byte) {
  const bool is_lead = byte >= 0xC0;
  if (is_lead) {
    if (!begins_many_blocks(byte)) add_character(block_of(byte));
  } else if (begins_many_blocks(last_)) {
    add_character(block_of(last_, byte));
  } else if (last_ < 0x80) {
    add_character(stray);
  }
}

void TextFeatures::add_character(Feature block) {
  ++values_[block];
  if (is_latin(block)) {
    add_letter(Kind::lower);
  } else {
    if (kind_ != Kind::wide) ++values_[wide_word];
    kind_ = Kind::wide;
  }
}

}  // namespace weir::tokens
