// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "api/admission.hpp"
#include "api/answer.hpp"
#include "api/call_control.hpp"
#include "api/figures.hpp"
#include "api/stream_queue.hpp"
#include "net/task.hpp"
#include "engine/engine.hpp"
#include "engine/snapshot.hpp"
#include "weir/calls.hpp"

namespace weir::api {

/// A call on its way into a lane.
struct Job {
  CallOptions options;
  std::shared_ptr<const engine::Snapshot> snapshot;  ///< pinned: changes don't touch it
  std::shared_ptr<CallControl> control = std::make_shared<CallControl>();
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::string request_id;
  net::Cancellation cancellation;
  pipeline::Call* call = nullptr;  ///< while its attempts are under way
};

struct ChatJob : Job {
  ChatRequest request;
  std::shared_ptr<StreamQueue> queue;  ///< null: not streamed
  Completion<ChatResponse> done;       ///< where there is no queue
};

struct EmbedJob : Job {
  EmbeddingRequest request;
  Completion<EmbeddingResponse> done;
};

/// What all lanes share.
struct LaneContext {
  engine::EngineContext engine;
  engine::EmbeddedProviders& embedded;
  Admission& admission;
  Figures& figures;
  net::Duration reader_stall_max;     ///< for the readers of streams
  std::function<void()> on_call_end;  ///< once for each job, as its very last act
};

/// One thread that makes calls: an engine and what runs on it.
class Lane {
 public:
  /// `journal`, if not null, is this thread's and outlives the lane.
  Lane(const LaneContext& context, std::uint64_t seed, pipeline::Journal* journal);
  ~Lane();

  // For any thread.
  void start_chat(std::shared_ptr<ChatJob> job);
  void start_embed(std::shared_ptr<EmbedJob> job);
  using Warmed = std::function<void(Result<>)>;
  void start_warming(std::shared_ptr<const pipeline::Upstream> upstream, Warmed done);
  /// Cancels all calls under way.
  void cancel_all();
  /// Once no call is left: ends the thread.
  void finish();
  /// Waits for its end.
  void join();

  /// True on the thread of any lane: blocking there would be for ever.
  static bool is_current_thread() noexcept;

 private:
  class Turn;
  net::Task<void> serve_chat(std::shared_ptr<ChatJob> job);
  net::Task<void> serve_embed(std::shared_ptr<EmbedJob> job);
  net::Task<void> warm(std::shared_ptr<const pipeline::Upstream> upstream, Warmed done);
  net::Task<Result<ChatResponse>> chat(ChatJob& job);
  net::Task<Result<EmbeddingResponse>> embed(EmbedJob& job);
  /// Route, turn and time limit of a call, then the attempts.
  /// `endpoint` is a constant.
  net::Task<pipeline::CallResult> run(Job& job, std::string_view endpoint, std::string model,
                                      pipeline::Operation& operation,
                                      pipeline::ClientChannel& channel);
  /// Says why the call is going to be cancelled, so that it is written down as what it was.
  static void cut_short(Job& job, Error error);
  void begin(Job& job);
  void end(Job& job);

  const LaneContext& context_;
  engine::Engine engine_;
  net::TaskSet tasks_;
  std::set<Job*> jobs_;
  net::Cancellation closing_;  ///< of what is no call
  std::thread thread_;
};

}  // namespace weir::api
