// SPDX-License-Identifier: Apache-2.0
//
// Inside a program that runs on Asio: calls are awaited, and the coroutine goes on on its own
// executor. A ticker runs beside the calls to show that nothing blocks.
#include <chrono>
#include <exception>
#include <iostream>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <weir/asio.hpp>
#include <weir/weir.hpp>

namespace {

namespace asio = boost::asio;

asio::awaitable<void> tick(const bool& is_over) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  int ticks = 0;
  while (!is_over) {
    std::cout << "tick " << ++ticks << "\n";
    timer.expires_after(std::chrono::milliseconds(50));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> talk(weir::Gateway& gateway, const char* model, bool& is_over) {
  weir::ChatRequest request;
  request.model = model;
  request.items.emplace_back(weir::user_message("Tell me about locks and weirs."));
  const auto answer = co_await weir::asio::chat(gateway, request);
  std::cout << (answer ? answer->text : answer.error().message) << "\n";

  weir::ChatStream stream = gateway.open_stream(request);
  for (;;) {
    const auto piece = co_await weir::asio::next(stream);
    if (!piece) break;
    std::cout << piece->text;
  }
  std::cout << "\n";
  is_over = true;
}

}  // namespace

int main(int argc, char** argv) {
  const char* model = argc > 1 ? argv[1] : "mock/slow-120ms";
  asio::io_context context;  // before the gateway: it outlives the calls
  auto gateway = weir::Gateway::from_environment();
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }
  bool is_over = false;
  const auto on_end = [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  };
  asio::co_spawn(context, tick(is_over), on_end);
  asio::co_spawn(context, talk(*gateway, model, is_over), on_end);
  context.run();
  return is_over ? 0 : 1;
}
