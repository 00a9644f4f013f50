// SPDX-License-Identifier: Apache-2.0
#include "net/system_connector.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <sys/socket.h>

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
  Lookup(EpollLoop& loop, Resolver& resolver, const std::string& host, Duration timeout,
         Cancellation& cancellation)
      : loop_(loop),
        resolver_(resolver),
        host_(host),
        timeout_(timeout),
        cancellation_(cancellation),
        self_(std::make_shared<Lookup*>(this)) {}
  ~Lookup() override { *self_ = nullptr; }

  [[nodiscard]] bool await_ready() const noexcept { return cancellation_.is_cancelled(); }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    cancellation_.add(*this);
    loop_.begin_operation();
    loop_.arm_coarse(*this, loop_.now() + timeout_);
    resolver_.resolve(host_, [self = self_](std::optional<Resolver::Addresses> found) {
      if (*self != nullptr) (*self)->take(std::move(found));
    });
  }
  [[nodiscard]] NetError await_resume() const {
    return cancellation_.is_cancelled() ? NetError::cancelled : error_;
  }

  Resolver::Addresses addresses;

 private:
  void take(std::optional<Resolver::Addresses> found) {
    if (found) addresses = std::move(*found);
    finish(found ? NetError::none : NetError::resolve);
  }
  void finish(NetError error) {
    *self_ = nullptr;
    disarm();
    loop_.end_operation();
    cancellation_.remove(*this);
    error_ = error;
    awaiting_.resume();
  }
  void on_alarm() override { finish(NetError::timed_out); }
  void on_cancel() override { finish(NetError::cancelled); }

  EpollLoop& loop_;
  Resolver& resolver_;
  const std::string& host_;
  Duration timeout_;
  Cancellation& cancellation_;
  std::shared_ptr<Lookup*> self_;  ///< null once nobody waits for the answer
  NetError error_ = NetError::none;
  std::coroutine_handle<> awaiting_;
};

/// One attempt of a connect race.
class Runner final : private Pollable {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// May destroy the runner.
    virtual void arrive(Runner& runner, NetError error) = 0;
  };

  Runner(EpollLoop& loop, Owner& owner) : Pollable(loop), owner_(owner) {}
  ~Runner() override { give_up(); }

  /// Tells the owner of the outcome, never from within this call.
  void start(const tcp::endpoint& endpoint) {
    socket_ = Socket(::socket(endpoint.protocol().family(),
                              SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket_.is_open() || !watch(socket_.fd())) return fail(errno);
    const auto* address = static_cast<const sockaddr*>(endpoint.data());
    const int status = ::connect(socket_.fd(), address, static_cast<socklen_t>(endpoint.size()));
    is_connecting_ = status == 0 || errno == EINPROGRESS;
    if (!is_connecting_) fail(errno);
  }
  /// Closes the socket; nothing more is told.
  void give_up() noexcept {
    is_connecting_ = false;
    if (socket_.is_open()) unwatch(socket_.fd());
    socket_.close();
  }
  Socket take() {
    unwatch(socket_.fd());
    return std::move(socket_);
  }

 private:
  void fail(int error) {
    failure_ = net_error_of(error);
    defer();
  }
  void on_events(std::uint32_t events) override {
    if (failure_ != NetError::none) return owner_.arrive(*this, failure_);
    if (!is_connecting_ || (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    is_connecting_ = false;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    owner_.arrive(*this, net_error_of(error));
  }

  Owner& owner_;
  Socket socket_;
  bool is_connecting_ = false;
  NetError failure_ = NetError::none;
};

/// Awaitable: connects to the first address that answers. The next one starts when the one before
/// failed or had its head start.
class Race final : private Cancellable, private Runner::Owner {
 public:
  Race(EpollLoop& loop, std::vector<tcp::endpoint> endpoints, Duration timeout,
       Cancellation& cancellation)
      : loop_(loop),
        endpoints_(std::move(endpoints)),
        timeout_(timeout),
        cancellation_(cancellation),
        next_alarm_([this] { start_next(); }),
        late_alarm_([this] { finish(NetError::timed_out); }) {}

  [[nodiscard]] bool await_ready() const noexcept { return cancellation_.is_cancelled(); }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    cancellation_.add(*this);
    loop_.begin_operation();
    loop_.arm_coarse(late_alarm_, loop_.now() + timeout_);
    runners_.reserve(endpoints_.size());
    start_next();
  }
  [[nodiscard]] NetError await_resume() const {
    if (winner_.is_open()) return NetError::none;
    return cancellation_.is_cancelled() ? NetError::cancelled : error_;
  }
  /// Precondition: the race was won.
  Socket take() { return std::move(winner_); }

 private:
  void start_next() {
    next_alarm_.disarm();
    const std::size_t next = runners_.size();
    if (next == endpoints_.size()) return;
    Runner::Owner& owner = *this;
    runners_.push_back(std::make_unique<Runner>(loop_, owner));
    ++running_;
    runners_.back()->start(endpoints_[next]);
    if (runners_.size() < endpoints_.size()) {
      loop_.arm_coarse(next_alarm_, loop_.now() + head_start);
    }
  }

  void arrive(Runner& runner, NetError error) override {
    if (error == NetError::none) {
      winner_ = runner.take();
      return finish(NetError::none);
    }
    error_ = error;
    runner.give_up();
    --running_;
    if (runners_.size() < endpoints_.size()) {
      start_next();
    } else if (running_ == 0) {
      finish(error);
    }
  }

  void finish(NetError error) {
    error_ = error;
    next_alarm_.disarm();
    late_alarm_.disarm();
    cancellation_.remove(*this);
    loop_.end_operation();
    for (auto& runner : runners_) runner->give_up();
    awaiting_.resume();
  }

  void on_cancel() override { finish(NetError::cancelled); }

  EpollLoop& loop_;
  std::vector<tcp::endpoint> endpoints_;
  Duration timeout_;
  Cancellation& cancellation_;
  CallbackAlarm next_alarm_;
  CallbackAlarm late_alarm_;
  std::vector<std::unique_ptr<Runner>> runners_;
  std::size_t running_ = 0;
  Socket winner_;
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

SystemConnector::SystemConnector(EpollLoop& loop, TlsClientContexts& tls, Resolver::LookUp look_up)
    : loop_(loop), tls_(tls), resolver_(loop, std::move(look_up)) {}

SystemConnector::~SystemConnector() = default;

Task<SystemConnector::Resolved> SystemConnector::resolve(std::string host, std::uint16_t port,
                                                         Duration timeout,
                                                         Cancellation& cancellation) {
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

Task<Connected> SystemConnector::connect(const Origin& origin, ConnectTimeouts timeouts,
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
    auto plain = make_tcp_stream(loop_, std::move(socket));
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
    outcome.stream = make_tcp_stream(loop_, std::move(socket));
    co_return outcome;
  }
  TlsContext context = tls_.get(origin.ca_file);
  if (!context) {
    outcome.error = NetError::tls;
    outcome.reason = "can't read the CA file " + origin.ca_file;
    co_return outcome;
  }
  const Duration left = late - loop_.now();
  TlsHandshake handshake = co_await tls_connect(loop_, std::move(socket), std::move(context),
                                                origin.host, left, cancellation);
  outcome.error = handshake.error;
  outcome.stream = std::move(handshake.stream);
  if (outcome.error != NetError::none) outcome.reason = "TLS with " + host + " failed";
  co_return outcome;
}

}  // namespace weir::net
