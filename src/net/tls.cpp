// SPDX-License-Identifier: Apache-2.0
#include "net/tls.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/assert.hpp"
#include "net/tcp.hpp"

namespace weir::net {

// --- settings ---

namespace {

constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2; 1.3 has its own

TlsContext make_context(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method), &SSL_CTX_free);
  WEIR_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), ciphers);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Buffers go while a connection is idle; one read of the socket takes all that is there.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

std::string last_tls_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason == nullptr ? "not readable" : reason;
}

}  // namespace

TlsContext TlsClientContexts::get(const std::string& ca_file) {
  const std::lock_guard lock(mutex_);
  auto& context = contexts_[ca_file];
  if (context) return context;
  TlsContext made = make_context(TLS_client_method());
  static constexpr unsigned char alpn[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(made.get(), alpn, sizeof alpn - 1);
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(made.get())
                         : SSL_CTX_load_verify_locations(made.get(), ca_file.c_str(), nullptr);
  ERR_clear_error();
  if (loaded != 1) return nullptr;
  // Whoever is named in words is trusted, also one that another has signed.
  if (!ca_file.empty()) {
    X509_STORE_set_flags(SSL_CTX_get_cert_store(made.get()), X509_V_FLAG_PARTIAL_CHAIN);
  }
  context = std::move(made);
  return context;
}

Result<TlsContext> make_tls_server_context(const std::string& certificate_file,
                                           const std::string& key_file) {
  TlsContext context = make_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    return Error(ErrorCode::internal_error,
                 "can't read the certificate " + certificate_file + ": " + last_tls_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Error(ErrorCode::internal_error,
                 "can't read the key " + key_file + ": " + last_tls_reason());
  }
  return context;
}

// --- the stream ---

namespace {

/// TLS over a socket. OpenSSL reads and writes the socket through a BIO of ours, which knows what
/// is readable and never raises SIGPIPE.
class TlsStream final : public SocketStream {
 public:
  TlsStream(EpollLoop& loop, Socket socket, TlsContext context)
      : SocketStream(loop, std::move(socket)),
        context_(std::move(context)),
        ssl_(SSL_new(context_.get())) {
    WEIR_ASSERT(ssl_ != nullptr);
    BIO* bio = BIO_new(bio_method());
    WEIR_ASSERT(bio != nullptr);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);  // takes it over
  }
  ~TlsStream() override {
    WEIR_ASSERT(handshaker_ == nullptr);
    SSL_free(ssl_);
  }

  /// Makes the peer prove that it is `host`, a name or an IP literal.
  void expect(const std::string& host) {
    X509_VERIFY_PARAM* verification = SSL_get0_param(ssl_);
    if (X509_VERIFY_PARAM_set1_ip_asc(verification, host.c_str()) == 1) return;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(verification, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int is_set = X509_VERIFY_PARAM_set1_host(verification, host.data(), host.size());
    WEIR_ASSERT(is_set == 1);
    // What OpenSSL's macro SSL_set_tlsext_host_name does, without its C casts.
    std::string name = host;
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }

  /// Told with `tls` or `certificate` where the handshake fails, with `cancelled` where the stream
  /// is closed before its end.
  void start_handshake(bool is_client, IoWaiter& waiter) {
    if (is_client) {
      SSL_set_connect_state(ssl_);
    } else {
      SSL_set_accept_state(ssl_);
    }
    handshaker_ = &waiter;
    loop().begin_operation();
    defer();
  }

  void close() override {
    SocketStream::close();
    if (handshaker_ != nullptr) defer();
  }

 private:
  static BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* into, int size);
  static int bio_write(BIO* bio, const char* from, int size);
  static long bio_control(BIO* bio, int command, long number, void* pointer);

  // Whatever arrives may also be what a write waits for, and the other way round: both are tried.
  void on_events(std::uint32_t events) override {
    if (handshaker_ == nullptr) return SocketStream::on_events(events);
    note(events);
    advance_handshake();
  }
  void advance_handshake();
  Progress read_now(ReadWaiter& waiter) override;
  Progress write_now(const WritePieces& pieces) override;
  [[nodiscard]] bool may_read_now() const override {
    return SSL_has_pending(ssl_) == 1 || SocketStream::may_read_now();
  }
  /// What a call's failure means.
  Progress failure_of(int status);

  TlsContext context_;
  SSL* ssl_;
  IoWaiter* handshaker_ = nullptr;
  NetError socket_error_ = NetError::none;
};

BIO_METHOD* TlsStream::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
    WEIR_ASSERT(made != nullptr);
    BIO_meth_set_read(made, &TlsStream::bio_read);
    BIO_meth_set_write(made, &TlsStream::bio_write);
    BIO_meth_set_ctrl(made, &TlsStream::bio_control);
    return made;
  }();
  return method;
}

int TlsStream::bio_read(BIO* bio, char* into, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  Progress progress;
  if (stream.SocketStream::may_read_now()) {
    progress = stream.receive({into, static_cast<std::size_t>(size)});
  }
  if (!progress) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (*progress) return static_cast<int>(progress->bytes);
  stream.socket_error_ = progress->error;
  return progress->error == NetError::end_of_stream ? 0 : -1;
}

