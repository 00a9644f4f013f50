// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

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
  UsageWatch(const pipeline::WallClock& wall, Log& log, UsagePlace place)
      : wall_(wall), log_(log), place_(std::move(place)), open_at_(place_) {}
  ~UsageWatch();
  UsageWatch(const UsageWatch&) = delete;
  UsageWatch& operator=(const UsageWatch&) = delete;

  /// Adds up what there is, so that `used` answers for all calls until now. Before `start`.
  Result<> catch_up();
  /// The same in a file of the data directory, where a database can't be reached.
  Result<> catch_up_alone();
  /// What was taken of a window of a quota or budget. After `catch_up`, before `start`.
  Result<std::optional<policy::WindowUse>> used(std::string_view window);
  void start();
  void set_snapshot(std::shared_ptr<const engine::Snapshot> snapshot);
  /// What was written until now is still added.
  void stop();
  void join();

  /// Where the sums are, for whoever wants to know them. Any thread. Errors: `store_unavailable`,
  /// at once when it is known that they can't be reached (D-1).
  Result<std::unique_ptr<usage::Store>> sums();
  /// Any thread.
  [[nodiscard]] bool is_down() const { return is_down_; }

 private:
  void run();
  Result<> catch_up_at(const UsagePlace& place);
  void close();
  Result<> add_all();
  Result<> open();
  void note(const Result<>& added);
  /// True: there is more.
  Result<bool> add_some();
  Result<> forget_old();
  [[nodiscard]] std::shared_ptr<const engine::Snapshot> snapshot();

  const pipeline::WallClock& wall_;
  Log& log_;
  const UsagePlace place_;
  UsagePlace open_at_;
  std::atomic<bool> is_down_ = false;
  std::atomic<bool> is_doubted_ = false;  ///< another could not reach them

  std::mutex mutex_;  ///< of the next three
  std::condition_variable wakes_;
  bool is_stopping_ = false;
  std::shared_ptr<const engine::Snapshot> snapshot_;

  std::unique_ptr<usage::Store> store_;
  std::optional<ledger::Reader> reader_;
  ledger::Position position_;
  std::size_t calls_at_once_ = 1'000;  ///< as many as the store takes in time
  std::int64_t forgotten_ms_ = 0;
  std::thread thread_;
};

}  // namespace weir::server
