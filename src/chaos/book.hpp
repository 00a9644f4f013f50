// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace weir::chaos {

/// What a provider would have charged for: who gets fewer tokens than stand here paid for nothing,
/// and whose own sums differ has miscounted.
class Book {
 public:
  struct Entry {
    std::string model;
    std::string outcome;  ///< whole, cut, stalled, left (the caller did), refused
    bool is_stream = false;
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;  ///< that went out
  };

  /// Calls that were refused cost nothing; all others do, from the first token on.
  void add(Entry entry);
  /// `{"calls", "billed_calls", "input_tokens", "output_tokens", "latest": [...]}`
  [[nodiscard]] std::string json() const;

 private:
  static constexpr std::size_t latest_max = 1'000;
  std::int64_t calls_ = 0;
  std::int64_t billed_calls_ = 0;
  std::int64_t input_tokens_ = 0;
  std::int64_t output_tokens_ = 0;
  std::deque<Entry> latest_;
};

}  // namespace weir::chaos
