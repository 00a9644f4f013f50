// SPDX-License-Identifier: Apache-2.0
#include "net/epoll_loop.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/recycled.hpp"

namespace weir::net {

// --- what is watched ---

Pollable::~Pollable() { loop_.forget(*this); }

bool Pollable::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  return ::epoll_ctl(loop_.epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Pollable::unwatch(int fd) noexcept {
  ::epoll_ctl(loop_.epoll_, EPOLL_CTL_DEL, fd, nullptr);
  loop_.forget(*this);
}

void Pollable::defer() {
  if (place_ != not_deferred) return;
  place_ = loop_.deferred_.size();
  loop_.deferred_.push_back(this);
}

void Pollable::stand_in_line() {
  if (number_ != 0) return;
  is_in_short_line_ = short_waits_left_ > 0;
  short_waits_left_ = is_in_short_line_ ? short_waits_left_ - 1 : short_waits;
  number_ = (is_in_short_line_ ? loop_.short_line_ : loop_.long_line_).join(*this);
}

void EpollLoop::forget(Pollable& pollable) noexcept {
  if (pollable.number_ != 0) {
    Line& line = pollable.is_in_short_line_ ? short_line_ : long_line_;
    line.leave(std::exchange(pollable.number_, 0));
  }
  if (pollable.place_ != Pollable::not_deferred) {
    deferred_[std::exchange(pollable.place_, Pollable::not_deferred)] = nullptr;
  }
  for (std::size_t i = event_next_; i < event_end_; ++i) {
    if (events_[i].data.ptr == &pollable) events_[i].data.ptr = nullptr;
  }
}

// --- the loop ---

EpollLoop::EpollLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      now_(std::chrono::steady_clock::now()) {
  WEIR_ASSERT(epoll_ >= 0);
  WEIR_ASSERT(wake_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = this;
  const int status = ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  WEIR_ASSERT(status == 0);
}

EpollLoop::~EpollLoop() {
  ::close(wake_);
  ::close(epoll_);
}

void EpollLoop::run() {
  keep_memory_of_this_thread();
  now_ = std::chrono::steady_clock::now();
  while (!is_stopping_ || has_work()) turn();
}

void EpollLoop::stop() {
  post([this] { is_stopping_ = true; });
}

bool EpollLoop::has_work() {
  if (operations_ > 0 || !deferred_.empty() || has_waiting()) return true;
  const std::lock_guard lock(posted_mutex_);
  return !posted_.empty();
}

void EpollLoop::turn() {
  const int count =
      ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), wait_max_ms());
  WEIR_ASSERT(count >= 0 || errno == EINTR);
  now_ = std::chrono::steady_clock::now();
  is_quiet_ = count <= 0 && deferred_.empty() && !has_waiting();
  tell_events(static_cast<std::size_t>(std::max(count, 0)));
  run_first_in_line();
  run_deferred();
  fire_alarms();
}

int EpollLoop::wait_max_ms() const {
  if (!deferred_.empty() || has_waiting()) return 0;
  TimePoint until = TimePoint::max();
  if (!wheel_.empty()) {
    // To find the next alarm takes longer than to begin a turn, but then there are none until it.
    until = is_quiet_ ? std::max(next_tick_, wheel_.next_advance()) : next_tick_;
  }
  TimePoint now = now_;
  if (!exact_.empty()) {
    until = std::min(until, (*exact_.begin())->when_);
    now = std::chrono::steady_clock::now();
  }
  if (until == TimePoint::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  constexpr std::int64_t longest = std::numeric_limits<int>::max();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
}

void EpollLoop::tell_events(std::size_t count) {
  event_end_ = count;
  for (event_next_ = 0; event_next_ < event_end_;) {
    const epoll_event& event = events_[event_next_++];
    if (event.data.ptr == this) {
      run_posted();
    } else if (event.data.ptr != nullptr) {
      static_cast<Pollable*>(event.data.ptr)->on_events(event.events);
    }
  }
}

void EpollLoop::post(std::function<void()> work) {
  bool is_first = false;
  {
    const std::lock_guard lock(posted_mutex_);
    is_first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (!is_first) return;
  constexpr std::uint64_t one = 1;
  const auto written = ::write(wake_, &one, sizeof one);
  // It fails only when the counter is full, and then the loop is woken already.
  static_cast<void>(written);
}

// The eventfd is edge-triggered and never read: each write is an edge, and its counter lasts for
// 2^64 of them.
void EpollLoop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& piece : work) piece();
}

void EpollLoop::run_first_in_line() {
  for (int i = 0; i < begun_at_once_max; ++i) {
    const bool is_short_ones_turn = i < short_begun_max;
    Pollable* first = (is_short_ones_turn ? short_line_ : long_line_).next();
    if (first == nullptr) first = (is_short_ones_turn ? long_line_ : short_line_).next();
    if (first == nullptr) return;
    first->number_ = 0;
    first->on_events(0);
  }
}

std::uint64_t EpollLoop::Line::join(Pollable& pollable) {
  waiting_.push_back(&pollable);
  return first_ + waiting_.size() - 1;
}

Pollable* EpollLoop::Line::next() {
  while (!waiting_.empty()) {
    Pollable* const first = waiting_.front();
    waiting_.pop_front();
    ++first_;
    if (first != nullptr) return first;
  }
  return nullptr;
}

void EpollLoop::run_deferred() {
  const std::size_t count = deferred_.size();
  if (count == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    Pollable* pollable = deferred_[i];
    if (pollable == nullptr) continue;
    pollable->place_ = Pollable::not_deferred;
    deferred_[i] = nullptr;
    pollable->on_events(0);
  }
  // What was deferred meanwhile has its turn after the kernel was asked again.
  deferred_.erase(deferred_.begin(), deferred_.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < deferred_.size(); ++i) {
    if (deferred_[i] != nullptr) deferred_[i]->place_ = i;
  }
}

// --- time ---

bool EpollLoop::Earlier::operator()(const Alarm* a, const Alarm* b) const {
  return a->when_ != b->when_ ? a->when_ < b->when_ : std::less<>()(a, b);
}

void EpollLoop::arm_coarse(Alarm& alarm, TimePoint when) {
  if (alarm.loop_ == this && !alarm.is_exact_) return wheel_.move(alarm, when);
  alarm.disarm();
  alarm.loop_ = this;
  alarm.when_ = when;
  alarm.is_exact_ = false;
  if (wheel_.empty()) next_tick_ = now_ + DeadlineWheel::tick;
  wheel_.add(alarm, when);
}

void EpollLoop::arm_exact(Alarm& alarm, TimePoint when) {
  alarm.disarm();
  alarm.loop_ = this;
  alarm.when_ = when;
  alarm.is_exact_ = true;
  exact_.insert(&alarm);
}

void EpollLoop::disarm(Alarm& alarm) noexcept {
  if (alarm.loop_ == nullptr) return;
  WEIR_ASSERT(alarm.loop_ == this);
  alarm.loop_ = nullptr;
  if (alarm.is_exact_) {
    exact_.erase(&alarm);
  } else {
    wheel_.remove(alarm);
  }
}

void EpollLoop::fire_alarms() {
  while (!exact_.empty() && (*exact_.begin())->when_ <= now_) {
    Alarm& alarm = **exact_.begin();
    exact_.erase(exact_.begin());
    alarm.loop_ = nullptr;
    alarm.fire();
  }
  if (wheel_.empty() || now_ < next_tick_) return;
  wheel_.advance(now_);
  next_tick_ = now_ + DeadlineWheel::tick;
}

}  // namespace weir::net
