// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "engine/engine.hpp"
#include "net/listener.hpp"
#include "net/server.hpp"
#include "net/tls.hpp"
#include "server/front.hpp"

namespace weir::server {

/// What all workers share.
struct WorkerContext {
  const pipeline::WallClock& wall;
  pipeline::TargetGate& gate;
  net::TlsClientContexts& tls;
  pipeline::Accounting& accounting;
  const Shared& shared;
  net::ServerTimeouts timeouts;
  net::ServerLimits limits;
  net::TlsContext listener_tls;              ///< null: plain
  Surface client_surface = Surface::client;  ///< `both`: with the administration
  bool shares_port = false;                  ///< with gateways that go on when this one ends
};

/// One thread: its loop, its listeners, its connections and everything they need.
class Worker {
 public:
  /// `journal` is this thread's and outlives the worker.
  Worker(const WorkerContext& context, std::uint64_t seed, ledger::LaneJournal& journal);
  ~Worker();

  /// Before `start`. Errors: the address can't be listened on.
  Result<> listen(const net::ListenAddress& address, Surface surface);
  void start();
  void join();

  // For any thread.
  /// Another configuration is in force: lets the one before go, also where no request comes.
  void look_at_snapshot();
  /// Says on /readyz that the end is near; everything else goes on.
  void announce_drain();
  /// Takes no new connection, but for those that were just being made where another gateway listens
  /// on the same port, since their clients could not know of it; what runs goes on, and clients
  /// that have only just come have a second to ask for something.
  void drain();
  /// Ends the model calls under way with an error, what is left a second later without one, and
  /// lets `join` return.
  void stop();

 private:
  net::Task<void> serve(net::Socket socket, Surface surface, shared_state::Occupancy::Place place);
  /// Nothing: there are too many connections from there.
  [[nodiscard]] std::optional<shared_state::Occupancy::Place> admit_address(
      const net::Stream& stream);
  void accept(net::Socket socket, Surface surface);
  void drain_connections();
  void close_listeners();
  [[nodiscard]] bool is_listening() const;
  void end_last_call();
  void abort_all();
  void look_for_revocations();
  void end_revoked();
  void finish_if_idle();

  const WorkerContext& context_;
  engine::Engine engine_;
  net::EpollLoop& loop_;
  Front client_front_;
  Front admin_front_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::set<net::ServerConnection*> connections_;
  net::TaskSet tasks_;
  net::CallbackAlarm handshakes_over_;
  net::CallbackAlarm last_call_;
  net::CallbackAlarm abort_alarm_;
  net::CallbackAlarm revocations_;
  int arriving_ = 0;  ///< accepted, and in their TLS handshake
  bool is_draining_ = false;
  bool is_last_call_over_ = false;
  bool is_finished_when_idle_ = false;
  std::thread thread_;
};

}  // namespace weir::server
