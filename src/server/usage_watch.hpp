// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/snapshot.hpp"
#include "ledger/reader.hpp"
#include "pipeline/attempt.hpp"
#include "server/log.hpp"
#include "server/usage_store.hpp"

namespace weir::server {

/// Adds up the ledger, on a thread of its own: reads what was written and keeps the sums and the
/// index. No request ever waits for it.
///
/// `set_snapshot` and `stop` are for any thread.
class UsageWatch {
 public:
  /// Told from its thread how many calls could not be added up yet, and whether the closed files of
  /// the ledger that they stand in take more room than they may (section 16).
  using OnBacklog = std::function<void(std::uint64_t calls, bool is_full)>;
  UsageWatch(const pipeline::WallClock& wall, Log& log, UsagePlace place, OnBacklog on_backlog)
      : wall_(wall),
        log_(log),
        place_(std::move(place)),
        on_backlog_(std::move(on_backlog)),
        open_at_(place_) {}
  ~UsageWatch();
  UsageWatch(const UsageWatch&) = delete;
  UsageWatch& operator=(const UsageWatch&) = delete;

  /// Adds up what there is, so that `used` answers for all calls until now. Before `start`.
  Result<> catch_up();
  /// The same in a file of the data directory, where a database can't be reached.
  Result<> catch_up_alone();
  /// What was taken of windows of quotas and budgets. After `catch_up`, before `start`.
  Result<usage::Store::WindowUses> used(const std::vector<std::string>& windows);
  void start();
  void set_snapshot(std::shared_ptr<const engine::Snapshot> snapshot);
  /// What was written until now is still added.
  void stop();
  void join();

  /// Where the sums are, for whoever wants to know them. Any thread. Errors: `store_unavailable`,
  /// at once when it is known that they can't be reached (D-1).
  Result<std::unique_ptr<usage::Store>> sums();
  /// Any thread. After the third failure in a row, until it goes well again.
  [[nodiscard]] bool is_down() const { return failures_ >= failures_until_down; }

 private:
  void run();
  Result<> catch_up_at(const UsagePlace& place);
  void close();
  Result<> add_all();
  Result<> open();
  void note(const Result<>& added);
  /// What has come since adding went wrong.
  Result<> count_waiting();
  void measure_backlog();
  /// True: there is more.
  Result<bool> add_some();
  Result<> forget_old();
  [[nodiscard]] std::shared_ptr<const engine::Snapshot> snapshot();

  const pipeline::WallClock& wall_;
  Log& log_;
  const UsagePlace place_;
  static constexpr int failures_until_down = 3;
  const OnBacklog on_backlog_;
  UsagePlace open_at_;
  std::atomic<int> failures_ = 0;         ///< in a row
  std::atomic<bool> is_doubted_ = false;  ///< another could not reach them

  std::mutex mutex_;  ///< of the next three
  std::condition_variable wakes_;
  bool is_stopping_ = false;
  std::shared_ptr<const engine::Snapshot> snapshot_;

  std::unique_ptr<usage::Store> store_;
  std::optional<ledger::Reader> reader_;
  std::vector<usage::Store::Entry> entries_;  ///< those added last, for their room
  std::optional<ledger::Reader> counting_;    ///< goes on where adding stopped
  std::uint64_t calls_waiting_ = 0;
  bool is_full_ = false;
  bool is_position_known_ = false;
  ledger::Position position_;
  std::size_t calls_at_once_ = 1'000;  ///< as many as the store takes in time
  std::int64_t forgotten_ms_ = 0;
  std::int64_t forgotten_rows_ = 0;  ///< not told of yet
  std::thread thread_;
};

}  // namespace weir::server
