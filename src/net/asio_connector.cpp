// SPDX-License-Identifier: Apache-2.0
#include "net/asio_connector.hpp"

#include <algorithm>

#include <boost/asio/connect.hpp>
#include <openssl/ssl.h>

#include "net/http/scanner.hpp"
#include "net/reader.hpp"
#include "net/tcp.hpp"

namespace weir::net {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds head_start{250};
constexpr std::chrono::seconds name_ttl{30};

/// Awaitable: one look-up by the system's resolver.
class Lookup final : private Alarm, private Cancellable {
 public:
  Lookup(AsioLoop& loop, tcp::resolver& resolver, const std::string& host, Duration timeout,
         Cancellation& cancellation)
      : loop_(loop),
        resolver_(resolver),
        host_(host),
        timeout_(timeout),
        cancellation_(cancellation),
        shared_(std::make_shared<Shared>()) {}

  [[nodiscard]] bool await_ready() const noexcept { return cancellation_.is_cancelled(); }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    cancellation_.add(*this);
    loop_.arm_coarse(*this, loop_.now() + timeout_);
    shared_->lookup = this;
    // The resolver's thread can't be interrupted: a look-up given up on ends later, and alone.
    resolver_.async_resolve(host_, "",
                            [shared = shared_](const boost::system::error_code& error,
                                               const tcp::resolver::results_type& results) {
                              if (shared->lookup == nullptr) return;
                              for (const auto& entry : results) {
                                shared->lookup->addresses.push_back(entry.endpoint().address());
                              }
                              shared->lookup->finish(error ? NetError::resolve : NetError::none);
                            });
  }
  [[nodiscard]] NetError await_resume() const {
    return cancellation_.is_cancelled() ? NetError::cancelled : error_;
  }

  std::vector<asio::ip::address> addresses;

 private:
  struct Shared {
    Lookup* lookup = nullptr;
  };
  void finish(NetError error) {
    shared_->lookup = nullptr;
    disarm();
    cancellation_.remove(*this);
    error_ = error;
    awaiting_.resume();
  }
  void on_alarm() override { finish(NetError::timed_out); }
  void on_cancel() override { finish(NetError::cancelled); }

  AsioLoop& loop_;
  tcp::resolver& resolver_;
  const std::string& host_;
  Duration timeout_;
  Cancellation& cancellation_;
  std::shared_ptr<Shared> shared_;
  NetError error_ = NetError::none;
  std::coroutine_handle<> awaiting_;
};

/// Awaitable: connects to the first address that answers. The next one starts when the one before
/// failed or had its head start.
class Race final : private Cancellable {
 public:
  Race(AsioLoop& loop, std::vector<tcp::endpoint> endpoints, Duration timeout,
       Cancellation& cancellation)
      : loop_(loop),
        endpoints_(std::move(endpoints)),
        timeout_(timeout),
        cancellation_(cancellation),
        next_alarm_([this] { start_next(); }),
        late_alarm_([this] { give_up(NetError::timed_out); }) {}

