// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir::json {

/// Appends `text` as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD, so that what we
/// emit is valid whatever came in.
void append_string(std::string& out, std::string_view text);

/// Appends `raw`, a valid JSON text, without the white space between its tokens. Numbers and
/// escapes keep their bytes.
void append_compact(std::string& out, std::string_view raw);

namespace detail {
/// Stands nowhere: to call it is what the compiler refuses.
void the_name_needs_escapes();
}  // namespace detail

/// A member's name as it stands in the source: checked by the compiler to need no escape, so that
/// nobody has to look at it again.
class Name {
 public:
  static constexpr std::size_t size_max = 60;

  template <std::size_t Size>
  consteval Name(const char (&literal)[Size]) : text_(literal, Size - 1) {
    static_assert(Size <= size_max + 1);
    for (const char c : text_) {
      if (c < 0x20 || c > 0x7E || c == '"' || c == '\\') detail::the_name_needs_escapes();
    }
  }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// Text that isn't known before the program runs, or no literal.
template <class Text>
concept AnyText = std::convertible_to<const Text&, std::string_view> && !std::is_array_v<Text>;

/// Writes JSON by appending to a string it doesn't own. Commas come by themselves; closing what was
/// opened is the caller's duty (asserted at the end of each object and array).
///
///     json::Writer json(out);
///     json.begin_object().member("id", id).key("usage").raw(usage).end_object();
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin_object();
  Writer& end_object();
  Writer& begin_array();
  Writer& end_array();
  /// Starts a member of the open object; one value must follow.
  Writer& key(Name name);
  template <AnyText Text>
  Writer& key(const Text& name) {
    return any_key(name);
  }

  Writer& string(std::string_view text);
  Writer& integer(std::int64_t value);
  /// Shortest text that reads back as `value`. Precondition: finite.
  Writer& number(double value);
  Writer& boolean(bool value);
  Writer& null();
  /// `json` is written as it stands. Precondition: one valid JSON value.
  Writer& raw(std::string_view json);

  /// `raw`'s members, for the open object. Precondition: a valid JSON object.
  Writer& members(std::string_view raw);

  template <class Value>
  Writer& member(Name name, const Value& value) {
    return key(name).value(value);
  }
  template <AnyText Text, class Value>
  Writer& member(const Text& name, const Value& value) {
    return any_key(name).value(value);
  }

  [[nodiscard]] std::string& out() { return out_; }

 private:
  Writer& any_key(std::string_view name);
  void separate();

  Writer& value(std::string_view text) { return string(text); }
  Writer& value(const std::string& text) { return string(text); }
  Writer& value(const char* text) { return string(text); }
  Writer& value(bool truth) { return boolean(truth); }
  Writer& value(std::int64_t whole) { return integer(whole); }
  Writer& value(int whole) { return integer(whole); }
  Writer& value(std::uint32_t whole) { return integer(whole); }
  Writer& value(double any) { return number(any); }

  std::string& out_;
  int depth_ = 0;
  bool needs_comma_ = false;
};

}  // namespace weir::json
