// SPDX-License-Identifier: Apache-2.0
#include "server/background.hpp"

#include "server/precedence.hpp"

namespace weir::server {

Background::Background() : thread_([this] { run(); }) {}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

void Background::submit(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  work_.push_back(std::move(work));
  wakes_.notify_one();
}

void Background::run() {
  stand_back();
  std::unique_lock lock(mutex_);
  for (;;) {
    wakes_.wait(lock, [this] { return is_ending_ || !work_.empty(); });
    if (work_.empty()) return;
    std::function<void()> next = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    next();
    next = nullptr;  // what it holds may be the last of something lent, which is work again
    lock.lock();
  }
}

}  // namespace weir::server
