// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/loop.hpp"

namespace weir::net {

/// Coarse alarms in slots of 20 ms: arming and disarming cost a few nanoseconds however many there
/// are, and no timer of the system runs per operation.
class DeadlineWheel {
 public:
  static constexpr std::chrono::milliseconds tick{20};

  void add(Alarm& alarm, TimePoint when);
  void remove(Alarm& alarm) noexcept;
  /// Fires everything due at `now`.
  void advance(TimePoint now);
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

 private:
  static constexpr std::size_t slot_count = 4096;  // one turn is 82 s; longer waits go round again

  [[nodiscard]] static std::int64_t tick_of(TimePoint when) {
    return when.time_since_epoch() / tick;
  }
  [[nodiscard]] Alarm*& slot_of(TimePoint when) {
    return slots_[static_cast<std::size_t>(tick_of(when)) % slot_count];
  }

  std::array<Alarm*, slot_count> slots_{};
  std::size_t count_ = 0;
  std::int64_t done_tick_ = 0;  ///< slots up to this tick were looked at
  Alarm* visiting_ = nullptr;   ///< the alarm `advance` looks at next
};

/// The real loop: Asio's io_context, run by one thread.
class AsioLoop final : public Loop {
 public:
  AsioLoop();
  ~AsioLoop() override;

  /// Runs until `stop` and until nothing is left to do.
  void run();
  /// Ends `run` once its pending work is done. For any thread.
  void stop();

  [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }
  void arm_coarse(Alarm& alarm, TimePoint when) override;
  void arm_exact(Alarm& alarm, TimePoint when) override;
  void disarm(Alarm& alarm) noexcept override;
  void post(std::function<void()> work) override;

  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  struct Earlier {
    bool operator()(const Alarm* a, const Alarm* b) const;
  };
  void wait_for_tick();
  void wait_for_exact();

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  DeadlineWheel wheel_;
  boost::asio::steady_timer tick_timer_;
  bool is_ticking_ = false;
  std::set<Alarm*, Earlier> exact_;
  boost::asio::steady_timer exact_timer_;
  TimePoint exact_waits_for_ = TimePoint::max();
};

}  // namespace weir::net
