// SPDX-License-Identifier: Apache-2.0
#include "net/reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::net {
namespace {

/// Less room than this is not worth a read of its own.
constexpr std::size_t room_min = 1024;

}  // namespace

void BufferedReader::consume(std::size_t bytes) {
  WEIR_ASSERT(bytes <= end_ - begin_);
  begin_ += bytes;
}

void BufferedReader::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (capacity_ - end_ >= room_min) return;
  const std::size_t held = end_ - begin_;
  if (begin_ > 0 && capacity_ - held >= room_min) {
    std::memmove(block_.get(), block_.get() + begin_, held);
  } else {
    // Not value-initialised: a block is written before it is read.
    const std::size_t capacity = std::max(block_bytes, 2 * held);
    std::unique_ptr<char[]> block(new char[capacity]);
    if (held > 0) std::memcpy(block.get(), block_.get() + begin_, held);
    block_ = std::move(block);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = held;
}

void BufferedReader::start() {
  is_reading_ = true;
  stream_.start_read({block_.get() + end_, capacity_ - end_}, *this);
}

void BufferedReader::stand(Observer* observer) {
  observer_ = observer;
  if (is_reading_ || error_ != NetError::none) return;
  make_room();
  start();
}

void BufferedReader::wait(std::coroutine_handle<> awaiting, Duration timeout) {
  WEIR_ASSERT(!awaiting_);
  awaiting_ = awaiting;
  is_late_ = false;
  if (timeout > Duration::zero()) loop_.arm_coarse(*this, loop_.now() + timeout);
  if (is_reading_) return;
  make_room();
  start();
}

void BufferedReader::on_io(IoResult result) {
  disarm();
  is_reading_ = false;
  end_ += result.bytes;
  error_ = !result && is_late_ ? NetError::timed_out : result.error;
  if (awaiting_) {
    std::exchange(awaiting_, nullptr).resume();
  } else if (observer_ != nullptr) {
    observer_->on_input(*this);
  }
}

void BufferedReader::on_alarm() {
  is_late_ = true;
  stream_.cancel();
}

}  // namespace weir::net
