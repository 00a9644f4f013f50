// SPDX-License-Identifier: Apache-2.0
#include "json/document.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>

#include <simdjson.h>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace weir::json {
namespace {

constexpr std::array<std::string_view, 6> kind_names{"null",   "boolean", "number",
                                                     "string", "array",   "object"};

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads four hex digits at `text`; -1 when they are not all there.
int hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(text[static_cast<std::size_t>(i)]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_high_surrogate(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

/// Checks the escapes of a string's inside. True when all are RFC 8259's and surrogates come in
/// pairs.
bool escapes_are_valid(std::string_view inside) {
  std::size_t at = inside.find('\\');
  while (at != std::string_view::npos) {
    if (at + 1 >= inside.size()) return false;
    const char escape = inside[at + 1];
    if (escape == 'u') {
      const int unit = hex4(inside.substr(at + 2));
      if (unit < 0 || is_low_surrogate(unit)) return false;
      at += 6;
      if (is_high_surrogate(unit)) {
        if (inside.substr(at, 2) != "\\u") return false;
        const int low = hex4(inside.substr(at + 2));
        if (!is_low_surrogate(low)) return false;
        at += 6;
      }
    } else {
      if (std::strchr("\"\\/bfnrt", escape) == nullptr || escape == '\0') return false;
      at += 2;
    }
    at = inside.find('\\', at);
  }
  return true;
}

/// Length of the number at the start of `text`, 0 when there is none by RFC 8259's grammar.
std::size_t number_length(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t first = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i - first;
  };
  if (i < text.size() && text[i] == '-') ++i;
  if (i < text.size() && text[i] == '0') {
    ++i;
  } else if (digits() == 0) {
    return 0;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return 0;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return 0;
  }
  return i;
}

void append_unescaped(std::string& out, std::string_view inside) {
  for (;;) {
    const std::size_t at = inside.find('\\');
    out.append(inside.substr(0, at));
    if (at == std::string_view::npos) return;
    const char escape = inside[at + 1];
    std::size_t used = 2;
    switch (escape) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        int point = hex4(inside.substr(at + 2));
        used = 6;
        if (is_high_surrogate(point)) {
          const int low = hex4(inside.substr(at + 8));
          point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
          used = 12;
        }
        append_utf8(out, static_cast<char32_t>(point));
        break;
      }
      default:
        out.push_back(escape);
    }
    inside.remove_prefix(at + used);
  }
}

/// simdjson's structural index. It is needed during a parse only, so each thread has one.
class StructuralIndex {
 public:
  /// Room for a text of `bytes`; false when there is no memory.
  bool reserve(std::size_t bytes) {
    if (parser_ && bytes <= capacity_ && (capacity_ <= capacity_kept || bytes > capacity_kept)) {
      return true;
    }
    const std::size_t wanted = std::max<std::size_t>(bytes, 4096);
    parser_.reset();
    const auto error =
        simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, 1, parser_);
    capacity_ = error ? 0 : wanted;
    return !error;
  }
  simdjson::error_code find(std::string_view text) {
    return parser_->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                           simdjson::stage1_mode::regular);
  }
  [[nodiscard]] const std::uint32_t* data() const { return parser_->structural_indexes.get(); }
  [[nodiscard]] std::size_t size() const { return parser_->n_structural_indexes; }

 private:
  // A huge body must not leave its index behind for good.
  static constexpr std::size_t capacity_kept = std::size_t{4} << 20;

  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
  std::size_t capacity_ = 0;
};

thread_local StructuralIndex structural_index;

std::string_view inside_of(std::string_view quoted) { return quoted.substr(1, quoted.size() - 2); }

}  // namespace

std::string_view name(Kind kind) noexcept { return kind_names[static_cast<std::size_t>(kind)]; }

/// Walks the structural index once, checks every token and appends a node per value.
///
/// Where it stands goes from function to function by value, and so in registers, and what is not
/// nested takes no call: this is a good part of what a chunk costs.
class Document::Walker {
 public:
  Walker(Document& document, const ParseLimits& limits)
      : text_(document.text_),
        nodes_(document.nodes_.get()),
        limits_(limits),
        begin_(structural_index.data()),
        end_(begin_ + structural_index.size()),
        backslash_(std::min(text_.find('\\'), text_.size())) {}

  Result<> run() {
    const Place end = value({begin_, 0}, 0);
    if (!end) return failure();
    if (end.token != end_) return fail(end, "more text after the value"), failure();
    return {};
  }

 private:
  using Token = const std::uint32_t*;  // where in the text it begins

  /// The next token, none after a failure, and how many nodes there are.
  struct Place {
    Token token;
    std::uint32_t size;

    explicit operator bool() const { return token != nullptr; }
  };

