// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// What kind of trouble it is. A kind exists where some code reacts differently.
enum class ErrorKind : std::uint8_t {
  invalid_request,
  unauthenticated,
  forbidden,
  not_found,
  too_large,
  context_too_long,
  content_filtered,
  rate_limited,
  budget_exhausted,
  upstream_rejected,
  upstream_quota,
  upstream_rate_limited,
  upstream_unavailable,
  upstream_protocol,
  deadline_exceeded,
  cancelled,
  unavailable,
  internal,
};

/// The stable codes a client may see; `traits(code).name` is the text on the wire.
enum class ErrorCode : std::uint8_t {
  invalid_request,
  invalid_json,
  unsupported_capability,
  context_length_exceeded,
  content_filtered,
  request_exceeds_limit,
  invalid_api_key,
  expired_api_key,
  invalid_login,
  budget_exceeded,
  not_allowed,
  model_not_allowed,
  route_unknown,
  model_unavailable,
  method_not_allowed,
  client_timeout,
  idempotency_in_progress,
  idempotency_unknown,
  too_large,
  uri_too_long,
  expectation_failed,
  idempotency_mismatch,
  rate_limited,
  upstream_rate_limited,
  upstream_quota,
  headers_too_large,
  client_closed,
  internal_error,
  not_implemented,
  upstream_unreachable,
  upstream_error,
  upstream_malformed,
  upstream_auth,
  upstream_rejected,
  all_targets_unavailable,
  overloaded,
  ledger_unavailable,
  store_unavailable,
  retrieval_unavailable,
  draining,
  upstream_timeout,
  deadline_exceeded,
  http_version,
  loop_detected,
};
inline constexpr std::size_t error_code_count =
    static_cast<std::size_t>(ErrorCode::loop_detected) + 1;

/// One row of the error table: how a code looks in each client dialect and how clients should
/// react to it.
struct ErrorTraits {
  ErrorCode code;
  std::string_view name;
  ErrorKind kind;
  int status;                    ///< HTTP status, every dialect without one of its own
  std::string_view openai_type;  ///< `error.type` of OpenAI's shape
  int anthropic_status;
  std::string_view anthropic_type;  ///< `error.type` of Anthropic's shape
  std::string_view gemini_status;   ///< `error.status` of Google's shape
  bool retryable;                   ///< the same request may succeed later
};

/// The row of `code`.
const ErrorTraits& traits(ErrorCode code) noexcept;

/// Lower-case name of `kind`, as written in logs.
std::string_view name(ErrorKind kind) noexcept;

/// The limit or budget that refused a request.
struct ExceededLimit {
  std::string scope;  ///< whose: `key`, `user`, `team`, `organisation`, `route`, `global`, ...
  std::string name;   ///< of that key, user, ...; empty for `global`
  std::string unit;   ///< `requests`, `input_tokens`, `nanousd`, ...
  std::int64_t limit = 0;
  std::int64_t left = 0;
  std::chrono::seconds window{0};      ///< 0: no window, as of requests at once
  std::chrono::milliseconds reset{0};  ///< until all of it is there again
};

/// What went wrong, as a value.
struct Error {
  ErrorCode code = ErrorCode::internal_error;
  std::string message;
  std::string param;  ///< path of the offending field, such as `messages[2].content`; may be empty
  std::optional<std::chrono::milliseconds> retry_after;
  int http_status = 0;      ///< in the place of the code's own; 0: that
  int upstream_status = 0;  ///< HTTP status the upstream gave; 0 when there was none
  std::shared_ptr<const ExceededLimit> exceeded;  ///< null: no limit refused it

  Error() = default;
  Error(ErrorCode error_code, std::string text, std::string field = {})
      : code(error_code), message(std::move(text)), param(std::move(field)) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return traits(code).kind; }
};

}  // namespace weir
