// SPDX-License-Identifier: Apache-2.0
#include "tokens/char_class.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "tokens/embedded.hpp"

namespace weir::tokens {
namespace {

/// One entry of char_classes.bin: the class of `first` and all that follow up to the next run.
struct Run {
  std::uint32_t first;
  CharClass type;
};

Run run_at(std::string_view packed, std::size_t i) {
  const auto byte = [&](std::size_t k) {
    return std::uint32_t{static_cast<unsigned char>(packed[i * 4 + k])};
  };
  const std::uint32_t word = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
  return {word >> 4, static_cast<CharClass>(word & 15)};
}

}  // namespace

const CharClasses& CharClasses::instance() {
  static const CharClasses classes;
  return classes;
}

CharClasses::CharClasses() {
  const std::string_view packed = embedded::char_classes();
  const std::size_t count = packed.size() / 4;
  WEIR_ASSERT(count > 0);
  std::size_t next = 0;
  CharClass type = CharClass::other;
  for (std::size_t block = 0; block < block_count; ++block) {
    Block classes;
    for (std::size_t i = 0; i < block_size; ++i) {
      if (next < count && run_at(packed, next).first == block * block_size + i) {
        type = run_at(packed, next++).type;
      }
      classes[i] = type;
    }
    // Most of Unicode is long stretches of one class: those share a block.
    const bool is_repeated = !blocks_.empty() && blocks_.back() == classes;
    if (!is_repeated) blocks_.push_back(classes);
    block_of_[block] = static_cast<std::uint16_t>(blocks_.size() - 1);
  }
}

Char CharClasses::at(std::string_view text, std::size_t at) const noexcept {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {of(lead), 1};
  const Utf8Char found = decode_utf8(text.substr(at));
  if (found.bytes == 0) return {CharClass::other, 1, found.is_partial};
  return {of(found.point), static_cast<std::uint32_t>(found.bytes)};
}

}  // namespace weir::tokens
