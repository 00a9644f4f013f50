// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/snapshot.hpp"

namespace weir::engine {

/// The snapshot in force, changed for all threads in one moment: who has met a new one, or was told
/// of it, meets no older one afterwards, whichever thread answers. For any thread.
class CurrentSnapshot {
 public:
  void set(std::shared_ptr<const Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot_.swap(snapshot);
    version_.fetch_add(1, std::memory_order_release);
  }

  /// Null before the first `set`.
  [[nodiscard]] std::shared_ptr<const Snapshot> get() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

 private:
  friend class SnapshotFollower;

  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::atomic<std::uint64_t> version_ = 0;
};

/// One thread's hold on the snapshot in force, which costs a load while that stays the same.
class SnapshotFollower {
 public:
  /// `current` outlives it.
  explicit SnapshotFollower(const CurrentSnapshot& current) : current_(current) {}

  /// True: it is another one than at the last call.
  [[nodiscard]] bool catch_up() {
    if (current_.version_.load(std::memory_order_acquire) == version_) return false;
    std::shared_ptr<const Snapshot> newest;
    {
      const std::lock_guard lock(current_.mutex_);
      newest = current_.snapshot_;
      version_ = current_.version_.load(std::memory_order_relaxed);
    }
    snapshot_ = std::move(newest);  // the last to hold the one before takes it apart: not locked
    return true;
  }

  /// As of the last `catch_up`; null before the first.
  [[nodiscard]] const std::shared_ptr<const Snapshot>& get() const { return snapshot_; }

 private:
  const CurrentSnapshot& current_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::uint64_t version_ = 0;
};

}  // namespace weir::engine
