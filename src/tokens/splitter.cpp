// SPDX-License-Identifier: Apache-2.0
#include "tokens/splitter.hpp"

#include "base/ascii.hpp"

namespace weir::tokens {
namespace {

constexpr bool is_letter(CharClass type) {
  return type == CharClass::lower || type == CharClass::upper || type == CharClass::caseless;
}

/// What may stand before the letters of a word and belong to it.
constexpr bool may_lead_word(CharClass type) {
  return type == CharClass::other || type == CharClass::space || type == CharClass::mark;
}

}  // namespace

bool Splitter::next(std::string_view& piece) {
  if (position_ == text_.size()) return false;
  has_seen_end_ = false;
  const std::size_t end = piece_end(position_);
  piece = text_.substr(position_, end - position_);
  position_ = end;
  return true;
}

Char Splitter::peek(std::size_t at) {
  if (at == text_.size()) {
    has_seen_end_ = true;
    return {};
  }
  const Char found = classes_.at(text_, at);
  has_seen_end_ = has_seen_end_ || found.is_partial;
  return found;
}

/// The byte at `at`, -1 behind the end.
int Splitter::byte_at(std::size_t at) {
  if (at < text_.size()) return static_cast<unsigned char>(text_[at]);
  has_seen_end_ = true;
  return -1;
}

/// Each alternative answers `begin` when it does not match.
std::size_t Splitter::piece_end(std::size_t begin) {
  const Char first = peek(begin);
  if (rule_ == SplitRule::cl100k) {
    if (const std::size_t end = contraction_end(begin); end > begin) return end;
  }
  if (const std::size_t end = word_end(begin, first); end > begin) return end;
  if (first.type == CharClass::number) return digits_end(begin);
  if (const std::size_t end = punctuation_end(begin, first); end > begin) return end;
  return white_space_end(begin);
}

std::size_t Splitter::word_end(std::size_t begin, Char first) {
  const std::size_t letters = may_lead_word(first.type) ? begin + first.bytes : begin;
  if (rule_ == SplitRule::cl100k) {
    const std::size_t end = letters_end(letters);
    return end > letters ? end : begin;
  }
  Word word = cased_word(letters);
  if (first.type == CharClass::mark && (word.is_all_upper || word.end == letters)) {
    // The first alternative matches a mark by itself before the second is tried.
    word.end = letters;
  } else if (word.end == letters) {
    return begin;
  }
  return contraction_end(word.end);
}

/// (P|c)* (l|c)+, else (P|c)+. The former needs a last character without P: where no l follows, it
/// gives back what comes after the last c.
Splitter::Word Splitter::cased_word(std::size_t begin) {
  std::size_t at = begin;
  std::size_t caseless_end = begin;
  Char next = peek(at);
  for (; next.type >= CharClass::upper && next.type <= CharClass::mark; next = peek(at)) {
    at += next.bytes;
    if (next.type != CharClass::upper) caseless_end = at;
  }
  if (next.type != CharClass::lower) {
    return caseless_end > begin ? Word{caseless_end, false} : Word{at, true};
  }
  while (next.type == CharClass::lower || next.type == CharClass::caseless ||
         next.type == CharClass::mark) {
    at += next.bytes;
    next = peek(at);
  }
  return {at, false};
}

std::size_t Splitter::letters_end(std::size_t begin) {
  std::size_t at = begin;
  for (Char next = peek(at); is_letter(next.type); next = peek(at)) at += next.bytes;
  return at;
}

std::size_t Splitter::contraction_end(std::size_t begin) {
  if (byte_at(begin) != '\'') return begin;
  const int first = byte_at(begin + 1);
  // U+017F, the long s, is an s to whoever ignores case.
  if (first == 0xC5) return byte_at(begin + 2) == 0xBF ? begin + 3 : begin;
  if (first < 0) return begin;
  const char letter = ascii::to_lower(static_cast<char>(first));
  if (letter == 's' || letter == 't' || letter == 'm' || letter == 'd') return begin + 2;
  if (letter != 'r' && letter != 'v' && letter != 'l') return begin;
  const int second = byte_at(begin + 2);
  if (second < 0) return begin;
  return ascii::to_lower(static_cast<char>(second)) == (letter == 'l' ? 'l' : 'e') ? begin + 3
                                                                                   : begin;
}

std::size_t Splitter::digits_end(std::size_t begin) {
  constexpr int digits_max = 3;
  std::size_t at = begin;
  for (int i = 0; i < digits_max; ++i) {
    const Char next = peek(at);
    if (next.type != CharClass::number) break;
    at += next.bytes;
  }
  return at;
}

std::size_t Splitter::punctuation_end(std::size_t begin, Char first) {
  const bool has_blank = first.type == CharClass::space && text_[begin] == ' ';
  const std::size_t signs = has_blank ? begin + 1 : begin;
  std::size_t at = signs;
  for (Char next = peek(at); next.type == CharClass::other || next.type == CharClass::mark;
       next = peek(at)) {
    at += next.bytes;
  }
  if (at == signs) return begin;
  for (int next = byte_at(at);
       next == '\r' || next == '\n' || (next == '/' && rule_ == SplitRule::o200k);
       next = byte_at(at)) {
    ++at;
  }
  return at;
}

/// Up to the last line break; without one, all that ends the text, else all but the last character:
/// that one belongs to what follows.
std::size_t Splitter::white_space_end(std::size_t begin) {
  std::size_t at = begin;
  std::size_t lines_end = begin;
  std::size_t last = begin;
  Char next = peek(at);
  for (; next.type == CharClass::space || next.type == CharClass::newline; next = peek(at)) {
    last = at;
    at += next.bytes;
    if (next.type == CharClass::newline) lines_end = at;
  }
  if (lines_end > begin) return lines_end;
  return next.type == CharClass::end || last == begin ? at : last;
}

}  // namespace weir::tokens
