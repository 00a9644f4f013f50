// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "config/secret.hpp"
#include "server/log.hpp"

namespace weir::server {

/// `t=<Unix seconds>,v1=<hex of HMAC-SHA-256>`, of the seconds, a dot and the body: who has the
/// secret can tell who sent it, and that it is not an old one sent again.
std::string webhook_signature(std::string_view secret, std::int64_t unix_seconds,
                              std::string_view body);

/// Posts messages to an address of the operator's, one after the other, on a thread of its own that
/// is started at the first. What is not taken with a 2xx is sent again twice; then it is lost, and
/// the log says so. Redirects are not followed, and link-local addresses never reached (N-2, N-3).
///
/// For any thread.
class Webhook {
 public:
  explicit Webhook(Log& log) : log_(log) {}
  ~Webhook();
  Webhook(const Webhook&) = delete;
  Webhook& operator=(const Webhook&) = delete;

  struct Message {
    std::string url;
    config::Secret secret;
    std::string body;  ///< JSON
    std::int64_t unix_ms = 0;
  };
  /// Messages beyond `waiting_max` push out the oldest.
  void send(Message message);

  static constexpr std::size_t waiting_max = 100;

 private:
  void run();
  void deliver(const Message& message);
  [[nodiscard]] bool wait(std::chrono::milliseconds time);

  Log& log_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<Message> waiting_;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace weir::server
