// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "net/connector.hpp"
#include "sim/virtual_loop.hpp"

namespace weir::sim {

class Wire;

/// The far end of a connection: a provider's server.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void on_bytes(std::string_view bytes) = 0;
  /// The gateway closed its end.
  virtual void on_close() = 0;
};

/// A connection between the gateway and a peer. Bytes take `latency` to the other side.
class Wire final : public std::enable_shared_from_this<Wire> {
 public:
  Wire(VirtualLoop& loop, net::Duration latency) : loop_(loop), latency_(latency) {}

  // The peer's side.
  void set_peer(std::shared_ptr<Peer> peer) { peer_ = std::move(peer); }
  void send(std::string bytes);
  void end();
  void reset();

  // The gateway's side; see net::Stream.
  void start_read(net::ReadWaiter& waiter);
  net::IoResult try_write(const net::WritePieces& pieces);
  void start_write(const net::WritePieces& pieces, net::IoWaiter& waiter);
  void cancel();
  void close();
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

 private:
  void wake_reader();
  void complete_read();
  [[nodiscard]] net::NetError write_error() const;

  VirtualLoop& loop_;
  net::Duration latency_;
  std::shared_ptr<Peer> peer_;
  std::string input_;
  bool is_ended_ = false;
  bool is_reset_ = false;
  bool is_closed_ = false;
  bool is_waking_ = false;
  net::ReadWaiter* reader_ = nullptr;
  net::IoWaiter* writer_ = nullptr;
};

/// How a connection attempt goes.
struct Reception {
  enum class Kind : std::uint8_t { accept, refuse, silence };
  Kind kind = Kind::accept;
  net::Duration latency{};
  /// Makes the server's end of an accepted connection.
  std::function<std::shared_ptr<Peer>(const std::shared_ptr<Wire>&)> serve;
};

/// Every outgoing connection of the simulated gateway.
class VirtualConnector final : public net::Connector {
 public:
  /// Asked for each connection; null for an address nobody should ever connect to.
  using Receive = std::function<const Reception*(const net::Origin& origin)>;
  VirtualConnector(VirtualLoop& loop, Receive receive)
      : loop_(loop), receive_(std::move(receive)) {}

  net::Task<net::Connected> connect(const net::Origin& origin, net::ConnectTimeouts timeouts,
                                    net::Cancellation& cancellation) override;

 private:
  VirtualLoop& loop_;
  Receive receive_;
};

}  // namespace weir::sim
