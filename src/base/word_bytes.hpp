// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>

/// Eight bytes looked at together. Exact: true if and only if there is such a byte.
namespace weir::word_bytes {

inline constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
inline constexpr std::uint64_t tops = ones * 0x80;

/// Precondition: eight bytes can be read.
inline std::uint64_t load(const char* bytes) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

/// Precondition: `bound` is 128 at most.
constexpr bool has_below(std::uint64_t word, unsigned char bound) noexcept {
  return ((word - ones * bound) & ~word & tops) != 0;
}
constexpr bool has(std::uint64_t word, char byte) noexcept {
  return has_below(word ^ (ones * static_cast<unsigned char>(byte)), 1);
}
constexpr bool has_beyond_ascii(std::uint64_t word) noexcept { return (word & tops) != 0; }

}  // namespace weir::word_bytes
