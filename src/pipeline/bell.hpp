// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>

#include "net/loop.hpp"

namespace weir::pipeline {

/// Calls back one who waits. All of it is for one thread; others post to its loop.
class Bell {
 public:
  /// Rung while nobody waits, it lets the next wait end at once.
  void ring() {
    if (waiting_ != nullptr) {
      waiting_->on_ring();
    } else {
      is_rung_ = true;
    }
  }

 private:
  friend class BellWait;
  class Listener {
   public:
    virtual void on_ring() = 0;

   protected:
    ~Listener() = default;
  };
  Listener* waiting_ = nullptr;
  bool is_rung_ = false;
};

/// Awaitable: until the bell rings, the time has come, or the call is cancelled. Bell, loop and
/// cancellation outlive it.
class BellWait final : private net::Alarm, private net::Cancellable, private Bell::Listener {
 public:
  BellWait(net::Loop& loop, net::TimePoint until, net::Cancellation& cancellation, Bell& bell)
      : loop_(loop), until_(until), cancellation_(cancellation), bell_(bell) {}
  ~BellWait() override { bell_.waiting_ = nullptr; }
  BellWait(const BellWait&) = delete;
  BellWait& operator=(const BellWait&) = delete;

  [[nodiscard]] bool await_ready() {
    if (bell_.is_rung_) {
      bell_.is_rung_ = false;
      return true;
    }
    return cancellation_.is_cancelled() || until_ <= loop_.now();
  }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    bell_.waiting_ = this;
    cancellation_.add(*this);
    loop_.arm_exact(*this, until_);
  }
  void await_resume() const noexcept {}

 private:
  void on_alarm() override {
    cancellation_.remove(*this);
    go_on();
  }
  void on_cancel() override {
    disarm();
    go_on();
  }
  void on_ring() override {
    disarm();
    cancellation_.remove(*this);
    go_on();
  }
  void go_on() {
    bell_.waiting_ = nullptr;
    awaiting_.resume();
  }

  net::Loop& loop_;
  net::TimePoint until_;
  net::Cancellation& cancellation_;
  Bell& bell_;
  std::coroutine_handle<> awaiting_;
};

}  // namespace weir::pipeline
