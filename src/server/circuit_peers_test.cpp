// SPDX-License-Identifier: Apache-2.0
#include "server/circuit_peers.hpp"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/files.hpp"

namespace weir::server {
namespace {

/// A gateway as its peers see it.
class Peer {
 public:
  Peer(const std::string& data_directory, const std::string& number)
      : folder_(data_directory + "/instances/" + number) {
    EXPECT_TRUE(store::make_private_directory(folder_));
    peers_.start(data_directory, folder_);
  }

  void tell(const std::string& name) { peers_.tell(name); }
  /// Waits for so many.
  std::vector<std::string> heard(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        news_.wait_for(lock, std::chrono::seconds(20), [&] { return heard_.size() >= count; }));
    return heard_;
  }

 private:
  std::string folder_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<std::string> heard_;
  Log log_{config::LogConfig{}};
  CircuitPeers peers_{log_, [this](std::string_view name) {
                        const std::lock_guard lock(mutex_);
                        heard_.emplace_back(name);
                        news_.notify_all();
                      }};
};

class CircuitPeersTest : public ::testing::Test {
 protected:
  CircuitPeersTest() { EXPECT_NE(::mkdtemp(data_.data()), nullptr); }
  ~CircuitPeersTest() override { std::filesystem::remove_all(data_); }

  /// Microseconds of Unix time, so many seconds ago.
  static std::string ago(int seconds) {
    const auto then =
        std::chrono::system_clock::now().time_since_epoch() - std::chrono::seconds(seconds);
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(then).count());
  }

  std::string data_ = "/tmp/weir-peers-XXXXXX";
};

TEST_F(CircuitPeersTest, B9HearsOfTheOthersAndNotOfItself) {
  Peer first(data_, "0");
  Peer second(data_, "1");
  first.tell("up/a model");
  first.tell("up");
  const std::vector<std::string> both{"up/a model", "up"};
  EXPECT_EQ(second.heard(2), both);
  second.tell("other");
  EXPECT_EQ(first.heard(1), std::vector<std::string>{"other"});
  first.tell("two\nlines");
  first.tell("last");
  EXPECT_EQ(second.heard(3).back(), "last");
}

TEST_F(CircuitPeersTest, B9WhoComesLaterHearsWhatIsFresh) {
  const std::string gone = data_ + "/instances/1";
  ASSERT_TRUE(store::make_private_directory(gone));
  const std::string text = "no number\n" + ago(3600) + " old\n" + ago(1) + " fresh\n" + ago(0);
  ASSERT_TRUE(store::replace_file(gone + "/circuits", text));
  Peer peer(data_, "0");
  EXPECT_EQ(peer.heard(1), std::vector<std::string>{"fresh"});
}

}  // namespace
}  // namespace weir::server
