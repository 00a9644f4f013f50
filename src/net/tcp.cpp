// SPDX-License-Identifier: Apache-2.0
#include "net/tcp.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "base/assert.hpp"

namespace weir::net {
namespace asio = boost::asio;

namespace {

std::array<asio::const_buffer, 3> buffers_of(const WritePieces& pieces) {
  return {asio::const_buffer(pieces[0].data(), pieces[0].size()),
          asio::const_buffer(pieces[1].data(), pieces[1].size()),
          asio::const_buffer(pieces[2].data(), pieces[2].size())};
}

std::string address_of(const Socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? std::string() : endpoint.address().to_string();
}

/// What both kinds of stream share: the rule of one read and one write at a time.
template <class Layer>
class AsioStream : public Stream {
 public:
  ~AsioStream() override {
    WEIR_ASSERT(!is_reading_);
    WEIR_ASSERT(!is_writing_);
  }

  void start_read(std::span<char> into, IoWaiter& waiter) override {
    WEIR_ASSERT(!is_reading_);
    is_reading_ = true;
    layer().async_read_some(
        asio::buffer(into.data(), into.size()),
        [this, &waiter](const boost::system::error_code& error, std::size_t bytes) {
          is_reading_ = false;
          waiter.on_io({bytes, net_error_of(error)});
        });
  }

  void start_write(const WritePieces& pieces, IoWaiter& waiter) override {
    WEIR_ASSERT(!is_writing_);
    is_writing_ = true;
    layer().async_write_some(
        buffers_of(pieces),
        [this, &waiter](const boost::system::error_code& error, std::size_t bytes) {
          is_writing_ = false;
          waiter.on_io({bytes, net_error_of(error)});
        });
  }

  void close() override {
    boost::system::error_code ignored;
    socket().close(ignored);
  }

  void cancel() override {
    boost::system::error_code ignored;
    socket().cancel(ignored);
  }

  [[nodiscard]] std::string peer_address() const override { return address_of(socket()); }

 protected:
  virtual Layer& layer() = 0;
  virtual Socket& socket() = 0;
  [[nodiscard]] virtual const Socket& socket() const = 0;

  bool is_reading_ = false;
  bool is_writing_ = false;
};

class TcpStream final : public AsioStream<Socket> {
 public:
  explicit TcpStream(Socket socket) : socket_(std::move(socket)) {}

  IoResult try_write(const WritePieces& pieces) override {
    WEIR_ASSERT(!is_writing_);
    boost::system::error_code error;
    const std::size_t bytes = socket_.write_some(buffers_of(pieces), error);
    if (error == asio::error::would_block || error == asio::error::try_again) return {};
    return {bytes, net_error_of(error)};
  }

  Socket& layer() override { return socket_; }

 private:
  Socket& socket() override { return socket_; }
  [[nodiscard]] const Socket& socket() const override { return socket_; }

  Socket socket_;
};

class TlsStream final : public AsioStream<asio::ssl::stream<Socket>> {
 public:
  TlsStream(Socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  IoResult try_write(const WritePieces&) override { return {}; }

  asio::ssl::stream<Socket>& layer() override { return stream_; }

 private:
  Socket& socket() override { return stream_.next_layer(); }
  [[nodiscard]] const Socket& socket() const override { return stream_.next_layer(); }

  asio::ssl::stream<Socket> stream_;
};

/// Awaitable: one TLS handshake, within a time.
class Handshake final : private Alarm {
 public:
  Handshake(Loop& loop, TlsStream& stream, asio::ssl::stream_base::handshake_type type,
            Duration timeout)
      : loop_(loop), stream_(stream), type_(type), timeout_(timeout) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    if (timeout_ > Duration::zero()) loop_.arm_coarse(*this, loop_.now() + timeout_);
    stream_.layer().async_handshake(type_,
                                    [this, awaiting](const boost::system::error_code& error) {
                                      disarm();
                                      error_ = error;
                                      awaiting.resume();
                                    });
  }
  [[nodiscard]] NetError await_resume() const {
    if (!error_) return NetError::none;
    if (is_late_) return NetError::timed_out;
    if (error_.category() == asio::error::get_ssl_category()) {
      const bool is_verification = ERR_GET_REASON(static_cast<unsigned long>(error_.value())) ==
                                   SSL_R_CERTIFICATE_VERIFY_FAILED;
      return is_verification ? NetError::certificate : NetError::tls;
    }
    return NetError::tls;
  }

 private:
  void on_alarm() override {
    is_late_ = true;
    stream_.close();
  }

  Loop& loop_;
  TlsStream& stream_;
  asio::ssl::stream_base::handshake_type type_;
  Duration timeout_;
  boost::system::error_code error_;
  bool is_late_ = false;
};

}  // namespace

NetError net_error_of(const boost::system::error_code& error) noexcept {
  if (!error) return NetError::none;
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
    return NetError::end_of_stream;
  }
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
    return NetError::cancelled;
  }
  if (error == asio::error::connection_reset || error == asio::error::broken_pipe ||
      error == asio::error::connection_aborted) {
    return NetError::reset;
  }
  if (error == asio::error::connection_refused || error == asio::error::host_unreachable ||
      error == asio::error::network_unreachable) {
    return NetError::refused;
  }
  if (error == asio::error::timed_out) return NetError::timed_out;
  return NetError::other;
}

std::unique_ptr<Stream> make_tcp_stream(Socket socket) {
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  return std::make_unique<TcpStream>(std::move(socket));
}

Socket release_socket(std::unique_ptr<Stream> stream) {
  return std::move(static_cast<TcpStream&>(*stream).layer());
}

Task<TlsHandshake> tls_connect(Loop& loop, Socket socket, asio::ssl::context& context,
                               std::string host, Duration timeout, Cancellation& cancellation) {
  boost::system::error_code error;
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  auto stream = std::make_unique<TlsStream>(std::move(socket), context);
  asio::ip::make_address(host, error);
  const bool is_name = static_cast<bool>(error);
  if (is_name) {
    // What OpenSSL's macro SSL_set_tlsext_host_name does, without its C casts.
    SSL_ctrl(stream->layer().native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
             TLSEXT_NAMETYPE_host_name, host.data());
  }
  stream->layer().set_verify_mode(asio::ssl::verify_peer, error);
  stream->layer().set_verify_callback(asio::ssl::host_name_verification(host), error);

  const CloseOnCancel closer(*stream, cancellation);
  Handshake handshake(loop, *stream, asio::ssl::stream_base::client, timeout);
  TlsHandshake outcome;
  outcome.error = co_await handshake;
  if (outcome.error == NetError::none) outcome.stream = std::move(stream);
  co_return outcome;
}

Task<TlsHandshake> tls_accept(Loop& loop, Socket socket, asio::ssl::context& context,
                              Duration timeout) {
  boost::system::error_code error;
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  auto stream = std::make_unique<TlsStream>(std::move(socket), context);
  Handshake handshake(loop, *stream, asio::ssl::stream_base::server, timeout);
  TlsHandshake outcome;
  outcome.error = co_await handshake;
  if (outcome.error == NetError::none) outcome.stream = std::move(stream);
  co_return outcome;
}

}  // namespace weir::net
