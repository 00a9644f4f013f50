// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ledger/lane.hpp"
#include "ledger/recovery.hpp"
#include "ledger/segment.hpp"

namespace weir::ledger {

/// Whether more calls are to come (section 16).
enum class Intake : std::uint8_t {
  open,
  full,    ///< too much of the ledger is not added up yet
  closed,  ///< it can't be added up, and none are to come until it can
};

/// What the ledger's own threads do beside the lanes, so that these never wait for a disk: one
/// makes segments ahead, syncs what was written and closes what is full; another packs closed
/// segments and removes those whose time is over.
class Spool {
 public:
  struct Options {
    std::size_t segment_bytes = std::size_t{8} << 20;
    std::chrono::milliseconds sync_interval{50};
    std::int64_t retention_ms = 0;  ///< 0 = for ever
    bool leaves_damage = false;  ///< streams with damage stay as they are: who starts refuses them
    std::function<std::int64_t()> unix_ms;
    /// Told from the spool's threads what went wrong, once for each kind until it goes well again.
    std::function<void(const Error&)> on_problem = [](const Error&) {};
    /// Told when the streams of earlier processes were looked after.
    std::function<void(const Recovered&)> on_recovered = [](const Recovered&) {};
    /// Told before segments go whose time is over: how many, and when the youngest was closed. They
    /// stay for now where that can't be written down.
    std::function<Result<>(std::size_t segments, std::int64_t closed_ms)> on_removal =
        [](std::size_t, std::int64_t) { return Result<>(); };
  };

  /// `files` outlives the spool.
  Spool(store::SpoolFiles& files, std::string folder, Options options);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// A lane for one thread, which lives as long as the spool. Precondition: not started.
  Lane& add_lane(std::uint64_t stream);
  /// Makes the first segments and starts the threads. When that can't be done now it is tried again
  /// every second.
  void start();
  /// Ends all lanes and puts their segments away. Precondition: no thread uses its lane any more.
  void stop();

  /// Calls `then` with whether what `lane` has written by now survives a loss of power, once that
  /// is known. From the lane's own thread; `then` is called on the spool's.
  void when_synced(Lane& lane, std::function<void(bool)> then);

  /// For any thread: how many calls could not be added up yet, and whether more are to come.
  void set_backlog(std::uint64_t calls, Intake intake) {
    figures_.waiting.store(calls, std::memory_order_relaxed);
    intake_.store(intake, std::memory_order_relaxed);
  }
  [[nodiscard]] Intake intake() const { return intake_.load(std::memory_order_relaxed); }

  [[nodiscard]] const Figures& figures() const { return figures_; }
  /// The first segments are there: calls can be written down.
  [[nodiscard]] bool is_ready() const { return is_recovered_.load(std::memory_order_acquire); }

  // ---- one round of each thread's work; for tests, in the place of `start`

  /// Answers whether it is to be tried again soon, since something failed.
  bool tend();
  /// Packs one segment, or removes some. False: there was nothing to do.
  bool tidy_up();

 private:
  struct Waiter {
    Lane* lane = nullptr;
    std::function<void(bool)> then;
  };

  void keep();
  void archive();
  void wake(Lane::Urgency urgency);
  Result<> look_after_others();
  Result<> supply(Lane& lane);
  Result<std::shared_ptr<WritableSegment>> make_segment(std::uint64_t stream);
  Result<> sync(Lane& lane);
  Result<> put_away(Lane& lane);
  Result<> close(WritableSegment& segment);
  Result<bool> pack_one();
  Result<bool> remove_old();
  void report(Result<> result, bool& is_failing);

  store::SpoolFiles& files_;
  std::string folder_;
  Options options_;
  Figures figures_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::shared_ptr<WritableSegment>> unclosed_;  ///< closing them failed; the keeper's
  std::atomic<bool> is_recovered_ = false;
  std::atomic<Intake> intake_ = Intake::open;
  bool is_supply_failing_ = false;
  bool is_sync_failing_ = false;
  bool is_archive_failing_ = false;

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::condition_variable archive_wakes_;
  std::vector<Waiter> waiters_;
  bool is_woken_ = false;
  bool is_urgent_ = false;
  bool is_ending_ = false;
  std::thread keeper_;
  std::thread archivist_;
};

}  // namespace weir::ledger
