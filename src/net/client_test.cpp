// SPDX-License-Identifier: Apache-2.0
#include "net/client.hpp"

#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::net {
namespace {

/// A loop that runs what was posted when told to, at a time that stands still.
class StillLoop final : public Loop {
 public:
  [[nodiscard]] TimePoint now() const override { return {}; }
  void arm_coarse(Alarm&, TimePoint) override {}
  void arm_exact(Alarm&, TimePoint) override {}
  void disarm(Alarm&) noexcept override {}
  void post(std::function<void()> work) override { work_.push_back(std::move(work)); }
  void run() {
    while (!work_.empty()) {
      const auto work = std::move(work_.front());
      work_.pop_front();
      work();
    }
  }

 private:
  std::deque<std::function<void()>> work_;
};

/// An upstream that answers each request it gets, and tells of its end only when the loop turns, as
/// real sockets do.
class AnsweringStream final : public Stream {
 public:
  AnsweringStream(StillLoop& loop, std::string_view text) : loop_(loop), text_(text) {}
  ~AnsweringStream() override { EXPECT_EQ(reader_, nullptr) << "destroyed while it was read"; }

  void start_read(ReadWaiter& waiter) override {
    reader_ = &waiter;
    if (is_closed_) end_read();
  }
  IoResult try_write(const WritePieces& pieces) override {
    if (is_closed_) return {0, NetError::cancelled};
    std::size_t bytes = 0;
    for (const auto piece : pieces) bytes += piece.size();
    loop_.post([this] { answer(); });
    return {bytes, NetError::none};
  }
  void start_write(const WritePieces&, IoWaiter&) override { FAIL() << "everything fits at once"; }
  void close() override {
    if (std::exchange(is_closed_, true) || reader_ == nullptr) return;
    end_read();
  }
  void cancel() override {}
  [[nodiscard]] std::string peer_address() const override { return "127.0.0.1"; }

 private:
  void answer() {
    if (reader_ == nullptr || is_closed_) return;
    std::memcpy(reader_->room().data(), text_.data(), text_.size());
    std::exchange(reader_, nullptr)->on_io({text_.size(), NetError::none});
  }
  void end_read() {
    loop_.post([this] { std::exchange(reader_, nullptr)->on_io({0, NetError::cancelled}); });
  }

  StillLoop& loop_;
  std::string_view text_;
  ReadWaiter* reader_ = nullptr;
  bool is_closed_ = false;
};

class Connections final : public Connector {
 public:
  explicit Connections(StillLoop& loop) : loop_(loop) {}
  Task<Connected> connect(const Origin&, ConnectTimeouts, Cancellation&) override {
    ++made;
    Connected connected;
    connected.stream = std::make_unique<AnsweringStream>(loop_, answer);
    co_return connected;
  }
  std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  int made = 0;

 private:
  StillLoop& loop_;
};

class HttpExchangeTest : public testing::Test {
 protected:
  ~HttpExchangeTest() override {
    pool_.close();
    loop_.run();
  }

  Task<void> ask(Cancellation& cancellation, ExchangeError& outcome) {
    HttpExchange exchange(context_, origin_, "key", cancellation);
    const ExchangeResult sent = co_await exchange.send("GET", "GET / HTTP/1.1\r\n\r\n", {}, {}, {});
    outcome = sent.error;
    if (!sent) co_return;
    const Exchange::Piece piece = co_await exchange.read(Duration::zero());
    EXPECT_EQ(piece.bytes, "ok");
    EXPECT_TRUE(piece.is_last);
    exchange.finish(std::chrono::seconds(1));
  }

  struct Body {
    std::vector<std::string> pieces;
    ExchangeError error = ExchangeError::cancelled;  ///< of the last one
  };
  /// What an upstream's chunked body is read as, when all of it comes at once.
  Body read_chunked(std::string_view chunks) {
    const std::string answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks);
    connections_.answer = answer;
    Body body;
    tasks_.spawn(read_all(body));
    loop_.run();
    return body;
  }

  Task<void> read_all(Body& body) {
    Cancellation cancellation;
    HttpExchange exchange(context_, origin_, "key", cancellation);
    const ExchangeResult sent = co_await exchange.send("GET", "GET / HTTP/1.1\r\n\r\n", {}, {}, {});
    EXPECT_TRUE(sent);
    for (bool is_over = false; !is_over;) {
      const Exchange::Piece piece = co_await exchange.read(Duration::zero());
      body.pieces.emplace_back(piece.bytes);
      body.error = piece.error;
      is_over = piece.is_last || piece.error != ExchangeError::none;
    }
    exchange.finish(std::chrono::seconds(1));
  }

  StillLoop loop_;
  Connections connections_{loop_};
  UpstreamPool pool_{loop_};
  ClientContext context_{loop_, connections_, pool_};
  Origin origin_;
  TaskSet tasks_;
};

TEST_F(HttpExchangeTest, UsesAConnectionAgain) {
  Cancellation cancellation;
  for (int i = 0; i < 3; ++i) {
    ExchangeError outcome = ExchangeError::cancelled;
    tasks_.spawn(ask(cancellation, outcome));
    loop_.run();
    EXPECT_EQ(outcome, ExchangeError::none);
  }
  EXPECT_EQ(connections_.made, 1);
  EXPECT_EQ(pool_.size(), 1U);
}

TEST_F(HttpExchangeTest, GivesChunksThatCameAtOnceAtOnce) {
  const Body body = read_chunked("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n");
  EXPECT_EQ(body.error, ExchangeError::none);
  EXPECT_EQ(body.pieces, std::vector<std::string>{"abcdef"});
  EXPECT_EQ(pool_.size(), 1U);  // the body's end was read with it
}

TEST_F(HttpExchangeTest, GivesWhatWasWholeBeforeItTellsOfAFlaw) {
  const Body body = read_chunked("1\r\na\r\n2\r\nbc\r\nno size\r\n");
  EXPECT_EQ(body.error, ExchangeError::malformed);
  EXPECT_EQ(body.pieces, (std::vector<std::string>{"abc", ""}));
}

// The client left before its request was written: the pooled connection it took still has its read
// standing, which ends only at the next turn of the loop.
TEST_F(HttpExchangeTest, KeepsAConnectionUntilItsStandingReadHasEnded) {
  ExchangeError outcome = ExchangeError::cancelled;
  Cancellation first;
  tasks_.spawn(ask(first, outcome));
  loop_.run();
  ASSERT_EQ(pool_.size(), 1U);

  Cancellation second;
  second.cancel();
  tasks_.spawn(ask(second, outcome));
  EXPECT_EQ(outcome, ExchangeError::cancelled);
  EXPECT_EQ(tasks_.running(), 0U);
  EXPECT_EQ(pool_.size(), 0U);
}

}  // namespace
}  // namespace weir::net
