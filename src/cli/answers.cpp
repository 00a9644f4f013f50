// SPDX-License-Identifier: Apache-2.0
#include "cli/answers.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "cli/text.hpp"

namespace weir::cli {

std::optional<json::Value> value_at(json::Value value, MemberPath path) {
  for (const std::string_view key : path) {
    const auto next = value.find(key);
    if (!next || next->is_null()) return std::nullopt;
    value = *next;
  }
  return value;
}

std::string text_at(json::Value value, MemberPath path) {
  const auto found = value_at(value, path);
  if (!found) return {};
  return found->is_string() ? harmless(found->as_string()) : std::string(found->raw());
}

std::int64_t number_at(json::Value value, MemberPath path) {
  const auto found = value_at(value, path);
  return found && found->is_number() ? found->as_int().value_or(0) : 0;
}

std::string percent_at(json::Value value, MemberPath path) {
  const auto found = value_at(value, path);
  if (!found || !found->is_number()) return "-";
  const double percent = found->as_double() * 100;
  std::array<char, 32> text{};
  // All good and nearly all good are not the same.
  const bool is_round = percent == std::round(percent);
  std::snprintf(text.data(), text.size(), is_round ? "%.0f%%" : "%.1f%%", percent);
  return text.data();
}

std::string duration_at(json::Value value, MemberPath path) {
  const auto found = value_at(value, path);
  if (!found || !found->is_number()) return "-";
  return duration(std::chrono::milliseconds(std::llround(found->as_double())));
}

}  // namespace weir::cli