  [[nodiscard]] bool await_ready() const noexcept { return cancellation_.is_cancelled(); }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    cancellation_.add(*this);
    loop_.arm_coarse(late_alarm_, loop_.now() + timeout_);
    sockets_.reserve(endpoints_.size());
    start_next();
  }
  [[nodiscard]] NetError await_resume() const {
    if (winner_ != nullptr) return NetError::none;
    return cancellation_.is_cancelled() ? NetError::cancelled : error_;
  }
  /// Precondition: the race was won.
  Socket take() { return std::move(*winner_); }

 private:
  void start_next() {
    next_alarm_.disarm();
    if (is_over_ || sockets_.size() == endpoints_.size()) return;
    const std::size_t runner = sockets_.size();
    sockets_.emplace_back(loop_.context());
    ++running_;
    sockets_[runner].async_connect(
        endpoints_[runner],
        [this, runner](const boost::system::error_code& error) { arrive(runner, error); });
    if (sockets_.size() < endpoints_.size()) {
      loop_.arm_coarse(next_alarm_, loop_.now() + head_start);
    }
  }

  void arrive(std::size_t runner, const boost::system::error_code& error) {
    --running_;
    if (!error && !is_over_) {
      winner_ = &sockets_[runner];
      finish();
    } else if (error && !is_over_) {
      error_ = net_error_of(error);
      if (sockets_.size() < endpoints_.size()) {
        start_next();
      } else if (running_ == 0) {
        finish();
      }
    }
    // The others were closed; they must have told so before the race may go away.
    if (is_over_ && running_ == 0) awaiting_.resume();
  }

  void give_up(NetError error) {
    error_ = error;
    finish();
    // Every runner that was closed still reports; the last one resumes.
  }

  void finish() {
    is_over_ = true;
    next_alarm_.disarm();
    late_alarm_.disarm();
    cancellation_.remove(*this);
    boost::system::error_code ignored;
    for (auto& socket : sockets_) {
      if (&socket != winner_) socket.close(ignored);
    }
  }

  void on_cancel() override { give_up(NetError::cancelled); }

  AsioLoop& loop_;
  std::vector<tcp::endpoint> endpoints_;
  Duration timeout_;
  Cancellation& cancellation_;
  CallbackAlarm next_alarm_;
  CallbackAlarm late_alarm_;
  std::vector<Socket> sockets_;
  std::size_t running_ = 0;
  bool is_over_ = false;
  Socket* winner_ = nullptr;
  NetError error_ = NetError::refused;
  std::coroutine_handle<> awaiting_;
};

std::span<const std::uint8_t> bytes_of(const asio::ip::address& address,
                                       std::array<std::uint8_t, 16>& storage) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), storage.begin());
    return {storage.data(), 4};
  }
  const auto bytes = address.to_v6().to_bytes();
  std::copy(bytes.begin(), bytes.end(), storage.begin());
  return {storage.data(), 16};
}

/// Rule N-2. The check is on the address that is then connected to, so no second look-up can
/// smuggle in another.
bool is_allowed(const asio::ip::address& address, bool allows_private) {
  std::array<std::uint8_t, 16> storage{};
  const auto bytes = bytes_of(address, storage);
  return allows_private ? !is_link_local_address(bytes) : is_public_address(bytes);
}

struct Tunnel {
  NetError error = NetError::none;
  std::string reason;
};

}  // namespace

