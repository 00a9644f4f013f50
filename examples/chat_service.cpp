// SPDX-License-Identifier: Apache-2.0
//
// A small chat service over HTTP, on one thread: POST /chat/<room> with the text as body, and the
// answer comes as text. Each room remembers its conversation.
//
//   chat_service 8080 [model]     curl -d "Hello" http://127.0.0.1:8080/chat/kitchen
//   chat_service --self-test      serves two requests to itself and exits
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <weir/asio.hpp>
#include <weir/weir.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::size_t items_kept = 20;    // of a room's conversation
constexpr std::size_t rooms_max = 1'000;  // strangers choose the names
constexpr std::string_view prefix = "/chat/";

class ChatService {
 public:
  ChatService(weir::Gateway& gateway, std::string model)
      : gateway_(gateway), model_(std::move(model)) {}

  asio::awaitable<Response> answer(Request request) {
    Response response(http::status::ok, request.version());
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    const std::string target(request.target());
    if (request.method() != http::verb::post || !target.starts_with(prefix)) {
      response.result(http::status::not_found);
      response.body() = "POST /chat/<room>\n";
      co_return response;
    }
    const std::string room = target.substr(prefix.size());
    if (rooms_.size() >= rooms_max && !rooms_.contains(room)) rooms_.clear();

    weir::ChatRequest chat;
    chat.model = model_;
    chat.items = rooms_[room];
    chat.items.emplace_back(weir::user_message(request.body()));
    weir::CallOptions options;
    options.timeout = std::chrono::seconds(30);
    options.tags["room"] = room;
    // Other requests are served while this one waits.
    const auto outcome = co_await weir::asio::chat(gateway_, chat, options);
    if (outcome) {
      response.body() = outcome->text + "\n";
      remember(room, request.body(), outcome->items);
    } else {
      // Every error has a status of its own; see weir/error.hpp.
      response.result(static_cast<unsigned>(weir::traits(outcome.error().code).status));
      response.body() = outcome.error().message + "\n";
    }
    co_return response;
  }

 private:
  void remember(const std::string& room, const std::string& question,
                const std::vector<weir::Item>& answer) {
    std::vector<weir::Item>& items = rooms_[room];
    items.emplace_back(weir::user_message(question));
    items.insert(items.end(), answer.begin(), answer.end());
    if (items.size() > items_kept) items.erase(items.begin(), items.end() - items_kept);
  }

  weir::Gateway& gateway_;
  std::string model_;
  std::map<std::string, std::vector<weir::Item>> rooms_;
};

// Asio throws when the peer is gone or says nonsense: that ends this connection's coroutine.
asio::awaitable<void> serve(ChatService& service, tcp::socket socket) {
  boost::beast::tcp_stream stream(std::move(socket));
  boost::beast::flat_buffer buffer;
  for (;;) {
    stream.expires_after(std::chrono::seconds(60));
    http::request_parser<http::string_body> parser;
    parser.body_limit(64 * 1024);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    const bool keeps_alive = parser.get().keep_alive();
    stream.expires_never();
    Request request = parser.release();
    Response response = co_await service.answer(std::move(request));
    response.keep_alive(keeps_alive);
    response.prepare_payload();
    stream.expires_after(std::chrono::seconds(60));
    co_await http::async_write(stream, response, asio::use_awaitable);
    if (!keeps_alive) co_return;
  }
}

asio::awaitable<void> listen(ChatService& service, tcp::acceptor& acceptor) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(executor, serve(service, std::move(socket)), [](const std::exception_ptr&) {});
  }
}

/// What a client would do; the second answer shows that the room remembers the first.
asio::awaitable<void> self_test(tcp::acceptor& acceptor, bool& is_passed) {
  const auto executor = co_await asio::this_coro::executor;
  boost::beast::tcp_stream stream(executor);
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  co_await stream.async_connect(endpoint, asio::use_awaitable);
  boost::beast::flat_buffer buffer;
  is_passed = true;
  for (const char* text : {"Hello", "Are you still there?"}) {
    Request request(http::verb::post, "/chat/kitchen", 11);
    request.set(http::field::host, "127.0.0.1");
    request.body() = text;
    request.prepare_payload();
    co_await http::async_write(stream, request, asio::use_awaitable);
    Response response;
    co_await http::async_read(stream, buffer, response, asio::use_awaitable);
    std::cout << "> " << text << "\n" << response.body();
    const bool is_right =
        response.result() == http::status::ok && response.body().find(text) != std::string::npos;
    is_passed = is_passed && is_right;
  }
  acceptor.close();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "8080";
  const bool is_test = first == "--self-test";
  asio::io_context context(1);  // before the gateway: it outlives the calls
  auto gateway = weir::Gateway::from_environment();
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }
  ChatService service(*gateway, argc > 2 ? argv[2] : "mock");
  const auto port = static_cast<std::uint16_t>(is_test ? 0 : std::atoi(first.c_str()));
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
  std::cout << "http://127.0.0.1:" << acceptor.local_endpoint().port() << "/chat/<room>\n";

  bool is_passed = true;
  asio::co_spawn(context, listen(service, acceptor), [](const std::exception_ptr&) {});
  if (is_test) {
    is_passed = false;
    asio::co_spawn(context, self_test(acceptor, is_passed), [](const std::exception_ptr&) {});
  }
  context.run();
  return is_passed ? 0 : 1;
}