  [[nodiscard]] Error failure() const {
    return {ErrorCode::invalid_json, std::string("invalid JSON at byte ") + std::to_string(at_) +
                                         ": " + std::string(reason_)};
  }
  [[gnu::noinline]] Place fail(Place place, std::string_view reason) {
    reason_ = reason;
    at_ = place.token < end_ ? *place.token : text_.size();
    return {nullptr, 0};
  }
  [[nodiscard]] char peek(Token token) const { return token < end_ ? text_[*token] : '\0'; }
  /// Where the token ends at the latest: the next one, or the end of the text.
  [[nodiscard]] std::size_t limit_of(Token token) const {
    return token + 1 < end_ ? token[1] : text_.size();
  }
  /// The next token, with a node for this one.
  Place put(Place place, std::size_t end, Kind kind, bool has_escape = false) {
    nodes_[place.size] = {*place.token, static_cast<std::uint32_t>(end), place.size + 1, 0, kind,
                          has_escape};
    return {place.token + 1, place.size + 1};
  }
  /// The same for one that was opened before and ends with the token at `place`.
  Place close(Place opened, Place place, std::uint32_t count, Kind kind) {
    nodes_[opened.size] = {*opened.token, *place.token + 1, place.size, count, kind, false};
    return {place.token + 1, place.size};
  }

  [[gnu::always_inline]] Place value(Place place, std::uint32_t depth) {
    const char first = peek(place.token);
    if (first == '"') return string(place);
    if (first == '{') return object(place, depth + 1);
    if (first == '[') return array(place, depth + 1);
    return is_digit(first) || first == '-' ? number(place) : word(place, first);
  }

  [[gnu::noinline]] Place object(const Place opened, std::uint32_t depth) {
    if (depth > limits_.depth_max) return fail(opened, "nested too deeply");
    Place place{opened.token + 1, opened.size + 1};
    std::uint32_t count = 0;
    if (peek(place.token) == '}') return close(opened, place, count, Kind::object);
    for (;;) {
      if (peek(place.token) != '"') return fail(place, "expected a member name");
      place = string(place);
      if (!place) return place;
      if (peek(place.token) != ':') return fail(place, "expected ':'");
      ++place.token;
      place = value(place, depth);
      if (!place) return place;
      ++count;
      const char next = peek(place.token);
      if (next == '}') return close(opened, place, count, Kind::object);
      if (next != ',') return fail(place, "expected ',' or '}'");
      ++place.token;
    }
  }

  [[gnu::noinline]] Place array(const Place opened, std::uint32_t depth) {
    if (depth > limits_.depth_max) return fail(opened, "nested too deeply");
    Place place{opened.token + 1, opened.size + 1};
    std::uint32_t count = 0;
    if (peek(place.token) == ']') return close(opened, place, count, Kind::array);
    for (;;) {
      place = value(place, depth);
      if (!place) return place;
      ++count;
      const char next = peek(place.token);
      if (next == ']') return close(opened, place, count, Kind::array);
      if (next != ',') return fail(place, "expected ',' or ']'");
      ++place.token;
    }
  }

  // Stage one lists only where a string starts. It has checked that quotes pair up and that no bare
  // control character is inside, so the closing quote is the last one before the next token.
  [[gnu::always_inline]] Place string(Place place) {
    const std::size_t begin = *place.token;
    const std::size_t end = limit_of(place.token);
    const bool is_plain = end >= begin + 2 && text_[end - 1] == '"' && end <= backslash_;
    return is_plain ? put(place, end, Kind::string) : string_with_more(place, end);
  }

  // One with escapes inside, or with white space behind it.
  [[gnu::noinline]] Place string_with_more(Place place, std::size_t end) {
    const std::size_t begin = *place.token;
    while (end > begin + 1 && is_space(text_[end - 1])) --end;
    if (end < begin + 2 || text_[end - 1] != '"') return fail(place, "broken string");
    const bool has_escape = has_backslash(begin, end);
    if (has_escape && !escapes_are_valid(text_.substr(begin + 1, end - begin - 2))) {
      return fail(place, "invalid escape in a string");
    }
    return put(place, end, Kind::string, has_escape);
  }

  // Strings come in the order of the text, so one search through it serves all of them.
  bool has_backslash(std::size_t begin, std::size_t end) {
    if (backslash_ < begin) backslash_ = std::min(text_.find('\\', begin), text_.size());
    return backslash_ < end;
  }

  Place word(Place place, char first) {
    if (first == 'n') return literal(place, "null", Kind::null);
    if (first == 't') return literal(place, "true", Kind::boolean);
    if (first == 'f') return literal(place, "false", Kind::boolean);
    return fail(place, place.token < end_ ? "expected a value" : "text ends too early");
  }

  Place literal(Place place, std::string_view word, Kind kind) {
    if (!ends_after(place.token, word.size()) || !text_.substr(*place.token).starts_with(word)) {
      return fail(place, "unknown word");
    }
    return put(place, *place.token + word.size(), kind);
  }

