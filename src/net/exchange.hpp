// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/recycled.hpp"
#include "net/connector.hpp"
#include "net/http/scanner.hpp"
#include "net/task.hpp"
#include "weir/result.hpp"

namespace weir::net {

/// How far an exchange came before it failed; decides whether the upstream may have acted on it.
enum class ExchangeError : std::uint8_t {
  none,
  connect,       ///< no connection: name, TCP, TLS
  certificate,   ///< the peer is not who it should be
  reset_early,   ///< closed before the request was fully written
  reset_sent,    ///< closed after that, before an answer
  timeout_sent,  ///< no progress in writing, or no answer in time
  malformed,     ///< the answer breaks HTTP, or a limit on it
  cut,           ///< the body ended before its end
  stalled,       ///< nothing came for too long in the middle of the body
  cancelled,
};
std::string_view name(ExchangeError error) noexcept;

struct ExchangeTimeouts {
  ConnectTimeouts connect;
  Duration write_stall = std::chrono::seconds(15);  ///< T-9
  Duration first_byte = std::chrono::seconds(60);   ///< T-10: request written until the head is in
};

struct ExchangeLimits {
  http::HeadLimits head = http::upstream_head_limits;
  int interim_max = 10;
};

struct ExchangeResult {
  ExchangeError error = ExchangeError::none;
  std::string reason;  ///< for logs; holds no secret
  explicit operator bool() const { return error == ExchangeError::none; }
};
/// For a caller of ours who only wants to know why there is no answer: `upstream_timeout`,
/// `upstream_malformed` or `upstream_unreachable`. Precondition: it failed.
Error error_of(const ExchangeResult& result);

/// A request body that is sent piece by piece, and anew from its start where a request is repeated.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// In bytes; known before the first piece.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  virtual void rewind() = 0;
  /// The next bytes, which hold until the next call; empty at the end. Errors: the body can't be
  /// read.
  virtual Task<Result<std::string_view>> next() = 0;
};

/// One request to an upstream and its answer. The real one speaks HTTP; the mock provider and the
/// simulator have their own.
///
/// Repeats by itself only what rule T-25 allows: a pooled connection that turns out to be closed
/// before a byte of the answer. Everything else is the attempt loop's decision.
class Exchange : public Recycled {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  /// Connects or takes a pooled connection, writes `head` and `body` in one go and reads the head
  /// of the answer. Both must stay until the task ends. `method` decides how the answer is framed.
  virtual Task<ExchangeResult> send(std::string_view method, std::string_view head,
                                    std::string_view body, const ExchangeTimeouts& timeouts,
                                    const ExchangeLimits& limits) = 0;
  /// The same with a body that comes from `body`, as fast as the upstream takes it. An exchange
  /// that knows no large bodies refuses it.
  virtual Task<ExchangeResult> send_pieces(std::string_view method, std::string_view head,
                                           BodySource& body, const ExchangeTimeouts& timeouts,
                                           const ExchangeLimits& limits);

  /// The request was written to its end, so that the upstream may act on it. At any time; one that
  /// can't tell says yes.
  [[nodiscard]] virtual bool is_sent() const { return true; }
  /// Precondition: `send` succeeded. Views hold until the first `read`.
  [[nodiscard]] virtual const http::ResponseHead& head() const = 0;

  struct Piece {
    std::string_view bytes;  ///< body bytes without framing; the view holds until the next `read`
    bool is_last = false;    ///< the body is complete; `bytes` may be empty or not
    ExchangeError error = ExchangeError::none;
  };
  /// The next piece of the body, where it is there already.
  virtual std::optional<Piece> piece_at_hand() { return std::nullopt; }
  /// The next piece of the body, waiting at most `timeout` for it (zero: for ever).
  virtual Task<Piece> read(Duration timeout) = 0;

  /// The answer is done with. Where the body was read to its end, the connection may serve again
  /// within `idle_max`.
  virtual void finish(Duration idle_max) = 0;
  /// Ends the exchange; a read or send under way ends with `cancelled`.
  virtual void close() = 0;
};

}  // namespace weir::net
