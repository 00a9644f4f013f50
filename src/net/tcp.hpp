// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/epoll_loop.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

namespace weir::net {

/// What every stream over a socket shares: the operations under way, and what is known of the
/// socket's readiness.
///
/// A read that waits costs no system call. When bytes are there it makes one `recv`, and one that
/// comes back short has drained the socket: the next `recv` waits for the kernel's next word.
class SocketStream : public Stream, protected Pollable {
 public:
  SocketStream(EpollLoop& loop, Socket socket);
  ~SocketStream() override;

  void start_read(ReadWaiter& waiter) override;
  void start_write(const WritePieces& pieces, IoWaiter& waiter) override;
  IoResult try_write(const WritePieces& pieces) override;
  void close() override;
  void cancel() override;
  [[nodiscard]] bool is_readable() const override { return may_read_now(); }
  [[nodiscard]] std::string peer_address() const override;

 protected:
  /// Nothing: it would have to wait.
  using Progress = std::optional<IoResult>;

  /// Reads into the waiter's room what there is.
  virtual Progress read_now(ReadWaiter& waiter) = 0;
  /// Writes what fits.
  virtual Progress write_now(const WritePieces& pieces) = 0;
  /// A read might get on without waiting for the kernel's word.
  [[nodiscard]] virtual bool may_read_now() const { return is_readable_; }

  void on_events(std::uint32_t events) override;
  /// Takes down what `events` say of readiness.
  void note(std::uint32_t events);
  /// The system's calls, with what they tell of readiness.
  Progress receive(std::span<char> into);
  Progress transmit(const WritePieces& pieces);

  [[nodiscard]] bool is_closed() const noexcept { return !socket_.is_open(); }
  [[nodiscard]] Socket take_socket();

 private:
  void advance_read();
  void advance_write();

  Socket socket_;
  bool is_readable_ = false;  ///< as far as known
  bool is_writable_ = true;
  bool is_hung_up_ = false;  ///< stays readable: the end is still to be read
  bool is_cancelling_ = false;
  ReadWaiter* reader_ = nullptr;
  IoWaiter* writer_ = nullptr;
  WritePieces writing_;
};

/// Takes over a connected socket.
std::unique_ptr<Stream> make_tcp_stream(EpollLoop& loop, Socket socket);
/// Takes the socket back out. Precondition: made by `make_tcp_stream`, nothing under way.
Socket release_socket(std::unique_ptr<Stream> stream);

}  // namespace weir::net
