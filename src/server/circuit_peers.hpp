// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "server/log.hpp"
#include "store/shared_counter.hpp"

namespace weir::server {

/// Tells gateways that share the data directory which circuits have opened here, and hears what
/// opens there (B-9), on a thread of its own.
///
/// Each gateway writes the newest of its own into a file in its folder, which the others read when
/// they are told that something has changed. It is advice: what can't be written or read is missed,
/// and what is older than half a minute is of no use any more.
class CircuitPeers {
 public:
  /// `heed` is called with the name of a circuit, on the thread.
  CircuitPeers(Log& log, std::function<void(std::string_view name)> heed)
      : log_(log), heed_(std::move(heed)) {}
  ~CircuitPeers() { stop(); }
  CircuitPeers(const CircuitPeers&) = delete;
  CircuitPeers& operator=(const CircuitPeers&) = delete;

  /// Once. `folder`: this gateway's own, beside those of the others.
  void start(const std::string& data_directory, const std::string& folder);
  /// For any thread; waits for nothing.
  void tell(std::string_view name);
  /// Ends the thread.
  void stop();

 private:
  struct Opening {
    std::int64_t unix_us = 0;  ///< of no two openings of a gateway the same
    std::string name;
  };
  void run();
  Result<> write_own();
  void hear(const std::string& folder);

  Log& log_;
  std::function<void(std::string_view)> heed_;
  std::string data_directory_;
  std::string folder_;
  std::optional<store::SharedCounter> changes_;  ///< nothing: not started
  std::mutex mutex_;
  std::deque<Opening> own_;                    ///< the oldest first
  bool is_new_ = false;                        ///< there are some that are not in the file
  std::map<std::string, std::int64_t> heard_;  ///< by folder: the newest
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::server
