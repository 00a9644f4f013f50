// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <vector>

#include <sys/epoll.h>

#include "net/deadline_wheel.hpp"
#include "net/loop.hpp"

namespace weir::net {

class EpollLoop;

/// What a loop tells about a descriptor. Registered once for the descriptor's whole life and
/// edge-triggered: from then on what is readable or writable is known without asking the kernel,
/// and no operation costs a call of its own to be waited for.
class Pollable {
 public:
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;

 protected:
  explicit Pollable(EpollLoop& loop) : loop_(loop) {}
  virtual ~Pollable();

  /// `events`: EPOLL* bits that newly hold, 0 in a turn asked for by `defer`. May destroy this.
  virtual void on_events(std::uint32_t events) = 0;

  /// Registers `fd`, for reading and writing. False when the kernel refuses.
  [[nodiscard]] bool watch(int fd);
  /// Nothing more is told of `fd`. Before the descriptor is closed.
  void unwatch(int fd) noexcept;
  /// Asks for one call of `on_events` in the loop's next turn.
  void defer();
  /// The same for what may begin something new: so many in a turn, in the order in which they
  /// asked. What has begun goes first, so that the work under way stays little and its memory warm
  /// however many want to begin.
  void stand_in_line();
  [[nodiscard]] EpollLoop& loop() const noexcept { return loop_; }

 private:
  friend class EpollLoop;
  static constexpr std::size_t not_deferred = static_cast<std::size_t>(-1);

  EpollLoop& loop_;
  std::size_t place_ = not_deferred;  ///< in the loop's list
  std::uint64_t number_ = 0;          ///< in its line; 0: does not stand there
};

/// The real loop, run by one thread: one `epoll_wait` per turn, which tells of everything that
/// happened since the last.
///
/// `now` is the time the turn began. A turn takes well under a millisecond, and a reading of the
/// clock for each of a request's dozen deadlines is not free.
class EpollLoop final : public Loop {
 public:
  EpollLoop();
  ~EpollLoop() override;
  EpollLoop(const EpollLoop&) = delete;
  EpollLoop& operator=(const EpollLoop&) = delete;

  /// Runs until `stop` and until no operation is under way.
  void run();
  /// Ends `run` once its pending work is done. For any thread.
  void stop();

  [[nodiscard]] TimePoint now() const override { return now_; }
  void arm_coarse(Alarm& alarm, TimePoint when) override;
  void arm_exact(Alarm& alarm, TimePoint when) override;
  void disarm(Alarm& alarm) noexcept override;
  void post(std::function<void()> work) override;

  /// Between these two `run` does not return.
  void begin_operation() noexcept { ++operations_; }
  void end_operation() noexcept { --operations_; }

 private:
  friend class Pollable;
  struct Earlier {
    bool operator()(const Alarm* a, const Alarm* b) const;
  };
  static constexpr std::size_t events_max = 256;
  static constexpr int begun_at_once_max = 32;

  [[nodiscard]] bool has_work();
  void turn();
  [[nodiscard]] int wait_max_ms() const;
  void tell_events(std::size_t count);
  void run_posted();
  void run_deferred();
  void run_first_in_line();
  void fire_alarms();
  void forget(Pollable& pollable) noexcept;

  int epoll_ = -1;
  int wake_ = -1;  ///< an eventfd: something was posted
  std::array<epoll_event, events_max> events_{};
  std::size_t event_next_ = 0;  ///< of those, the ones not told yet
  std::size_t event_end_ = 0;
  std::vector<Pollable*> deferred_;  ///< null: gone since
  std::deque<Pollable*> line_;       ///< the same
  std::uint64_t first_number_ = 1;   ///< of the first in line
  std::size_t operations_ = 0;
  bool is_stopping_ = false;

  TimePoint now_;
  DeadlineWheel wheel_;
  TimePoint next_tick_{};
  std::set<Alarm*, Earlier> exact_;

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace weir::net
