// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

/// `text` with what looks like a secret replaced by the prefix that names its kind, `…`, and the
/// last four characters of a long one: keys of the known providers (`sk-`, `AIza`, `AKIA`, ...),
/// tokens behind `Bearer` and `Basic`, passwords in URLs, and random-looking words beside the word
/// key, secret, password or credential.
///
/// A guess by form: it can take an id for a key, and can't know a secret that looks like prose.
/// Any bytes are taken; what is no secret comes out as it went in. Cost: linear.
std::string redacted(std::string_view text);

/// What stands at the beginning of a text, as far as the forms of known issuers' keys tell.
struct KeyGuess {
  std::size_t size = 0;   ///< of the key; 0: there is none
  bool may_grow = false;  ///< more text could make it one, or make it longer
};
KeyGuess guess_key(std::string_view text) noexcept;
/// True for what the body of a key is made of.
bool is_key_char(char c) noexcept;

/// The same as `redacted`, cut to at most `bytes_max` bytes without cutting a UTF-8 sequence in
/// two. For messages of others that are shown or logged.
std::string redacted_message(std::string_view text, std::size_t bytes_max = 512);

}  // namespace weir
