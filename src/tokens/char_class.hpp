// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::tokens {

/// What the splitting rules of the encodings tell apart. The numbers stand in
/// data/tokens/char_classes.bin.
enum class CharClass : std::uint8_t {
  other,     ///< punctuation, symbols, controls, and bytes that are no UTF-8
  space,     ///< white space but line breaks
  newline,   ///< CR and LF
  number,    ///< \p{N}
  lower,     ///< \p{Ll}
  upper,     ///< \p{Lu}, \p{Lt}
  caseless,  ///< \p{Lm}, \p{Lo}
  mark,      ///< \p{M}
  end,       ///< behind the last character
};

struct Char {
  CharClass type = CharClass::end;
  std::uint32_t bytes = 0;
  bool is_partial = false;  ///< the text ends inside this character
};

/// The classes of all characters. Expanded on first use; any thread may ask.
class CharClasses {
 public:
  static const CharClasses& instance();

  [[nodiscard]] CharClass of(char32_t point) const noexcept {
    return blocks_[block_of_[point / block_size]][point % block_size];
  }
  /// The character at `at`. Bytes that are no UTF-8 are a character each.
  /// Precondition: at < text.size().
  [[nodiscard]] Char at(std::string_view text, std::size_t at) const noexcept;

 private:
  static constexpr std::size_t block_size = 256;
  static constexpr std::size_t block_count = 0x110000 / block_size;
  using Block = std::array<CharClass, block_size>;

  CharClasses();

  std::array<std::uint16_t, block_count> block_of_{};
  std::vector<Block> blocks_;
};

}  // namespace weir::tokens
