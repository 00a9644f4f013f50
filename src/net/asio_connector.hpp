// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include "net/asio_loop.hpp"
#include "net/connector.hpp"

namespace weir::net {

/// TLS settings for outgoing connections, made at first use, one per CA file. Shared by all
/// threads. There is no way to turn verification off.
class TlsClientContexts {
 public:
  /// The context for `ca_file` (empty: the system's). Null when the file can't be read.
  std::shared_ptr<boost::asio::ssl::context> get(const std::string& ca_file);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<boost::asio::ssl::context>> contexts_;
};

/// The real connector: the system's resolver on Asio's helper thread, every address tried with a
/// head start of 250 ms each (happy eyeballs), names kept for 30 s.
class AsioConnector final : public Connector {
 public:
  AsioConnector(AsioLoop& loop, TlsClientContexts& tls);
  ~AsioConnector() override;

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

  AsioLoop& loop_;
  TlsClientContexts& tls_;
  boost::asio::ip::tcp::resolver resolver_;
  std::map<std::string, CachedName, std::less<>> names_;
};

}  // namespace weir::net
