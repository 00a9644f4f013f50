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
  /// The same for what may begin something new: so many in a turn. What has begun goes first, so
  /// that the work under way stays little and its memory warm however many want to begin. For the
  /// same reason there are two lines: who is new, or has just had its turn, stands in the short one
  /// a few times and then once in the long one.
  void stand_in_line();
  [[nodiscard]] EpollLoop& loop() const noexcept { return loop_; }

 private:
  friend class EpollLoop;
  static constexpr std::size_t not_deferred = static_cast<std::size_t>(-1);
  static constexpr int short_waits = 3;

  EpollLoop& loop_;
  std::size_t place_ = not_deferred;  ///< in the loop's list
  std::uint64_t number_ = 0;          ///< in the line it stands in; 0: in none
  bool is_in_short_line_ = false;
  int short_waits_left_ = short_waits;
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
  /// Of these from the short line, while somebody stands in the long one. More than the share that
  /// short waits have of all, or the short line would become the longer one.
  static constexpr int short_begun_max = 28;
  static_assert(short_begun_max * (Pollable::short_waits + 1) >
                begun_at_once_max * Pollable::short_waits);

  /// Who waits to begin, first come first served; null: gone since.
  class Line {
   public:
    /// The number to leave it by; never 0.
    std::uint64_t join(Pollable& pollable);
    void leave(std::uint64_t number) noexcept { waiting_[number - first_] = nullptr; }
    /// Null: nobody waits.
    Pollable* next();
    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }

   private:
    std::deque<Pollable*> waiting_;
    std::uint64_t first_ = 1;  ///< number of the first of them
  };

  [[nodiscard]] bool has_work();
  [[nodiscard]] bool has_waiting() const noexcept {
    return !short_line_.empty() || !long_line_.empty();
  }
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
  Line short_line_;
  Line long_line_;
  std::size_t operations_ = 0;
  bool is_stopping_ = false;
  bool is_quiet_ = false;  ///< the latest turn had nothing but alarms

  TimePoint now_;
  DeadlineWheel wheel_;
  TimePoint next_tick_{};
  std::set<Alarm*, Earlier> exact_;

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace weir::net
