// SPDX-License-Identifier: Apache-2.0
#include "net/stream.hpp"

namespace weir::net {

std::string_view name(NetError error) noexcept {
  switch (error) {
    case NetError::none:
      return "none";
    case NetError::end_of_stream:
      return "end_of_stream";
    case NetError::reset:
      return "reset";
    case NetError::timed_out:
      return "timed_out";
    case NetError::cancelled:
      return "cancelled";
    case NetError::resolve:
      return "resolve";
    case NetError::blocked:
      return "blocked";
    case NetError::refused:
      return "refused";
    case NetError::tls:
      return "tls";
    case NetError::certificate:
      return "certificate";
    case NetError::other:
      return "other";
  }
  return "other";
}

}  // namespace weir::net
