// SPDX-License-Identifier: Apache-2.0
#include "api/admission.hpp"

namespace weir::api {

Result<bool> Admission::enter_or_queue(int priority, Waiter& waiter, Place& place) {
  const std::lock_guard lock(mutex_);
  if (in_flight_ < limits_.in_flight_max) {
    ++in_flight_;
    return true;
  }
  if (static_cast<std::int64_t>(waiting_.size()) >= limits_.waiting_max) {
    return Error(ErrorCode::overloaded, "too many calls wait for their turn");
  }
  place = {-std::int64_t{priority}, arrivals_++};
  waiting_.emplace(place, &waiter);
  return false;
}

net::Task<Result<>> Admission::enter(net::Loop& loop, int priority,
                                     net::Cancellation& cancellation) {
  Wakeup wakeup(loop);
  Waiter waiter;
  waiter.sender = wakeup.sender();
  Place place;
  Result<bool> entered = enter_or_queue(priority, waiter, place);
  if (!entered) co_return std::move(entered).error();
  if (*entered) co_return Result<>();
  Wakeup::Wait wait(wakeup, limits_.wait_max, cancellation);
  const bool is_woken = co_await wait;
  {
    // The turn may have come in the same moment as the end of the wait.
    const std::lock_guard lock(mutex_);
    if (waiter.is_admitted) co_return Result<>();
    waiting_.erase(place);
  }
  static_cast<void>(is_woken);
  if (cancellation.is_cancelled()) {
    co_return Error(ErrorCode::client_closed, "cancelled while waiting for its turn");
  }
  co_return Error(ErrorCode::overloaded, "the call waited too long for its turn");
}

void Admission::leave() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --in_flight_;
    return;
  }
  // The place goes from the one who leaves to the first who waits.
  const auto first = waiting_.begin();
  Waiter& next = *first->second;
  waiting_.erase(first);
  next.is_admitted = true;
  next.sender.notify();
}

}  // namespace weir::api
