// SPDX-License-Identifier: Apache-2.0
#include "net/tcp.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/sanitizer.hpp"

namespace weir::net {
namespace {

constexpr std::uint32_t hang_up_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/// So few bytes are sooner copied into one piece than told to the kernel as several.
constexpr std::size_t copied_bytes_max = 4096;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// The C library's `recv` and `send` are points where a thread can be cancelled, and entering and
// leaving one takes a locked operation each. Nobody cancels threads here.

ssize_t receive_bytes(int fd, std::span<char> into) {
  if constexpr (is_address_sanitized || is_thread_sanitized) {
    return ::recv(fd, into.data(), into.size(), 0);
  }
  return ::syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr);
}

ssize_t send_bytes(int fd, std::string_view bytes) {
  if constexpr (is_address_sanitized || is_thread_sanitized) {
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
}

ssize_t send_copied(int fd, const WritePieces& pieces) {
  std::array<char, copied_bytes_max> bytes;
  char* end = bytes.data();
  for (const std::string_view piece : pieces) end = std::copy(piece.begin(), piece.end(), end);
  return send_bytes(fd, {bytes.data(), end});
}

ssize_t send_pieces(int fd, const WritePieces& pieces) {
  std::array<iovec, std::tuple_size_v<WritePieces>> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  for (const std::string_view piece : pieces) {
    if (piece.empty()) continue;
    // The kernel only reads.
    vectors[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

class TcpStream final : public SocketStream {
 public:
  using SocketStream::SocketStream;
  using SocketStream::take_socket;

 private:
  Progress read_now(ReadWaiter& waiter) override {
    if (!may_read_now()) return std::nullopt;
    return receive(waiter.room());
  }
  Progress write_now(const WritePieces& pieces) override { return transmit(pieces); }
};

}  // namespace

SocketStream::SocketStream(EpollLoop& loop, Socket socket)
    : Pollable(loop), socket_(std::move(socket)) {
  constexpr int on = 1;
  ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Out of kernel memory for it: as good as closed by the peer.
  if (!watch(socket_.fd())) socket_.close();
}

SocketStream::~SocketStream() {
  WEIR_ASSERT(reader_ == nullptr);
  WEIR_ASSERT(writer_ == nullptr);
}

Socket SocketStream::take_socket() {
  WEIR_ASSERT(reader_ == nullptr);
  WEIR_ASSERT(writer_ == nullptr);
  unwatch(socket_.fd());
  return std::move(socket_);
}

void SocketStream::start_read(ReadWaiter& waiter) {
  WEIR_ASSERT(reader_ == nullptr);
  reader_ = &waiter;
  loop().begin_operation();
  if (is_closed() || may_read_now()) defer();
}

void SocketStream::start_write(const WritePieces& pieces, IoWaiter& waiter) {
  WEIR_ASSERT(writer_ == nullptr);
  writer_ = &waiter;
  writing_ = pieces;
  loop().begin_operation();
  if (is_closed() || is_writable_) defer();
}

IoResult SocketStream::try_write(const WritePieces& pieces) {
  WEIR_ASSERT(writer_ == nullptr);
  if (is_closed()) return {0, NetError::cancelled};
  return write_now(pieces).value_or(IoResult{});
}

void SocketStream::close() {
  if (is_closed()) return;
  unwatch(socket_.fd());
  socket_.close();
  if (reader_ != nullptr || writer_ != nullptr) defer();
}

void SocketStream::cancel() {
  if (reader_ == nullptr && writer_ == nullptr) return;
  is_cancelling_ = true;
  defer();
}

void SocketStream::note(std::uint32_t events) {
  if ((events & hang_up_events) != 0) is_hung_up_ = true;
  if ((events & EPOLLIN) != 0 || is_hung_up_) is_readable_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) is_writable_ = true;
}

void SocketStream::on_events(std::uint32_t events) {
  note(events);
  if (events != 0 && writer_ == nullptr && reader_ != nullptr && reader_->begins()) {
    return stand_in_line();
  }
  // Whoever is told of one operation's end may destroy this, unless the other is under way.
  const bool is_reading = reader_ != nullptr;
  if (writer_ != nullptr) advance_write();
  if (is_reading) advance_read();
}

void SocketStream::advance_write() {
  IoResult result{0, NetError::cancelled};
  if (!is_closed() && !is_cancelling_) {
    const Progress progress = write_now(writing_);
    if (!progress) return;
    result = *progress;
  }
  // With a read under way, that is still to be told of the cancellation.
  if (reader_ == nullptr) is_cancelling_ = false;
  loop().end_operation();
  std::exchange(writer_, nullptr)->on_io(result);
}

void SocketStream::advance_read() {
  IoResult result{0, NetError::cancelled};
  if (!is_closed() && !is_cancelling_) {
    const Progress progress = read_now(*reader_);
    if (!progress) return;
    result = *progress;
  }
  is_cancelling_ = false;
  loop().end_operation();
  std::exchange(reader_, nullptr)->on_io(result);
}

SocketStream::Progress SocketStream::receive(std::span<char> into) {
  for (;;) {
    const ssize_t received = receive_bytes(socket_.fd(), into);
    if (received > 0) {
      const auto bytes = static_cast<std::size_t>(received);
      if (bytes < into.size()) is_readable_ = is_hung_up_;
      return IoResult{bytes, NetError::none};
    }
    if (received == 0) return IoResult{0, NetError::end_of_stream};
    if (errno == EINTR) continue;
    if (!would_block(errno)) return IoResult{0, net_error_of(errno)};
    is_readable_ = false;
    return std::nullopt;
  }
}

SocketStream::Progress SocketStream::transmit(const WritePieces& pieces) {
  if (!is_writable_) return std::nullopt;
  std::size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  for (;;) {
    const ssize_t sent = total <= copied_bytes_max ? send_copied(socket_.fd(), pieces)
                                                   : send_pieces(socket_.fd(), pieces);
    if (sent >= 0) {
      const auto bytes = static_cast<std::size_t>(sent);
      if (bytes < total) is_writable_ = false;
      return IoResult{bytes, NetError::none};
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) return IoResult{0, net_error_of(errno)};
    is_writable_ = false;
    return std::nullopt;
  }
}

std::string SocketStream::peer_address() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (::getpeername(socket_.fd(), address, &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = &reinterpret_cast<const sockaddr_in&>(storage).sin_addr;
  if (storage.ss_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
  }
  if (::inet_ntop(storage.ss_family, bytes, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

std::unique_ptr<Stream> make_tcp_stream(EpollLoop& loop, Socket socket) {
  return std::make_unique<TcpStream>(loop, std::move(socket));
}

Socket release_socket(std::unique_ptr<Stream> stream) {
  return static_cast<TcpStream&>(*stream).take_socket();
}

}  // namespace weir::net
