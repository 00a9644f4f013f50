// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "net/epoll_loop.hpp"
#include "net/socket.hpp"
#include "weir/result.hpp"

namespace weir::net {

/// An address to listen on: an IP literal and a port (0 = any free one).
struct ListenAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
};

/// True when nobody listens on `address`. The probe binds without SO_REUSEPORT, so that a forgotten
/// old process is noticed (rule H-8). With port 0 fills in a free port.
Result<> probe(ListenAddress& address);

/// True for 127.0.0.0/8 and ::1.
[[nodiscard]] bool is_loopback(const ListenAddress& address);

/// Accepts connections for one thread; the kernel spreads them over the listeners of all threads
/// (SO_REUSEPORT).
class Listener final : private Pollable {
 public:
  /// Told of each connection, before any TLS.
  using OnAccept = std::function<void(Socket)>;

  Listener(EpollLoop& loop, OnAccept on_accept);
  ~Listener() override;
  Result<> open(const ListenAddress& address);
  /// From now on nobody new gets in, nor is refused: the client's system asks again, and finds
  /// another listener of the port once this one is closed (H-7). Who is in the middle of TCP's
  /// handshake can still end it, and is taken. False: the kernel does not let us, as some newer
  /// ones want CAP_NET_ADMIN for it; whoever comes in the last moment is then refused.
  [[nodiscard]] bool ignore_newcomers();
  /// Takes what waits already, then closes. What is in the middle of its handshake is refused.
  void finish();
  void close();
  [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
  [[nodiscard]] std::uint16_t port() const;

 private:
  void on_events(std::uint32_t events) override;

  OnAccept on_accept_;
  Socket socket_;
  CallbackAlarm pause_;
};

}  // namespace weir::net
