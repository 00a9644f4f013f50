// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::tokens {

/// What can be seen of a text without knowing a tokenizer, byte by byte: where words, numbers and
/// signs begin and how long they are. Pieces may be added however the text is cut.
///
/// Tokenizers of today cut at much the same places, so a sum of these with a weight each comes
/// close to all of them. Cost: a few nanoseconds a byte; no table of characters, no memory.
class TextFeatures {
 public:
  enum Feature : std::uint8_t {
    word,            ///< a run of Latin letters begins, also at the hump of camelCase
    inner_word,      ///< of those: right behind a letter, digit or sign
    letter_5,        ///< letters five to seven of a word
    letter_8,        ///< letters eight to ten
    letter_11,       ///< all behind
    title,           ///< words that begin with a capital: many in German
    vowel_end,       ///< words that end with a, i, o or u: few in English, many beside it
    capital,         ///< capitals behind a capital
    number,          ///< a run of digits begins
    digit,           ///< the other digits
    sign,            ///< a run of ASCII signs begins
    loose_sign,      ///< of those: with a blank before it, as in tables
    more_signs,      ///< the other signs of a run
    other_sign,      ///< of these: where the sign is not the one before it
    line,            ///< a run of line breaks begins
    more_lines,      ///< the other line breaks
    blank_run,       ///< two or more blanks
    long_blank_run,  ///< more than eight
    loose_blank,     ///< a blank with a digit behind it
    wide_word,       ///< a run of other characters begins
    latin_1,         ///< letters of U+00C0 to U+00FF: é, ü
    latin,           ///< U+0100 to U+02FF: ł, ş
    latin_more,      ///< U+1E00 to U+1FFF: those of Vietnamese; old Greek
    greek,           ///< U+0300 to U+03FF
    cyrillic,        ///< U+0400 to U+053F
    hebrew,          ///< U+0540 to U+05FF: with most of Armenian
    arabic,          ///< U+0600 to U+07FF: and the rest of two bytes
    indic,           ///< U+0800 to U+0DFF: Devanagari and its relatives
    thai,            ///< U+0E00 to U+0FFF: with Lao and Tibetan
    asian,           ///< U+1000 to U+1DFF: Burmese, Georgian, Khmer, Mongolian ...
    wide_sign,       ///< U+0080 to U+00BF, U+2000 to U+2FFF: quotes, dashes, arrows
    kana,            ///< U+3000 to U+3FFF: with the signs of Chinese and Japanese
    han,             ///< U+4000 to U+9FFF
    hangul,          ///< U+A000 to U+DFFF
    full_width,      ///< U+E000 to U+FFFF
    astral,          ///< beyond: emoji, rare characters
    stray,           ///< bytes that no UTF-8 begins with
    feature_count
  };

  void add(std::string_view piece);

  [[nodiscard]] std::uint64_t operator[](std::size_t feature) const { return values_[feature]; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  /// What the last byte belonged to.
  enum class Kind : std::uint8_t { start, lower, upper, digit, sign, blank, line, wide };

  void add_letter(Kind kind);
  void add_digit();
  void add_sign(unsigned char byte);
  void add_space(unsigned char byte);
  void add_wide(unsigned char byte);
  void add_character(Feature block);

  std::array<std::uint64_t, feature_count> values_{};
  std::uint64_t bytes_ = 0;
  std::uint32_t run_ = 0;  ///< length of what the last byte belonged to
  Kind kind_ = Kind::start;
  unsigned char last_ = 0;
};

}  // namespace weir::tokens
