// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "net/loop.hpp"

namespace weir::api {

/// The end of a call that other threads hold to cancel it. Does nothing once the call has ended.
class CallControl : public std::enable_shared_from_this<CallControl> {
 public:
  /// For any thread, at any time.
  void cancel() {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (loop_ == nullptr) return;
    loop_->post([self = shared_from_this()] {
      // Only the loop's thread ends calls, so what is set here stays until `cancel` returns to us.
      net::Cancellation* cancellation = nullptr;
      {
        const std::lock_guard inner(self->mutex_);
        cancellation = self->cancellation_;
      }
      if (cancellation != nullptr) cancellation->cancel();
    });
  }

  // For the thread of the call's loop.
  void begin(net::Loop& loop, net::Cancellation& cancellation) {
    const std::lock_guard lock(mutex_);
    loop_ = &loop;
    cancellation_ = &cancellation;
    if (is_cancelled_) cancellation.cancel();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
    cancellation_ = nullptr;
  }

 private:
  std::mutex mutex_;
  net::Loop* loop_ = nullptr;
  net::Cancellation* cancellation_ = nullptr;
  bool is_cancelled_ = false;
};

}  // namespace weir::api
