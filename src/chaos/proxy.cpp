// SPDX-License-Identifier: Apache-2.0
#include "chaos/proxy.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "net/stream.hpp"
#include "net/tcp.hpp"

namespace weir::chaos {
namespace {

constexpr std::chrono::hours silence_max{1};
constexpr std::chrono::minutes write_max{1};

}  // namespace

/// Two streams that end together: whichever direction ends first ends the other.
class Proxy::Pair {
 public:
  Pair(net::EpollLoop& loop, std::unique_ptr<net::Stream> client,
       std::unique_ptr<net::Stream> server)
      : loop_(loop), client_(std::move(client)), server_(std::move(server)) {}

  /// Bytes as they come.
  net::Task<void> forward() {
    std::array<char, 16 << 10> room;
    for (;;) {
      net::Read read(loop_, *client_, room, silence_max);
      const net::IoResult got = co_await read;
      if (!got) break;
      net::Write write(loop_, *server_, net::WritePieces{std::string_view(room.data(), got.bytes)},
                       write_max);
      const net::IoResult put = co_await write;
      if (!put) break;
    }
    close();
  }

  /// Bytes as the fault has it.
  net::Task<void> bring_back(Fault fault) {
    std::array<char, 16 << 10> room;
    std::size_t passed = 0;
    const std::size_t most =
        std::min(fault.cut_byte.value_or(SIZE_MAX), fault.stall_token.value_or(SIZE_MAX));
    while (passed < most) {
      net::Read read(loop_, *server_, room, silence_max);
      const net::IoResult got = co_await read;
      if (!got) break;
      const net::Duration pause = passed == 0 ? fault.delay + fault.drip : fault.drip;
      net::Sleep sleep(loop_, loop_.now() + pause, over_);
      const bool goes_on = co_await sleep;
      if (!goes_on) break;
      const std::size_t bytes = std::min(got.bytes, most - passed);
      net::Write write(loop_, *client_, net::WritePieces{std::string_view(room.data(), bytes)},
                       write_max);
      const net::IoResult put = co_await write;
      if (!put) break;
      passed += bytes;
    }
    const bool is_stalled = fault.stall_token && passed >= *fault.stall_token;
    if (is_stalled && !over_.is_cancelled()) {
      net::Sleep sleep(loop_, loop_.now() + silence_max, over_);
      const bool waited = co_await sleep;
      static_cast<void>(waited);
    }
    close();
  }

 private:
  void close() {
    client_->close();
    server_->close();
    over_.cancel();
  }

  net::EpollLoop& loop_;
  std::unique_ptr<net::Stream> client_;
  std::unique_ptr<net::Stream> server_;
  net::Cancellation over_;
};

Result<> Proxy::listen(const net::ListenAddress& address) {
  listener_ = std::make_unique<net::Listener>(
      loop_, [this](net::Socket socket) { tasks_.spawn(serve(std::move(socket))); });
  return listener_->open(address);
}

net::Task<void> Proxy::serve(net::Socket socket) {
  auto client = net::make_tcp_stream(loop_, std::move(socket));
  Fault fault = plan_.take();
  net::Cancellation never;
  net::Connected connected = co_await connector_.connect(to_, {}, never);
  if (connected.error != net::NetError::none) {
    client->close();
    co_return;
  }
  const auto pair = std::make_shared<Pair>(loop_, std::move(client), std::move(connected.stream));
  // Each direction keeps the pair until it has ended.
  tasks_.spawn(
      [](std::shared_ptr<Pair> both) -> net::Task<void> { co_await both->forward(); }(pair));
  co_await pair->bring_back(std::move(fault));
}

}  // namespace weir::chaos
