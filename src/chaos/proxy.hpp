// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "chaos/plan.hpp"
#include "net/listener.hpp"
#include "net/system_connector.hpp"
#include "net/task.hpp"

namespace weir::chaos {

/// Passes TCP connections on to another address and does to what comes back what a plan says, one
/// fault a connection: `delay` before the first byte, `drip` before each piece, `cut@byte` and
/// `stall` (with a number of bytes). The other verbs mean nothing here.
///
/// For its loop's thread.
class Proxy {
 public:
  /// `to` outlives the proxy.
  Proxy(net::EpollLoop& loop, const net::Origin& to)
      : loop_(loop), connector_(loop, tls_), to_(to) {}

  /// Errors: the address can't be listened on.
  Result<> listen(const net::ListenAddress& address);
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }
  [[nodiscard]] FaultPlan& plan() { return plan_; }

 private:
  class Pair;
  net::Task<void> serve(net::Socket socket);

  net::EpollLoop& loop_;
  net::TlsClientContexts tls_;
  net::SystemConnector connector_;
  const net::Origin& to_;
  FaultPlan plan_;
  net::TaskSet tasks_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace weir::chaos
