// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"

namespace weir::sim {

/// What happened, in order. Always hashed, so that two runs can be compared; kept as text only on
/// request.
class Trace {
 public:
  explicit Trace(bool keeps_text) : keeps_text_(keeps_text) {}

  void add(net::TimePoint now, std::string_view who, std::string_view what, std::uint64_t number);
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

 private:
  bool keeps_text_;
  std::uint64_t hash_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace weir::sim
