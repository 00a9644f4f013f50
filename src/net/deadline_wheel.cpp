// SPDX-License-Identifier: Apache-2.0
#include "net/deadline_wheel.hpp"

#include <algorithm>

namespace weir::net {

void DeadlineWheel::link(Alarm& alarm) noexcept {
  alarm.slot_ = slot_of(alarm.when_);
  Alarm*& head = slots_[alarm.slot_];
  alarm.previous_ = nullptr;
  alarm.next_ = head;
  if (head != nullptr) head->previous_ = &alarm;
  head = &alarm;
}

void DeadlineWheel::unlink(Alarm& alarm) noexcept {
  if (visiting_ == &alarm) visiting_ = alarm.next_;
  if (alarm.previous_ != nullptr) {
    alarm.previous_->next_ = alarm.next_;
  } else {
    slots_[alarm.slot_] = alarm.next_;
  }
  if (alarm.next_ != nullptr) alarm.next_->previous_ = alarm.previous_;
  alarm.next_ = alarm.previous_ = nullptr;
}

void DeadlineWheel::add(Alarm& alarm, TimePoint when) {
  alarm.when_ = when;
  link(alarm);
  ++count_;
}

void DeadlineWheel::move(Alarm& alarm, TimePoint when) {
  const bool is_put_off = when >= alarm.when_;
  alarm.when_ = when;
  if (is_put_off) return;
  unlink(alarm);
  link(alarm);
}

void DeadlineWheel::remove(Alarm& alarm) noexcept {
  unlink(alarm);
  --count_;
}

TimePoint DeadlineWheel::next_advance() const noexcept {
  if (empty()) return TimePoint::max();
  std::int64_t number = done_tick_ + 1;
  while (slots_[static_cast<std::size_t>(number) % slot_count] == nullptr) ++number;
  return TimePoint(Duration(tick) * (number + 1));  // the slot's end
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
      if (alarm.when_ > now) {
        // It was put off; or it is for a later turn, or later in this tick: see below.
        if (slot_of(alarm.when_) != alarm.slot_) {
          unlink(alarm);
          link(alarm);
        }
        continue;
      }
      remove(alarm);
      alarm.loop_ = nullptr;
      alarm.fire();
    }
  }
  // Alarms due later within the current tick must be found at the next one.
  done_tick_ = now_tick - 1;
}

}  // namespace weir::net
