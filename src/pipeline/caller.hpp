// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::pipeline {

/// How urgent a call is to its client, from the least.
enum class Priority : std::uint8_t { low, normal, high, critical };

/// Nothing for a word that is none of the four.
std::optional<Priority> parse_priority(std::string_view word) noexcept;
std::string_view name(Priority priority) noexcept;

/// Where the accounting has found what a caller spends from, so that it need not look for it at
/// each call. Read and written by the accounting alone, under its lock; never copied.
class CallerMemo {
 public:
  CallerMemo() = default;
  CallerMemo(const CallerMemo& /*other*/) noexcept {}
  CallerMemo& operator=(const CallerMemo& /*other*/) noexcept { return *this; }
  ~CallerMemo() = default;

  std::uint64_t as_of = 0;                          ///< 0: nothing was found yet
  std::array<std::shared_ptr<void>, 3> accounts{};  ///< of the key, the user and the team
};

/// Whose calls they are: one for each client key, shared by all its requests and never changed.
/// What a key may do and spend is looked up by these names.
struct Caller {
  std::string key;   ///< public id; empty where no key is asked for
  std::string user;  ///< empty: nobody's
  std::string team;
  Priority priority = Priority::normal;  ///< of its calls that name none
  bool shows_target = true;              ///< its answers may name the targets (C-4)
  mutable CallerMemo memo{};
};

}  // namespace weir::pipeline
