// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

/// Appends the UTF-8 form of `point`. Precondition: a Unicode scalar value.
void append_utf8(std::string& out, char32_t point);

struct Utf8Char {
  char32_t point = 0;
  std::size_t bytes = 0;    ///< 0 = the text does not begin with valid UTF-8
  bool is_partial = false;  ///< it does not, but more bytes could mend that
};

/// The first character of `text`. Precondition: not empty.
Utf8Char decode_utf8(std::string_view text) noexcept;

/// Length of the longest prefix of `text` that is whole, valid UTF-8.
std::size_t valid_utf8_prefix(std::string_view text) noexcept;

/// True when `text` ends inside a sequence that more bytes could complete; `valid_utf8_prefix`
/// then tells where it starts.
bool ends_in_partial_utf8(std::string_view text) noexcept;

}  // namespace weir
