// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "net/connector.hpp"
#include "net/epoll_loop.hpp"
#include "net/resolver.hpp"
#include "net/tls.hpp"

namespace weir::net {

/// The real connector: the system's resolver, every address tried with a head start of 250 ms each
/// (happy eyeballs), names kept for 30 s.
class SystemConnector final : public Connector {
 public:
  SystemConnector(EpollLoop& loop, TlsClientContexts& tls, Resolver::LookUp look_up = {});
  ~SystemConnector() override;

  Task<Connected> connect(const Origin& origin, ConnectTimeouts timeouts,
                          Cancellation& cancellation) override;

  using Endpoint = boost::asio::ip::tcp::endpoint;

 private:
  struct Resolved {
    std::vector<Endpoint> endpoints;
    NetError error = NetError::none;
    std::string reason;
  };
  Task<Resolved> resolve(std::string host, std::uint16_t port, Duration timeout,
                         Cancellation& cancellation);

  struct CachedName {
    std::vector<boost::asio::ip::address> addresses;
    TimePoint until;
  };

  EpollLoop& loop_;
  TlsClientContexts& tls_;
  Resolver resolver_;
  std::map<std::string, CachedName, std::less<>> names_;
};

}  // namespace weir::net