  Place number(Place place) {
    const std::size_t begin = *place.token;
    const std::string_view text(text_.data() + begin, limit_of(place.token) - begin);
    if (is_short_whole(text)) return put(place, begin + text.size(), Kind::number);
    return other_number(place, text);
  }

  [[gnu::noinline]] Place other_number(Place place, std::string_view text) {
    const std::size_t length = number_length(text);
    if (length == 0 || !ends_after(place.token, length)) return fail(place, "expected a value");
    if (length > limits_.number_chars_max) return fail(place, "number is too long");
    if (length > 15 || text.substr(0, length).find_first_of("eE") != std::string_view::npos) {
      double value = 0;
      const char* first = text.data();
      if (std::from_chars(first, first + length, value).ec == std::errc::result_out_of_range &&
          !is_tiny(text.substr(0, length))) {
        return fail(place, "number is out of range");
      }
    }
    return put(place, *place.token + length, Kind::number);
  }

  /// Most numbers are: digits alone, too few to be out of any range.
  static bool is_short_whole(std::string_view text) {
    if (text.size() > 15 || (text.front() == '0' && text.size() > 1)) return false;
    for (const char c : text) {
      if (!is_digit(c)) return false;
    }
    return true;
  }

  // from_chars reports underflow and overflow alike; a number too small to tell from 0 is fine.
  static bool is_tiny(std::string_view number) {
    const auto exponent = number.find_first_of("eE");
    if (exponent != std::string_view::npos) return number[exponent + 1] == '-';
    return number.find('.') != std::string_view::npos && number.find_first_of("123456789") > 1;
  }

  /// Only white space stands between the token's `length` bytes and the next token.
  [[nodiscard]] bool ends_after(Token token, std::size_t length) const {
    const std::size_t limit = limit_of(token);
    std::size_t at = *token + length;
    if (at > limit) return false;
    while (at < limit && is_space(text_[at])) ++at;
    return at == limit;
  }

  std::string_view text_;
  Node* nodes_;
  const ParseLimits& limits_;
  Token begin_;
  Token end_;
  std::size_t backslash_;  ///< the first at or behind the last string begun, or the text's size
  std::string_view reason_;
  std::size_t at_ = 0;
};

Result<> Document::parse(std::string_view text, const ParseLimits& limits) {
  text_ = text;
  if (text.empty()) return Error(ErrorCode::invalid_json, "invalid JSON: the text is empty");
  // Offsets are 32 bits wide and simdjson takes no more than 4 GiB.
  if (text.size() > 0xFFFF'FF00U) return Error(ErrorCode::invalid_json, "JSON text is too large");
  if (!structural_index.reserve(text.size())) {
    return Error(ErrorCode::overloaded, "no memory to read the JSON text");
  }
  const auto stage1 = structural_index.find(text);
  if (stage1 != simdjson::SUCCESS) {
    return Error(ErrorCode::invalid_json,
                 std::string("invalid JSON: ") + simdjson::error_message(stage1));
  }
  // Every value has a structural of its own, so there are never more values than those.
  const std::size_t wanted = structural_index.size() + 1;
  constexpr std::size_t capacity_kept = std::size_t{64} << 10;
  const std::size_t capacity = nodes_.get_deleter().capacity;
  if (!nodes_ || wanted > capacity || capacity > capacity_kept) {
    auto* nodes = static_cast<Node*>(take_recycled(wanted * sizeof(Node)));
    nodes_ = {nodes, GiveBack{wanted}};
  }
  return Walker(*this, limits).run();
}

std::size_t Value::offset() const noexcept { return document_->nodes_[index_].begin; }

bool Value::as_bool() const noexcept {
  WEIR_ASSERT(is_boolean());
  return raw().front() == 't';
}

std::optional<std::int64_t> Value::as_int() const noexcept {
  if (!is_number()) return std::nullopt;
  const std::string_view digits = raw();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size()) return value;
  if (digits.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  const double real = as_double();
  // Beyond 2^53 a double no longer tells neighbouring integers apart.
  if (std::trunc(real) != real || std::abs(real) > 9007199254740992.0) return std::nullopt;
  return static_cast<std::int64_t>(real);
}

double Value::as_double() const noexcept {
  WEIR_ASSERT(is_number());
  const std::string_view digits = raw();
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string Value::as_string() const {
  std::string out;
  append_string_to(out);
  return out;
}

std::string_view Value::as_string_view(std::string& scratch) const {
  WEIR_ASSERT(is_string());
  if (!document_->nodes_[index_].has_escape) return inside_of(raw());
  scratch.clear();
  append_unescaped(scratch, inside_of(raw()));
  return scratch;
}

void Value::append_string_to(std::string& out) const {
  WEIR_ASSERT(is_string());
  if (document_->nodes_[index_].has_escape) {
    append_unescaped(out, inside_of(raw()));
  } else {
    out.append(inside_of(raw()));
  }
}

bool Value::equals_unescaped(std::string_view content) const { return as_string() == content; }

}  // namespace weir::json
