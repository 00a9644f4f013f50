// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/literal.hpp"
#include "net/http/field_line.hpp"

/// Heads, appended to a string that its owner reuses: start line, fields, `end_head`.
namespace weir::net::http {

/// `<method> <target> HTTP/1.1`. Preconditions: `method` is a token; `target` is percent-encoded,
/// so that it has neither blanks nor control bytes.
void append_request_line(std::string& out, std::string_view method, std::string_view target);

/// `HTTP/1.1 <status> <reason>`. Precondition: `status` has three digits.
void append_status_line(std::string& out, int status);

/// A field's name that needs no look at run time.
using FieldName = Literal<is_token_char>;

/// Appends a field unless it would break the head: a name that is no token, a value with CR, LF,
/// NUL or another control byte. Then nothing is appended and the answer is false; names and values
/// may come from upstream or from a configuration, so this is not a bug of ours.
bool append_field(std::string& out, FieldName name, std::string_view value);
bool append_any_field(std::string& out, std::string_view name, std::string_view value);
template <AnyText Name>
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
