// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <openssl/ssl.h>

#include "net/epoll_loop.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"
#include "weir/result.hpp"

namespace weir::net {

/// Settings of TLS connections. Shared by all threads.
using TlsContext = std::shared_ptr<SSL_CTX>;

/// Settings for outgoing connections, made at first use, one per CA file. There is no way to turn
/// verification off.
class TlsClientContexts {
 public:
  /// The context for `ca_file` (empty: the system's). Null when the file can't be read.
  TlsContext get(const std::string& ca_file);

 private:
  std::mutex mutex_;
  std::map<std::string, TlsContext> contexts_;
};

/// Settings of a listener from a certificate chain and its key, both PEM files.
Result<TlsContext> make_tls_server_context(const std::string& certificate_file,
                                           const std::string& key_file);

struct TlsHandshake {
  std::unique_ptr<Stream> stream;  ///< set on success
  NetError error = NetError::none;
};

/// Speaks TLS over a connected socket as the client: SNI, the chain and the name are verified
/// against `context`. `host` is a name or an IP literal.
Task<TlsHandshake> tls_connect(EpollLoop& loop, Socket socket, TlsContext context, std::string host,
                               Duration timeout, Cancellation& cancellation);

/// Speaks TLS as the server.
Task<TlsHandshake> tls_accept(EpollLoop& loop, Socket socket, TlsContext context, Duration timeout);

}  // namespace weir::net
