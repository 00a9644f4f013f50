// SPDX-License-Identifier: Apache-2.0
#include "weir/asio.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <thread>

#include "api/test_support.hpp"

namespace weir::api {
namespace {

boost::asio::awaitable<void> talk(Gateway& gateway, std::vector<std::thread::id>& threads) {
  Result<ChatResponse> answer = co_await asio::generate(gateway, "hello");
  threads.push_back(std::this_thread::get_id());
  EXPECT_TRUE(answer);
  if (answer) EXPECT_EQ(answer->text, "hello");

  EmbeddingRequest request;
  request.texts = {"a"};
  Result<EmbeddingResponse> vectors = co_await asio::embed(gateway, std::move(request));
  threads.push_back(std::this_thread::get_id());
  EXPECT_TRUE(vectors);

  ChatStream stream = gateway.open_stream(ask("mock/echo", "one two three"));
  std::string text;
  for (;;) {
    std::optional<StreamPiece> piece = co_await asio::next(stream);
    threads.push_back(std::this_thread::get_id());
    if (!piece) break;
    text += piece->text;
  }
  EXPECT_EQ(text, "one two three");
  const auto outcome = stream.outcome();
  EXPECT_TRUE(outcome && *outcome);
}

// Whoever awaits goes on where it was, whatever thread of the gateway had the answer.
TEST(Asio, GoesOnOnTheCallersExecutor) {
  boost::asio::io_context context;
  GatewayOptions options;
  options.default_model = "mock/echo";
  Gateway gateway = open_gateway(std::move(options));
  std::vector<std::thread::id> threads;
  bool is_done = false;
  boost::asio::co_spawn(context, talk(gateway, threads), [&](const std::exception_ptr& error) {
    EXPECT_FALSE(error);
    is_done = true;
  });
  context.run();
  EXPECT_TRUE(is_done);
  for (const auto& id : threads) EXPECT_EQ(id, std::this_thread::get_id());
}

boost::asio::awaitable<void> wait_long(Gateway& gateway, ErrorKind& kind) {
  Result<ChatResponse> answer = co_await asio::chat(gateway, ask("mock/slow-60000", "hi"));
  kind = answer.error().kind();
}

TEST(Asio, CancelsTheCallWithTheCoroutine) {
  boost::asio::io_context context;
  Gateway gateway = open_gateway({});
  boost::asio::cancellation_signal signal;
  ErrorKind kind = ErrorKind::internal;
  boost::asio::co_spawn(
      context, wait_long(gateway, kind),
      boost::asio::bind_cancellation_slot(signal.slot(), [](const std::exception_ptr&) {}));
  boost::asio::post(context, [&] { signal.emit(boost::asio::cancellation_type::terminal); });
  context.run();
  EXPECT_EQ(kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace weir::api
