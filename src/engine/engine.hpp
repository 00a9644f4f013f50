// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/random.hpp"
#include "net/client.hpp"
#include "net/epoll_loop.hpp"
#include "engine/ollama_pulls.hpp"
#include "net/system_connector.hpp"
#include "pipeline/attempt_loop.hpp"

namespace weir::engine {

class SystemClock final : public pipeline::WallClock {
 public:
  [[nodiscard]] std::int64_t unix_ms() const override;
};

/// Another clock's time as of the loop's present turn: what happens in one turn happens at once,
/// and to look at a clock each time costs more than most of what is noted with it. For the loop's
/// thread.
class LoopClock final : public pipeline::WallClock {
 public:
  /// Both outlive this.
  LoopClock(const pipeline::WallClock& clock, const net::Loop& loop) : clock_(clock), loop_(loop) {}
  [[nodiscard]] std::int64_t unix_ms() const override;

 private:
  const pipeline::WallClock& clock_;
  const net::Loop& loop_;
  mutable std::optional<net::TimePoint> read_at_;
  mutable std::int64_t unix_ms_ = 0;
};

/// What the engines of all threads share.
struct EngineContext {
  const pipeline::WallClock& wall;
  pipeline::TargetGate& gate;
  net::TlsClientContexts& tls;
  pipeline::Accounting* accounting = nullptr;  ///< null: nothing is limited
};

/// Providers that live in the process of a program that links the library. For any thread.
class EmbeddedProviders {
 public:
  virtual ~EmbeddedProviders() = default;
  /// Null when the target is none of them.
  virtual std::unique_ptr<net::Exchange> make(const pipeline::Target& target, net::Loop& loop,
                                              net::Cancellation& cancellation) = 0;
};

/// Calls providers from one thread: its loop, its connections and the attempt loop over them. The
/// program's workers and the library's threads each own one.
class Engine {
 public:
  /// `journal`, if not null, is this thread's and outlives the engine.
  Engine(const EngineContext& context, std::uint64_t seed, EmbeddedProviders* embedded = nullptr,
         pipeline::Journal* journal = nullptr);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] net::EpollLoop& loop() { return loop_; }
  /// For this thread.
  [[nodiscard]] const pipeline::WallClock& wall() const { return wall_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] pipeline::AttemptLoop& attempts() { return attempts_; }
  [[nodiscard]] pipeline::ExchangeFactory& exchanges();

  /// Connects to `upstream` ahead of its first request and keeps the connection for it. Errors:
  /// `upstream_unreachable`.
  net::Task<Result<>> warm(std::shared_ptr<const pipeline::Upstream> upstream,
                           net::Cancellation& cancellation);

  /// Closes idle connections and lets the loop's `run` return once nothing is left to do. On the
  /// loop's thread.
  void finish();

 private:
  class Exchanges;

  net::EpollLoop loop_;
  LoopClock wall_;
  SeededRandom random_;
  net::SystemConnector connector_;
  net::UpstreamPool pool_;
  net::ClientContext client_;
  std::unique_ptr<Exchanges> exchanges_;
  OllamaPulls pulls_;
  pipeline::AttemptLoop attempts_;
};

}  // namespace weir::engine
