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
#include "ledger/spool.hpp"
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
  struct Options {
    UsagePlace place = {};
    bool closes_while_down = false;  ///< no calls are to come while the sums can't be stored
    /// Told from its thread how many calls could not be added up yet, and whether more are to come
    /// (section 16): not when the closed files of the ledger that they stand in take more room than
    /// they may.
    std::function<void(std::uint64_t calls, ledger::Intake intake)> on_backlog =
        [](std::uint64_t, ledger::Intake) {};
  };
  UsageWatch(const pipeline::WallClock& wall, Log& log, Options options)
      : wall_(wall),
        log_(log),
        options_(std::move(options)),
        place_(options_.place),
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
  /// Where calls are not to come while the sums can't be stored, it is known when this returns.
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
  Result<> open_reader();
  void note(const Result<>& added);
  /// What has come since adding went wrong.
  Result<> count_waiting();
  void measure_backlog();
  void tell_backlog() const;
  /// True: there is more.
  Result<bool> add_some();
  Result<> forget_old();
  [[nodiscard]] std::shared_ptr<const engine::Snapshot> snapshot();

  const pipeline::WallClock& wall_;
  Log& log_;
  const Options options_;
  const UsagePlace& place_;
  static constexpr int failures_until_down = 3;
  UsagePlace open_at_;
  std::atomic<int> failures_ = 0;         ///< in a row
  std::atomic<bool> is_doubted_ = false;  ///< another could not reach them

  std::mutex mutex_;  ///< of the next three
  std::condition_variable wakes_;
  bool is_stopping_ = false;
  std::shared_ptr<const engine::Snapshot> snapshot_;

  std::unique_ptr<usage::Store> store_;
  std::optional<ledger::Reader> reader_;
  std::optional<ledger::Reader> counting_;  ///< goes on where adding stopped
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
