// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/connector.hpp"
#include "net/exchange.hpp"
#include "net/http/scanner.hpp"
#include "net/loop.hpp"
#include "net/reader.hpp"
#include "net/task.hpp"

namespace weir::net {

class UpstreamPool;

/// One connection to an upstream, with its buffer. Its alarm is for the time it is idle.
struct UpstreamConnection final : Alarm {
  UpstreamConnection(Loop& loop, std::unique_ptr<Stream> connected)
      : stream(std::move(connected)), reader(loop, *stream) {}
  std::unique_ptr<Stream> stream;
  BufferedReader reader;

 private:
  void on_alarm() override { stream->close(); }
};

/// Idle connections, by origin, for one thread. Each has a read standing, so one that its peer
/// closes goes at once.
class UpstreamPool final : private BufferedReader::Observer {
 public:
  explicit UpstreamPool(Loop& loop);
  ~UpstreamPool() override;

  /// An idle connection to the origin called `key`; null when there is none.
  std::unique_ptr<UpstreamConnection> take(std::string_view key);
  /// Keeps a connection for `idle_max` (T-16).
  void keep(std::string_view key, std::unique_ptr<UpstreamConnection> connection,
            Duration idle_max);
  /// Closes a connection that serves no more. Its read may still be standing; it stays until that
  /// has told of its end.
  void discard(std::unique_ptr<UpstreamConnection> connection);
  /// Closes all; those whose read still has to end stay until it did.
  void close();
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  void on_input(BufferedReader& reader) override;

  Loop& loop_;
  std::map<std::string, std::vector<std::unique_ptr<UpstreamConnection>>, std::less<>> idle_;
  std::vector<std::unique_ptr<UpstreamConnection>> closing_;
  std::size_t count_ = 0;
};

/// What the exchanges of one thread share.
struct ClientContext {
  Loop& loop;
  Connector& connector;
  UpstreamPool& pool;
};

/// The real exchange: HTTP/1.1 over a pooled or new connection.
class HttpExchange final : public Exchange {
 public:
  /// `origin` and `pool_key` outlive the exchange.
  HttpExchange(ClientContext& context, const Origin& origin, std::string_view pool_key,
               Cancellation& cancellation);
  ~HttpExchange() override;

  Task<ExchangeResult> send(std::string_view method, std::string_view head, std::string_view body,
                            const ExchangeTimeouts& timeouts,
                            const ExchangeLimits& limits) override;
  Task<ExchangeResult> send_pieces(std::string_view method, std::string_view head, BodySource& body,
                                   const ExchangeTimeouts& timeouts,
                                   const ExchangeLimits& limits) override;
  [[nodiscard]] bool is_sent() const override { return is_sent_; }
  [[nodiscard]] const http::ResponseHead& head() const override { return head_; }
  std::optional<Piece> piece_at_hand() override;
  Task<Piece> read(Duration timeout) override;
  void finish(Duration idle_max) override;
  void close() override;

 private:
  void discard();
  Task<ExchangeResult> connect(const ConnectTimeouts& timeouts);
  Task<ExchangeResult> perform(std::string_view method, std::string_view head,
                               std::string_view body, BodySource* source,
                               const ExchangeTimeouts& timeouts, const ExchangeLimits& limits);
  ExchangeResult note_write(const IoResult& written);
  Task<ExchangeResult> write_pieces(std::string_view head, BodySource& source, Duration stall_max);
  Task<ExchangeResult> read_head(std::string_view method, Duration timeout,
                                 const ExchangeLimits& limits);
  Piece decode(std::string_view input, std::size_t& consumed);
  Piece decode_chunks(std::string_view input, std::size_t& consumed);

  ClientContext& context_;
  const Origin& origin_;
  std::string_view pool_key_;
  Cancellation& cancellation_;
  std::unique_ptr<UpstreamConnection> connection_;
  std::optional<CloseOnCancel> closer_;
  http::ResponseHead head_;
  std::size_t head_bytes_ = 0;   ///< of the buffer, not consumed while views into it are in use
  std::size_t given_bytes_ = 0;  ///< of the piece handed out last
  std::uint64_t body_left_ = 0;
  http::ChunkedDecoder chunked_;
  std::string gathered_;  ///< what chunks that came at once hold
  bool is_malformed_ = false;
  bool is_complete_ = false;
  bool is_closed_ = false;
  bool was_reused_ = false;
  bool is_written_ = false;  ///< the latest piece of it
  bool is_sent_ = false;
};

}  // namespace weir::net
