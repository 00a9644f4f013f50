// SPDX-License-Identifier: Apache-2.0
#include "weir/error.hpp"

#include <array>

namespace weir {
namespace {

using enum ErrorKind;
using C = ErrorCode;

// Anthropic has no 402, 409 or 5xx codes of ours; the nearest of its own types is given, with the
// status its SDKs expect. 529 is its "overloaded".
// clang-format off
constexpr std::array error_table{
    ErrorTraits{C::invalid_request, "invalid_request", invalid_request, 400, "invalid_request_error", 400, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::invalid_json, "invalid_json", invalid_request, 400, "invalid_request_error", 400, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::unsupported_capability, "unsupported_capability", invalid_request, 400, "invalid_request_error", 400, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::context_length_exceeded, "context_length_exceeded", context_too_long, 400, "invalid_request_error", 400, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::content_filtered, "content_filtered", content_filtered, 400, "invalid_request_error", 400, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::request_exceeds_limit, "request_exceeds_limit", invalid_request, 400, "invalid_request_error", 400, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::invalid_api_key, "invalid_api_key", unauthenticated, 401, "invalid_request_error", 401, "authentication_error", "UNAUTHENTICATED", false},
    ErrorTraits{C::expired_api_key, "expired_api_key", unauthenticated, 401, "invalid_request_error", 401, "authentication_error", "UNAUTHENTICATED", false},
    ErrorTraits{C::invalid_login, "invalid_login", unauthenticated, 401, "invalid_request_error", 401, "authentication_error", "UNAUTHENTICATED", false},
    ErrorTraits{C::budget_exceeded, "budget_exceeded", budget_exhausted, 402, "insufficient_quota", 402, "billing_error", "RESOURCE_EXHAUSTED", false},
    ErrorTraits{C::not_allowed, "not_allowed", forbidden, 403, "request_forbidden", 403, "permission_error", "PERMISSION_DENIED", false},
    ErrorTraits{C::model_not_allowed, "model_not_allowed", forbidden, 403, "request_forbidden", 403, "permission_error", "PERMISSION_DENIED", false},
    ErrorTraits{C::route_unknown, "route_unknown", not_found, 404, "invalid_request_error", 404, "not_found_error", "NOT_FOUND", false},
    ErrorTraits{C::model_unavailable, "model_unavailable", not_found, 404, "invalid_request_error", 404, "not_found_error", "NOT_FOUND", false},
    ErrorTraits{C::method_not_allowed, "method_not_allowed", invalid_request, 405, "invalid_request_error", 405, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::client_timeout, "client_timeout", deadline_exceeded, 408, "invalid_request_error", 408, "timeout_error", "DEADLINE_EXCEEDED", true},
    ErrorTraits{C::idempotency_in_progress, "idempotency_in_progress", invalid_request, 409, "invalid_request_error", 409, "conflict_error", "ABORTED", true},
    ErrorTraits{C::idempotency_unknown, "idempotency_unknown", invalid_request, 409, "invalid_request_error", 409, "conflict_error", "ABORTED", false},
    ErrorTraits{C::too_large, "too_large", too_large, 413, "invalid_request_error", 413, "request_too_large", "INVALID_ARGUMENT", false},
    ErrorTraits{C::uri_too_long, "uri_too_long", too_large, 414, "invalid_request_error", 414, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::expectation_failed, "expectation_failed", invalid_request, 417, "invalid_request_error", 417, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::idempotency_mismatch, "idempotency_mismatch", invalid_request, 422, "invalid_request_error", 422, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::rate_limited, "rate_limited", rate_limited, 429, "rate_limit_error", 429, "rate_limit_error", "RESOURCE_EXHAUSTED", true},
    ErrorTraits{C::upstream_rate_limited, "upstream_rate_limited", upstream_rate_limited, 429, "rate_limit_error", 429, "rate_limit_error", "RESOURCE_EXHAUSTED", true},
    ErrorTraits{C::upstream_quota, "upstream_quota", upstream_quota, 429, "insufficient_quota", 402, "billing_error", "RESOURCE_EXHAUSTED", false},
    ErrorTraits{C::headers_too_large, "headers_too_large", too_large, 431, "invalid_request_error", 431, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::client_closed, "client_closed", cancelled, 499, "invalid_request_error", 499, "api_error", "CANCELLED", false},
    ErrorTraits{C::internal_error, "internal_error", internal, 500, "server_error", 500, "api_error", "INTERNAL", true},
    ErrorTraits{C::not_implemented, "not_implemented", invalid_request, 501, "invalid_request_error", 501, "invalid_request_error", "UNIMPLEMENTED", false},
    ErrorTraits{C::upstream_unreachable, "upstream_unreachable", upstream_unavailable, 502, "server_error", 502, "api_error", "UNAVAILABLE", true},
    ErrorTraits{C::upstream_error, "upstream_error", upstream_unavailable, 502, "server_error", 502, "api_error", "INTERNAL", true},
    ErrorTraits{C::upstream_malformed, "upstream_malformed", upstream_protocol, 502, "server_error", 502, "api_error", "INTERNAL", true},
    ErrorTraits{C::upstream_auth, "upstream_auth", upstream_rejected, 502, "server_error", 502, "api_error", "INTERNAL", false},
    ErrorTraits{C::upstream_rejected, "invalid_request", upstream_rejected, 400, "invalid_request_error", 400, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::all_targets_unavailable, "all_targets_unavailable", unavailable, 503, "service_unavailable_error", 529, "overloaded_error", "UNAVAILABLE", true},
    ErrorTraits{C::overloaded, "overloaded", unavailable, 503, "service_unavailable_error", 529, "overloaded_error", "UNAVAILABLE", true},
    ErrorTraits{C::ledger_unavailable, "ledger_unavailable", unavailable, 503, "service_unavailable_error", 529, "overloaded_error", "UNAVAILABLE", true},
    ErrorTraits{C::store_unavailable, "store_unavailable", unavailable, 503, "service_unavailable_error", 529, "overloaded_error", "UNAVAILABLE", true},
    ErrorTraits{C::retrieval_unavailable, "retrieval_unavailable", unavailable, 503, "service_unavailable_error", 529, "overloaded_error", "UNAVAILABLE", true},
    ErrorTraits{C::draining, "draining", unavailable, 503, "service_unavailable_error", 529, "overloaded_error", "UNAVAILABLE", true},
    ErrorTraits{C::upstream_timeout, "upstream_timeout", deadline_exceeded, 504, "server_error", 504, "timeout_error", "DEADLINE_EXCEEDED", true},
    ErrorTraits{C::deadline_exceeded, "deadline_exceeded", deadline_exceeded, 504, "server_error", 504, "timeout_error", "DEADLINE_EXCEEDED", true},
    ErrorTraits{C::http_version, "http_version", invalid_request, 505, "invalid_request_error", 505, "invalid_request_error", "INVALID_ARGUMENT", false},
    ErrorTraits{C::loop_detected, "loop_detected", invalid_request, 508, "invalid_request_error", 508, "invalid_request_error", "INVALID_ARGUMENT", false},
};
// clang-format on

constexpr bool rows_stand_in_order_of_their_code() {
  for (std::size_t i = 0; i < error_table.size(); ++i) {
    if (static_cast<std::size_t>(error_table[i].code) != i) return false;
  }
  return error_table.size() == error_code_count;
}
static_assert(rows_stand_in_order_of_their_code(), "error_table: one row per code, in its order");

constexpr std::array<std::string_view, 18> kind_names{"invalid_request",
                                                      "unauthenticated",
                                                      "forbidden",
                                                      "not_found",
                                                      "too_large",
                                                      "context_too_long",
                                                      "content_filtered",
                                                      "rate_limited",
                                                      "budget_exhausted",
                                                      "upstream_rejected",
                                                      "upstream_quota",
                                                      "upstream_rate_limited",
                                                      "upstream_unavailable",
                                                      "upstream_protocol",
                                                      "deadline_exceeded",
                                                      "cancelled",
                                                      "unavailable",
                                                      "internal"};

}  // namespace

const ErrorTraits& traits(ErrorCode code) noexcept {
  return error_table[static_cast<std::size_t>(code)];
}

std::string_view name(ErrorKind kind) noexcept {
  return kind_names[static_cast<std::size_t>(kind)];
}

}  // namespace weir
