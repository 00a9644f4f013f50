// SPDX-License-Identifier: Apache-2.0
#include "net/listener.hpp"

#include <sys/socket.h>

#include <openssl/ssl.h>

namespace weir::net {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr int backlog = 4096;

/// Out of descriptors, accept fails at once and forever: wait a little rather than spin.
constexpr std::chrono::milliseconds accept_pause{100};

Error listen_error(const ListenAddress& address, const boost::system::error_code& error) {
  return {ErrorCode::internal_error, "can't listen on " + address.host + ":" +
                                         std::to_string(address.port) + ": " + error.message()};
}

Result<tcp::endpoint> endpoint_of(const ListenAddress& address) {
  boost::system::error_code error;
  const auto ip =
      asio::ip::make_address(address.host == "localhost" ? "127.0.0.1" : address.host, error);
  if (error) return listen_error(address, error);
  return tcp::endpoint(ip, address.port);
}

}  // namespace

Result<> probe(ListenAddress& address) {
  WEIR_TRY_ASSIGN(endpoint, endpoint_of(address));
  asio::io_context context;
  tcp::acceptor acceptor(context);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1, error);
  if (error) return listen_error(address, error);
  address.port = acceptor.local_endpoint(error).port();
  return {};
}

bool is_loopback(const ListenAddress& address) {
  const auto endpoint = endpoint_of(address);
  return endpoint && endpoint->address().is_loopback();
}

Result<std::shared_ptr<asio::ssl::context>> make_tls_server_context(
    const std::string& certificate_file, const std::string& key_file) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context->native_handle(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  boost::system::error_code error;
  context->use_certificate_chain_file(certificate_file, error);
  if (error) {
    return Error(ErrorCode::internal_error,
                 "can't read the certificate " + certificate_file + ": " + error.message());
  }
  context->use_private_key_file(key_file, asio::ssl::context::pem, error);
  if (error) {
    return Error(ErrorCode::internal_error,
                 "can't read the key " + key_file + ": " + error.message());
  }
  return context;
}

Listener::Listener(AsioLoop& loop, OnAccept on_accept)
    : loop_(loop),
      on_accept_(std::move(on_accept)),
      acceptor_(loop.context()),
      pause_([this] { accept(); }) {}

Listener::~Listener() { close(); }

Result<> Listener::open(const ListenAddress& address) {
  WEIR_TRY_ASSIGN(endpoint, endpoint_of(address));
  boost::system::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(backlog, error);
  if (error) return listen_error(address, error);
  accept();
  return {};
}

std::uint16_t Listener::port() const {
  boost::system::error_code ignored;
  return acceptor_.local_endpoint(ignored).port();
}

void Listener::close() {
  pause_.disarm();
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

void Listener::accept() {
  acceptor_.async_accept(loop_.context(),
                         [this](const boost::system::error_code& error, Socket socket) {
                           if (error == asio::error::operation_aborted || !acceptor_.is_open())
                             return;
                           if (error) {
                             loop_.arm_coarse(pause_, loop_.now() + accept_pause);
                             return;
                           }
                           on_accept_(std::move(socket));
                           accept();
                         });
}

}  // namespace weir::net
