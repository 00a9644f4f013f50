// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace weir {
namespace {

/// Bytes of the sequence that starts at `text`, 0 when it is invalid; `is_partial` tells whether it
/// is only cut short.
std::size_t sequence_length(std::string_view text, bool& is_partial) {
  is_partial = false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // overlong
    if (lead == 0xED) high = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  } else {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) {
      is_partial = true;
      return 0;
    }
    if (byte(i) < low || byte(i) > high) return 0;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

}  // namespace

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6));
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

Utf8Char decode_utf8(std::string_view text) noexcept {
  Utf8Char found;
  found.bytes = sequence_length(text, found.is_partial);
  if (found.bytes == 0) return found;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  // The lead byte keeps what its length prefix leaves: 7, 5, 4 or 3 bits.
  found.point = found.bytes == 1 ? byte(0) : byte(0) & (0xFFU >> (found.bytes + 1));
  for (std::size_t i = 1; i < found.bytes; ++i) found.point = found.point << 6 | (byte(i) & 0x3FU);
  return found;
}

std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  bool is_partial = false;
  while (at < text.size()) {
    // Eight ASCII bytes at a time: nearly all text is.
    while (at + 8 <= text.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, 8);
      if ((word & 0x8080808080808080ULL) != 0) break;
      at += 8;
    }
    if (at == text.size()) break;
    const std::size_t length = sequence_length(text.substr(at), is_partial);
    if (length == 0) break;
    at += length;
  }
  return at;
}

bool ends_in_partial_utf8(std::string_view text) noexcept {
  const std::size_t at = valid_utf8_prefix(text);
  if (at == text.size()) return false;
  bool is_partial = false;
  sequence_length(text.substr(at), is_partial);
  return is_partial;
}

}  // namespace weir
