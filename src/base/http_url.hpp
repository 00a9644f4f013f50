// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/result.hpp"

namespace weir {

/// An address of an HTTP server as people write it in configurations: `https://host:port/path`.
struct HttpUrl {
  bool is_tls = false;
  std::string host;        ///< lower case; an IPv6 literal without its brackets
  std::uint16_t port = 0;  ///< never 0: the scheme's own when none was written
  std::string path;        ///< empty or begins with `/`; without trailing slashes

  /// `https://host/path`; the port only where it is not the scheme's own.
  [[nodiscard]] std::string text() const;
  /// The host names the machine itself: localhost, 127/8, ::1.
  [[nodiscard]] bool is_loopback() const;

  bool operator==(const HttpUrl&) const = default;
};

/// Reads an absolute http or https URL. Refused with `invalid_request`: another scheme, user and
/// password, a query, a fragment, blanks and control bytes, a port outside 1 to 65535.
Result<HttpUrl> parse_http_url(std::string_view text);

/// `host:port`, `[v6]:port`, `:port` (all addresses) or a bare port, as `listen:` takes it.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;  ///< 0 = any free port

  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_any() const;  ///< 0.0.0.0 or ::
  bool operator==(const HostPort&) const = default;
};

/// Errors: `invalid_request`.
Result<HostPort> parse_host_port(std::string_view text);

}  // namespace weir
