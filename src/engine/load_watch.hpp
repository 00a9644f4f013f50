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
  std::int32_t queued = 0;             ///< requests that wait for their turn
  std::int32_t cache_permille = 0;     ///< of its KV cache in use
  bool is_unwell = false;              ///< it doesn't answer, or says that it can't serve
  std::int32_t models_loaded = -1;     ///< models in its memory; -1: it doesn't tell
  std::int64_t memory_bytes = 0;       ///< what they take
  std::int64_t memory_vram_bytes = 0;  ///< the share of it that graphics cards hold
  bool operator==(const LoadReport&) const = default;
};

/// Reads the metrics of a vLLM server, over all models and engines it runs; what is not there
/// counts as nothing.
LoadReport read_vllm_load(std::string_view metrics);

/// Reads what an Ollama server says of the models that it has loaded.
LoadReport read_ollama_memory(std::string_view running);

/// Asks the vLLM servers that were used in the last minute for their health and their load, and the
/// Ollama servers, also as long as they hold a model, for the memory in use, again and again, and
/// notes it beside their figures.
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
  net::Task<void> look_at_memory(std::shared_ptr<Server> server);

  net::Loop& loop_;
  pipeline::ExchangeFactory& exchanges_;
  const pipeline::WallClock& wall_;
  std::vector<std::shared_ptr<Server>> servers_;
  net::Duration interval_{};
  net::CallbackAlarm next_;
  net::TaskSet tasks_;
};

}  // namespace weir::engine
