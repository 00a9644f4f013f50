// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/accounts_memo.hpp"

namespace weir::pipeline {

/// How urgent a call is to its client, from the least.
enum class Priority : std::uint8_t { low, normal, high, critical };

/// Nothing for a word that is none of the four.
std::optional<Priority> parse_priority(std::string_view word) noexcept;
std::string_view name(Priority priority) noexcept;

/// Whose calls they are: one for each client key, shared by all its requests and never changed.
/// What a key may do and spend is looked up by these names.
struct Caller {
  std::string key;   ///< public id; empty where no key is asked for
  std::string user;  ///< empty: nobody's
  std::string team;
  std::string organisation = {};         ///< of the team
  Priority priority = Priority::normal;  ///< of its calls that name none
  bool shows_target = true;              ///< its answers may name the targets (C-4)
  mutable AccountsMemo<4> memo{};        ///< of the key, the user, the team and the organisation
};

}  // namespace weir::pipeline
