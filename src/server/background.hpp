// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "net/loop.hpp"

namespace weir::server {

/// One thread for work that would hold up a loop: reading a configuration, writing a file. There
/// from the beginning, since the system may have no thread to give later on; joined at the end,
/// when all work is done.
class Background {
 public:
  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// For any thread.
  void submit(std::function<void()> work);

  /// The same object; once the last who holds it lets go, it is destroyed in the background. For
  /// any thread, as long as this lives.
  template <class Object>
  [[nodiscard]] std::shared_ptr<const Object> lent(std::shared_ptr<const Object> object) {
    const Object* const seen = object.get();
    auto take_back = [this, kept = std::move(object)](const Object*) mutable {
      submit([kept = std::move(kept)]() mutable { kept.reset(); });
    };
    return {seen, std::move(take_back)};
  }

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<std::function<void()>> work_;
  bool is_ending_ = false;
  std::thread thread_;  ///< last: it uses the others
};

/// Awaitable: has `work` done in the background and goes on on the loop's own thread. The loop must
/// run until then.
class InBackground {
 public:
  InBackground(Background& background, net::Loop& loop, std::function<void()> work)
      : background_(background), loop_(loop), work_(std::move(work)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    background_.submit([this, awaiting] {
      work_();
      loop_.post([awaiting] { awaiting.resume(); });
    });
  }
  void await_resume() const noexcept {}

 private:
  Background& background_;
  net::Loop& loop_;
  std::function<void()> work_;
};

}  // namespace weir::server
