// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/snapshot.hpp"
#include "health/monitor.hpp"
#include "pipeline/attempt.hpp"
#include "server/alert_desk.hpp"
#include "server/clock_watch.hpp"
#include "server/log.hpp"
#include "shared_state/gate.hpp"
#include "store/database/health_store.hpp"

namespace weir::server {

/// Watches over the providers, on a thread of its own: looks at their meters every few seconds and
/// keeps the history, and what the gate and the alerts remember over a restart. No request ever
/// waits for it.
///
/// `set_snapshot` and `stop` are for any thread, as is what asks.
class HealthWatch {
 public:
  HealthWatch(const pipeline::WallClock& wall, shared_state::Gate& gate, Log& log);
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  /// `folder` is where the history is kept; empty: nowhere.
  void start(std::string folder);
  void set_snapshot(std::shared_ptr<const engine::Snapshot> snapshot);
  void stop();
  void join();

  /// Calls `read` with figures of this moment.
  void look(const std::function<void(const health::Monitor& monitor)>& read);
  /// Calls `read` with the incidents of this moment.
  void look_at_alerts(const std::function<void(const health::Alerts& alerts)>& read);
  /// Removes the events of this subject, a little later also from where they are kept; answers how
  /// many they were.
  std::size_t forget_alerts(std::string_view subject);
  /// Limits that alerts watch beside those that providers tell of. Before `start`.
  void add_limits(AlertDesk::LimitSource source) { alerts_.add_limits(std::move(source)); }
  /// Points of the history, by start. Errors: `store_unavailable`.
  Result<std::vector<health::Point>> history(health::Resolution resolution, std::string_view series,
                                             std::int64_t from_ms, std::size_t count_max);

 private:
  void run();
  void open_store();
  void look_now();
  [[nodiscard]] std::int64_t now_ms();
  void look_at_clock();
  void keep_points();
  void restore_gate();
  void keep_gate();
  void restore_alerts();
  void keep_alerts();
  void keep_text(const char* file, std::string text, std::string& kept);
  void forget_old();

  const pipeline::WallClock& wall_;
  shared_state::Gate& gate_;
  Log& log_;
  std::string folder_;

  std::mutex mutex_;  ///< of the monitor, the alerts, the snapshot and the clock
  std::condition_variable wakes_;
  bool is_stopping_ = false;
  bool has_news_ = false;  ///< events that are not kept yet
  std::shared_ptr<const engine::Snapshot> snapshot_;
  health::Monitor monitor_{{}};
  AlertDesk alerts_;
  std::int64_t wall_start_ms_ = 0;
  std::chrono::steady_clock::time_point steady_start_;
  ClockWatch clock_;

  std::mutex store_mutex_;
  std::unique_ptr<store::HealthStore> store_;
  std::string gate_text_;    ///< as it was kept last
  std::string alerts_text_;  ///< the same
  std::thread thread_;
};

}  // namespace weir::server
