// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "api/wakeup.hpp"
#include "net/task.hpp"
#include "weir/chat.hpp"
#include "weir/result.hpp"

namespace weir::api {

/// The pieces of a streamed answer between the loop that gets them and the thread that reads them:
/// bounded, so that a slow reader slows the provider down.
class StreamQueue {
 public:
  using Ready = std::function<void(std::optional<StreamPiece>)>;
  static constexpr std::size_t pieces_max = 64;

  // ---- the loop's side ----

  /// Puts `pieces` in, waiting for room, at most `stall_max` for each. False: cancelled, or nobody
  /// reads.
  net::Task<bool> push(std::vector<StreamPiece> pieces, Wakeup& room, net::Duration stall_max,
                       net::Cancellation& cancellation);
  /// The answer has ended. For any thread.
  void finish(Result<ChatResponse> outcome);

  // ---- the reader's side ----

  std::optional<StreamPiece> pop();
  void async_pop(Ready ready);
  [[nodiscard]] std::optional<Result<ChatResponse>> outcome() const;

 private:
  bool try_put(StreamPiece& piece, const Wakeup& room);
  std::optional<StreamPiece> take_front();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<StreamPiece> pieces_;
  Ready ready_;            ///< of a reader that waits without blocking
  Wakeup::Sender writer_;  ///< told when there is room again
  bool is_writer_waiting_ = false;
  std::optional<Result<ChatResponse>> outcome_;
};

}  // namespace weir::api
