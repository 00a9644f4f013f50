// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "weir/error.hpp"
#include "wire/canonical.hpp"

namespace weir::wire {

/// Status of `error` in `dialect`.
[[nodiscard]] int status_of(Dialect dialect, const Error& error) noexcept;

/// Appends the JSON body of `error` in the shape clients of `dialect` expect. Every shape holds the
/// stable code, whether a retry may help, and the request id.
/// Source: the error objects of OpenAI, Anthropic, Google and Ollama.
void append_error_body(std::string& out, Dialect dialect, const Error& error,
                       std::string_view request_id);

}  // namespace weir::wire
