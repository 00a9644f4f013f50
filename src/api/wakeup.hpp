// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <memory>
#include <mutex>

#include "net/loop.hpp"

namespace weir::api {

/// Lets a coroutine wait for something that another thread does. One waiter at a time; a notice
/// that comes while nobody waits ends the next wait at once.
///
///     while (!queue.has_room()) {
///       Wakeup::Wait wait(wakeup, timeout, cancellation);
///       const bool is_woken = co_await wait;
///       if (!is_woken) co_return false;
///     }
class Wakeup {
  struct State;

 public:
  explicit Wakeup(net::Loop& loop);
  /// On the loop's thread, with nobody waiting.
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// The other threads' end. It may outlive the wakeup and its loop; it then does nothing.
  class Sender {
   public:
    Sender() = default;
    void notify() const;

   private:
    friend class Wakeup;
    explicit Sender(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };
  [[nodiscard]] Sender sender() const { return Sender(state_); }

  /// Awaitable: true when notified, false when cancelled or `timeout` (zero or less: none) is over.
  class Wait final : private net::Alarm, private net::Cancellable {
   public:
    Wait(Wakeup& wakeup, net::Duration timeout, net::Cancellation& cancellation)
        : state_(*wakeup.state_), timeout_(timeout), cancellation_(cancellation) {}

    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> awaiting);
    [[nodiscard]] bool await_resume() const { return is_notified_; }

   private:
    friend class Wakeup;
    void end(bool is_notified);
    void on_alarm() override { end(false); }
    void on_cancel() override { end(false); }

    State& state_;
    net::Duration timeout_;
    net::Cancellation& cancellation_;
    std::coroutine_handle<> awaiting_;
    bool is_notified_ = false;
  };

 private:
  struct State {
    explicit State(net::Loop& its_loop) : thread_loop(its_loop), loop(&its_loop) {}
    bool take_notice();

    net::Loop& thread_loop;   ///< for the loop's own thread
    Wait* waiting = nullptr;  ///< the loop's thread only
    std::mutex mutex;
    net::Loop* loop;  ///< null once the wakeup is gone: nobody may post any more
    bool is_notified = false;
    bool is_posted = false;
  };

  std::shared_ptr<State> state_;
};

}  // namespace weir::api
