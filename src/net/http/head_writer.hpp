// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "net/http/field_line.hpp"

/// Heads, appended to a string that its owner reuses: start line, fields, `end_head`.
namespace weir::net::http {

/// `<method> <target> HTTP/1.1`. Preconditions: `method` is a token; `target` is percent-encoded,
/// so that it has neither blanks nor control bytes.
void append_request_line(std::string& out, std::string_view method, std::string_view target);

/// `HTTP/1.1 <status> <reason>`. Precondition: `status` has three digits.
void append_status_line(std::string& out, int status);

namespace detail {
/// Stands nowhere: to call it is what the compiler refuses.
void the_name_is_no_token();
}  // namespace detail

/// A field's name as it stands in the source: checked by the compiler to be a token.
class FieldName {
 public:
  static constexpr std::size_t size_max = 60;

  template <std::size_t Size>
  consteval FieldName(const char (&literal)[Size]) : text_(literal, Size - 1) {
    static_assert(Size > 1 && Size <= size_max + 1);
    for (const char c : text_) {
      if (!is_token_char(c)) detail::the_name_is_no_token();
    }
  }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// A name that isn't known before the program runs.
template <class Text>
concept AnyFieldName = std::convertible_to<const Text&, std::string_view> && !std::is_array_v<Text>;

/// Appends a field unless it would break the head: a name that is no token, a value with CR, LF,
/// NUL or another control byte. Then nothing is appended and the answer is false; names and values
/// may come from upstream or from a configuration, so this is not a bug of ours.
bool append_field(std::string& out, FieldName name, std::string_view value);
bool append_any_field(std::string& out, std::string_view name, std::string_view value);
template <AnyFieldName Name>
bool append_field(std::string& out, const Name& name, std::string_view value) {
  return append_any_field(out, name, value);
}

/// The same for a number.
void append_field(std::string& out, FieldName name, std::uint64_t value);

/// The empty line.
void end_head(std::string& out);

/// The usual reason phrase of `status`; empty for a status without one.
std::string_view reason_phrase(int status) noexcept;

}  // namespace weir::net::http