int TlsStream::bio_write(BIO* bio, const char* from, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::string_view bytes(from, static_cast<std::size_t>(size));
  const Progress progress = stream.transmit({bytes, {}, {}});
  if (!progress) {
    BIO_set_retry_write(bio);
    return -1;
  }
  if (*progress) return static_cast<int>(progress->bytes);
  stream.socket_error_ = progress->error;
  return -1;
}

long TlsStream::bio_control(BIO* bio, int command, long, void*) {
  const auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  if (command == BIO_CTRL_EOF) return stream.socket_error_ == NetError::end_of_stream ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

SocketStream::Progress TlsStream::failure_of(int status) {
  NetError error = NetError::tls;
  switch (SSL_get_error(ssl_, status)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return std::nullopt;
    case SSL_ERROR_ZERO_RETURN:
      error = NetError::end_of_stream;
      break;
    default:
      // An end without a closing alert counts as an end, as the framing above tells a cut answer.
      if (socket_error_ != NetError::none) error = socket_error_;
  }
  ERR_clear_error();
  return IoResult{0, error};
}

SocketStream::Progress TlsStream::read_now(ReadWaiter& waiter) {
  // Room is asked for only when there is something to put there: a record may be one of TLS's own.
  char first = 0;
  const int peeked = SSL_peek(ssl_, &first, 1);
  if (peeked <= 0) return failure_of(peeked);
  const std::span<char> room = waiter.room();
  const auto size = static_cast<int>(std::min<std::size_t>(room.size(), INT_MAX));
  const int read = SSL_read(ssl_, room.data(), size);
  if (read <= 0) return failure_of(read);
  return IoResult{static_cast<std::size_t>(read), NetError::none};
}

SocketStream::Progress TlsStream::write_now(const WritePieces& pieces) {
  // One record for a head and the body's begin, say. A repeated call finds the same bytes again,
  // as OpenSSL demands.
  std::array<char, SSL3_RT_MAX_PLAIN_LENGTH> record;
  std::size_t size = 0;
  for (const std::string_view piece : pieces) {
    const std::size_t taken = std::min(piece.size(), record.size() - size);
    if (taken > 0) std::memcpy(record.data() + size, piece.data(), taken);
    size += taken;
  }
  const int written = SSL_write(ssl_, record.data(), static_cast<int>(size));
  if (written <= 0) return failure_of(written);
  return IoResult{static_cast<std::size_t>(written), NetError::none};
}

void TlsStream::advance_handshake() {
  IoResult result{0, NetError::cancelled};
  if (!is_closed()) {
    const int status = SSL_do_handshake(ssl_);
    if (status == 1) {
      result.error = NetError::none;
    } else {
      const Progress progress = failure_of(status);
      if (!progress) return;
      const bool is_verified = SSL_get_verify_result(ssl_) == X509_V_OK;
      result.error = is_verified ? NetError::tls : NetError::certificate;
    }
  }
  loop().end_operation();
  std::exchange(handshaker_, nullptr)->on_io(result);
}

/// Awaitable: one TLS handshake, within a time.
class Handshake final : private IoWaiter, private Alarm {
 public:
  Handshake(Loop& loop, TlsStream& stream, bool is_client, Duration timeout)
      : loop_(loop), stream_(stream), is_client_(is_client), timeout_(timeout) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    if (timeout_ > Duration::zero()) loop_.arm_coarse(*this, loop_.now() + timeout_);
    stream_.start_handshake(is_client_, *this);
  }
  [[nodiscard]] NetError await_resume() const {
    if (error_ == NetError::cancelled) return is_late_ ? NetError::timed_out : NetError::tls;
    return error_;
  }

 private:
  void on_io(IoResult result) override {
    disarm();
    error_ = result.error;
    awaiting_.resume();
  }
  void on_alarm() override {
    is_late_ = true;
    stream_.close();
  }

  Loop& loop_;
  TlsStream& stream_;
  bool is_client_;
  Duration timeout_;
  NetError error_ = NetError::none;
  bool is_late_ = false;
  std::coroutine_handle<> awaiting_;
};

}  // namespace

Task<TlsHandshake> tls_connect(EpollLoop& loop, Socket socket, TlsContext context, std::string host,
                               Duration timeout, Cancellation& cancellation) {
  auto stream = std::make_unique<TlsStream>(loop, std::move(socket), std::move(context));
  stream->expect(host);
  const CloseOnCancel closer(*stream, cancellation);
  Handshake handshake(loop, *stream, true, timeout);
  TlsHandshake outcome;
  outcome.error = co_await handshake;
  if (outcome.error == NetError::none) outcome.stream = std::move(stream);
  co_return outcome;
}

Task<TlsHandshake> tls_accept(EpollLoop& loop, Socket socket, TlsContext context,
                              Duration timeout) {
  auto stream = std::make_unique<TlsStream>(loop, std::move(socket), std::move(context));
  Handshake handshake(loop, *stream, false, timeout);
  TlsHandshake outcome;
  outcome.error = co_await handshake;
  if (outcome.error == NetError::none) outcome.stream = std::move(stream);
  co_return outcome;
}

}  // namespace weir::net
