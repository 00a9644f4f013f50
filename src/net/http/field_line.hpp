// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/ascii.hpp"
#include "net/http/scanner.hpp"

/// One field line, read the same way in heads and in trailers.
namespace weir::net::http {

namespace detail {

inline constexpr std::array<bool, 256> token_chars = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 128; ++c) table[c] = ascii::is_alnum(static_cast<char>(c));
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

}  // namespace detail

/// True for the characters of methods and field names (RFC 9110 section 5.6.2).
constexpr bool is_token_char(char c) noexcept {
  return detail::token_chars[static_cast<unsigned char>(c)];
}

/// True when `text` is not empty and has token characters only.
bool is_token(std::string_view text) noexcept;

/// True when `text` has no control byte but the tab; bytes above 127 pass.
bool is_field_text(std::string_view text) noexcept;

/// `text` without blanks and tabs at its ends.
std::string_view trim(std::string_view text) noexcept;

/// Reads `line` (without its CRLF) into `field`. Gives the reason of a refusal, empty when it is
/// well formed. Precondition: `line` is not empty.
std::string_view read_field_line(std::string_view line, Field& field) noexcept;

}  // namespace weir::net::http
