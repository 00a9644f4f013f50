// SPDX-License-Identifier: Apache-2.0
#include "net/listener.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>

namespace weir::net {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr int backlog = 4096;

/// Connections taken in one turn, so that a rush of new ones does not hold up the others.
constexpr int accepts_max = 64;

/// Out of descriptors, accept fails at once and forever: wait a little rather than spin.
constexpr std::chrono::milliseconds accept_pause{100};

/// What the system keeps of an answer that its client does not take, where by itself it would keep
/// megabytes of each: a stream's upstream is to feel soon that nobody reads (S-10.4). Bytes under
/// way do not count, so that a distant client's answer is as fast as before.
constexpr int unsent_bytes_max = 128 * 1024;

Error listen_error(const ListenAddress& address, const std::string& reason) {
  return {ErrorCode::internal_error,
          "can't listen on " + address.host + ":" + std::to_string(address.port) + ": " + reason};
}

Result<tcp::endpoint> endpoint_of(const ListenAddress& address) {
  boost::system::error_code error;
  const auto ip =
      asio::ip::make_address(address.host == "localhost" ? "127.0.0.1" : address.host, error);
  if (error) return listen_error(address, error.message());
  return tcp::endpoint(ip, address.port);
}

std::uint16_t port_of(const Socket& socket) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  auto* address = static_cast<sockaddr*>(endpoint.data());
  if (::getsockname(socket.fd(), address, &size) != 0) return 0;
  endpoint.resize(size);
  return endpoint.port();
}

Result<Socket> listening_socket(const ListenAddress& address, bool shares_port, int waiting_max) {
  WEIR_TRY_ASSIGN(endpoint, endpoint_of(address));
  Socket socket(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         IPPROTO_TCP));
  constexpr int on = 1;
  const bool is_open =
      socket.is_open() &&
      ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      (!shares_port || ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
      ::bind(socket.fd(), static_cast<const sockaddr*>(endpoint.data()),
             static_cast<socklen_t>(endpoint.size())) == 0 &&
      ::listen(socket.fd(), waiting_max) == 0;
  if (!is_open) return listen_error(address, boost::system::system_category().message(errno));
  // Accepted connections inherit it. A system that does not know it keeps more.
  static_cast<void>(::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max,
                                 sizeof unsent_bytes_max));
  return socket;
}

}  // namespace

Result<> probe(ListenAddress& address) {
  WEIR_TRY_ASSIGN(socket, listening_socket(address, false, 1));
  address.port = port_of(socket);
  return {};
}

bool is_loopback(const ListenAddress& address) {
  const auto endpoint = endpoint_of(address);
  return endpoint && endpoint->address().is_loopback();
}

Listener::Listener(EpollLoop& loop, OnAccept on_accept)
    : Pollable(loop), on_accept_(std::move(on_accept)), pause_([this] { defer(); }) {}

Listener::~Listener() { close(); }

Result<> Listener::open(const ListenAddress& address) {
  WEIR_TRY_ASSIGN(socket, listening_socket(address, true, backlog));
  if (!watch(socket.fd())) {
    return listen_error(address, boost::system::system_category().message(errno));
  }
  socket_ = std::move(socket);
  loop().begin_operation();
  return {};
}

std::uint16_t Listener::port() const { return port_of(socket_); }

void Listener::close() {
  pause_.disarm();
  if (!socket_.is_open()) return;
  unwatch(socket_.fd());
  socket_.close();
  loop().end_operation();
}

bool Listener::ignore_newcomers() {
  if (!socket_.is_open()) return true;
  constexpr std::uint32_t flags_at = 13;  // in TCP's header, where the filter begins to read
  constexpr std::uint32_t syn = 0x02;
  constexpr std::uint32_t ack = 0x10;
  constexpr std::uint32_t all = 0xFFFF'FFFF;
  std::array<sock_filter, 5> first_of_a_handshake{{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, flags_at},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, syn | ack},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, syn},
      {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, all},
  }};
  const sock_fprog filter{first_of_a_handshake.size(), first_of_a_handshake.data()};
  return ::setsockopt(socket_.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

void Listener::finish() {
  if (!socket_.is_open()) return;
  // Closing resets what waits, also what came after the last accept: first nothing more comes in,
  // where we may see to that.
  static_cast<void>(ignore_newcomers());
  for (;;) {
    Socket accepted(::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.is_open()) {
      on_accept_(std::move(accepted));
    } else if (errno != ECONNABORTED && errno != EPROTO && errno != EINTR) {
      break;  // nobody waits any more, or there is no room; one that has gone says nothing of
              // others
    }
  }
  close();
}

void Listener::on_events(std::uint32_t) {
  // A new connection may be what makes the program close this.
  for (int i = 0; i < accepts_max && socket_.is_open(); ++i) {
    Socket accepted(::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.is_open()) {
      on_accept_(std::move(accepted));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return loop().arm_coarse(pause_, loop().now() + accept_pause);
    }
  }
  if (socket_.is_open()) defer();
}

}  // namespace weir::net
