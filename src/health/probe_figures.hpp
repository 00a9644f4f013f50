// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace weir::health {

/// How asking a provider whether it answers has gone, since the start. Counted apart from traffic.
struct ProbeFigures {
  std::int64_t count = 0;  ///< that have ended
  std::int64_t failures = 0;
  std::int64_t ended_unix_ms = 0;  ///< the latest; 0 = none yet
  std::int64_t latency_ms = 0;     ///< of the latest
  std::string error;               ///< of the latest; empty: it answered
};
/// By provider; those that are not probed are not in it.
using Probed = std::map<std::string, ProbeFigures, std::less<>>;

}  // namespace weir::health
