// SPDX-License-Identifier: Apache-2.0
#include "api/stream_queue.hpp"

#include <utility>

namespace weir::api {

bool StreamQueue::try_put(StreamPiece& piece, const Wakeup& room) {
  Ready ready;
  {
    const std::lock_guard lock(mutex_);
    if (pieces_.size() >= pieces_max) {
      writer_ = room.sender();
      is_writer_waiting_ = true;
      return false;
    }
    if (!ready_) {
      pieces_.push_back(std::move(piece));
      changed_.notify_one();
      return true;
    }
    ready = std::exchange(ready_, nullptr);
  }
  ready(std::move(piece));
  return true;
}

net::Task<bool> StreamQueue::push(std::vector<StreamPiece> pieces, Wakeup& room,
                                  net::Duration stall_max, net::Cancellation& cancellation) {
  for (StreamPiece& piece : pieces) {
    while (!try_put(piece, room)) {
      Wakeup::Wait wait(room, stall_max, cancellation);
      const bool is_woken = co_await wait;
      if (!is_woken) co_return false;
    }
  }
  co_return !cancellation.is_cancelled();
}

void StreamQueue::finish(Result<ChatResponse> outcome) {
  Ready ready;
  {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
    ready = std::exchange(ready_, nullptr);
  }
  changed_.notify_all();
  if (ready) ready(std::nullopt);
}

std::optional<StreamPiece> StreamQueue::take_front() {
  if (pieces_.empty()) return std::nullopt;
  std::optional<StreamPiece> piece = std::move(pieces_.front());
  pieces_.pop_front();
  // Half empty before the writer is woken: one wake-up then serves many pieces.
  if (is_writer_waiting_ && pieces_.size() <= pieces_max / 2) {
    is_writer_waiting_ = false;
    writer_.notify();
  }
  return piece;
}

std::optional<StreamPiece> StreamQueue::pop() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !pieces_.empty() || outcome_.has_value(); });
  return take_front();
}

void StreamQueue::async_pop(Ready ready) {
  std::optional<StreamPiece> piece;
  {
    const std::lock_guard lock(mutex_);
    piece = take_front();
    if (!piece && !outcome_) {
      ready_ = std::move(ready);
      return;
    }
  }
  ready(std::move(piece));
}

std::optional<Result<ChatResponse>> StreamQueue::outcome() const {
  const std::lock_guard lock(mutex_);
  return pieces_.empty() ? outcome_ : std::nullopt;
}

}  // namespace weir::api
