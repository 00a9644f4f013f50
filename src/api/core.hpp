// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/books.hpp"
#include "api/embedded_providers.hpp"
#include "api/lane.hpp"
#include "config/config.hpp"
#include "config/environment.hpp"
#include "engine/detection.hpp"
#include "shared_state/gate.hpp"
#include "shared_state/limits.hpp"
#include "weir/gateway.hpp"

namespace weir::api {

struct RegisteredTool {
  ToolSpec spec;
  ToolFunction function;
};

/// What stands behind a `Gateway`: the configuration in force, the lanes and what they share.
class Core {
 public:
  using Implementations = std::map<std::string, std::shared_ptr<Provider>>;

  /// Errors: `invalid_request` for a configuration that means nothing; those of `Books`.
  static Result<std::unique_ptr<Core>> make(config::Config config, config::Environment environment,
                                            Implementations implementations, int provider_threads);
  /// Lets calls end within the drain timeout, cancels the rest and joins.
  ~Core();

  // ---- calls ----

  CallHandle start_chat(ChatRequest request, CallOptions options, Completion<ChatResponse> done);
  CallHandle start_embed(EmbeddingRequest request, CallOptions options,
                         Completion<EmbeddingResponse> done);
  ChatStream open_stream(ChatRequest request, CallOptions options);
  // Blocking.
  Result<ChatResponse> chat(ChatRequest request, CallOptions options);
  Result<EmbeddingResponse> embed(EmbeddingRequest request, CallOptions options);
  Result<ChatResponse> stream(ChatRequest request, const StreamHandler& on_piece,
                              CallOptions options);
  Result<> connect(const std::vector<std::string>& names);

  /// `provider/model` for a request that goes to one provider directly. Errors: `not_found`-kind.
  Result<std::string> direct_model(const std::string& provider, std::string_view model) const;

  // ---- configuration ----

  [[nodiscard]] std::shared_ptr<const engine::Snapshot> snapshot() const;
  [[nodiscard]] const config::Environment& environment() const { return environment_; }
  using Change = std::function<Result<>(config::Config&)>;
  /// Makes what `change` leaves the configuration in force, or changes nothing. `added` become
  /// known with it.
  Result<> change(const Change& change, const Implementations& added = {});
  Result<> remove_provider(std::string_view name);
  Result<> set_default_provider(std::string_view name);

  // ---- tools ----

  Result<> register_tool(RegisteredTool tool);
  bool remove_tool(std::string_view name);
  [[nodiscard]] std::map<std::string, RegisteredTool, std::less<>> tools() const;

  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] LedgerStatistics ledger() const;
  /// Of each provider, what calls saw and what its circuit breaker made of it.
  [[nodiscard]] std::map<std::string, ProviderHealth> health() const;

 private:
  Core(config::Environment environment, const config::Config& config, int provider_threads);
  Result<> start_lanes(const config::Config& config);
  void set_limits(const config::Config& config);
  /// With what providers told of their models. Precondition: `change_mutex_` is held.
  Result<std::shared_ptr<const engine::Snapshot>> make_snapshot(config::Config config);
  /// Puts it in force. The same precondition.
  void publish(std::shared_ptr<const engine::Snapshot> snapshot);
  void adopt(config::DetectedModels detected);
  void prepare(Job& job, CallOptions options);
  Lane& next_lane();
  /// False: the gateway takes no more calls.
  bool count_call();
  void end_call();

  config::Environment environment_;
  std::uint64_t seed_;
  engine::SystemClock wall_;
  shared_state::Gate gate_;
  shared_state::Limits limits_;
  net::TlsClientContexts tls_;
  Admission admission_;
  Figures figures_;
  std::chrono::milliseconds drain_timeout_;
  EmbeddedRegistry embedded_;
  LaneContext lane_context_;

  mutable std::mutex mutex_;
  std::shared_ptr<const engine::Snapshot> snapshot_;
  std::string default_provider_;
  std::map<std::string, RegisteredTool, std::less<>> tools_;
  std::mutex change_mutex_;          ///< one change at a time
  config::DetectedModels detected_;  ///< what providers told, as the snapshot in force has it

  std::mutex calls_mutex_;
  std::condition_variable calls_ended_;
  std::size_t calls_ = 0;
  bool is_closing_ = false;

  std::unique_ptr<Books> books_;  ///< null: there is no data directory
  std::atomic<std::uint64_t> turn_{0};
  std::vector<std::unique_ptr<Lane>> lanes_;
  engine::Detection detection_;  ///< the last: its thread puts snapshots in force
};

/// Refuses what would block a thread of the gateway itself.
Result<> may_block();

}  // namespace weir::api
