// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "engine/detector.hpp"
#include "engine/engine.hpp"
#include "engine/load_watch.hpp"
#include "engine/probes.hpp"

namespace weir::engine {

/// The thread that asks providers for their models, their load and whether they answer, with
/// connections of its own, so that no answer to a client ever waits for it. Started when there is
/// something to ask, and only then.
///
/// `set_snapshot` is for one thread at a time, the rest for any.
class Detection {
 public:
  /// `on_change` is called on that thread.
  Detection(const EngineContext& context, std::uint64_t seed, Detector::OnChange on_change);
  ~Detection();
  Detection(const Detection&) = delete;
  Detection& operator=(const Detection&) = delete;

  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  /// Asks all again, as soon as the gap allows.
  void look_again();
  /// Asks one at once. `on_known`, which may be empty: see Detector::look_now; called on any
  /// thread, and never where the thread is about to end.
  void look_now(std::string provider, std::function<void()> on_known);
  [[nodiscard]] config::Looks looks() const;
  [[nodiscard]] health::Probed probed() const { return probes_.figures(); }

  /// Lets the thread end; it may still call `on_change` until `join` returns.
  void stop();
  void join();

 private:
  Engine engine_;
  Detector detector_;
  LoadWatch load_watch_;
  Probes probes_;
  std::atomic<bool> is_started_{false};
  std::atomic<bool> is_stopped_{false};
  std::thread thread_;
};

}  // namespace weir::engine
