// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include "net/asio_loop.hpp"
#include "net/stream.hpp"
#include "net/tcp.hpp"
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

/// Settings of a TLS listener from a certificate chain and its key, both PEM files.
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_server_context(
    const std::string& certificate_file, const std::string& key_file);

/// Accepts connections for one thread; the kernel spreads them over the listeners of all threads
/// (SO_REUSEPORT).
class Listener {
 public:
  /// Told of each connection, before any TLS.
  using OnAccept = std::function<void(Socket)>;

  Listener(AsioLoop& loop, OnAccept on_accept);
  ~Listener();
  Result<> open(const ListenAddress& address);
  void close();
  [[nodiscard]] std::uint16_t port() const;

 private:
  void accept();

  AsioLoop& loop_;
  OnAccept on_accept_;
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>
      acceptor_;
  CallbackAlarm pause_;
};

}  // namespace weir::net
