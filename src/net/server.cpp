// SPDX-License-Identifier: Apache-2.0
#include "net/server.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "net/http/content_coding.hpp"
#include "net/http/head_writer.hpp"

namespace weir::net {
namespace {

/// Bytes of further requests that may wait while one is served.
constexpr std::size_t pipelined_bytes_max = 8 * 1024;

/// The longest body that is read and thrown away, so that a request refused by its head costs its
/// client no connection: of a gateway that is full, that would ask more than the refusal.
constexpr std::uint64_t skipped_bytes_max = std::uint64_t{64} * 1024;

std::string_view moved(std::string_view view, std::string_view from, const std::string& to) {
  if (view.data() < from.data() || view.data() > from.data() + from.size()) return view;
  return std::string_view(to).substr(static_cast<std::size_t>(view.data() - from.data()),
                                     view.size());
}

/// Lets `head` point into `to`, a copy of the buffer `from` that it was scanned in.
void rebase(http::RequestHead& head, std::string_view from, const std::string& to) {
  head.method = moved(head.method, from, to);
  head.target = moved(head.target, from, to);
  head.host = moved(head.host, from, to);
  head.fields.for_each([&](http::Field& field) {
    field = {moved(field.name, from, to), moved(field.value, from, to)};
  });
}

}  // namespace

ServerExchange::ServerExchange(Loop& loop, Stream& stream, BufferedReader& reader,
                               const ServerTimeouts& timeouts, const ServerLimits& limits)
    : loop_(loop),
      stream_(stream),
      reader_(reader),
      timeouts_(timeouts),
      limits_(limits),
      body_bytes_max_(limits.body_bytes_max) {}

void ServerExchange::on_input(BufferedReader& reader) {
  if (reader.error() != NetError::none) {
    note_input_end();
  } else if (reader.data().size() < pipelined_bytes_max) {
    reader.stand(this);
  }
}

ServerExchange::~ServerExchange() {
  if (claimed_bytes_ > 0) limits_.bodies->give_back(claimed_bytes_);
}

namespace {

Error too_large_error(std::uint64_t bytes_max) {
  return {ErrorCode::too_large,
          "the request body is larger than " + std::to_string(bytes_max) + " bytes"};
}

Error no_memory_error() {
  return {ErrorCode::overloaded, "there is no memory left for the request body"};
}

Error body_error(NetError error) {
  if (error == NetError::timed_out) {
    return {ErrorCode::client_timeout, "the request body did not arrive in time"};
  }
  return {ErrorCode::client_closed, "the client closed the connection"};
}

/// The coding of a body; nothing for identity.
Result<std::optional<http::ContentCoding>> coding_of(const http::RequestHead& head) {
  const auto field = head.fields.find("content-encoding");
  if (!field) return std::optional<http::ContentCoding>();
  const auto known = http::parse_content_coding(*field);
  if (!known) {
    return Error(ErrorCode::invalid_request,
                 "content-encoding is not one of identity, gzip, deflate, br, zstd");
  }
  if (*known == http::ContentCoding::identity) return std::optional<http::ContentCoding>();
  return known;
}

}  // namespace

/// Says that the body may come, where the client asks first.
Task<void> ServerExchange::invite_body() {
  if (!head_.expects_continue || head_.framing == http::Framing::none || !reader_.data().empty()) {
    co_return;
  }
  Write interim(loop_, stream_, {"HTTP/1.1 100 Continue\r\n\r\n", {}, {}}, timeouts_.write_stall);
  const IoResult written = co_await interim;
  if (!written) cancellation_.cancel();
}

/// The client has left, or has shut its sending side alone: until something is written to it, the
/// two look the same (S-10.3).
void ServerExchange::note_input_end() {
  const bool may_read = reader_.error() == NetError::end_of_stream && limits_.allows_half_close;
  if (!may_read) cancellation_.cancel();
}

/// From now on what comes is the next request, or the client's leaving.
void ServerExchange::note_body_end() {
  is_body_read_ = true;
  reader_.stand(this);
  if (reader_.error() != NetError::none) note_input_end();
}

Task<Result<>> ServerExchange::read_body() {
  Result<> result;
  if (is_body_read_) co_return result;
  if (head_.framing == http::Framing::length && head_.content_length > body_bytes_max_) {
    result = too_large_error(body_bytes_max_);
    keeps_alive_ = false;
    co_return result;
  }
  co_await invite_body();
  result = co_await read_body_bytes();
  if (result) result = decode_body();
  if (!result) {
    keeps_alive_ = false;
    co_return result;
  }
  note_body_end();
  co_return result;
}

bool ServerExchange::take_body_at_hand() {
  if (is_body_read_) return true;
  const bool is_at_hand = head_.framing == http::Framing::length &&
                          head_.content_length <= reader_.data().size() &&
                          head_.content_length <= body_bytes_max_;
  if (!is_at_hand || head_.fields.find("content-encoding")) return false;
  const auto length = static_cast<std::size_t>(head_.content_length);
  if (!claim(length) || !body_.reserve(length)) return false;
  take_buffered(length);
  note_body_end();
  return true;
}

/// How far a body that is read in pieces has come.
struct ServerExchange::Pieces {
  std::uint64_t bytes_max = 0;
  std::uint64_t left = 0;      ///< of a body whose length was said
  std::uint64_t received = 0;  ///< as it came
  std::uint64_t decoded = 0;
  std::size_t given = 0;  ///< bytes of the reader's that the last piece stands in
  bool is_last = false;   ///< the last piece was the end
  TimePoint late;
  http::ChunkedDecoder chunks;
  std::optional<http::BodyInflater> inflater;
  std::string plain;
};

Result<> ServerExchange::begin_pieces(std::uint64_t bytes_max) {
  if (head_.framing == http::Framing::length && head_.content_length > bytes_max) {
    return too_large_error(bytes_max);
  }
  WEIR_TRY_ASSIGN(coding, coding_of(head_));
  pieces_ = std::make_unique<Pieces>();
  pieces_->bytes_max = bytes_max;
  pieces_->left = head_.content_length;
  pieces_->late = loop_.now() + timeouts_.body_total;
  if (coding) pieces_->inflater.emplace(*coding, http::InflateLimits{.bytes_max = bytes_max});
  return {};
}

/// The next piece of what has arrived; empty when more must come, or at the end.
Result<std::string_view> ServerExchange::take_piece() {
  Pieces& pieces = *pieces_;
  std::string_view bytes;
  while (bytes.empty() && !pieces.is_last) {
    const std::string_view arrived = reader_.data();
    if (head_.framing == http::Framing::length) {
      bytes = arrived.substr(0, pieces.left);
      pieces.left -= bytes.size();
      pieces.given = bytes.size();
      pieces.is_last = pieces.left == 0;
      break;
    }
    const auto step = pieces.chunks.step(arrived);
    if (step.error) return *step.error;
    bytes = step.data;
    pieces.is_last = step.is_done;
    if (!bytes.empty()) {
      pieces.given = step.consumed;
    } else if (step.consumed > 0) {
      reader_.consume(step.consumed);
    } else {
      break;
    }
  }
  pieces.received += bytes.size();
  if (pieces.inflater) {
    pieces.plain.clear();
    WEIR_TRY(pieces.inflater->feed(bytes, pieces.plain));
    if (pieces.is_last) WEIR_TRY(pieces.inflater->finish());
    bytes = pieces.plain;
  }
  pieces.decoded += bytes.size();
  if (pieces.decoded > pieces.bytes_max) return too_large_error(pieces.bytes_max);
  return bytes;
}

Task<Result<std::string_view>> ServerExchange::read_body_piece(std::uint64_t bytes_max) {
  Result<std::string_view> piece{std::string_view()};
  if (is_body_read_) co_return piece;
  if (!pieces_) {
    if (const auto begun = begin_pieces(bytes_max); !begun) {
      keeps_alive_ = false;
      piece = begun.error();
      co_return piece;
    }
    co_await invite_body();
  }
  Pieces& pieces = *pieces_;
  for (;;) {
    reader_.consume(std::exchange(pieces.given, 0));
    if (pieces.is_last) {
      note_body_end();
      co_return piece;
    }
    piece = take_piece();
    if (!piece) keeps_alive_ = false;
    if (!piece || !piece->empty()) co_return piece;
    // The reader's bytes may all have gone into a piece that unpacks to nothing yet.
    if (pieces.is_last || pieces.given > 0) continue;
    const auto size_allowance = std::chrono::seconds(pieces.received / (std::uint64_t{64} * 1024));
    const Duration left =
        std::min<Duration>(timeouts_.body_idle, pieces.late + size_allowance - loop_.now());
    NetError error = NetError::timed_out;
    if (left > Duration::zero()) error = co_await reader_.more(left);
    if (error == NetError::none) continue;
    keeps_alive_ = false;
    piece = body_error(error);
    co_return piece;
  }
}

Task<Result<>> ServerExchange::read_body_bytes() {
  Result<> result;
  const auto size_allowance = std::chrono::seconds(head_.content_length / (64 * 1024));
  const TimePoint late = loop_.now() + timeouts_.body_total + size_allowance;
  if (head_.framing == http::Framing::length) {
    result = co_await read_length_body(late);
  } else if (head_.framing == http::Framing::chunked) {
    result = co_await read_chunked_body(late);
  }
  co_return result;
}

/// Makes sure that so much of the budget of all bodies is ours.
Result<> ServerExchange::claim(std::size_t bytes) {
  if (limits_.bodies == nullptr || bytes <= claimed_bytes_) return {};
  if (!limits_.bodies->take(bytes - claimed_bytes_)) return no_memory_error();
  claimed_bytes_ = bytes;
  return {};
}

/// Moves what the reader holds of the body into it, which has room for the whole.
void ServerExchange::take_buffered(std::size_t length) {
  const std::string_view buffered = reader_.data().substr(0, length - body_.size());
  const bool has_room = body_.append(buffered);
  WEIR_ASSERT(has_room);
  reader_.consume(buffered.size());
}

Task<Result<>> ServerExchange::read_length_body(TimePoint late) {
  Result<> result;
  const auto length = static_cast<std::size_t>(head_.content_length);
  result = claim(length);
  if (result && !body_.reserve(length)) result = no_memory_error();
  if (!result) co_return result;
  take_buffered(length);
  // The rest goes straight into the body. It can't contain bytes of the next request.
  while (body_.size() < length) {
    const Duration left = std::min<Duration>(timeouts_.body_idle, late - loop_.now());
    const std::size_t missing = length - body_.size();
    if (left <= Duration::zero()) {
      result = body_error(NetError::timed_out);
      co_return result;
    }
    // A head that came before the last answer was out has a read standing behind it.
    if (reader_.is_reading()) {
      const NetError error = co_await reader_.more(left);
      if (error != NetError::none) {
        result = body_error(error);
        co_return result;
      }
      take_buffered(length);
      continue;
    }
    Read read(loop_, stream_, body_.room().first(missing), left);
    const IoResult got = co_await read;
    if (!got) {
      result = body_error(got.error);
      co_return result;
    }
    body_.commit(got.bytes);
  }
  co_return result;
}

Task<Result<>> ServerExchange::read_chunked_body(TimePoint late) {
  Result<> result;
  http::ChunkedDecoder decoder;
  for (;;) {
    const auto step = decoder.step(reader_.data());
    if (!body_.append(step.data)) {
      result = no_memory_error();
      co_return result;
    }
    reader_.consume(step.consumed);
    if (step.error) {
      result = *step.error;
      co_return result;
    }
    if (body_.size() > body_bytes_max_) {
      result = too_large_error(body_bytes_max_);
      co_return result;
    }
    if (step.is_done) co_return result;
    result = claim(body_.size());
    if (!result) co_return result;
    if (step.consumed > 0) continue;
    const Duration left = std::min<Duration>(timeouts_.body_idle, late - loop_.now());
    NetError error = NetError::timed_out;
    if (left > Duration::zero()) error = co_await reader_.more(left);
    if (error != NetError::none) {
      result = body_error(error);
      co_return result;
    }
  }
}

/// A body that we did not read can be told from the next request by its length alone, and one that
/// waits to be invited may never come.
bool ServerExchange::may_skip_body() const {
  return head_.framing == http::Framing::length && head_.content_length <= skipped_bytes_max &&
         !head_.expects_continue && !pieces_;
}

/// Throws away the body of a request that was answered without it.
Task<void> ServerExchange::skip_body() {
  const TimePoint late = loop_.now() + timeouts_.body_total;
  auto missing = static_cast<std::size_t>(head_.content_length);
  while (keeps_alive_) {
    const std::size_t size = std::min(missing, reader_.data().size());
    reader_.consume(size);
    missing -= size;
    if (missing == 0) break;
    const Duration left = std::min<Duration>(timeouts_.body_idle, late - loop_.now());
    NetError error = NetError::timed_out;
    if (left > Duration::zero()) error = co_await reader_.more(left);
    if (error != NetError::none) keeps_alive_ = false;
  }
}

void ServerExchange::append_head(int status, std::string_view fields) {
  out_.reserve(fields.size() + 128);
  http::append_status_line(out_, status);
  out_.append(fields).append(common_fields_);
  if (!keeps_alive_) {
    out_.append("connection: close\r\n");
  } else if (head_.minor_version == 0) {
    out_.append("connection: keep-alive\r\n");
  }
}

bool ServerExchange::note(const IoResult& written) {
  if (written) return true;
  keeps_alive_ = false;
  if (!cancellation_.is_cancelled()) cancellation_.cancel();
  return false;
}

/// What the socket takes at once, as it nearly always does, needs no coroutine.
Task<bool> ServerExchange::send(const WritePieces& pieces) {
  Write write(loop_, stream_, pieces, timeouts_.write_stall);
  if (write.await_ready()) return Task<bool>::ready(note(write.await_resume()));
  return send_rest(write.rest());
}

Task<bool> ServerExchange::send_rest(WritePieces pieces) {
  Write write(loop_, stream_, pieces, timeouts_.write_stall);
  const IoResult written = co_await write;
  co_return note(written);
}

Task<bool> ServerExchange::respond(int status, std::string_view fields, std::string_view body) {
  WEIR_ASSERT(!is_begun_);
  is_begun_ = is_ended_ = true;
  if (!is_body_read_ && !may_skip_body()) keeps_alive_ = false;
  out_.clear();
  append_head(status, fields);
  // RFC 9110, 8.6: an answer that can have no body states no length.
  if (status != 204)
    out_.append("content-length: ").append(std::to_string(body.size())).append("\r\n");
  out_.append("\r\n");
  if (is_head_request_) body = {};
  return send({out_, body, {}});
}

Task<bool> ServerExchange::begin(int status, std::string_view fields) {
  WEIR_ASSERT(!is_begun_);
  is_begun_ = true;
  if (!is_body_read_ && !may_skip_body()) keeps_alive_ = false;
  is_chunked_ = head_.minor_version >= 1;
  if (!is_chunked_) keeps_alive_ = false;  // HTTP/1.0: the end of the connection ends the body
  out_.clear();
  append_head(status, fields);
  if (is_chunked_) out_.append("transfer-encoding: chunked\r\n");
  out_.append("\r\n");
  return send({out_, {}, {}});
}

Task<bool> ServerExchange::write(std::string_view bytes) {
  WEIR_ASSERT(is_begun_ && !is_ended_ && !bytes.empty());
  if (!is_chunked_) return send({bytes, {}, {}});
  std::array<char, 20> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr;
  out_.assign(digits.data(), end).append("\r\n");
  return send({out_, bytes, "\r\n"});
}

Task<bool> ServerExchange::end() {
  WEIR_ASSERT(is_begun_);
  if (std::exchange(is_ended_, true) || !is_chunked_) return Task<bool>::ready(true);
  return send({"0\r\n\r\n", {}, {}});
}

Result<> ServerExchange::decode_body() {
  if (body_.empty()) return {};
  WEIR_TRY_ASSIGN(coding, coding_of(head_));
  if (!coding) return {};
  std::string plain;
  http::BodyInflater inflater(*coding, {.bytes_max = body_bytes_max_});
  WEIR_TRY(inflater.feed(body_.view(), plain));
  WEIR_TRY(inflater.finish());
  WEIR_TRY(claim(plain.size()));
  body_.reset();
  if (!body_.append(plain)) return no_memory_error();
  return {};
}

// --- the connection ---

ServerConnection::ServerConnection(Loop& loop, std::unique_ptr<Stream> stream,
                                   RequestHandler& handler, const ServerTimeouts& timeouts,
                                   const ServerLimits& limits)
    : loop_(loop),
      stream_(std::move(stream)),
      reader_(loop, *stream_),
      handler_(handler),
      timeouts_(timeouts),
      limits_(limits) {}

Task<void> ServerConnection::refuse(ServerExchange& exchange, Error error) {
  std::string fields;
  std::string body;
  handler_.describe(error, fields, body);
  exchange.close_after();
  const bool ignored = co_await exchange.respond(traits(error.code).status, fields, body);
  static_cast<void>(ignored);
}

Task<ServerConnection::HeadOutcome> ServerConnection::read_head(ServerExchange& exchange) {
  std::size_t resume = 0;
  TimePoint late = loop_.now() + timeouts_.headers;
  if (reader_.data().empty()) {
    const NetError error =
        co_await reader_.next(is_first_ ? timeouts_.headers : timeouts_.keepalive_idle);
    if (error != NetError::none) co_return HeadOutcome::closed;
    late = loop_.now() + timeouts_.headers;
  }
  for (;;) {
    exchange.head_.fields.clear();
    const auto scan = http::scan_request_head(reader_.data(), limits_.head, exchange.head_, resume);
    if (scan.consumed > 0) {
      const std::string_view scanned = reader_.data().substr(0, scan.consumed);
      exchange.head_text_.assign(scanned);
      rebase(exchange.head_, scanned, exchange.head_text_);
      reader_.consume(scan.consumed);
      exchange.keeps_alive_ = exchange.head_.keeps_alive && !is_draining_;
      exchange.is_head_request_ = exchange.head_.method == "HEAD";
      co_return HeadOutcome::request;
    }
    Error problem(ErrorCode::client_timeout, "the request head did not arrive in time");
    if (scan.error) problem = *scan.error;
    NetError error = NetError::timed_out;
    const Duration left = late - loop_.now();
    if (!scan.error && left > Duration::zero()) {
      error = co_await reader_.more(left);
      if (error == NetError::none) continue;
    }
    if (scan.error || error == NetError::timed_out) co_await refuse(exchange, std::move(problem));
    co_return HeadOutcome::closed;
  }
}

/// A client that still sends would lose our answer to the reset that closing now would cause: for a
/// moment, what it sends is thrown away.
Task<void> ServerConnection::linger() {
  constexpr std::chrono::milliseconds quiet_max{500};
  constexpr std::chrono::seconds total_max{5};
  const TimePoint late = loop_.now() + total_max;
  NetError error = NetError::none;
  while (error == NetError::none && loop_.now() < late && !is_draining_) {
    reader_.consume(reader_.data().size());
    error = co_await reader_.more(quiet_max);
  }
}

Task<void> ServerConnection::serve() {
  for (;;) {
    ServerExchange exchange(loop_, *stream_, reader_, timeouts_, limits_);
    const HeadOutcome outcome = co_await read_head(exchange);
    if (outcome == HeadOutcome::closed) break;
    is_first_ = false;
    exchange_ = &exchange;
    if (exchange.head_.framing == http::Framing::none) {
      exchange.is_body_read_ = true;
      reader_.stand(&exchange);
    }
    co_await handler_.handle(exchange);
    exchange_ = nullptr;
    reader_.unobserve();
    if (exchange.is_ended_ && !exchange.is_body_read_) {
      if (exchange.keeps_alive_) {
        co_await exchange.skip_body();
      } else {
        co_await linger();
      }
    }
    if (!exchange.is_ended_ || !exchange.keeps_alive_ || is_draining_) break;
  }
  stream_->close();
  // A standing read must have told of its end before the connection may go.
  while (reader_.is_reading()) {
    const NetError ignored = co_await reader_.more(Duration::zero());
    static_cast<void>(ignored);
  }
}

void ServerConnection::drain() {
  is_draining_ = true;
  if (exchange_ != nullptr) {
    exchange_->close_after();
  } else if (!is_first_ && reader_.data().empty() && !stream_->is_readable()) {
    stream_->close();
  }
}

void ServerConnection::close_if_idle() {
  if (exchange_ == nullptr) stream_->close();
}

void ServerConnection::abort() { stream_->close(); }

}  // namespace weir::net
