// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include "net/asio_loop.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"

/// Asio's sockets behind the `Stream` port. Only `src/net` includes this.
namespace weir::net {

using Socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

NetError net_error_of(const boost::system::error_code& error) noexcept;

/// Takes over a connected socket.
std::unique_ptr<Stream> make_tcp_stream(Socket socket);
/// Takes the socket back out. Precondition: made by `make_tcp_stream`, nothing under way.
Socket release_socket(std::unique_ptr<Stream> stream);

struct TlsHandshake {
  std::unique_ptr<Stream> stream;  ///< set on success
  NetError error = NetError::none;
};

/// Speaks TLS over a connected socket as the client: SNI, the chain and the name are verified
/// against `context`. `host` is a name or an IP literal.
Task<TlsHandshake> tls_connect(Loop& loop, Socket socket, boost::asio::ssl::context& context,
                               std::string host, Duration timeout, Cancellation& cancellation);

/// Speaks TLS as the server.
Task<TlsHandshake> tls_accept(Loop& loop, Socket socket, boost::asio::ssl::context& context,
                              Duration timeout);

}  // namespace weir::net
