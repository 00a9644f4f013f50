// SPDX-License-Identifier: Apache-2.0
#include "server/content_log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/background.hpp"
#include "pipeline/call.hpp"

namespace weir::server {
namespace {

/// A client that writes down what comes, in its order.
class ListeningChannel final : public pipeline::ClientChannel {
 public:
  explicit ListeningChannel(std::vector<std::string>& heard) : heard_(heard) {}

  net::Task<bool> respond(int, std::string_view, std::string_view body) override {
    heard_.push_back("whole " + std::string(body));
    co_return true;
  }
  net::Task<bool> begin(int, std::string_view) override {
    heard_.emplace_back("begin");
    co_return true;
  }
  net::Task<bool> write(std::string_view bytes) override {
    heard_.emplace_back(bytes);
    co_return true;
  }
  net::Task<bool> end() override {
    heard_.emplace_back("end");
    co_return true;
  }
  void on_settled(const pipeline::CallResult& result) override {
    heard_.push_back("settled " + result.target);
  }

 private:
  std::vector<std::string>& heard_;
};

class ContentChannelTest : public ::testing::Test {
 protected:
  using Heard = std::vector<std::string>;

  pipeline::Background respond() { static_cast<void>(co_await channel_.respond(200, {}, "words")); }
  pipeline::Background stream(bool is_whole) {
    static_cast<void>(co_await channel_.begin(200, "content-type: text/event-stream\r\n"));
    static_cast<void>(co_await channel_.write("one"));
    if (!is_whole) co_return;
    pipeline::CallResult result;
    result.target = "up/m";
    channel_.on_settled(result);
    static_cast<void>(co_await channel_.write("two"));
    static_cast<void>(co_await channel_.end());
  }

  Heard heard_;
  ListeningChannel client_{heard_};
  ContentChannel channel_{client_, 1'000, [this](ContentChannel& content) {
                            heard_.push_back("logged " + content.take_answer().body);
                          }};
};

// G-2: who has read an answer may ask for what was logged of it, or have it erased.
TEST_F(ContentChannelTest, G2AnAnswerIsLoggedBeforeItsClientHasIt) {
  static_cast<void>(respond());
  channel_.conclude();
  EXPECT_EQ(heard_, (Heard{"logged words", "whole words"}));
}

TEST_F(ContentChannelTest, G2AStreamIsLoggedBeforeItsClientHasTheEnd) {
  static_cast<void>(stream(true));
  channel_.conclude();
  EXPECT_EQ(heard_, (Heard{"begin", "one", "settled up/m", "logged onetwo", "two", "end"}));
  EXPECT_EQ(channel_.target(), "up/m");
}

TEST_F(ContentChannelTest, G2AStreamWithoutAnEndIsLoggedAllTheSame) {
  static_cast<void>(stream(false));
  channel_.conclude();
  EXPECT_EQ(heard_, (Heard{"begin", "one", "logged one"}));
}

}  // namespace
}  // namespace weir::server
