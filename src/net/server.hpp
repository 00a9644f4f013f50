// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_buffer.hpp"
#include "net/http/scanner.hpp"
#include "net/reader.hpp"
#include "net/task.hpp"
#include "weir/result.hpp"

namespace weir::net {

struct ServerTimeouts {
  Duration tls_handshake = std::chrono::seconds(10);   ///< T-1
  Duration headers = std::chrono::seconds(10);         ///< T-2
  Duration body_idle = std::chrono::seconds(15);       ///< T-3
  Duration body_total = std::chrono::seconds(120);     ///< T-4, plus a second per 64 KiB
  Duration keepalive_idle = std::chrono::seconds(75);  ///< T-5
  Duration write_stall = std::chrono::seconds(30);     ///< T-6
};

/// Memory that the request bodies of all connections share. For any thread.
class BodyBudget {
 public:
  virtual ~BodyBudget() = default;
  /// False: there is not so much left.
  virtual bool take(std::size_t bytes) = 0;
  virtual void give_back(std::size_t bytes) = 0;
};

struct ServerLimits {
  http::HeadLimits head;
  std::size_t body_bytes_max = std::size_t{64} << 20;
  BodyBudget* bodies = nullptr;    ///< null: bodies are bounded one by one only
  bool allows_half_close = false;  ///< S-10.3: who says no more may still read
};

/// One request of a client and our answer to it. Handed to the handler; lives as long as its task.
class ServerExchange : private BufferedReader::Observer {
 public:
  ServerExchange(Loop& loop, Stream& stream, BufferedReader& reader, const ServerTimeouts& timeouts,
                 const ServerLimits& limits);
  ~ServerExchange() override;
  ServerExchange(const ServerExchange&) = delete;
  ServerExchange& operator=(const ServerExchange&) = delete;

  [[nodiscard]] Loop& loop() { return loop_; }
  /// Views hold as long as the exchange.
  [[nodiscard]] const http::RequestHead& head() const { return head_; }
  [[nodiscard]] std::string peer_address() const { return stream_.peer_address(); }

  /// No body longer than this is read, in the place of what holds for all.
  void limit_body(std::uint64_t bytes_max) noexcept { body_bytes_max_ = bytes_max; }
  /// Reads the body, decoded, into `body()`. Errors: `too_large`, `client_timeout`,
  /// `invalid_request` (framing or content coding), `client_closed`, `overloaded` (no memory left
  /// for it). From then on a client's leaving cancels the exchange.
  Task<Result<>> read_body();
  /// The same without a wait, where all of a plain body came with the head, as most do. False: it
  /// is to be read.
  [[nodiscard]] bool take_body_at_hand();
  /// In the place of `read_body`, for a body that is not to stand in memory: its next piece,
  /// decoded, which holds until the next call; empty at the end. Same errors, with a limit of its
  /// own.
  Task<Result<std::string_view>> read_body_piece(std::uint64_t bytes_max);
  [[nodiscard]] std::string_view body() const { return body_.view(); }
  /// Moves the body out, so that it can be let go as soon as nobody needs it.
  [[nodiscard]] ByteBuffer take_body() { return std::move(body_); }

  /// Ends when the client leaves.
  [[nodiscard]] Cancellation& cancellation() { return cancellation_; }
  [[nodiscard]] bool is_client_gone() const { return cancellation_.is_cancelled(); }

