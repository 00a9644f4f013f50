// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "store/spool_files.hpp"
#include "weir/result.hpp"

namespace weir::ledger {

/// What a ledger holds, and what is wrong with it.
struct Verification {
  std::uint64_t segments = 0;
  std::uint64_t streams = 0;
  std::uint64_t records = 0;
  std::uint64_t calls = 0;
  std::uint64_t under_way = 0;  ///< calls that have not ended, of streams that go on
  std::int64_t cost_nanousd = 0;
  std::int64_t exposure_nanousd = 0;

  std::uint64_t records_missing = 0;   ///< by their sequence numbers
  std::uint64_t bytes_unreadable = 0;  ///< before the end of what can be read
  std::uint64_t segments_unreadable = 0;
  std::uint64_t settlements_doubled = 0;  ///< calls that were settled twice
  std::uint64_t settlements_missing = 0;  ///< calls of ended streams that were never settled
  std::uint64_t sums_wrong = 0;           ///< calls whose cost is not that of their attempts (I-3)
  std::uint64_t negative = 0;             ///< calls with a count below zero (I-4)

  [[nodiscard]] bool is_sound() const {
    return records_missing == 0 && bytes_unreadable == 0 && segments_unreadable == 0 &&
           settlements_doubled == 0 && settlements_missing == 0 && sums_wrong == 0 && negative == 0;
  }
};

/// Reads the whole ledger, also while it is written. Cost: 8 bytes of memory for each call. Errors:
/// `store_unavailable` when the folder can't be read.
Result<Verification> verify(store::SpoolFiles& files, const std::string& data_directory);

}  // namespace weir::ledger
