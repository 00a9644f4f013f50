// SPDX-License-Identifier: Apache-2.0
#include "net/system_connector.hpp"

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/task.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

/// Names: those that begin with `silent` are never answered while the test goes on.
class SystemConnectorTest : public testing::Test {
 public:
  void TearDown() override { silence_ends.set_value(); }

  std::optional<Resolver::Addresses> look_up(const std::string& host) {
    ++look_ups;
    if (host.starts_with("silent")) end_of_silence.wait();
    return Resolver::Addresses{boost::asio::ip::make_address("127.0.0.1")};
  }

  /// What became of it goes to `ends`; the loop stops at the last one.
  Task<void> connect(std::string host, Duration dns) {
    Cancellation cancellation;
    Origin origin;
    origin.host = std::move(host);
    origin.port = 1;  // nobody listens there
    origin.is_tls = false;
    origin.allows_private = true;
    ConnectTimeouts timeouts;
    timeouts.dns = dns;
    const Connected connected = co_await connector.connect(origin, timeouts, cancellation);
    ends.push_back(connected.error);
    if (ends.size() == wanted) loop.stop();
  }
  void run(std::vector<Task<void>> connects) {
    wanted = connects.size();
    for (Task<void>& one : connects) tasks.spawn(std::move(one));
    loop.run();
  }

  // In this order: the connector's end waits for its look-ups.
  std::promise<void> silence_ends;
  std::shared_future<void> end_of_silence{silence_ends.get_future()};
  std::atomic<int> look_ups = 0;
  EpollLoop loop;
  TlsClientContexts tls;
  SystemConnector connector{loop, tls, [this](const std::string& host) { return look_up(host); }};
  TaskSet tasks;
  std::vector<NetError> ends;
  std::size_t wanted = 0;
};

// T-7; T-20: it fires when it should and not much later.
TEST_F(SystemConnectorTest, T7ANameThatIsNotAnsweredIsGivenUpInTime) {
  const TimePoint begin = loop.now();
  std::vector<Task<void>> connects;
  connects.push_back(connect("silent.test", 100ms));
  run(std::move(connects));
  EXPECT_EQ(ends, std::vector<NetError>{NetError::timed_out});
  EXPECT_GE(loop.now() - begin, 100ms);
}

// One provider whose name servers are silent must not take the others with it.
TEST_F(SystemConnectorTest, T7ASilentNameHoldsUpNoOther) {
  std::vector<Task<void>> connects;
  for (const char* host : {"silent-a.test", "silent-b.test", "silent-c.test"}) {
    connects.push_back(connect(host, 300ms));
  }
  connects.push_back(connect("good.test", 60s));
  run(std::move(connects));
  ASSERT_EQ(ends.size(), 4U);
  EXPECT_EQ(ends.front(), NetError::refused);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(ends[i], NetError::timed_out);
}

// Nor may those who ask for it again and again take every thread.
TEST_F(SystemConnectorTest, ANameIsLookedUpOnceAtATimeHoweverManyAsk) {
  std::vector<Task<void>> connects;
  for (int i = 0; i < 20; ++i) connects.push_back(connect("silent.test", 50ms));
  run(std::move(connects));
  EXPECT_EQ(ends, std::vector<NetError>(20, NetError::timed_out));
  ends.clear();
  connects.clear();
  connects.push_back(connect("good.test", 60s));
  run(std::move(connects));
  EXPECT_EQ(ends, std::vector<NetError>{NetError::refused});
  EXPECT_EQ(look_ups.load(), 2);
}

}  // namespace
}  // namespace weir::net
