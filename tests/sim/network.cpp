// SPDX-License-Identifier: Apache-2.0
#include "sim/network.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/assert.hpp"

namespace weir::sim {
namespace {

/// The gateway's end of a wire.
class WireStream final : public net::Stream {
 public:
  explicit WireStream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  ~WireStream() override { wire_->close(); }
  WireStream(const WireStream&) = delete;
  WireStream& operator=(const WireStream&) = delete;

  void start_read(net::ReadWaiter& waiter) override { wire_->start_read(waiter); }
  net::IoResult try_write(const net::WritePieces& pieces) override {
    return wire_->try_write(pieces);
  }
  void start_write(const net::WritePieces& pieces, net::IoWaiter& waiter) override {
    wire_->start_write(pieces, waiter);
  }
  void close() override { wire_->close(); }
  void cancel() override { wire_->cancel(); }
  [[nodiscard]] std::string peer_address() const override { return "192.0.2.1"; }

 private:
  std::shared_ptr<Wire> wire_;
};

}  // namespace

void Wire::send(std::string bytes, std::function<void()> on_taken) {
  loop_.after(latency_, [self = shared_from_this(), bytes = std::move(bytes),
                         on_taken = std::move(on_taken)] {
    if (self->is_closed_ || self->is_reset_) return;
    self->input_.append(bytes);
    self->arrived_ += bytes.size();
    self->marks_.emplace_back(self->arrived_, on_taken);
    self->wake_reader();
  });
}

void Wire::fall_apart() {
  is_reset_ = true;
  input_.clear();
  marks_.clear();
  wake_reader();
}

void Wire::end() {
  loop_.after(latency_, [self = shared_from_this()] {
    self->is_ended_ = true;
    self->wake_reader();
  });
}

void Wire::reset(std::function<void()> on_taken) {
  loop_.after(latency_, [self = shared_from_this(), on_taken = std::move(on_taken)] {
    if (on_taken && !self->is_closed_) on_taken();
    self->fall_apart();
  });
}

void Wire::start_read(net::ReadWaiter& waiter) {
  WEIR_ASSERT(reader_ == nullptr);
  reader_ = &waiter;
  if (fuse_.blows()) fall_apart();
  if (!input_.empty() || is_ended_ || is_reset_ || is_closed_) wake_reader();
}

void Wire::wake_reader() {
  if (reader_ == nullptr || is_waking_) return;
  is_waking_ = true;
  loop_.post([self = shared_from_this()] {
    self->is_waking_ = false;
    self->complete_read();
  });
}

void Wire::complete_read() {
  if (reader_ == nullptr) return;
  net::IoResult result;
  if (is_closed_) {
    result.error = net::NetError::cancelled;
  } else if (!input_.empty()) {
    const std::span<char> room = reader_->room();
    result.bytes = std::min(room.size(), input_.size());
    // One piece at a time: bytes that the gateway has, but never came to look at, would be on one
    // side's book only.
    result.bytes = std::min<std::size_t>(result.bytes, marks_.front().first - taken_);
    std::memcpy(room.data(), input_.data(), result.bytes);
    input_.erase(0, result.bytes);
    taken_ += result.bytes;
    for (; !marks_.empty() && marks_.front().first <= taken_; marks_.pop_front()) {
      if (marks_.front().second) marks_.front().second();
    }
  } else {
    result.error = is_reset_ ? net::NetError::reset : net::NetError::end_of_stream;
  }
  std::exchange(reader_, nullptr)->on_io(result);
}

net::NetError Wire::write_error() const {
  if (is_closed_) return net::NetError::cancelled;
  return is_reset_ ? net::NetError::reset : net::NetError::none;
}

net::IoResult Wire::try_write(const net::WritePieces& pieces) {
  if (fuse_.blows()) fall_apart();
  if (const net::NetError error = write_error(); error != net::NetError::none) return {0, error};
  std::string bytes;
  for (const std::string_view piece : pieces) bytes.append(piece);
  const std::size_t size = bytes.size();
  loop_.after(latency_, [self = shared_from_this(), bytes = std::move(bytes)] {
    if (self->peer_) self->peer_->on_bytes(bytes);  // also what was written before a close
  });
  return {size, net::NetError::none};
}

void Wire::start_write(const net::WritePieces& pieces, net::IoWaiter& waiter) {
  WEIR_ASSERT(writer_ == nullptr);
  writer_ = &waiter;
  const net::IoResult result = try_write(pieces);
  loop_.post([self = shared_from_this(), result, told = &waiter] {
    if (self->writer_ == told) std::exchange(self->writer_, nullptr)->on_io(result);
  });
}

void Wire::cancel() {
  for (net::IoWaiter* waiter : {static_cast<net::IoWaiter*>(std::exchange(reader_, nullptr)),
                                std::exchange(writer_, nullptr)}) {
    if (waiter == nullptr) continue;
    loop_.post([waiter] { waiter->on_io({0, net::NetError::cancelled}); });
  }
}

void Wire::close() {
  if (is_closed_) return;
  is_closed_ = true;
  cancel();
  loop_.after(latency_, [self = shared_from_this()] {
    if (const auto peer = std::exchange(self->peer_, nullptr)) peer->on_close();
  });
}

net::Task<net::Connected> VirtualConnector::connect(const net::Origin& origin,
                                                    net::ConnectTimeouts timeouts,
                                                    net::Cancellation& cancellation) {
  net::Connected connected;
  const Reception* reception = receive_(origin);
  WEIR_ASSERT(reception != nullptr);  // I-10: only addresses of the configuration
  const bool has_no_way = fuse_.blows();
  const bool is_silent = reception->kind == Reception::Kind::silence;
  net::Sleep travel(loop_, loop_.now() + (is_silent ? timeouts.connect : reception->latency),
                    cancellation);
  const Reception now = *reception;
  const bool has_arrived = co_await travel;
  if (!has_arrived) {
    connected.error = net::NetError::cancelled;
  } else if (is_silent) {
    connected.error = net::NetError::timed_out;
    connected.reason = "no answer";
  } else if (now.kind == Reception::Kind::refuse || has_no_way) {
    connected.error = net::NetError::refused;
    connected.reason = "refused";
  } else {
    auto wire = std::make_shared<Wire>(loop_, fuse_, now.latency);
    wire->set_peer(now.serve(wire));
    connected.stream = std::make_unique<WireStream>(std::move(wire));
  }
  co_return connected;
}

}  // namespace weir::sim
