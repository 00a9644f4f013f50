// SPDX-License-Identifier: Apache-2.0
#include "policy/limit_set.hpp"

namespace weir::policy {
namespace {

constexpr std::array<std::string_view, limit_scope_count> scope_names{
    "key",    "user",  "team",   "organisation", "route",
    "global", "model", "target", "provider_key", "provider"};
constexpr std::array<std::string_view, 6> unit_names{
    "requests", "input_tokens", "output_tokens", "total_tokens", "concurrent_requests", "nanousd"};

}  // namespace

std::string_view name(LimitScope scope) noexcept {
  return scope_names[static_cast<std::size_t>(scope)];
}

std::string_view name(LimitUnit unit) noexcept {
  return unit_names[static_cast<std::size_t>(unit)];
}

}  // namespace weir::policy
