// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>

#include "base/assert.hpp"

namespace weir::net {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;

class Loop;

/// Something to be done at an instant. Armed and disarmed in constant time; destroying it disarms.
class Alarm {
 public:
  Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  virtual ~Alarm();
  [[nodiscard]] bool is_armed() const noexcept { return loop_ != nullptr; }
  void disarm() noexcept;

 protected:
  virtual void on_alarm() = 0;

 private:
  friend class Loop;
  friend class DeadlineWheel;
  friend class EpollLoop;
  void fire() { on_alarm(); }

  Loop* loop_ = nullptr;
  Alarm* next_ = nullptr;
  Alarm* previous_ = nullptr;
  TimePoint when_{};
  std::uint32_t slot_ = 0;  ///< of the wheel
  bool is_exact_ = false;
};

/// One thread's event loop, as the rest of the program sees it: time and wake-ups. The real one is
/// epoll's; the simulator has one of its own with virtual time.
///
/// All members are for the loop's own thread, except `post`.
class Loop {
 public:
  virtual ~Loop() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;

  /// For timeouts: fires at `when` or up to 20 ms later. Arming anew moves it, and costs next to
  /// nothing where that is later.
  virtual void arm_coarse(Alarm& alarm, TimePoint when) = 0;
  /// For waits whose length matters (back-off, pacing).
  virtual void arm_exact(Alarm& alarm, TimePoint when) = 0;
  virtual void disarm(Alarm& alarm) noexcept = 0;

  /// Runs `work` on the loop's thread, soon. For any thread.
  virtual void post(std::function<void()> work) = 0;

 protected:
  // What an implementation does with alarms: an armed one knows its loop.
  void claim(Alarm& alarm) noexcept { alarm.loop_ = this; }
  static void release(Alarm& alarm) noexcept { alarm.loop_ = nullptr; }
  static void fire(Alarm& alarm) { alarm.fire(); }
};

inline Alarm::~Alarm() { disarm(); }
inline void Alarm::disarm() noexcept {
  if (loop_ != nullptr) loop_->disarm(*this);
}

/// An alarm that calls a function.
class CallbackAlarm final : public Alarm {
 public:
  explicit CallbackAlarm(std::function<void()> callback) : callback_(std::move(callback)) {}

 private:
  void on_alarm() override { callback_(); }
  std::function<void()> callback_;
};

class Cancellation;

/// A wait, or a whole phase, that a `Cancellation` can end early.
class Cancellable {
 public:
  Cancellable() = default;
  Cancellable(const Cancellable&) = delete;
  Cancellable& operator=(const Cancellable&) = delete;
  virtual ~Cancellable();

  /// Called at most once, when the request is cancelled while this is registered.
  virtual void on_cancel() = 0;

 private:
  friend class Cancellation;
  Cancellation* owner_ = nullptr;
  Cancellable* next_ = nullptr;
  Cancellable* previous_ = nullptr;
};

/// The end of one request, told to everything that waits on its behalf: its client left, its time
/// is up, or the program stops. Single-threaded.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;
  ~Cancellation() {
    WEIR_ASSERT(first_ == nullptr);
    if (is_gone_ != nullptr) *is_gone_ = true;
  }

  /// Tells everything that waits. A waiter may resume the very coroutine that owns this object and
  /// run it to its end, so this object may be gone when the call returns.
  void cancel() {
    if (is_cancelled_) return;
    is_cancelled_ = true;
    bool is_gone = false;  // the destructor sets it, which clang's analyzer does not follow
    is_gone_ = &is_gone;
    while (!is_gone && first_ != nullptr) {  // NOLINT(clang-analyzer-cplusplus.NewDelete)
      Cancellable& waiting = *first_;
      remove(waiting);
      waiting.on_cancel();
    }
    if (!is_gone) is_gone_ = nullptr;
  }
  [[nodiscard]] bool is_cancelled() const noexcept { return is_cancelled_; }

  /// Precondition: not cancelled, and `waiting` registered nowhere.
  void add(Cancellable& waiting) {
    WEIR_ASSERT(!is_cancelled_);
    WEIR_ASSERT(waiting.owner_ == nullptr);
    waiting.owner_ = this;
    waiting.previous_ = nullptr;
    waiting.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &waiting;
    first_ = &waiting;
  }
  void remove(Cancellable& waiting) noexcept {
    if (waiting.owner_ != this) return;
    if (waiting.previous_ != nullptr) waiting.previous_->next_ = waiting.next_;
    if (waiting.next_ != nullptr) waiting.next_->previous_ = waiting.previous_;
    if (first_ == &waiting) first_ = waiting.next_;
    waiting.owner_ = nullptr;
    waiting.next_ = waiting.previous_ = nullptr;
  }

 private:
  Cancellable* first_ = nullptr;
  bool* is_gone_ = nullptr;  ///< set while `cancel` runs
  bool is_cancelled_ = false;
};

inline Cancellable::~Cancellable() {
  if (owner_ != nullptr) owner_->remove(*this);
}

/// Awaitable: waits until `until`, or until cancelled. The result tells which: true = waited it
/// out.
class Sleep final : private Alarm, private Cancellable {
 public:
  Sleep(Loop& loop, TimePoint until, Cancellation& cancellation)
      : loop_(loop), until_(until), cancellation_(cancellation) {}

  [[nodiscard]] bool await_ready() const {
    return cancellation_.is_cancelled() || until_ <= loop_.now();
  }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    cancellation_.add(*this);
    loop_.arm_exact(*this, until_);
  }
  [[nodiscard]] bool await_resume() const { return !cancellation_.is_cancelled(); }

 private:
  void on_alarm() override {
    cancellation_.remove(*this);
    awaiting_.resume();
  }
  void on_cancel() override {
    disarm();
    awaiting_.resume();
  }

  Loop& loop_;
  TimePoint until_;
  Cancellation& cancellation_;
  std::coroutine_handle<> awaiting_;
};

}  // namespace weir::net