std::shared_ptr<asio::ssl::context> TlsClientContexts::get(const std::string& ca_file) {
  const std::lock_guard lock(mutex_);
  auto& context = contexts_[ca_file];
  if (context) return context;
  auto made = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(made->native_handle(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  static constexpr unsigned char alpn[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(made->native_handle(), alpn, sizeof alpn - 1);
  boost::system::error_code error;
  if (ca_file.empty()) {
    made->set_default_verify_paths(error);
  } else {
    made->load_verify_file(ca_file, error);
  }
  if (error) return nullptr;
  context = std::move(made);
  return context;
}

AsioConnector::AsioConnector(AsioLoop& loop, TlsClientContexts& tls)
    : loop_(loop), tls_(tls), resolver_(loop.context()) {}

AsioConnector::~AsioConnector() = default;

Task<AsioConnector::Resolved> AsioConnector::resolve(std::string host, std::uint16_t port,
                                                     Duration timeout, Cancellation& cancellation) {
  Resolved resolved;
  const auto add = [&](const asio::ip::address& address) {
    resolved.endpoints.emplace_back(address, port);
  };
  boost::system::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) {
    add(literal);
    co_return resolved;
  }
  if (const auto cached = names_.find(host);
      cached != names_.end() && cached->second.until > loop_.now()) {
    for (const auto& address : cached->second.addresses) add(address);
    co_return resolved;
  }
  Lookup lookup(loop_, resolver_, host, timeout, cancellation);
  resolved.error = co_await lookup;
  if (resolved.error != NetError::none) {
    resolved.reason = "can't resolve " + host;
    co_return resolved;
  }
  for (const auto& address : lookup.addresses) add(address);
  names_[host] = {lookup.addresses, loop_.now() + name_ttl};
  co_return resolved;
}

namespace {

/// Asks an HTTP proxy for a tunnel. The socket is plain again afterwards.
Task<Tunnel> open_tunnel(Loop& loop, Stream& stream, const Origin& origin, Duration timeout,
                         Cancellation& cancellation) {
  const CloseOnCancel closer(stream, cancellation);
  const std::string authority = origin.host + ":" + std::to_string(origin.port);
  std::string head = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!origin.proxy_authorization.empty()) {
    head += "Proxy-Authorization: " + origin.proxy_authorization + "\r\n";
  }
  head += "\r\n";
  Tunnel tunnel;
  Write write(loop, stream, {head, {}, {}}, timeout);
  const IoResult written = co_await write;
  if (!written) {
    tunnel = {written.error, "the proxy closed the connection"};
    co_return tunnel;
  }
  BufferedReader reader(loop, stream);
  http::ResponseHead response;
  std::size_t resume = 0;
  for (;;) {
    const NetError error = co_await reader.more(timeout);
    if (error != NetError::none) {
      tunnel = {error, "the proxy closed the connection"};
      co_return tunnel;
    }
    const auto scan = http::scan_response_head(reader.data(), {}, "CONNECT", response, resume);
    if (scan.error) {
      tunnel = {NetError::other, "the proxy's answer can't be read"};
      co_return tunnel;
    }
    if (scan.consumed == 0) continue;
    if (response.status < 200 || response.status > 299) {
      tunnel = {NetError::refused, "the proxy answered " + std::to_string(response.status)};
    }
    co_return tunnel;
  }
}

}  // namespace

Task<Connected> AsioConnector::connect(const Origin& origin, ConnectTimeouts timeouts,
                                       Cancellation& cancellation) {
  Connected outcome;
  const bool has_proxy = !origin.proxy_host.empty();
  std::string host = has_proxy ? origin.proxy_host : origin.host;
  const std::uint16_t port = has_proxy ? origin.proxy_port : origin.port;
  Resolved resolved = co_await resolve(host, port, timeouts.dns, cancellation);
  if (resolved.error != NetError::none) {
    outcome.error = resolved.error;
    outcome.reason = std::move(resolved.reason);
    co_return outcome;
  }
  // A proxy is the operator's own choice and usually has a private address.
  std::erase_if(resolved.endpoints, [&](const Endpoint& endpoint) {
    return !is_allowed(endpoint.address(), origin.allows_private || has_proxy);
  });
  if (resolved.endpoints.empty()) {
    outcome.error = NetError::blocked;
    outcome.reason = "the address of " + host + " is not allowed";
    co_return outcome;
  }

  const TimePoint late = loop_.now() + timeouts.connect;
  Race race(loop_, std::move(resolved.endpoints), timeouts.connect, cancellation);
  outcome.error = co_await race;
  if (outcome.error != NetError::none) {
    outcome.reason = "can't connect to " + host + ":" + std::to_string(port);
    co_return outcome;
  }
  Socket socket = race.take();
  if (has_proxy && origin.is_tls) {
    auto plain = make_tcp_stream(std::move(socket));
    const Duration left = late - loop_.now();
    const Tunnel tunnel = co_await open_tunnel(loop_, *plain, origin, left, cancellation);
    if (tunnel.error != NetError::none) {
      outcome.error = tunnel.error;
      outcome.reason = tunnel.reason;
      co_return outcome;
    }
    socket = release_socket(std::move(plain));
  }
  if (!origin.is_tls) {
    outcome.stream = make_tcp_stream(std::move(socket));
    co_return outcome;
  }
  const auto context = tls_.get(origin.ca_file);
  if (!context) {
    outcome.error = NetError::tls;
    outcome.reason = "can't read the CA file " + origin.ca_file;
    co_return outcome;
  }
  const Duration left = late - loop_.now();
  TlsHandshake handshake =
      co_await tls_connect(loop_, std::move(socket), *context, origin.host, left, cancellation);
  outcome.error = handshake.error;
  outcome.stream = std::move(handshake.stream);
  if (outcome.error != NetError::none) outcome.reason = "TLS with " + host + " failed";
  co_return outcome;
}

}  // namespace weir::net
