// SPDX-License-Identifier: Apache-2.0
#include "json/writer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace weir::json {
namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

/// 0 where a byte is written as it stands, 1 where it needs a look: control characters, the quote,
/// the backslash, and everything beyond ASCII.
constexpr std::array<bool, 256> make_special() {
  std::array<bool, 256> special{};
  for (std::size_t i = 0; i < 256; ++i) special[i] = i < 0x20 || i == '"' || i == '\\' || i >= 0x80;
  return special;
}
constexpr std::array<bool, 256> is_special = make_special();

/// How many bytes at the start of `text`, in whole words, are written as they stand.
std::size_t plain_words(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
  constexpr std::uint64_t tops = ones * 0x80;
  // Sets the top bit of some byte if and only if one of them is 0.
  const auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word & tops; };
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t control = (word - ones * 0x20) & ~word & tops;
    const std::uint64_t quotes = has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'));
    if (((word & tops) | control | quotes) != 0) break;
  }
  return at;
}

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  switch (c) {
    case '"':
      out.append("\\\"");
      break;
    case '\\':
      out.append("\\\\");
      break;
    case '\n':
      out.append("\\n");
      break;
    case '\r':
      out.append("\\r");
      break;
    case '\t':
      out.append("\\t");
      break;
    case '\b':
      out.append("\\b");
      break;
    case '\f':
      out.append("\\f");
      break;
    default:
      out.append("\\u00");
      out.push_back(hex[c >> 4]);
      out.push_back(hex[c & 15]);
  }
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  std::size_t plain = 0;  // start of the run not yet written
  std::size_t at = plain_words(text);
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (!is_special[byte]) {
      ++at;
      continue;
    }
    if (byte >= 0x80) {
      const std::size_t valid = valid_utf8_prefix(text.substr(at));
      if (valid > 0) {
        // The prefix may hold ASCII that needs escapes: stop at the next such byte.
        std::size_t end = at;
        while (end < at + valid) {
          const auto next = static_cast<unsigned char>(text[end]);
          if (next < 0x80 && is_special[next]) break;
          ++end;
        }
        at = end;
        continue;
      }
      out.append(text.substr(plain, at - plain)).append(replacement_character);
    } else {
      out.append(text.substr(plain, at - plain));
      append_escape(out, byte);
    }
    plain = ++at;
  }
  out.append(text.substr(plain));
  out.push_back('"');
}

void append_compact(std::string& out, std::string_view raw) {
  bool is_inside_string = false;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (is_inside_string) {
      out.push_back(c);
      if (c == '\\' && i + 1 < raw.size()) {
        out.push_back(raw[++i]);
      } else if (c == '"') {
        is_inside_string = false;
      }
    } else if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
      out.push_back(c);
      is_inside_string = c == '"';
    }
  }
}

void Writer::separate() {
  if (needs_comma_) out_.push_back(',');
  needs_comma_ = true;
}

Writer& Writer::begin_object() {
  separate();
  out_.push_back('{');
  needs_comma_ = false;
  ++depth_;
  return *this;
}

Writer& Writer::end_object() {
  WEIR_ASSERT(depth_ > 0);
  --depth_;
  out_.push_back('}');
  needs_comma_ = true;
  return *this;
}

Writer& Writer::begin_array() {
  separate();
  out_.push_back('[');
  needs_comma_ = false;
  ++depth_;
  return *this;
}

Writer& Writer::end_array() {
  WEIR_ASSERT(depth_ > 0);
  --depth_;
  out_.push_back(']');
  needs_comma_ = true;
  return *this;
}

Writer& Writer::key(std::string_view name) {
  separate();
  append_string(out_, name);
  out_.push_back(':');
  needs_comma_ = false;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  separate();
  append_string(out_, text);
  return *this;
}

Writer& Writer::integer(std::int64_t value) {
  separate();
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out_.append(digits.data(), end);
  return *this;
}

Writer& Writer::number(double value) {
  WEIR_ASSERT(std::isfinite(value));
  separate();
  std::array<char, 40> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out_.append(digits.data(), end);
  return *this;
}

Writer& Writer::boolean(bool value) {
  separate();
  out_.append(value ? "true" : "false");
  return *this;
}

Writer& Writer::null() {
  separate();
  out_.append("null");
  return *this;
}

Writer& Writer::raw(std::string_view json) {
  separate();
  out_.append(json);
  return *this;
}

}  // namespace weir::json
