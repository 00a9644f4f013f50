// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "api/wakeup.hpp"
#include "net/task.hpp"
#include "weir/result.hpp"

namespace weir::api {

/// Lets so many calls run at once; the others wait, the higher priority first, within one priority
/// in the order they came. Shared by all threads.
class Admission {
 public:
  struct Limits {
    std::int64_t in_flight_max;
    std::int64_t waiting_max;
    net::Duration wait_max;
  };

  explicit Admission(Limits limits) : limits_(limits) {}

  /// Waits for a turn; each success is followed by one `leave`. Errors: `overloaded` when too many
  /// wait or the wait was too long, `client_closed` when cancelled.
  net::Task<Result<>> enter(net::Loop& loop, int priority, net::Cancellation& cancellation);
  void leave();

 private:
  /// Highest priority first, then the oldest.
  using Place = std::pair<std::int64_t, std::uint64_t>;
  struct Waiter {
    Wakeup::Sender sender;
    bool is_admitted = false;
  };
  /// Answers whether the caller is in; otherwise `waiter` now stands at `place`.
  Result<bool> enter_or_queue(int priority, Waiter& waiter, Place& place);

  const Limits limits_;
  std::mutex mutex_;
  std::int64_t in_flight_ = 0;
  std::uint64_t arrivals_ = 0;
  std::map<Place, Waiter*> waiting_;
};

}  // namespace weir::api
