// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
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

/// epoll_wait by asking again and again, as long as there was something within the last `awake`.
///
/// Who sends to a process that sleeps pays for waking it: on another core of a virtual machine up
/// to half of what a proxy spends on a request. Peers behind a network card cost nothing of the
/// kind, and how often a peer sleeps depends on how fast it is answered, so the peers of what is
/// measured stay awake. They share a core, hence the yield.
inline int wait_awake(int epoll, std::span<epoll_event> events, int wait_max_ms) {
  constexpr std::chrono::milliseconds awake(20);
  const auto size = static_cast<int>(events.size());
  const auto wait_max = std::chrono::milliseconds(wait_max_ms);
  const auto begin = Clock::now();
  const bool is_short = wait_max_ms >= 0 && wait_max <= awake;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), size, 0);
    if (count != 0) return count;
    const auto waited = Clock::now() - begin;
    if (is_short && waited >= wait_max) return 0;
    if (waited >= awake) break;
    sched_yield();
  }
  return epoll_wait(epoll, events.data(), size, wait_max_ms);
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
