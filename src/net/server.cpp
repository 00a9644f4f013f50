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
  http::Fields fields;
  for (const auto& field : head.fields.all()) {
    fields.add({moved(field.name, from, to), moved(field.value, from, to)});
  }
  head.fields = std::move(fields);
}

}  // namespace

ServerExchange::ServerExchange(Loop& loop, Stream& stream, BufferedReader& reader,
                               const ServerTimeouts& timeouts, const ServerLimits& limits)
    : loop_(loop), stream_(stream), reader_(reader), timeouts_(timeouts), limits_(limits) {}

void ServerExchange::on_input(BufferedReader& reader) {
  if (reader.error() != NetError::none) {
    cancellation_.cancel();
  } else if (reader.data().size() < pipelined_bytes_max) {
    reader.stand(this);
  }
}

Task<Result<>> ServerExchange::read_body() {
  Result<> result;
  if (is_body_read_) co_return result;
  if (head_.framing == http::Framing::length && head_.content_length > limits_.body_bytes_max) {
    result = Error(ErrorCode::too_large, "the request body is larger than " +
                                             std::to_string(limits_.body_bytes_max) + " bytes");
    keeps_alive_ = false;
    co_return result;
  }
  if (head_.expects_continue && head_.framing != http::Framing::none && reader_.data().empty()) {
    Write interim(loop_, stream_, {"HTTP/1.1 100 Continue\r\n\r\n", {}, {}}, timeouts_.write_stall);
    const IoResult written = co_await interim;
    if (!written) cancellation_.cancel();
  }
  result = co_await read_body_bytes();
  if (result) result = decode_body();
  if (!result) {
    keeps_alive_ = false;
    co_return result;
  }
  is_body_read_ = true;
  reader_.stand(this);
  if (reader_.error() != NetError::none) cancellation_.cancel();
  co_return result;
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

namespace {

Error body_error(NetError error) {
  if (error == NetError::timed_out) {
    return {ErrorCode::client_timeout, "the request body did not arrive in time"};
  }
  return {ErrorCode::client_closed, "the client closed the connection"};
}

}  // namespace

/// Moves what the reader holds of the body into it.
void ServerExchange::take_buffered(std::size_t length) {
  const std::string_view buffered = reader_.data().substr(0, length - body_.size());
  body_.append(buffered);
  reader_.consume(buffered.size());
}

Task<Result<>> ServerExchange::read_length_body(TimePoint late) {
  Result<> result;
  const auto length = static_cast<std::size_t>(head_.content_length);
  body_.reserve(length);
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
    body_.append(step.data);
    reader_.consume(step.consumed);
    if (step.error) {
      result = *step.error;
      co_return result;
    }
    if (body_.size() > limits_.body_bytes_max) {
      result = Error(ErrorCode::too_large, "the request body is larger than " +
                                               std::to_string(limits_.body_bytes_max) + " bytes");
      co_return result;
    }
    if (step.is_done) co_return result;
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

void ServerExchange::append_head(int status, std::string_view fields) {
  out_.reserve(fields.size() + 128);
  http::append_status_line(out_, status);
  out_.append(fields);
  if (!keeps_alive_) {
    out_.append("connection: close\r\n");
  } else if (head_.minor_version == 0) {
    out_.append("connection: keep-alive\r\n");
  }
}

void ServerExchange::note(const IoResult& written) {
  if (written) return;
  keeps_alive_ = false;
  if (!cancellation_.is_cancelled()) cancellation_.cancel();
}

Task<IoResult> ServerExchange::respond(int status, std::string_view fields, std::string_view body) {
  WEIR_ASSERT(!is_begun_);
  is_begun_ = is_ended_ = true;
  // What is left of a body we did not read can't be told from the next request.
  if (!is_body_read_ && head_.framing != http::Framing::none) keeps_alive_ = false;
  out_.clear();
  append_head(status, fields);
  out_.append("content-length: ").append(std::to_string(body.size())).append("\r\n\r\n");
  if (is_head_request_) body = {};
  Write write(loop_, stream_, {out_, body, {}}, timeouts_.write_stall);
  const IoResult written = co_await write;
  note(written);
  co_return written;
}

Task<IoResult> ServerExchange::begin(int status, std::string_view fields) {
  WEIR_ASSERT(!is_begun_);
  is_begun_ = true;
  if (!is_body_read_ && head_.framing != http::Framing::none) keeps_alive_ = false;
  is_chunked_ = head_.minor_version >= 1;
  if (!is_chunked_) keeps_alive_ = false;  // HTTP/1.0: the end of the connection ends the body
  out_.clear();
  append_head(status, fields);
  if (is_chunked_) out_.append("transfer-encoding: chunked\r\n");
  out_.append("\r\n");
  Write write(loop_, stream_, {out_, {}, {}}, timeouts_.write_stall);
  const IoResult written = co_await write;
  note(written);
  co_return written;
}

Task<IoResult> ServerExchange::write(std::string_view bytes) {
  WEIR_ASSERT(is_begun_ && !is_ended_ && !bytes.empty());
  WritePieces pieces{bytes, {}, {}};
  if (is_chunked_) {
    std::array<char, 20> digits;
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr;
    out_.assign(digits.data(), end).append("\r\n");
    pieces = {out_, bytes, "\r\n"};
  }
  Write write(loop_, stream_, pieces, timeouts_.write_stall);
  const IoResult written = co_await write;
  note(written);
  co_return written;
}

Task<IoResult> ServerExchange::end() {
  WEIR_ASSERT(is_begun_);
  IoResult written;
  if (std::exchange(is_ended_, true) || !is_chunked_) co_return written;
  Write write(loop_, stream_, {"0\r\n\r\n", {}, {}}, timeouts_.write_stall);
  written = co_await write;
  note(written);
  co_return written;
}

Result<> ServerExchange::decode_body() {
  const auto coding = head_.fields.find("content-encoding");
  if (!coding || body_.empty()) return {};
  const auto known = http::parse_content_coding(*coding);
  if (!known) {
    return Error(ErrorCode::invalid_request,
                 "content-encoding is not one of identity, gzip, deflate, br, zstd");
  }
  if (*known == http::ContentCoding::identity) return {};
  std::string plain;
  http::BodyInflater inflater(*known, {.bytes_max = limits_.body_bytes_max});
  WEIR_TRY(inflater.feed(body_.view(), plain));
  WEIR_TRY(inflater.finish());
  body_.reset();
  body_.append(plain);
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
  const IoResult ignored = co_await exchange.respond(traits(error.code).status, fields, body);
  static_cast<void>(ignored);
}

Task<ServerConnection::HeadOutcome> ServerConnection::read_head(ServerExchange& exchange,
                                                                bool is_first) {
  std::size_t resume = 0;
  TimePoint late = loop_.now() + timeouts_.headers;
  if (reader_.data().empty()) {
    const NetError error =
        co_await reader_.more(is_first ? timeouts_.headers : timeouts_.keepalive_idle);
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

Task<void> ServerConnection::serve() {
  bool is_first = true;
  for (;;) {
    ServerExchange exchange(loop_, *stream_, reader_, timeouts_, limits_);
    const HeadOutcome outcome = co_await read_head(exchange, is_first);
    if (outcome == HeadOutcome::closed || is_draining_) break;
    is_first = false;
    exchange_ = &exchange;
    if (exchange.head_.framing == http::Framing::none) {
      exchange.is_body_read_ = true;
      reader_.stand(&exchange);
    }
    co_await handler_.handle(exchange);
    exchange_ = nullptr;
    reader_.unobserve();
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
  if (exchange_ == nullptr) {
    stream_->close();
  } else {
    exchange_->close_after();
  }
}

void ServerConnection::abort() { stream_->close(); }

}  // namespace weir::net
