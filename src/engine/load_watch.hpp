// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "engine/snapshot.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/attempt.hpp"

namespace weir::engine {

/// What a server says of its load.
struct LoadReport {
  std::int32_t queued = 0;          ///< requests that wait for their turn
  std::int32_t cache_permille = 0;  ///< of its KV cache in use
  bool is_unwell = false;           ///< it doesn't answer, or says that it can't serve
  bool operator==(const LoadReport&) const = default;
};

/// Reads the metrics of a vLLM server, over all models and engines it runs; what is not there
/// counts as nothing.
LoadReport read_vllm_load(std::string_view metrics);

/// Asks the vLLM servers that were used in the last minute for their health and their load, again
/// and again, and notes it beside their figures.
///
/// For its loop's thread.
class LoadWatch {
 public:
  LoadWatch(net::Loop& loop, pipeline::ExchangeFactory& exchanges, const pipeline::WallClock& wall);
  ~LoadWatch();
  LoadWatch(const LoadWatch&) = delete;
  LoadWatch& operator=(const LoadWatch&) = delete;

  /// True when a provider of `snapshot` can tell of its load.
  static bool is_needed(const Snapshot& snapshot);
  void set_snapshot(const Snapshot& snapshot);
  /// Ends what is under way and asks no more.
  void stop();

 private:
  struct Server;

  void ask_all();
  net::Task<void> look(std::shared_ptr<Server> server);

  net::Loop& loop_;
  pipeline::ExchangeFactory& exchanges_;
  const pipeline::WallClock& wall_;
  std::vector<std::shared_ptr<Server>> servers_;
  net::Duration interval_{};
  net::CallbackAlarm next_;
  net::TaskSet tasks_;
};

}  // namespace weir::engine
