// SPDX-License-Identifier: Apache-2.0
#include "net/socket.hpp"

#include <cerrno>

#include <unistd.h>

namespace weir::net {

void Socket::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

NetError net_error_of(int error) noexcept {
  switch (error) {
    case 0:
      return NetError::none;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return NetError::reset;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return NetError::refused;
    case ETIMEDOUT:
      return NetError::timed_out;
    default:
      return NetError::other;
  }
}

}  // namespace weir::net
