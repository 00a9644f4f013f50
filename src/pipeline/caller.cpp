// SPDX-License-Identifier: Apache-2.0
#include "pipeline/caller.hpp"

#include <array>

namespace weir::pipeline {
namespace {

constexpr std::array<std::string_view, 4> names{"low", "normal", "high", "critical"};

}  // namespace

std::optional<Priority> parse_priority(std::string_view word) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == word) return static_cast<Priority>(i);
  }
  return std::nullopt;
}

std::string_view name(Priority priority) noexcept {
  return names[static_cast<std::size_t>(priority)];
}

}  // namespace weir::pipeline
