// SPDX-License-Identifier: Apache-2.0
#include "net/http/field_line.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/word_bytes.hpp"

namespace weir::net::http {

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

namespace {

/// True where one of 8 bytes may be a control byte; a tab is taken for one.
bool may_hold_control(const char* bytes) noexcept {
  const std::uint64_t word = word_bytes::load(bytes);
  return word_bytes::has_below(word, 0x20) || word_bytes::has(word, '\x7F');
}

bool is_field_char(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

}  // namespace

bool is_field_text(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at + 8 <= text.size() && !may_hold_control(text.data() + at)) at += 8;
  // What is less than a word is looked at together with what stands before it.
  if (text.size() - at < 8 && text.size() >= 8) {
    if (!may_hold_control(text.data() + text.size() - 8)) return true;
  }
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_field_char);
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view read_field_line(std::string_view line, Field& field) noexcept {
  if (line.front() == ' ' || line.front() == '\t') return "a header field is folded";
  const auto name_end = std::find_if_not(line.begin(), line.end(), is_token_char);
  const auto name_size = static_cast<std::size_t>(name_end - line.begin());
  if (name_size == 0) return "a header field has no name";
  if (name_size == line.size()) return "a header field has no colon";
  if (*name_end == ' ' || *name_end == '\t') return "a blank stands before a header field's colon";
  if (*name_end != ':') return "a header field's name has a forbidden character";
  field.name = line.substr(0, name_size);
  field.value = trim(line.substr(name_size + 1));
  if (!is_field_text(field.value)) return "a header field's value has a control character";
  return {};
}

}  // namespace weir::net::http
