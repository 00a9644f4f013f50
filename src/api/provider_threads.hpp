// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::api {

/// Threads for code of the user's that may block. Started when work finds none idle.
class ProviderThreads {
 public:
  explicit ProviderThreads(std::size_t threads_max) : threads_max_(threads_max) {}
  ~ProviderThreads() { finish(); }
  ProviderThreads(const ProviderThreads&) = delete;
  ProviderThreads& operator=(const ProviderThreads&) = delete;

  /// Runs `work` as soon as a thread is free; at once, on the caller's, where the system gives
  /// none. For any thread.
  void run(std::function<void()> work);
  /// Runs what was given and joins. Nothing may be given afterwards.
  void finish();

 private:
  void serve();

  const std::size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<std::function<void()>> waiting_;
  std::size_t idle_ = 0;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::api
