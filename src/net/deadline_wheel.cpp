// SPDX-License-Identifier: Apache-2.0
#include "net/deadline_wheel.hpp"

#include <algorithm>

namespace weir::net {

void DeadlineWheel::add(Alarm& alarm, TimePoint when) {
  Alarm*& head = slot_of(when);
  alarm.when_ = when;
  alarm.previous_ = nullptr;
  alarm.next_ = head;
  if (head != nullptr) head->previous_ = &alarm;
  head = &alarm;
  ++count_;
}

void DeadlineWheel::remove(Alarm& alarm) noexcept {
  if (visiting_ == &alarm) visiting_ = alarm.next_;
  if (alarm.previous_ != nullptr) {
    alarm.previous_->next_ = alarm.next_;
  } else {
    slot_of(alarm.when_) = alarm.next_;
  }
  if (alarm.next_ != nullptr) alarm.next_->previous_ = alarm.previous_;
  alarm.next_ = alarm.previous_ = nullptr;
  --count_;
}

void DeadlineWheel::advance(TimePoint now) {
  const std::int64_t now_tick = tick_of(now);
  // Nothing was armed for a while, or the loop stood still: one turn visits every slot.
  done_tick_ = std::max(done_tick_, now_tick - static_cast<std::int64_t>(slot_count));
  while (done_tick_ < now_tick) {
    ++done_tick_;
    visiting_ = slots_[static_cast<std::size_t>(done_tick_) % slot_count];
    while (visiting_ != nullptr) {
      Alarm& alarm = *visiting_;
      visiting_ = alarm.next_;
      if (alarm.when_ > now) continue;  // a later turn, or later in this tick: see below
      remove(alarm);
      alarm.loop_ = nullptr;
      alarm.fire();
    }
  }
  // Alarms due later within the current tick must be found at the next one.
  done_tick_ = now_tick - 1;
}

}  // namespace weir::net
