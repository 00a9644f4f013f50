// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/duration_text.hpp"
#include "net/http/date.hpp"

/// Waits that upstream header fields ask for. Like `base/duration_text.hpp` (which reads the forms
/// without a date) these give nothing for what is negative, past or unreadable, and at most
/// `wait_max`.
///
/// `now`: where the answer has a `Date`, that date, so that a clock that is off does no harm.
namespace weir::net::http {

/// `Retry-After`: seconds, broken ones too, or a date in any of HTTP's three forms.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value, WallTime now);

/// `retry-after-ms`: milliseconds.
std::optional<std::chrono::milliseconds> parse_retry_after_ms(std::string_view value);

/// The reset fields that name a time in RFC 3339's form.
std::optional<std::chrono::milliseconds> parse_rfc3339_wait(std::string_view value, WallTime now);

}  // namespace weir::net::http
