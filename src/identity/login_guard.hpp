// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace weir::identity {

/// Lets nobody try passwords: after 5 wrong ones for an account or 20 from an address within 15
/// minutes, no further one is looked at until the first of them is that old (rule Y-7). An account
/// is a name that somebody said, whether anyone has it or not. Addresses of IPv6 count by their
/// first 64 bits, which is what one customer has. For one thread at a time.
class LoginGuard {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  /// How long until another may be tried; zero: now.
  [[nodiscard]] Duration wait(std::string_view account, std::string_view address,
                              TimePoint now) const;
  void note_failure(std::string_view account, std::string_view address, TimePoint now);
  /// His failures are forgotten; those from where he came are not.
  void note_success(std::string_view account);

  [[nodiscard]] std::size_t size() const { return accounts_.size() + addresses_.size(); }

 private:
  using Failures = std::map<std::string, std::deque<TimePoint>, std::less<>>;  ///< oldest first
  static Duration wait(const Failures& failures, std::string_view name, std::size_t count_max,
                       TimePoint now);
  static void note(Failures& failures, std::string_view name, std::size_t count_max, TimePoint now);

  Failures accounts_;
  Failures addresses_;
};

}  // namespace weir::identity
