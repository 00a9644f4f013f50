// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/loop.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"

namespace weir::net {

/// Where a connection goes and how. Built from configuration only; nothing a client sends takes
/// part.
struct Origin {
  std::string host;  ///< name or IP literal, without brackets
  std::uint16_t port = 443;
  bool is_tls = true;
  bool allows_private = false;  ///< loopback and private addresses may be used
  std::string ca_file;          ///< trust this CA file in place of the system's; empty = system
  std::string proxy_host;       ///< HTTP proxy; empty = none
  std::uint16_t proxy_port = 0;
  std::string proxy_authorization;  ///< value of Proxy-Authorization; empty = none

  /// A plain-HTTP origin behind a proxy is asked in absolute form, without a tunnel.
  [[nodiscard]] bool uses_absolute_form() const { return !proxy_host.empty() && !is_tls; }
};

struct Connected {
  std::unique_ptr<Stream> stream;  ///< set on success
  NetError error = NetError::none;
  std::string reason;  ///< what went wrong, for logs; holds no secret
};

struct ConnectTimeouts {
  Duration dns = std::chrono::seconds(2);      ///< T-7
  Duration connect = std::chrono::seconds(5);  ///< T-8: TCP and TLS together
};

/// Makes every outgoing connection of the program. One per thread.
class Connector {
 public:
  virtual ~Connector() = default;
  /// `origin` must outlive the task. Cancelling ends it with `cancelled`.
  virtual Task<Connected> connect(const Origin& origin, ConnectTimeouts timeouts,
                                  Cancellation& cancellation) = 0;
};

/// True for an address that the public internet routes: not loopback, private, link-local, reserved
/// or a translation of one of those. `bytes`: 4 or 16 in network order.
/// Source: IANA special-purpose address registries.
[[nodiscard]] bool is_public_address(std::span<const std::uint8_t> bytes);
/// Cloud metadata services live there; blocked even where private addresses are allowed.
[[nodiscard]] bool is_link_local_address(std::span<const std::uint8_t> bytes);

}  // namespace weir::net
