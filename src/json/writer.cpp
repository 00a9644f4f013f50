// SPDX-License-Identifier: Apache-2.0
#include "json/writer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/assert.hpp"
#include "base/text_piece.hpp"
#include "base/utf8.hpp"
#include "base/word_bytes.hpp"

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

/// True when all 8 bytes are written as they stand.
bool is_plain_word(const char* bytes) {
  const std::uint64_t word = word_bytes::load(bytes);
  return !word_bytes::has_beyond_ascii(word) && !word_bytes::has_below(word, 0x20) &&
         !word_bytes::has(word, '"') && !word_bytes::has(word, '\\');
}

/// How many bytes at the start of `text` are written as they stand: all that are, or, where a word
/// of 8 holds one that is not, those before the word.
std::size_t plain_start(std::string_view text) {
  std::size_t at = 0;
  while (at + 8 <= text.size() && is_plain_word(text.data() + at)) at += 8;
  if (at + 8 <= text.size()) return at;
  // What is less than a word is looked at together with what stands before it.
  if (text.size() >= 8) return is_plain_word(text.data() + text.size() - 8) ? text.size() : at;
  while (at < text.size() && !is_special[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

using Piece = TextPiece<Name::size_max + 4>;

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
  std::size_t at = plain_start(text);
  if (at == text.size() && at <= Piece::size_max - 2) {
    Piece piece;
    return piece.add('"').add(text).add('"').append_to(out);
  }
  out.push_back('"');
  std::size_t plain = 0;  // start of the run not yet written
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
  std::size_t kept = 0;  // start of the run not yet written
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (is_inside_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        is_inside_string = false;
      }
    } else if (c == '"') {
      is_inside_string = true;
    } else if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      out.append(raw.substr(kept, i - kept));
      kept = i + 1;
    }
  }
  out.append(raw.substr(kept));
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

Writer& Writer::key(Name name) {
  Piece piece;
  if (needs_comma_) piece.add(',');
  piece.add('"').add(name.text()).add("\":").append_to(out_);
  needs_comma_ = false;
  return *this;
}

Writer& Writer::any_key(std::string_view name) {
  separate();
  append_string(out_, name);
  out_.push_back(':');
  needs_comma_ = false;
  return *this;
}

Writer& Writer::members(std::string_view raw) {
  WEIR_ASSERT(raw.size() >= 2 && raw.front() == '{' && raw.back() == '}');
  const std::string_view inner = raw.substr(1, raw.size() - 2);
  if (inner.find_first_not_of(" \t\r\n") == std::string_view::npos) return *this;
  return this->raw(inner);
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
