// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "net/loop.hpp"

namespace weir::server {

/// Whether the loops of all threads still turn (Z-1). Nothing runs for it by itself: each question
/// asks every loop for a sign of life, and the next one sees which still owe theirs.
///
/// `beats` is for any thread. Outlives the loops.
class Pulse {
 public:
  /// Before the first question. `loop` outlives the last one.
  void add(net::Loop& loop) { hearts_.push_back(std::make_unique<Heart>(loop)); }

  /// False: a loop was asked more than five seconds ago and has not come round since. Cost: a post
  /// to each loop.
  [[nodiscard]] bool beats(net::TimePoint now);

 private:
  struct Heart {
    explicit Heart(net::Loop& its_loop) : loop(its_loop) {}
    net::Loop& loop;
    std::atomic<net::TimePoint::rep> asked_at{0};  ///< as ticks of the clock; 0: it owes nothing
  };

  std::vector<std::unique_ptr<Heart>> hearts_;
};

}  // namespace weir::server
