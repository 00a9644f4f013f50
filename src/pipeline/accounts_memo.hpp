// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace weir::pipeline {

/// Where the accounting has found what a caller or a target takes from, so that it need not look
/// for it at each call. Read and written by the accounting alone, under its lock; never copied.
template <std::size_t count>
class AccountsMemo {
 public:
  AccountsMemo() = default;
  AccountsMemo(const AccountsMemo& /*other*/) noexcept {}
  AccountsMemo& operator=(const AccountsMemo& /*other*/) noexcept { return *this; }
  ~AccountsMemo() = default;

  std::uint64_t as_of = 0;                              ///< 0: nothing was found yet
  std::array<std::shared_ptr<void>, count> accounts{};  ///< from inner to outer
};

}  // namespace weir::pipeline
