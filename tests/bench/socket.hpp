// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/// The few socket calls that both bench tools make.
namespace weir::bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline void disable_nagle(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// When a chunk was sent, as its `created` tells it: ten digits, the first a 2, which no fixed
/// answer of the bench has, then microseconds of the common clock up to a thousand seconds.
inline constexpr std::string_view sent_at_member = "\"created\":2";
inline constexpr std::int64_t sent_at_period_us = 1'000'000'000;
inline constexpr int sent_at_digits = 9;

inline std::int64_t sent_at_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count() % sent_at_period_us;
}

inline int to_int(const char* text) { return static_cast<int>(std::strtol(text, nullptr, 10)); }

/// A thousand streams need more descriptors than the usual soft limit of 1,024.
inline void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// The value of `name` in a head, which may be written in two ways only: all clients and servers of
/// the bench are known.
inline std::string_view field(std::string_view head, std::string_view name,
                              std::string_view lower) {
  for (const std::string_view spelled : {name, lower}) {
    const auto at = head.find(spelled);
    if (at == std::string_view::npos) continue;
    const auto begin = head.find_first_not_of(' ', at + spelled.size());
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return {};
}

inline std::string_view content_length(std::string_view head) {
  return field(head, "\r\nContent-Length:", "\r\ncontent-length:");
}

}  // namespace weir::bench
