// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/assert.hpp"

namespace weir::policy {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Sums over the recent past, kept in `buckets` buckets of equal length: what is counted now is
/// forgotten between `buckets - 1` and `buckets` bucket lengths later. `Counts` is a type of
/// integers with `+=` and `-=`.
///
/// Time that goes backwards (threads read their clocks before they queue for a lock) counts as the
/// latest time seen. Cost: constant; no allocation.
template <class Counts, std::int64_t buckets>
class SlidingWindow {
 public:
  explicit SlidingWindow(Duration bucket_length) : bucket_length_(bucket_length) {
    WEIR_ASSERT(bucket_length_ > Duration::zero());
  }

  void add(const Counts& counts, TimePoint now) {
    advance(now);
    buckets_[slot(current_)] += counts;
    total_ += counts;
  }

  /// The sums in force at `now`.
  [[nodiscard]] const Counts& total(TimePoint now) {
    advance(now);
    return total_;
  }

  void clear() {
    buckets_ = {};
    total_ = {};
  }

 private:
  static std::size_t slot(std::int64_t bucket) {
    return static_cast<std::size_t>(bucket % buckets);
  }

  void advance(TimePoint now) {
    const std::int64_t bucket = now.time_since_epoch() / bucket_length_;
    if (bucket - current_ >= buckets) {
      clear();
      current_ = bucket;
    }
    while (current_ < bucket) {
      ++current_;
      total_ -= buckets_[slot(current_)];
      buckets_[slot(current_)] = {};
    }
  }

  Duration bucket_length_;
  std::int64_t current_ = 0;  // only grows
  std::array<Counts, buckets> buckets_{};
  Counts total_{};
};

}  // namespace weir::policy
