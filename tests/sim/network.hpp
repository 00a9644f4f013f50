// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "net/connector.hpp"
#include "sim/virtual_loop.hpp"

namespace weir::sim {

class Wire;

/// Fails one of the calls that do something outside of the program: the n-th, whichever that is.
class Fuse {
 public:
  /// 0: none fails.
  explicit Fuse(std::uint64_t at) : at_(at) {}
  bool blows() { return ++calls_ == at_; }
  [[nodiscard]] bool has_blown() const { return at_ != 0 && calls_ >= at_; }
  void disarm() { at_ = 0; }

 private:
  std::uint64_t at_;
  std::uint64_t calls_ = 0;
};

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
  Wire(VirtualLoop& loop, Fuse& fuse, net::Duration latency)
      : loop_(loop), fuse_(fuse), latency_(latency) {}

  // The peer's side.
  void set_peer(std::shared_ptr<Peer> peer) { peer_ = std::move(peer); }
  /// `on_taken`, if set, is called once the gateway has read the last of `bytes`.
  void send(std::string bytes, std::function<void()> on_taken = {});
  void end();
  /// The same for when the gateway could see it.
  void reset(std::function<void()> on_taken = {});

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

  void fall_apart();

  VirtualLoop& loop_;
  Fuse& fuse_;
  net::Duration latency_;
  std::shared_ptr<Peer> peer_;
  std::string input_;
  /// The ends of the pieces that have arrived, counted in bytes, and who is told when one is read.
  std::deque<std::pair<std::uint64_t, std::function<void()>>> marks_;
  std::uint64_t arrived_ = 0;
  std::uint64_t taken_ = 0;
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
  VirtualConnector(VirtualLoop& loop, Fuse& fuse, Receive receive)
      : loop_(loop), fuse_(fuse), receive_(std::move(receive)) {}

  net::Task<net::Connected> connect(const net::Origin& origin, net::ConnectTimeouts timeouts,
                                    net::Cancellation& cancellation) override;

 private:
  VirtualLoop& loop_;
  Fuse& fuse_;
  Receive receive_;
};

}  // namespace weir::sim
