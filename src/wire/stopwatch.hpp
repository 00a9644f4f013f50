// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace weir::wire {

/// How long a request has been under way, for dialects whose answers tell it.
class Stopwatch {
 public:
  virtual ~Stopwatch() = default;
  [[nodiscard]] virtual std::int64_t elapsed_ns() const = 0;
};

}  // namespace weir::wire
