// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/chat.hpp"
#include "weir/result.hpp"

namespace weir {

namespace api {
class CallControl;
class StreamQueue;
}  // namespace api

/// What one call asks for beside the request itself.
struct CallOptions {
  std::vector<std::string> prefer{};  ///< providers or targets to be tried first, in this order
  bool may_fail_over = true;          ///< false: the first target's error is the answer
  std::optional<int> attempts_max{};  ///< of all targets together, at least 1; unset: the route's
  int priority = 0;                   ///< higher goes first while calls wait for their turn
  std::optional<std::chrono::milliseconds> timeout{};  ///< from the start of the call to its end
  std::optional<std::chrono::steady_clock::time_point> deadline{};  ///< the same, as an instant
  std::map<std::string, std::string> tags{};  ///< usage is also counted under each `key=value`
};

/// Called once with the outcome, on a thread of the gateway: it must return soon, must not throw,
/// and must not make blocking calls of the gateway.
template <class T>
using Completion = std::function<void(Result<T>)>;

/// A call under way. Copies mean the same call; it goes on when they are gone.
class CallHandle {
 public:
  explicit CallHandle(std::shared_ptr<api::CallControl> control);
  /// Ends the call with `cancelled`, unless it has ended. For any thread, at any time.
  void cancel() const;

 private:
  std::shared_ptr<api::CallControl> control_;
};

/// A streamed answer, read piece by piece:
///
///     auto stream = gateway.open_stream(request);
///     for (const weir::StreamPiece& piece : stream) show(piece.text);
///     auto answer = stream.finish();  // usage, cost, or the error
///
/// A few dozen pieces are kept ready. A reader that falls behind slows the provider down; one that
/// takes nothing for 30 seconds while pieces wait ends the call with `cancelled`. Destroying the
/// stream cancels what is left. For one thread at a time; it may outlive the gateway, whose end
/// ends it.
class ChatStream {
 public:
  ChatStream(std::shared_ptr<api::StreamQueue> queue, CallHandle call);
  ChatStream(ChatStream&&) noexcept;
  ChatStream& operator=(ChatStream&&) noexcept;
  ~ChatStream();

  /// The next piece, waiting for it; nothing when the answer has ended, well or not.
  std::optional<StreamPiece> next();
  /// The same without waiting: `ready` is called once, on a thread of the gateway or at once, under
  /// the rules of `Completion`. Precondition: no other `next` is under way.
  void async_next(std::function<void(std::optional<StreamPiece>)> ready);
  /// The whole answer, once all pieces were read; pieces not read yet are passed over.
  Result<ChatResponse> finish();
  /// The outcome, where the pieces have ended; nothing before that.
  [[nodiscard]] std::optional<Result<ChatResponse>> outcome() const;
  void cancel();
  [[nodiscard]] const CallHandle& call() const { return call_; }

  /// Single-pass: an input iterator over the pieces.
  class Iterator {
   public:
    using value_type = StreamPiece;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    Iterator() = default;
    explicit Iterator(ChatStream& stream) : stream_(&stream), piece_(stream.next()) {}
    const StreamPiece& operator*() const { return *piece_; }
    const StreamPiece* operator->() const { return &*piece_; }
    Iterator& operator++() {
      piece_ = stream_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !piece_.has_value(); }

   private:
    ChatStream* stream_ = nullptr;
    std::optional<StreamPiece> piece_;
  };
  Iterator begin() { return Iterator(*this); }
  static std::default_sentinel_t end() { return {}; }

 private:
  std::shared_ptr<api::StreamQueue> queue_;
  CallHandle call_;
};

}  // namespace weir
