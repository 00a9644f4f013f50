// SPDX-License-Identifier: Apache-2.0
#include "net/listener.hpp"

#include <set>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

/// The two ends of a connection have this of each other.
using Port = std::uint16_t;

Port port_of(const Socket& socket, decltype(::getsockname)& end) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(end(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

/// One listener that ends, and another of its port that goes on.
class ListenerTest : public testing::Test {
 protected:
  ListenerTest() : guard_([this] { end(); }) {
    EXPECT_TRUE(going_.open({}));
    EXPECT_TRUE(staying_.open({.port = going_.port()}));
  }

  /// Begins that many connections; answers the clients' ports.
  std::set<Port> connect(int count) {
    std::set<Port> ports;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(staying_.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; ++i) {
      Socket client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const int status =
          ::connect(client.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
      EXPECT_TRUE(status == 0 || errno == EINPROGRESS);
      ports.insert(port_of(client, ::getsockname));
      clients_.push_back(std::move(client));
    }
    return ports;
  }

  /// Until all are taken, or much time has gone.
  void run() {
    loop_.arm_coarse(guard_, loop_.now() + 20s);
    end_if_all_are_taken();
    loop_.run();
  }

  EpollLoop loop_;
  std::set<Port> by_going_;
  std::set<Port> by_staying_;
  Listener going_{loop_, [this](const Socket& socket) { take(socket, by_going_); }};
  Listener staying_{loop_, [this](const Socket& socket) { take(socket, by_staying_); }};

 private:
  void take(const Socket& socket, std::set<Port>& by) {
    by.insert(port_of(socket, ::getpeername));
    end_if_all_are_taken();
  }
  void end_if_all_are_taken() {
    if (by_going_.size() + by_staying_.size() == clients_.size()) end();
  }
  void end() {
    going_.close();
    staying_.close();
    loop_.stop();
  }

  std::vector<Socket> clients_;
  CallbackAlarm guard_;
};

// H-7. The kernel spreads connections over both: of so many, some came to each.
TEST_F(ListenerTest, H7WhoComesWhileOneEndsIsTakenByAnotherOfThePort) {
  const std::set<Port> early = connect(32);
  if (!going_.ignore_newcomers()) GTEST_SKIP() << "this kernel asks for CAP_NET_ADMIN";
  const std::set<Port> late = connect(32);
  going_.finish();
  EXPECT_FALSE(going_.is_open());
  EXPECT_FALSE(by_going_.empty()) << "what waited was taken";
  for (const Port port : by_going_) EXPECT_TRUE(early.contains(port));
  run();
  EXPECT_EQ(by_going_.size() + by_staying_.size(), early.size() + late.size());
}

}  // namespace
}  // namespace weir::net
