// SPDX-License-Identifier: Apache-2.0
#include "net/asio_loop.hpp"

#include <boost/asio/post.hpp>

#include "base/assert.hpp"

namespace weir::net {

void DeadlineWheel::add(Alarm& alarm, TimePoint when) {
  Alarm*& head = slot_of(when);
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

bool AsioLoop::Earlier::operator()(const Alarm* a, const Alarm* b) const {
  return a->when_ != b->when_ ? a->when_ < b->when_ : std::less<>()(a, b);
}

AsioLoop::AsioLoop()
    : context_(1), work_(context_.get_executor()), tick_timer_(context_), exact_timer_(context_) {}

AsioLoop::~AsioLoop() = default;

void AsioLoop::run() { context_.run(); }

void AsioLoop::stop() {
  boost::asio::post(context_, [this] {
    work_.reset();
    tick_timer_.cancel();
    exact_timer_.cancel();
  });
}

void AsioLoop::arm_coarse(Alarm& alarm, TimePoint when) {
  alarm.disarm();
  alarm.loop_ = this;
  alarm.when_ = when;
  alarm.is_exact_ = false;
  wheel_.add(alarm, when);
  if (!is_ticking_) wait_for_tick();
}

void AsioLoop::wait_for_tick() {
  is_ticking_ = true;
  tick_timer_.expires_after(DeadlineWheel::tick);
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    is_ticking_ = false;
    if (error) return;
    wheel_.advance(now());
    if (!wheel_.empty()) wait_for_tick();
  });
}

void AsioLoop::arm_exact(Alarm& alarm, TimePoint when) {
  alarm.disarm();
  alarm.loop_ = this;
  alarm.when_ = when;
  alarm.is_exact_ = true;
  exact_.insert(&alarm);
  if (when < exact_waits_for_) wait_for_exact();
}

void AsioLoop::wait_for_exact() {
  if (exact_.empty()) {
    exact_waits_for_ = TimePoint::max();
    return;
  }
  exact_waits_for_ = (*exact_.begin())->when_;
  exact_timer_.expires_at(exact_waits_for_);
  exact_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // moved or stopped
    while (!exact_.empty() && (*exact_.begin())->when_ <= now()) {
      Alarm& alarm = **exact_.begin();
      exact_.erase(exact_.begin());
      alarm.loop_ = nullptr;
      alarm.fire();
    }
    wait_for_exact();
  });
}

void AsioLoop::disarm(Alarm& alarm) noexcept {
  if (alarm.loop_ == nullptr) return;
  WEIR_ASSERT(alarm.loop_ == this);
  alarm.loop_ = nullptr;
  if (alarm.is_exact_) {
    exact_.erase(&alarm);
  } else {
    wheel_.remove(alarm);
  }
}

void AsioLoop::post(std::function<void()> work) { boost::asio::post(context_, std::move(work)); }

}  // namespace weir::net
