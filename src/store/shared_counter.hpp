// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "weir/result.hpp"

namespace weir::store {

/// A number in a file, by which processes that share a folder tell each other that something there
/// has changed. It is a word of memory to them: telling costs a system call, and who waits is woken
/// at once. The number means nothing by itself and wraps; only whether it is another one counts.
///
/// All but `open` is for any thread.
class SharedCounter {
 public:
  /// The file is made where it is missing, readable by its owner alone. Errors:
  /// `store_unavailable`.
  static Result<SharedCounter> open(const std::string& path);

  SharedCounter(SharedCounter&& other) noexcept : word_(std::exchange(other.word_, nullptr)) {}
  SharedCounter& operator=(SharedCounter&&) = delete;
  ~SharedCounter();

  [[nodiscard]] std::uint32_t value() const;
  /// Makes it another one and wakes all who wait, in whichever process.
  void advance();
  /// Returns when it is not `seen` any more, after `at_most`, or for no reason.
  void wait(std::uint32_t seen, std::chrono::milliseconds at_most) const;

 private:
  explicit SharedCounter(std::uint32_t* word) : word_(word) {}

  std::uint32_t* word_;  ///< in the file; null: moved from
};

}  // namespace weir::store
