// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "store/spool_files.hpp"
#include "weir/result.hpp"

namespace weir::ledger {

/// What was found of processes that ended without a word.
struct Recovered {
  std::uint64_t streams = 0;
  std::uint64_t unknown_calls = 0;  ///< under way when their process ended
  std::uint64_t damaged_segments = 0;
  std::uint64_t records_missing = 0;
};

/// Brings the streams of processes that are gone to their ends: calls that were under way get a
/// settlement with the outcome `unknown`, booked by what is known of their attempts (S-11.2, X-2).
/// Doing it again, also after it was cut short, changes nothing. Streams that somebody still writes
/// are left alone, and with `leaves_damage` those in which something is damaged or missing.
///
/// Precondition: the ledger's lock is held, so that nobody makes segments meanwhile.
/// Errors: `store_unavailable`.
Result<Recovered> recover(store::SpoolFiles& files, const std::string& folder, std::int64_t now_ms,
                          bool leaves_damage = false);

}  // namespace weir::ledger
