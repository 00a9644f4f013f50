// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "net/loop.hpp"

namespace weir::net {

/// The system's resolver, which blocks, on threads of its own; started when they are needed.
///
/// A name whose servers are silent holds up no other one, up to `threads_max` such names.
class Resolver {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  /// Nothing: no such name, or the resolver failed.
  using OnResolved = std::function<void(std::optional<Addresses>)>;
  /// Called on several threads; may block.
  using LookUp = std::function<std::optional<Addresses>(const std::string& host)>;

  static constexpr std::size_t threads_max = 4;

  /// The default is the system's.
  explicit Resolver(Loop& loop, LookUp look_up = {});
  /// Waits for the look-ups under way; the others are dropped.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Posts the answer to the loop; who asks for a name that is being looked up gets the same. A
  /// look-up can't be interrupted: one that is given up on ends later, and alone. Where the system
  /// has no thread for it, the answer is that the resolver failed.
  void resolve(std::string host, OnResolved on_resolved);

 private:
  void run();

  Loop& loop_;
  LookUp look_up_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::map<std::string, std::vector<OnResolved>> asking_;  ///< by name
  std::deque<std::string> waiting_;                        ///< names that no thread has taken yet
  std::size_t idle_ = 0;                                   ///< threads that wait for one
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::net
