// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "net/stream.hpp"

namespace weir::net {

/// Owns a non-blocking socket's descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Socket() { close(); }

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  void close() noexcept;

 private:
  int fd_ = -1;
};

/// What a socket call's `errno` means.
[[nodiscard]] NetError net_error_of(int error) noexcept;

}  // namespace weir::net
