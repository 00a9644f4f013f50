// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "api/test_support.hpp"

namespace weir::api {
namespace {

using namespace std::chrono_literals;

/// An Ollama with one model that sees and calls no tools. One request a connection.
class OneModelServer {
 public:
  OneModelServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, name, size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, name, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneModelServer() {
    shutdown(listener_, SHUT_RDWR);  // wakes the one who accepts
    thread_.join();
    close(listener_);
  }
  OneModelServer(const OneModelServer&) = delete;
  OneModelServer& operator=(const OneModelServer&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int asked() const { return asked_; }

 private:
  void serve() {
    for (int peer = 0; (peer = accept(listener_, nullptr, nullptr)) >= 0; close(peer)) {
      std::string request;
      char bytes[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = recv(peer, bytes, sizeof bytes, 0);
        if (got <= 0) break;
        request.append(bytes, static_cast<std::size_t>(got));
      }
      ++asked_;
      const std::string_view body =
          request.starts_with("GET /api/tags")
              ? R"({"models":[{"name":"seer:latest","model":"seer:latest","digest":"d1"}]})"
              : R"({"capabilities":["completion","vision"],"model_info":{}})";
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
          "Connection: close\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
      EXPECT_EQ(send(peer, answer.data(), answer.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(answer.size()));
    }
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> asked_{0};
  std::thread thread_;
};

GatewayOptions options_for(const OneModelServer& server) {
  GatewayOptions options;
  options.providers.push_back({.name = "local", .type = "ollama", .base_url = server.url()});
  return options;
}

// A program that links the library knows as much of its models as the server does.
TEST(Detection, AProgramsOwnServersTellWhatTheirModelsCanDo) {
  const OneModelServer server;
  Gateway gateway = open_gateway(options_for(server));
  const auto sees = [&] {
    const auto support = gateway.supports("local/seer", Capability::vision);
    return support && *support == Support::yes;
  };
  // It is asked in the background; nothing tells when it has answered.
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!sees() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(sees());
  EXPECT_EQ(*gateway.supports("local/seer", Capability::tools), Support::no);
  EXPECT_EQ(*gateway.best_provider(Capability::vision), "local");
}

TEST(Detection, AProviderIsNotAskedWhereThatIsSaid) {
  OneModelServer server;
  GatewayOptions options = options_for(server);
  options.providers.front().more = {{"detect", R"("off")"}};
  {
    Gateway gateway = open_gateway(std::move(options));
    EXPECT_EQ(*gateway.supports("local/seer", Capability::vision), Support::unknown);
  }
  EXPECT_EQ(server.asked(), 0);
}

}  // namespace
}  // namespace weir::api
