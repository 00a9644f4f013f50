// SPDX-License-Identifier: Apache-2.0
#include "server/worker.hpp"

#include <chrono>

#include "pipeline/mock_exchange.hpp"

namespace weir::server {

std::int64_t SystemClock::unix_ms() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// Real upstreams over HTTP, the mock in the process.
class Worker::Exchanges final : public pipeline::ExchangeFactory {
 public:
  Exchanges(net::ClientContext& client, const pipeline::WallClock& wall)
      : client_(client), wall_(wall) {}

  std::unique_ptr<net::Exchange> make(const pipeline::Target& target,
                                      net::Cancellation& cancellation) override {
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
};

Worker::Worker(const WorkerContext& context, std::uint64_t seed)
    : context_(context),
      random_(seed),
      connector_(loop_, context.tls),
      pool_(loop_),
      client_{loop_, connector_, pool_},
      exchanges_(std::make_unique<Exchanges>(client_, context.wall)),
      attempts_(*exchanges_, context.gate, context.wall, random_, {}),
      client_front_(loop_, attempts_, context.shared, Surface::client, random_),
      admin_front_(loop_, attempts_, context.shared, Surface::admin, random_) {}

Worker::~Worker() { join(); }

Result<> Worker::listen(const net::ListenAddress& address, Surface surface) {
  auto listener = std::make_unique<net::Listener>(
      loop_, [this, surface](net::Socket socket) { accept(std::move(socket), surface); });
  WEIR_TRY(listener->open(address));
  listeners_.push_back(std::move(listener));
  return {};
}

void Worker::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::accept(net::Socket socket, Surface surface) {
  // A full house still answers its administrators.
  const bool is_full = surface == Surface::client && context_.connections_max > 0 &&
                       connections_.size() >= context_.connections_max;
  if (is_full || is_draining_) return;
  tasks_.spawn(serve(std::move(socket), surface));
}

net::Task<void> Worker::serve(net::Socket socket, Surface surface) {
  std::unique_ptr<net::Stream> stream;
  if (surface == Surface::client && context_.listener_tls) {
    net::TlsHandshake handshake = co_await net::tls_accept(
        loop_, std::move(socket), *context_.listener_tls, context_.timeouts.tls_handshake);
    stream = std::move(handshake.stream);
  } else {
    stream = net::make_tcp_stream(std::move(socket));
  }
  if (!stream || is_stopping_) {
    finish_if_idle();
    co_return;
  }
  Front& front = surface == Surface::admin ? admin_front_ : client_front_;
  net::ServerConnection connection(loop_, std::move(stream), front, context_.timeouts,
                                   context_.limits);
  connections_.insert(&connection);
  if (is_draining_) connection.drain();
  co_await connection.serve();
  connections_.erase(&connection);
  finish_if_idle();
}

void Worker::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  loop_.post([this, snapshot = std::move(snapshot)] {
    client_front_.set_snapshot(snapshot);
    admin_front_.set_snapshot(snapshot);
  });
}

void Worker::drain() {
  loop_.post([this] {
    is_draining_ = true;
    client_front_.set_draining();
    admin_front_.set_draining();
    for (auto& listener : listeners_) listener->close();
    // A connection may leave the set while it is told.
    const std::vector<net::ServerConnection*> all(connections_.begin(), connections_.end());
    for (net::ServerConnection* connection : all) {
      if (connections_.contains(connection)) connection->drain();
    }
    is_finished_when_idle_ = true;
    finish_if_idle();
  });
}

void Worker::stop() {
  loop_.post([this] {
    is_stopping_ = true;
    for (auto& listener : listeners_) listener->close();
    const std::vector<net::ServerConnection*> all(connections_.begin(), connections_.end());
    for (net::ServerConnection* connection : all) {
      if (connections_.contains(connection)) connection->abort();
    }
    is_finished_when_idle_ = true;
    finish_if_idle();
  });
}

void Worker::finish_if_idle() {
  if (!is_finished_when_idle_ || !connections_.empty()) return;
  pool_.close();
  loop_.stop();
}

}  // namespace weir::server
