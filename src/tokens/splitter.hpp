// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokens/char_class.hpp"

namespace weir::tokens {

/// How an encoding cuts text into pieces before it looks for byte pairs.
enum class SplitRule : std::uint8_t { o200k, cl100k };

/// Cuts text where OpenAI's regular expressions do; no token crosses a cut.
///
/// The expressions, in their order of preference (P upper and title case, l lower case, c letters
/// without case and marks, L all letters, N digits, S white space; what is in brackets may be
/// missing, `~` is the suffix 's 't 're 've 'm 'll 'd in either case):
///
///   o200k   [one of neither L, N, CR, LF] (P|c)* (l|c)+ [~]
///           [one of neither L, N, CR, LF] (P|c)+ (l|c)* [~]
///           N{1,3}
///           [blank] (neither S, L, N)+ (CR|LF|/)*
///           S* (CR|LF)+          S+ not followed by more than S          S+
///   cl100k  ~
///           [one of neither L, N, CR, LF] L+
///           then as o200k, but without the slash
///
/// A regular expression backtracks; here each alternative knows where that would end. Every piece
/// is found by looking at each character at most a few times, so the cost is linear.
/// Source: the `pat_str` of both encodings in tiktoken 0.14.
class Splitter {
 public:
  Splitter(SplitRule rule, std::string_view text)
      : classes_(CharClasses::instance()), text_(text), rule_(rule) {}

  /// The next piece, never empty; false at the end.
  bool next(std::string_view& piece);
  /// Whether the last piece was found by looking at the end of the text: more text might have given
  /// another one.
  [[nodiscard]] bool has_seen_end() const { return has_seen_end_; }
  /// Whether text is left.
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  struct Word {
    std::size_t end;
    bool is_all_upper;  ///< the second alternative, which a shorter match of the first one precedes
  };

  Char peek(std::size_t at);
  int byte_at(std::size_t at);

  std::size_t piece_end(std::size_t begin);
  std::size_t word_end(std::size_t begin, Char first);
  Word cased_word(std::size_t begin);
  std::size_t letters_end(std::size_t begin);
  std::size_t contraction_end(std::size_t begin);
  std::size_t digits_end(std::size_t begin);
  std::size_t punctuation_end(std::size_t begin, Char first);
  std::size_t white_space_end(std::size_t begin);

  const CharClasses& classes_;
  std::string_view text_;
  SplitRule rule_;
  std::size_t position_ = 0;
  bool has_seen_end_ = false;
};

}  // namespace weir::tokens
