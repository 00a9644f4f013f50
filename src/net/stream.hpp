// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/loop.hpp"

namespace weir::net {

enum class NetError : std::uint8_t {
  none,
  end_of_stream,  ///< the peer closed in good order
  reset,          ///< the peer is gone
  timed_out,
  cancelled,    ///< we gave up
  resolve,      ///< no such name, or the resolver failed
  blocked,      ///< the address is not allowed (rule N-2)
  refused,      ///< nobody listens, no route
  tls,          ///< handshake failed
  certificate,  ///< the peer's certificate or name does not verify
  other,
};
std::string_view name(NetError error) noexcept;

struct IoResult {
  std::size_t bytes = 0;
  NetError error = NetError::none;
  explicit operator bool() const { return error == NetError::none; }
};

/// Told when an operation ends.
class IoWaiter {
 public:
  virtual ~IoWaiter() = default;
  virtual void on_io(IoResult result) = 0;
};

/// Told when a read ends.
class ReadWaiter : public IoWaiter {
 public:
  /// Where to read to; asked only when bytes are there, so that a read that waits needs no memory.
  /// Not empty; stays until the waiter is told of the end.
  virtual std::span<char> room() = 0;
  /// What comes begins something new: where there is much to do, what has begun goes first.
  [[nodiscard]] virtual bool begins() const { return false; }
};

/// Up to three pieces written one after another in one system call.
using WritePieces = std::array<std::string_view, 3>;

/// A connection, plain or TLS: the port between HTTP and the network.
///
/// At most one read and one write at a time. A stream may be destroyed only when neither is under
/// way; `close` ends both with `cancelled`.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Reads at least one byte. Never tells the waiter from within this call.
  virtual void start_read(ReadWaiter& waiter) = 0;
  /// Writes what fits without waiting; `bytes` may be 0. Precondition: no write under way.
  virtual IoResult try_write(const WritePieces& pieces) = 0;
  /// Writes at least one byte of the pieces, which must stay until the waiter is told; never tells
  /// it from within this call.
  virtual void start_write(const WritePieces& pieces, IoWaiter& waiter) = 0;
  /// Ends the operations under way and the connection.
  virtual void close() = 0;
  /// Ends the operations under way; the connection stays.
  virtual void cancel() = 0;
  /// There is something to read that nobody has read yet, as far as is known.
  [[nodiscard]] virtual bool is_readable() const { return false; }
  /// The peer's address as text, without port; empty when there is none.
  [[nodiscard]] virtual std::string peer_address() const = 0;
};

/// Closes a stream when the request it serves is cancelled; registered for as long as it lives.
class CloseOnCancel final : public Cancellable {
 public:
  CloseOnCancel(Stream& stream, Cancellation& cancellation) : stream_(stream) {
    if (cancellation.is_cancelled()) {
      stream_.close();
    } else {
      cancellation.add(*this);
    }
  }

 private:
  void on_cancel() override { stream_.close(); }
  Stream& stream_;
};

/// Awaitable: reads at least one byte, within `timeout`; zero or less means no limit.
class Read final : private ReadWaiter, private Alarm {
 public:
  Read(Loop& loop, Stream& stream, std::span<char> into, Duration timeout)
      : loop_(loop), stream_(stream), into_(into), timeout_(timeout) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    if (timeout_ > Duration::zero()) loop_.arm_coarse(*this, loop_.now() + timeout_);
    stream_.start_read(*this);
  }
  [[nodiscard]] IoResult await_resume() const { return result_; }

 private:
  std::span<char> room() override { return into_; }
  void on_io(IoResult result) override {
    disarm();
    result_ = result;
    if (is_late_ && !result) result_.error = NetError::timed_out;
    awaiting_.resume();
  }
  void on_alarm() override {
    is_late_ = true;
    stream_.cancel();
  }

  Loop& loop_;
  Stream& stream_;
  std::span<char> into_;
  Duration timeout_;
  IoResult result_;
  bool is_late_ = false;
  std::coroutine_handle<> awaiting_;
};

/// Awaitable: writes all of the pieces; `stall_max` is the longest time without progress, zero or
/// less means no limit. On a stall the stream is closed, because half a message was sent.
class Write final : private IoWaiter, private Alarm {
 public:
  Write(Loop& loop, Stream& stream, WritePieces pieces, Duration stall_max)
      : loop_(loop), stream_(stream), pieces_(pieces), stall_max_(stall_max) {}

  [[nodiscard]] bool await_ready() {
    if (is_empty()) return true;
    take(stream_.try_write(pieces_));
    return !result_ || is_empty();
  }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    next();
  }
  /// `bytes`: written in all, also when it failed.
  [[nodiscard]] IoResult await_resume() const { return result_; }
  /// What is not written yet.
  [[nodiscard]] const WritePieces& rest() const noexcept { return pieces_; }

 private:
  [[nodiscard]] bool is_empty() const {
    return pieces_[0].empty() && pieces_[1].empty() && pieces_[2].empty();
  }
  void next() {
    if (stall_max_ > Duration::zero()) loop_.arm_coarse(*this, loop_.now() + stall_max_);
    stream_.start_write(pieces_, *this);
  }
  void take(IoResult result) {
    result_.bytes += result.bytes;
    result_.error = result.error;
    std::size_t left = result.bytes;
    for (auto& piece : pieces_) {
      const std::size_t taken = std::min(left, piece.size());
      piece.remove_prefix(taken);
      left -= taken;
    }
  }
  void on_io(IoResult result) override {
    disarm();
    take(result);
    if (result && !is_empty()) return next();
    if (is_late_ && !result) result_.error = NetError::timed_out;
    awaiting_.resume();
  }
  void on_alarm() override {
    is_late_ = true;
    stream_.close();
  }

  Loop& loop_;
  Stream& stream_;
  WritePieces pieces_;
  Duration stall_max_;
  IoResult result_;
  bool is_late_ = false;
  std::coroutine_handle<> awaiting_;
};

}  // namespace weir::net
