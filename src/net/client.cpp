// SPDX-License-Identifier: Apache-2.0
#include "net/client.hpp"

#include <algorithm>

namespace weir::net {

std::string_view name(ExchangeError error) noexcept {
  switch (error) {
    case ExchangeError::none:
      return "none";
    case ExchangeError::connect:
      return "connect";
    case ExchangeError::certificate:
      return "certificate";
    case ExchangeError::reset_early:
      return "reset_early";
    case ExchangeError::reset_sent:
      return "reset_sent";
    case ExchangeError::timeout_sent:
      return "timeout_sent";
    case ExchangeError::malformed:
      return "malformed";
    case ExchangeError::cut:
      return "cut";
    case ExchangeError::stalled:
      return "stalled";
    case ExchangeError::cancelled:
      return "cancelled";
  }
  return "cancelled";
}

Error error_of(const ExchangeResult& result) {
  switch (result.error) {
    case ExchangeError::timeout_sent:
    case ExchangeError::stalled:
    case ExchangeError::cancelled:
      return {ErrorCode::upstream_timeout, "no answer in time"};
    case ExchangeError::malformed:
      return {ErrorCode::upstream_malformed, "the answer is not HTTP"};
    case ExchangeError::certificate:
      // Somebody answers there.
      return {ErrorCode::upstream_error, "its certificate can't be trusted" +
                                             (result.reason.empty() ? "" : ": " + result.reason)};
    default:
      return {ErrorCode::upstream_unreachable,
              result.reason.empty() ? std::string(name(result.error)) : result.reason};
  }
}

Task<ExchangeResult> Exchange::send_pieces(std::string_view /*method*/, std::string_view /*head*/,
                                           BodySource& /*body*/,
                                           const ExchangeTimeouts& /*timeouts*/,
                                           const ExchangeLimits& /*limits*/) {
  ExchangeResult result{ExchangeError::malformed, "takes no body in pieces"};
  co_return result;
}

// --- the pool ---

UpstreamPool::UpstreamPool(Loop& loop) : loop_(loop) {}

UpstreamPool::~UpstreamPool() { WEIR_ASSERT(count_ == 0 && closing_.empty()); }

std::unique_ptr<UpstreamConnection> UpstreamPool::take(std::string_view key) {
  const auto found = idle_.find(key);
  if (found == idle_.end() || found->second.empty()) return nullptr;
  // The one used last is the one least likely to be closed by its peer soon.
  auto connection = std::move(found->second.back());
  found->second.pop_back();
  --count_;
  connection->disarm();
  connection->reader.unobserve();
  return connection;
}

void UpstreamPool::keep(std::string_view key, std::unique_ptr<UpstreamConnection> connection,
                        Duration idle_max) {
  auto found = idle_.find(key);
  if (found == idle_.end()) found = idle_.emplace(key, 0).first;
  UpstreamConnection& idle = *found->second.emplace_back(std::move(connection));
  ++count_;
  loop_.arm_coarse(idle, loop_.now() + idle_max);
  idle.reader.stand(this);
}

void UpstreamPool::discard(std::unique_ptr<UpstreamConnection> connection) {
  connection->stream->close();
  if (!connection->reader.is_reading()) return;
  connection->disarm();
  connection->reader.stand(this);
  closing_.push_back(std::move(connection));
}

void UpstreamPool::close() {
  for (auto& [key, connections] : idle_) {
    for (auto& connection : connections) {
      discard(std::move(connection));
      --count_;
    }
  }
  idle_.clear();
}

// An idle upstream has nothing to say: bytes or an end both make the connection useless.
void UpstreamPool::on_input(BufferedReader& reader) {
  const auto is_it = [&](const auto& connection) { return &connection->reader == &reader; };
  if (std::erase_if(closing_, is_it) > 0) return;
  for (auto& [key, connections] : idle_) {
    const auto gone = std::erase_if(connections, is_it);
    count_ -= gone;
    if (gone > 0) return;
  }
}

// --- the exchange ---

HttpExchange::HttpExchange(ClientContext& context, const Origin& origin, std::string_view pool_key,
                           Cancellation& cancellation)
    : context_(context), origin_(origin), pool_key_(pool_key), cancellation_(cancellation) {}

HttpExchange::~HttpExchange() { discard(); }

void HttpExchange::discard() {
  closer_.reset();
  if (connection_) context_.pool.discard(std::move(connection_));
}

void HttpExchange::close() {
  is_closed_ = true;
  if (connection_) connection_->stream->close();
}

/// Opens a connection of its own.
Task<ExchangeResult> HttpExchange::connect(const ConnectTimeouts& timeouts) {
  ExchangeResult result;
  Connected connected = co_await context_.connector.connect(origin_, timeouts, cancellation_);
  if (connected.error != NetError::none) {
    result.error = connected.error == NetError::certificate ? ExchangeError::certificate
                                                            : ExchangeError::connect;
    if (cancellation_.is_cancelled()) result.error = ExchangeError::cancelled;
    result.reason = std::move(connected.reason);
    co_return result;
  }
  connection_ = std::make_unique<UpstreamConnection>(context_.loop, std::move(connected.stream));
  co_return result;
}

ExchangeResult HttpExchange::note_write(const IoResult& written) {
  is_written_ = written.error == NetError::none;
  // An upstream may answer, with 413 say, before it has read everything: its answer counts.
  if (is_written_ || written.error == NetError::reset) return {};
  return {written.error == NetError::timed_out ? ExchangeError::timeout_sent
                                               : ExchangeError::reset_early,
          "the upstream closed the connection while the request was sent"};
}

Task<ExchangeResult> HttpExchange::write_pieces(std::string_view head, BodySource& source,
                                                Duration stall_max) {
  source.rewind();
  ExchangeResult result;
  for (;;) {
    const Result<std::string_view> piece = co_await source.next();
    if (!piece) {
      result = {ExchangeError::reset_early, piece.error().message};
      co_return result;
    }
    if (piece->empty() && head.empty()) co_return result;
    Write write(context_.loop, *connection_->stream, {head, *piece, {}}, stall_max);
    const IoResult written = co_await write;
    result = note_write(written);
    // Not written without an error: the upstream answers before it has read everything.
    if (!result || !is_written_) co_return result;
    head = {};
  }
}

Task<ExchangeResult> HttpExchange::read_head(std::string_view method, Duration timeout,
                                             const ExchangeLimits& limits) {
  ExchangeResult result;
  BufferedReader& reader = connection_->reader;
  const TimePoint late = context_.loop.now() + timeout;
  std::size_t resume = 0;
  int interim = 0;
  for (;;) {
    head_.fields.clear();
    const auto scan = http::scan_response_head(reader.data(), limits.head, method, head_, resume);
    if (scan.error) {
      result = {ExchangeError::malformed, scan.error->message};
      co_return result;
    }
    if (scan.consumed > 0 && head_.status >= 200) {
      head_bytes_ = scan.consumed;
      co_return result;
    }
    if (scan.consumed > 0) {
      resume = 0;
      reader.consume(scan.consumed);
      if (head_.status == 101 || ++interim > limits.interim_max) {
        result = {ExchangeError::malformed, "too many interim answers"};
        co_return result;
      }
      continue;
    }
    const Duration left =
        timeout > Duration::zero() ? late - context_.loop.now() : Duration::zero();
    if (timeout > Duration::zero() && left <= Duration::zero()) {
      result = {ExchangeError::timeout_sent, "no answer in time"};
      co_return result;
    }
    const NetError error = co_await reader.more(left);
    if (error == NetError::none) continue;
    if (error == NetError::timed_out) {
      result = {ExchangeError::timeout_sent, "no answer in time"};
    } else if (!reader.data().empty()) {
      result = {ExchangeError::malformed, "the connection ended inside the answer's head"};
    } else {
      result = {is_written_ ? ExchangeError::reset_sent : ExchangeError::reset_early,
                "the upstream closed the connection without an answer"};
    }
    co_return result;
  }
}

Task<ExchangeResult> HttpExchange::send(std::string_view method, std::string_view head,
                                        std::string_view body, const ExchangeTimeouts& timeouts,
                                        const ExchangeLimits& limits) {
  return perform(method, head, body, nullptr, timeouts, limits);
}

Task<ExchangeResult> HttpExchange::send_pieces(std::string_view method, std::string_view head,
                                               BodySource& body, const ExchangeTimeouts& timeouts,
                                               const ExchangeLimits& limits) {
  return perform(method, head, {}, &body, timeouts, limits);
}

Task<ExchangeResult> HttpExchange::perform(std::string_view method, std::string_view head,
                                           std::string_view body, BodySource* source,
                                           const ExchangeTimeouts& timeouts,
                                           const ExchangeLimits& limits) {
  bool may_reuse = true;
  for (;;) {
    ExchangeResult result;
    closer_.reset();
    connection_ = may_reuse ? context_.pool.take(pool_key_) : nullptr;
    was_reused_ = connection_ != nullptr;
    if (!was_reused_) result = co_await connect(timeouts.connect);
    if (!result) co_return result;
    if (is_closed_) connection_->stream->close();
    closer_.emplace(*connection_->stream, cancellation_);
    const TimePoint sent_at = context_.loop.now();
    if (source == nullptr) {
      Write write(context_.loop, *connection_->stream, {head, body, {}}, timeouts.write_stall);
      const IoResult written = co_await write;
      result = note_write(written);
    } else {
      result = co_await write_pieces(head, *source, timeouts.write_stall);
    }
    is_sent_ = result && is_written_;
    if (result) result = co_await read_head(method, timeouts.first_byte, limits);
    if (cancellation_.is_cancelled() || is_closed_) {
      result = {ExchangeError::cancelled, "cancelled"};
      co_return result;
    }
    if (result) {
      body_left_ = head_.content_length;
      is_complete_ = head_.framing == http::Framing::none ||
                     (head_.framing == http::Framing::length && body_left_ == 0);
      co_return result;
    }
    // T-25: the peer had closed an idle connection and our request crossed with that.
    const bool is_stale = result.error == ExchangeError::reset_early ||
                          (result.error == ExchangeError::reset_sent &&
                           context_.loop.now() - sent_at <= std::chrono::milliseconds(100));
    if (!was_reused_ || !is_stale) co_return result;
    may_reuse = false;
    is_sent_ = false;
    discard();
  }
}

HttpExchange::Piece HttpExchange::decode(std::string_view input, std::size_t& consumed) {
  Piece piece;
  consumed = 0;
  switch (head_.framing) {
    case http::Framing::none:
      piece.is_last = true;
      break;
    case http::Framing::until_close:
      piece.bytes = input;
      consumed = input.size();
      break;
    case http::Framing::length:
      piece.bytes = input.substr(0, body_left_);
      consumed = piece.bytes.size();
      body_left_ -= consumed;
      piece.is_last = body_left_ == 0;
      break;
    case http::Framing::chunked:
      return decode_chunks(input, consumed);
  }
  return piece;
}

/// All that came at once goes on at once, however many chunks it was: a burst of small events costs
/// its reader one write and not one for each.
HttpExchange::Piece HttpExchange::decode_chunks(std::string_view input, std::size_t& consumed) {
  Piece piece;
  while (!piece.is_last && !is_malformed_) {
    const auto step = chunked_.step(input.substr(consumed));
    is_malformed_ = step.error.has_value();
    if (is_malformed_ || step.consumed == 0) break;
    consumed += step.consumed;
    piece.is_last = step.is_done;
    if (step.data.empty()) continue;
    if (piece.bytes.empty()) {
      piece.bytes = step.data;
    } else {
      if (gathered_.empty()) gathered_ = piece.bytes;
      piece.bytes = gathered_.append(step.data);
    }
  }
  // What was whole before the flaw is good; the next read tells of it.
  if (is_malformed_ && piece.bytes.empty()) piece.error = ExchangeError::malformed;
  return piece;
}

std::optional<HttpExchange::Piece> HttpExchange::piece_at_hand() {
  BufferedReader& reader = connection_->reader;
  Piece piece;
  reader.consume(std::exchange(head_bytes_, 0) + std::exchange(given_bytes_, 0));
  gathered_.clear();
  if (is_complete_) {
    piece.is_last = true;
    return piece;
  }
  std::size_t consumed = 0;
  piece = decode(reader.data(), consumed);
  if (!piece.bytes.empty() || piece.is_last || piece.error != ExchangeError::none) {
    given_bytes_ = consumed;
    is_complete_ = piece.is_last;
    return piece;
  }
  reader.consume(consumed);
  return std::nullopt;
}

Task<HttpExchange::Piece> HttpExchange::read(Duration timeout) {
  BufferedReader& reader = connection_->reader;
  for (;;) {
    if (const auto at_hand = piece_at_hand()) co_return *at_hand;
    std::string().swap(gathered_);  // who waits holds no memory
    const NetError error = co_await reader.more(timeout);
    if (error == NetError::none) continue;
    Piece piece;
    if (cancellation_.is_cancelled() || is_closed_) {
      piece.error = ExchangeError::cancelled;
    } else if (error == NetError::timed_out) {
      piece.error = ExchangeError::stalled;
    } else if (error == NetError::end_of_stream && head_.framing == http::Framing::until_close) {
      piece.is_last = is_complete_ = true;
    } else {
      piece.error = ExchangeError::cut;
    }
    co_return piece;
  }
}

void HttpExchange::finish(Duration idle_max) {
  if (!connection_) return;
  BufferedReader& reader = connection_->reader;
  reader.consume(std::exchange(head_bytes_, 0) + std::exchange(given_bytes_, 0));
  closer_.reset();
  const bool may_serve_again = is_complete_ && is_written_ && head_.keeps_alive &&
                               head_.framing != http::Framing::until_close &&
                               reader.error() == NetError::none && reader.data().empty() &&
                               idle_max > Duration::zero() && !cancellation_.is_cancelled();
  if (may_serve_again) {
    context_.pool.keep(pool_key_, std::move(connection_), idle_max);
  } else {
    discard();
  }
}

}  // namespace weir::net
