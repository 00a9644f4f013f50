// SPDX-License-Identifier: Apache-2.0
#include "api/provider_threads.hpp"

#include <utility>

#include "base/thread.hpp"

namespace weir::api {

void ProviderThreads::finish() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  has_work_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ProviderThreads::run(std::function<void()> work) {
  std::unique_lock lock(mutex_);
  if (idle_ <= waiting_.size() && threads_.size() < threads_max_) {
    std::thread another = try_thread([this] { serve(); });
    if (another.joinable()) threads_.push_back(std::move(another));
  }
  if (threads_.empty()) {
    lock.unlock();
    return work();
  }
  waiting_.push_back(std::move(work));
  has_work_.notify_one();
}

void ProviderThreads::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    has_work_.wait(lock, [&] { return is_ending_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    const std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace weir::api
