// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/config.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "server/background.hpp"
#include "store/response_store.hpp"
#include "store/sealing.hpp"

namespace weir::server {

/// Where all threads keep answers of the Responses API. The store has a thread of its own, so that
/// nobody waits for its disk who asked for nothing there; it is opened at first use.
class ResponseArchive {
 public:
  ResponseArchive(const config::ResponseSettings& settings, std::string data_directory);

  /// False: answers are not kept, and none is found.
  [[nodiscard]] bool is_on() const { return settings_.store != config::ResponseStorage::off; }

  /// Has `question` asked of the store on its own thread and goes on on the loop's. What it refers
  /// to outlives the task. Errors: `store_unavailable` where the store can't be opened, and those
  /// of the question.
  using Question = std::function<Result<>(store::ResponseStore& store)>;
  net::Task<Result<>> ask(net::Loop& loop, Question question);

  /// Keeps `response` for `ttl` from `now_ms` on.
  net::Task<Result<>> put(net::Loop& loop, store::StoredResponse response, std::int64_t now_ms,
                          std::chrono::milliseconds ttl);

 private:
  Result<> ask_here(const Question& question);
  Result<> open();
  void sweep(std::int64_t now_ms);

  const config::ResponseSettings settings_;
  const std::string data_directory_;
  // For the store's thread only.
  std::unique_ptr<store::DataKeys> keys_;
  std::unique_ptr<store::ResponseStore> store_;
  std::optional<Error> failure_;  ///< why it could not be opened
  std::chrono::steady_clock::time_point failed_at_;
  std::int64_t swept_ms_ = 0;

  Background thread_;  ///< last: its work uses the others
};

}  // namespace weir::server