  /// Header lines that go with the answer, whatever it is; each ended by CRLF. Before it begins.
  void set_common_fields(std::string fields) { common_fields_ = std::move(fields); }
  /// Sends a whole answer. `fields`: header lines, each ended by CRLF, without framing fields. This
  /// and what follows begins at once, and answers whether the bytes were taken; false means that
  /// the client is gone.
  Task<bool> respond(int status, std::string_view fields, std::string_view body);
  /// Sends the head of an answer whose body comes in pieces.
  Task<bool> begin(int status, std::string_view fields);
  /// Sends a piece. Precondition: `begin`, and `bytes` not empty.
  Task<bool> write(std::string_view bytes);
  /// Ends the body in good order.
  Task<bool> end();
  /// Something was sent already.
  [[nodiscard]] bool is_begun() const noexcept { return is_begun_; }
  /// The connection ends after this answer.
  void close_after() noexcept { keeps_alive_ = false; }
  [[nodiscard]] bool keeps_alive() const noexcept { return keeps_alive_; }

 private:
  friend class ServerConnection;
  void on_input(BufferedReader& reader) override;
  struct Pieces;
  Task<void> invite_body();
  Result<> begin_pieces(std::uint64_t bytes_max);
  Result<std::string_view> take_piece();
  void note_body_end();
  void note_input_end();
  Task<Result<>> read_body_bytes();
  void take_buffered(std::size_t length);
  Task<Result<>> read_length_body(TimePoint late);
  Task<Result<>> read_chunked_body(TimePoint late);
  Result<> decode_body();
  [[nodiscard]] bool may_skip_body() const;
  Task<void> skip_body();
  Result<> claim(std::size_t bytes);
  void append_head(int status, std::string_view fields);
  Task<bool> send(const WritePieces& pieces);
  Task<bool> send_rest(WritePieces pieces);
  bool note(const IoResult& written);

  Loop& loop_;
  Stream& stream_;
  BufferedReader& reader_;
  const ServerTimeouts& timeouts_;
  const ServerLimits& limits_;
  std::uint64_t body_bytes_max_;
  http::RequestHead head_;
  std::string head_text_;  ///< what the views in `head_` point into
  Cancellation cancellation_;
  ByteBuffer body_;
  std::size_t claimed_bytes_ = 0;   ///< of the budget of all bodies
  std::unique_ptr<Pieces> pieces_;  ///< set once the body is read in pieces
  std::string common_fields_;
  std::string out_;  ///< the answer's head, or a chunk's size
  bool is_body_read_ = false;
  bool is_begun_ = false;
  bool is_ended_ = false;
  bool is_chunked_ = false;
  bool is_head_request_ = false;
  bool keeps_alive_ = true;
};

/// Answers requests. One for all connections of a thread.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  /// Must answer through `exchange`, or leave it unanswered only when the client is gone.
  virtual Task<void> handle(ServerExchange& exchange) = 0;
  /// Answers a request whose head can't be read; the connection then ends. Fills header lines and
  /// body for `error`.
  virtual void describe(const Error& error, std::string& fields, std::string& body) = 0;
};

/// One client's connection, from accept to close.
class ServerConnection {
 public:
  ServerConnection(Loop& loop, std::unique_ptr<Stream> stream, RequestHandler& handler,
                   const ServerTimeouts& timeouts, const ServerLimits& limits);

  /// Serves requests until either side ends the connection.
  Task<void> serve();
  /// The request under way is the last: an idle connection closes now, a busy one after its answer.
  /// A client that has only just come, or has begun to ask, gets an answer, too.
  void drain();
  void close_if_idle();
  /// Ends everything now.
  void abort();
  [[nodiscard]] bool is_idle() const noexcept { return exchange_ == nullptr; }

 private:
  enum class HeadOutcome : std::uint8_t { request, closed };
  Task<HeadOutcome> read_head(ServerExchange& exchange);
  Task<void> linger();
  Task<void> refuse(ServerExchange& exchange, Error error);

  Loop& loop_;
  std::unique_ptr<Stream> stream_;
  BufferedReader reader_;
  RequestHandler& handler_;
  const ServerTimeouts& timeouts_;
  const ServerLimits& limits_;
  ServerExchange* exchange_ = nullptr;  ///< the one under way
  bool is_first_ = true;                ///< no request has come yet
  bool is_draining_ = false;
};

}  // namespace weir::net
