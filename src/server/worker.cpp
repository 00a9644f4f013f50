// SPDX-License-Identifier: Apache-2.0
#include "server/worker.hpp"

#include <algorithm>
#include <chrono>

#include "net/tcp.hpp"
#include "server/client_address.hpp"
#include "server/precedence.hpp"

namespace weir::server {

Worker::Worker(const WorkerContext& context, std::uint64_t seed, ledger::LaneJournal& journal)
    : context_(context),
      engine_({context.wall, context.gate, context.tls, &context.accounting}, seed, nullptr,
              &journal),
      loop_(engine_.loop()),
      client_front_(engine_, context.shared, context.client_surface, journal),
      admin_front_(engine_, context.shared, Surface::admin, journal),
      handshakes_over_([this] { close_listeners(); }),
      last_call_([this] { end_last_call(); }),
      abort_alarm_([this] { abort_all(); }),
      revocations_([this] { end_revoked(); }) {
  if (context.shared.pulse != nullptr) context.shared.pulse->add(loop_);
}

Worker::~Worker() { join(); }

Result<> Worker::listen(const net::ListenAddress& address, Surface surface) {
  auto listener = std::make_unique<net::Listener>(
      loop_, [this, surface](net::Socket socket) { accept(std::move(socket), surface); });
  WEIR_TRY(listener->open(address));
  listeners_.push_back(std::move(listener));
  return {};
}

void Worker::start() {
  thread_ = std::thread([this] {
    go_first();
    loop_.run();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::accept(net::Socket socket, Surface surface) {
  // A full house still answers its administrators (O-2).
  shared_state::Occupancy& occupancy = context_.shared.occupancy;
  auto place =
      surface == Surface::admin ? occupancy.admit_administrator() : occupancy.admit_connection();
  if (place) tasks_.spawn(serve(std::move(socket), surface, *std::move(place)));
}

net::Task<void> Worker::serve(net::Socket socket, Surface surface,
                              [[maybe_unused]] shared_state::Occupancy::Place place) {
  std::unique_ptr<net::Stream> stream;
  if (surface != Surface::admin && context_.listener_tls) {
    ++arriving_;
    net::TlsHandshake handshake = co_await net::tls_accept(
        loop_, std::move(socket), context_.listener_tls, context_.timeouts.tls_handshake);
    --arriving_;
    stream = std::move(handshake.stream);
  } else {
    stream = net::make_tcp_stream(loop_, std::move(socket));
  }
  std::optional<shared_state::Occupancy::Place> place_of_address;
  if (stream) place_of_address = admit_address(*stream);
  if (!place_of_address || is_last_call_over_) {
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

std::optional<shared_state::Occupancy::Place> Worker::admit_address(const net::Stream& stream) {
  client_front_.catch_up();
  const std::string address = counted_address(stream.peer_address(), client_front_.proxies());
  if (address.empty()) return shared_state::Occupancy::Place();
  return context_.shared.occupancy.admit_address(address);
}

void Worker::look_at_snapshot() {
  loop_.post([this] {
    client_front_.catch_up();
    admin_front_.catch_up();
    revocations_.disarm();
    if (client_front_.snapshot().config().kill_on_revoke) look_for_revocations();
  });
}

void Worker::look_for_revocations() {
  constexpr std::chrono::milliseconds look_every{500};
  loop_.arm_coarse(revocations_, loop_.now() + look_every);
}

void Worker::end_revoked() {
  client_front_.end_revoked();
  admin_front_.end_revoked();
  look_for_revocations();
}

void Worker::announce_drain() {
  loop_.post([this] {
    client_front_.set_draining();
    admin_front_.set_draining();
  });
}

void Worker::drain() {
  loop_.post([this] {
    is_draining_ = true;
    client_front_.set_draining();
    admin_front_.set_draining();
    constexpr std::chrono::seconds last_call{1};
    drain_connections();
    loop_.arm_coarse(last_call_, loop_.now() + last_call);
    is_finished_when_idle_ = true;
    finish_if_idle();
  });
}

void Worker::stop() {
  loop_.post([this] {
    constexpr std::chrono::seconds last_words_max{1};
    drain_connections();
    end_last_call();
    client_front_.end_calls();
    loop_.arm_coarse(abort_alarm_, loop_.now() + last_words_max);
    is_finished_when_idle_ = true;
    finish_if_idle();
  });
}

void Worker::drain_connections() {
  const bool is_open = is_listening();
  for (auto& listener : listeners_) static_cast<void>(listener->ignore_newcomers());
  if (!context_.shares_port) {
    close_listeners();
  } else if (is_open && !handshakes_over_.is_armed()) {
    // A round trip of clients nearby, or a moment in which a busy machine has other things to do.
    constexpr std::chrono::milliseconds handshake_max{50};
    loop_.arm_coarse(handshakes_over_, loop_.now() + handshake_max);
  }
  // A connection may leave the set while it is told.
  const std::vector<net::ServerConnection*> all(connections_.begin(), connections_.end());
  for (net::ServerConnection* connection : all) {
    if (connections_.contains(connection)) connection->drain();
  }
}

void Worker::close_listeners() {
  for (auto& listener : listeners_) listener->finish();
  finish_if_idle();
}

void Worker::end_last_call() {
  is_last_call_over_ = true;
  const std::vector<net::ServerConnection*> all(connections_.begin(), connections_.end());
  for (net::ServerConnection* connection : all) {
    if (connections_.contains(connection)) connection->close_if_idle();
  }
  finish_if_idle();
}

void Worker::abort_all() {
  const std::vector<net::ServerConnection*> all(connections_.begin(), connections_.end());
  for (net::ServerConnection* connection : all) {
    if (connections_.contains(connection)) connection->abort();
  }
}

bool Worker::is_listening() const {
  const auto is_open = [](const auto& listener) { return listener->is_open(); };
  return std::any_of(listeners_.begin(), listeners_.end(), is_open);
}

void Worker::finish_if_idle() {
  const bool may_come = arriving_ > 0 && !is_last_call_over_;
  if (!is_finished_when_idle_ || is_listening() || !connections_.empty() || may_come) return;
  last_call_.disarm();
  abort_alarm_.disarm();
  revocations_.disarm();
  engine_.finish();
}

}  // namespace weir::server
