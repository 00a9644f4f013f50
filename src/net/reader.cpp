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

std::span<char> BufferedReader::room() {
  if (block_.size() - end_ < room_min) {
    const std::size_t held = end_ - begin_;
    if (begin_ > 0 && block_.size() - held >= room_min) {
      std::memmove(block_.data(), block_.data() + begin_, held);
    } else {
      Block block(2 * held);
      if (held > 0) std::memcpy(block.data(), block_.data() + begin_, held);
      block_ = std::move(block);
    }
    begin_ = 0;
    end_ = held;
  }
  return {block_.data() + end_, block_.size() - end_};
}

void BufferedReader::start() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    block_ = Block();
  }
  is_reading_ = true;
  stream_.start_read(*this);
}

void BufferedReader::stand(Observer* observer) {
  observer_ = observer;
  if (!is_reading_ && error_ == NetError::none) start();
}

void BufferedReader::wait(std::coroutine_handle<> awaiting, Duration timeout) {
  WEIR_ASSERT(!awaiting_);
  awaiting_ = awaiting;
  is_late_ = false;
  if (timeout > Duration::zero()) {
    loop_.arm_coarse(*this, loop_.now() + timeout);
  } else {
    disarm();
  }
  if (!is_reading_) start();
}

/// The alarm stays: the next wait puts it off, which costs less than taking it out.
void BufferedReader::on_io(IoResult result) {
  is_reading_ = false;
  begins_ = false;
  end_ += result.bytes;
  error_ = !result && is_late_ ? NetError::timed_out : result.error;
  if (awaiting_) {
    std::exchange(awaiting_, nullptr).resume();
  } else if (observer_ != nullptr) {
    observer_->on_input(*this);
  }
}

void BufferedReader::on_alarm() {
  if (!awaiting_) return;  // that of a wait which has ended
  is_late_ = true;
  stream_.cancel();
}

}  // namespace weir::net
