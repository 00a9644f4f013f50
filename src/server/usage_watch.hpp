// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "engine/snapshot.hpp"
#include "ledger/reader.hpp"
#include "pipeline/attempt.hpp"
#include "server/log.hpp"
#include "usage/store.hpp"

namespace weir::server {

/// Adds up the ledger, on a thread of its own: reads what was written and keeps the sums and the
/// index. No request ever waits for it.
///
/// `set_snapshot` and `stop` are for any thread.
class UsageWatch {
 public:
  UsageWatch(const pipeline::WallClock& wall, Log& log) : wall_(wall), log_(log) {}
  ~UsageWatch();
  UsageWatch(const UsageWatch&) = delete;
  UsageWatch& operator=(const UsageWatch&) = delete;

  /// Adds up what there is, so that `used` answers for all calls until now. Before `start`.
  Result<> catch_up(const std::string& data_directory);
  /// What was taken of a window of a quota or budget. After `catch_up`, before `start`.
  Result<std::optional<policy::WindowUse>> used(std::string_view window);
  /// `data_directory` is where the ledger is, and where the sums are kept.
  void start(std::string data_directory);
  void set_snapshot(std::shared_ptr<const engine::Snapshot> snapshot);
  /// What was written until now is still added.
  void stop();
  void join();

 private:
  void run();
  Result<> open();
  /// True: there is more.
  Result<bool> add_some();
  Result<> forget_old();
  [[nodiscard]] std::shared_ptr<const engine::Snapshot> snapshot();

  const pipeline::WallClock& wall_;
  Log& log_;
  std::string data_directory_;

  std::mutex mutex_;  ///< of the next three
  std::condition_variable wakes_;
  bool is_stopping_ = false;
  std::shared_ptr<const engine::Snapshot> snapshot_;

  std::unique_ptr<usage::Store> store_;
  std::optional<ledger::Reader> reader_;
  ledger::Position position_;
  std::int64_t forgotten_ms_ = 0;
  std::thread thread_;
};

/// Where the sums of the ledger in `data_directory` are kept.
std::string usage_file(const std::string& data_directory);

}  // namespace weir::server
