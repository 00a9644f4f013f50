// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.hpp"

#include <chrono>

#include "pipeline/mock_exchange.hpp"

namespace weir::engine {

std::int64_t SystemClock::unix_ms() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::int64_t LoopClock::unix_ms() const {
  if (const net::TimePoint turn = loop_.now(); read_at_ != turn) {
    read_at_ = turn;
    unix_ms_ = clock_.unix_ms();
  }
  return unix_ms_;
}

/// Real upstreams over HTTP; the mock and the embedded ones in the process.
class Engine::Exchanges final : public pipeline::ExchangeFactory {
 public:
  Exchanges(net::ClientContext& client, const pipeline::WallClock& wall,
            EmbeddedProviders* embedded)
      : client_(client), wall_(wall), embedded_(embedded) {}

  std::unique_ptr<net::Exchange> make(const pipeline::Target& target,
                                      net::Cancellation& cancellation) override {
    if (embedded_ != nullptr) {
      if (auto own = embedded_->make(target, client_.loop, cancellation)) return own;
    }
    const pipeline::Upstream& upstream = *target.upstream;
    if (upstream.is_mock) {
      return pipeline::make_mock_exchange(client_.loop, cancellation, wall_.unix_ms() / 1000);
    }
    return std::make_unique<net::HttpExchange>(client_, upstream.origin, upstream.pool_key,
                                               cancellation);
  }

 private:
  net::ClientContext& client_;
  const pipeline::WallClock& wall_;
  EmbeddedProviders* embedded_;
};

Engine::Engine(const EngineContext& context, std::uint64_t seed, EmbeddedProviders* embedded,
               pipeline::Journal* journal)
    : wall_(context.wall, loop_),
      random_(seed),
      connector_(loop_, context.tls),
      pool_(loop_),
      client_{loop_, connector_, pool_},
      exchanges_(std::make_unique<Exchanges>(client_, wall_, embedded)),
      pulls_(loop_, *exchanges_, context.gate),
      attempts_(*exchanges_, context.gate, wall_, random_, {}, context.accounting, journal) {
  attempts_.set_pulls(pulls_);
}

Engine::~Engine() = default;

pipeline::ExchangeFactory& Engine::exchanges() { return *exchanges_; }

net::Task<Result<>> Engine::warm(std::shared_ptr<const pipeline::Upstream> upstream,
                                 net::Cancellation& cancellation) {
  net::Connected connected =
      co_await connector_.connect(upstream->origin, upstream->connect_timeouts, cancellation);
  if (connected.error != net::NetError::none) {
    co_return Error(ErrorCode::upstream_unreachable, upstream->name + ": " + connected.reason);
  }
  pool_.keep(upstream->pool_key,
             std::make_unique<net::UpstreamConnection>(loop_, std::move(connected.stream)),
             upstream->pool_idle);
  co_return Result<>();
}

void Engine::finish() {
  pulls_.stop();
  pool_.close();
  loop_.stop();
}

}  // namespace weir::engine
