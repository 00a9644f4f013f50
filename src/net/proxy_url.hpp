// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/result.hpp"

namespace weir::net {

/// An HTTP proxy as HTTPS_PROXY and its like name it.
struct ProxyUrl {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  ///< value of Proxy-Authorization, a secret; empty = none

  bool operator==(const ProxyUrl&) const = default;
};

/// Reads `[http://][user:password@]host[:port]`, user and password percent-encoded where they must
/// be. Refused with `invalid_request`: another scheme (TLS to the proxy itself is not spoken), a
/// path. The message repeats no password.
Result<ProxyUrl> parse_proxy_url(std::string_view text);

}  // namespace weir::net
