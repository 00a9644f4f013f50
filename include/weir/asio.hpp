// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "weir/gateway.hpp"

/// Calls as Asio awaitables. The gateway works on its own threads; the awaiting coroutine goes on
/// on its own executor, never on a thread of the gateway. Cancelling the coroutine (terminal,
/// partial or total) cancels the call, which then answers `cancelled`.
///
/// The gateway outlives the awaits; the executor's context outlives the gateway, or has run all
/// calls to their end.
namespace weir::asio {

namespace detail {

/// Brings the outcome from a thread of the gateway to the executor that waits for it.
template <class T, class Handler>
class Delivery {
 public:
  explicit Delivery(Handler handler)
      : executor_(boost::asio::prefer(
            boost::asio::any_io_executor(boost::asio::get_associated_executor(handler)),
            boost::asio::execution::outstanding_work.tracked)),
        handler_(std::make_shared<Handler>(std::move(handler))) {}

  void operator()(T outcome) const {
    boost::asio::post(executor_, [handler = handler_, outcome = std::move(outcome)]() mutable {
      // The slot still knows the call: empty it before the handler reuses it.
      auto slot = boost::asio::get_associated_cancellation_slot(*handler);
      if (slot.is_connected()) slot.clear();
      std::move (*handler)(std::move(outcome));
    });
  }
  [[nodiscard]] auto slot() const {
    return boost::asio::get_associated_cancellation_slot(*handler_);
  }

 private:
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Handler> handler_;
};

/// `start(done)` begins the call and answers its handle.
template <class T, class Start>
boost::asio::awaitable<T> run(Start start) {
  const auto initiate = [&start](auto handler) {
    Delivery<T, decltype(handler)> delivery(std::move(handler));
    auto slot = delivery.slot();
    const CallHandle call = start(delivery);
    if (slot.is_connected()) {
      slot.assign([call](boost::asio::cancellation_type) { call.cancel(); });
    }
  };
  // Named first: a compiler in use destroys temporaries that share a statement with an await twice.
  auto operation = boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(T)>(
      initiate, boost::asio::use_awaitable);
  T outcome = co_await std::move(operation);
  co_return outcome;
}

}  // namespace detail

inline boost::asio::awaitable<Result<ChatResponse>> chat(Gateway& gateway, ChatRequest request,
                                                         CallOptions options = {}) {
  const auto start = [&](Completion<ChatResponse> done) {
    return gateway.start_chat(std::move(request), std::move(done), std::move(options));
  };
  Result<ChatResponse> outcome = co_await detail::run<Result<ChatResponse>>(start);
  co_return outcome;
}

inline boost::asio::awaitable<Result<ChatResponse>> generate(Gateway& gateway, std::string prompt,
                                                             CallOptions options = {}) {
  ChatRequest request;
  request.items.emplace_back(user_message(std::move(prompt)));
  return chat(gateway, std::move(request), std::move(options));
}

inline boost::asio::awaitable<Result<EmbeddingResponse>> embed(Gateway& gateway,
                                                               EmbeddingRequest request,
                                                               CallOptions options = {}) {
  const auto start = [&](Completion<EmbeddingResponse> done) {
    return gateway.start_embed(std::move(request), std::move(done), std::move(options));
  };
  Result<EmbeddingResponse> outcome = co_await detail::run<Result<EmbeddingResponse>>(start);
  co_return outcome;
}

/// The next piece of a stream from `Gateway::open_stream`; nothing at its end, after which
/// `stream.outcome()` has the whole answer. `stream` outlives the await.
inline boost::asio::awaitable<std::optional<StreamPiece>> next(ChatStream& stream) {
  const auto start = [&stream](std::function<void(std::optional<StreamPiece>)> ready) {
    stream.async_next(std::move(ready));
    return stream.call();
  };
  std::optional<StreamPiece> piece = co_await detail::run<std::optional<StreamPiece>>(start);
  co_return piece;
}

}  // namespace weir::asio
