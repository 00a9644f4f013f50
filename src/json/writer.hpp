// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/literal.hpp"

namespace weir::json {

/// Appends `text` as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD, so that what we
/// emit is valid whatever came in.
void append_string(std::string& out, std::string_view text);

/// Appends `raw`, a valid JSON text, without the white space between its tokens. Numbers and
/// escapes keep their bytes.
void append_compact(std::string& out, std::string_view raw);

/// What stands in a string without an escape.
constexpr bool needs_no_escape(char c) noexcept {
  return c >= 0x20 && c <= 0x7E && c != '"' && c != '\\';
}

/// A member's name that needs no look at run time.
using Name = Literal<needs_no_escape>;

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
