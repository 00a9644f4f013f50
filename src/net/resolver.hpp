// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "net/loop.hpp"

namespace weir::net {

/// The system's resolver, which blocks, on a thread of its own; started at the first look-up.
class Resolver {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  /// Nothing: no such name, or the resolver failed.
  using OnResolved = std::function<void(std::optional<Addresses>)>;

  explicit Resolver(Loop& loop) : loop_(loop) {}
  /// Waits for the look-up under way; the others are dropped.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Posts the answer to the loop. A look-up can't be interrupted: one that is given up on ends
  /// later, and alone.
  void resolve(std::string host, OnResolved on_resolved);

 private:
  struct Question {
    std::string host;
    OnResolved on_resolved;
  };
  void run();

  Loop& loop_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<Question> questions_;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace weir::net
