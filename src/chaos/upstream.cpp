// SPDX-License-Identifier: Apache-2.0
#include "chaos/upstream.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include "json/writer.hpp"
#include "net/http/head_writer.hpp"
#include "net/http/scanner.hpp"
#include "net/stream.hpp"
#include "net/tcp.hpp"

namespace weir::chaos {
namespace {

constexpr std::size_t body_bytes_max = std::size_t{64} << 20;
/// Silence lasts until the other side gives up, or so long.
constexpr std::chrono::hours silence_max{1};
constexpr net::http::HeadLimits head_limits{.request_line_bytes_max = 8 << 10,
                                            .field_bytes_max = 32 << 10,
                                            .fields_bytes_max = 64 << 10,
                                            .field_count_max = 200};

std::string chunk_of(std::string_view bytes) {
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return std::string(size.data()).append(bytes).append("\r\n");
}

std::int64_t unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

/// The dialect that a path speaks, and what it says beside the body.
std::optional<Ask> ask_of(std::string_view path) {
  using wire::Dialect;
  path = path.substr(0, path.find('?'));
  const auto of = [](Dialect dialect) { return Ask{.dialect = dialect, .body = {}}; };
  if (path.ends_with("/chat/completions")) return of(Dialect::openai_chat);
  if (path.ends_with("/responses")) return of(Dialect::openai_responses);
  if (path.ends_with("/messages")) return of(Dialect::anthropic);
  if (path.ends_with("/api/chat")) return of(Dialect::ollama);
  const std::size_t colon = path.rfind(':');
  const std::size_t models = path.find("/models/");
  if (colon == std::string_view::npos || models == std::string_view::npos) return std::nullopt;
  Ask ask = of(Dialect::gemini);
  const std::size_t begin = models + std::string_view("/models/").size();
  if (colon < begin) return std::nullopt;
  ask.path_model = path.substr(begin, colon - begin);
  ask.is_path_stream = path.substr(colon) == ":streamGenerateContent";
  if (!ask.is_path_stream && path.substr(colon) != ":generateContent") return std::nullopt;
  return ask;
}

/// A free listing, which no fault touches; empty: the path is none.
std::string listing_of(std::string_view path) {
  path = path.substr(0, path.find('?'));
  if (path.ends_with("/api/tags")) return R"({"models":[{"name":"m","model":"m"}]})";
  if (path.ends_with("/v1beta/models")) {
    return R"({"models":[{"name":"models/m","supportedGenerationMethods":["generateContent"]}]})";
  }
  if (path.ends_with("/models")) return R"({"object":"list","data":[{"id":"m","object":"model"}]})";
  return {};
}

}  // namespace

struct Upstream::Request {
  std::string method;
  std::string path;
  std::string body;
};

/// One client's connection: requests in, bytes out, and the read that notices its leaving.
class Upstream::Connection {
 public:
  Connection(net::EpollLoop& loop, net::Socket socket)
      : loop_(loop), stream_(net::make_tcp_stream(loop, std::move(socket))) {}
  ~Connection() { stream_->close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Nothing: the connection is over, or what came is no HTTP.
  net::Task<std::optional<Request>> next() {
    net::http::RequestHead head;
    std::size_t resume = 0;
    net::http::ScanResult scan;
    for (;;) {
      scan = net::http::scan_request_head(buffer_, head_limits, head, resume);
      if (scan.error) co_return std::nullopt;
      if (scan.consumed > 0) break;
      const bool has_more = co_await fill();
      if (!has_more) co_return std::nullopt;
    }
    Request request{std::string(head.method), std::string(head.target), {}};
    const bool is_chunked = head.framing == net::http::Framing::chunked;
    const std::uint64_t length = head.content_length;
    buffer_.erase(0, scan.consumed);
    const bool is_whole = co_await read_body(is_chunked, length, request.body);
    if (!is_whole) co_return std::nullopt;
    co_return request;
  }

  /// False: nobody reads any more.
  net::Task<bool> write(std::string_view bytes) {
    net::Write write(loop_, *stream_, net::WritePieces{bytes}, std::chrono::seconds(30));
    const net::IoResult written = co_await write;
    co_return written.error == net::NetError::none;
  }

  /// False: the client left meanwhile.
  net::Task<bool> wait(net::Duration time) {
    if (time <= net::Duration::zero()) co_return true;
    std::array<char, 1024> room;
    net::Read read(loop_, *stream_, room, time);
    const net::IoResult result = co_await read;
    if (result) buffer_.append(room.data(), result.bytes);
    co_return result.error == net::NetError::timed_out || result.error == net::NetError::none;
  }

  [[nodiscard]] net::EpollLoop& loop() { return loop_; }

 private:
  net::Task<bool> fill() {
    std::array<char, 16 << 10> room;
    net::Read read(loop_, *stream_, room, std::chrono::minutes(10));
    const net::IoResult result = co_await read;
    if (result) buffer_.append(room.data(), result.bytes);
    co_return result.error == net::NetError::none;
  }

  net::Task<bool> read_body(bool is_chunked, std::uint64_t length, std::string& body) {
    net::http::ChunkedDecoder decoder;
    bool is_done = false;
    while (!is_done) {
      if (is_chunked) {
        const auto step = decoder.step(buffer_);
        if (step.error) co_return false;
        body.append(step.data);
        buffer_.erase(0, step.consumed);
        is_done = step.is_done;
        if (is_done || step.consumed > 0) continue;
      } else {
        const std::size_t taken =
            std::min(buffer_.size(), static_cast<std::size_t>(length) - body.size());
        body.append(buffer_, 0, taken);
        buffer_.erase(0, taken);
        is_done = body.size() == length;
        if (is_done) continue;
      }
      if (body.size() > body_bytes_max) co_return false;
      const bool has_more = co_await fill();
      if (!has_more) co_return false;
    }
    co_return true;
  }

  net::EpollLoop& loop_;
  std::unique_ptr<net::Stream> stream_;
  std::string buffer_;
};

Result<> Upstream::listen(const net::ListenAddress& address) {
  listener_ = std::make_unique<net::Listener>(
      loop_, [this](net::Socket socket) { tasks_.spawn(serve(std::move(socket))); });
  return listener_->open(address);
}

net::Task<void> Upstream::serve(net::Socket socket) {
  Connection connection(loop_, std::move(socket));
  for (bool goes_on = true; goes_on;) {
    const std::optional<Request> request = co_await connection.next();
    if (!request) co_return;
    goes_on = co_await answer(connection, *request);
  }
}

/// What is not for a model; nothing: it is.
std::optional<std::string> Upstream::control(const Request& request, int& status) {
  status = 200;
  if (request.path == "/book") return book_.json();
  if (request.path == "/reset") {
    book_ = Book();
    plan_.clear();
    return "{}";
  }
  if (request.path == "/script") {
    const auto read = plan_.read(request.body);
    if (read) return "{}";
    status = 400;
    std::string body;
    json::Writer(body).begin_object().member("error", read.error().message).end_object();
    return body;
  }
  if (request.method != "GET") return std::nullopt;
  std::string listing = listing_of(request.path);
  if (!listing.empty()) return listing;
  status = 404;
  return R"({"error":{"message":"there is nothing at this path"}})";
}

net::Task<bool> Upstream::answer(Connection& connection, const Request& request) {
  int status = 200;
  std::optional<std::string> own = control(request, status);
  std::optional<Ask> ask = ask_of(request.path);
  if (!own && !ask) {
    own = R"({"error":{"message":"there is nothing at this path"}})";
    status = 404;
  }
  if (own) {
    const bool goes_on = co_await respond(connection, status, *std::move(own));
    co_return goes_on;
  }
  ask->body = request.body;
  Script script = make_script(*ask, plan_.take(), unix_seconds());
  const bool goes_on = co_await play(connection, std::move(script));
  co_return goes_on;
}

net::Task<bool> Upstream::respond(Connection& connection, int status, std::string body) {
  Script script;
  script.status = status;
  std::string bytes = "HTTP/1.1 " + std::to_string(status) + " X\r\ncontent-type: application/json";
  bytes.append("\r\ncontent-length: ").append(std::to_string(body.size()));
  bytes.append("\r\n\r\n").append(body);
  const bool is_written = co_await connection.write(bytes);
  co_return is_written;
}

/// True: the connection may serve another request.
net::Task<bool> Upstream::play(Connection& connection, Script script) {
  Book::Entry entry{script.model, script.status < 300 ? "whole" : "refused", script.is_stream,
                    script.input_tokens, 0};
  std::string head = "HTTP/1.1 " + std::to_string(script.status) + " X\r\n" + script.fields;
  net::http::append_field(head, "content-type", script.media_type);
  if (script.is_stream) {
    net::http::append_field(head, "transfer-encoding", "chunked");
  } else {
    std::int64_t length = script.length_lie;
    for (const Script::Piece& piece : script.pieces) {
      length += static_cast<std::int64_t>(piece.bytes.size());
    }
    net::http::append_field(head, "content-length",
                            std::to_string(std::max<std::int64_t>(0, length)));
  }
  head.append("\r\n");
  // The head goes with the first piece: what comes late comes late as a whole.
  bool is_there = true;
  for (const Script::Piece& piece : script.pieces) {
    is_there = co_await connection.wait(piece.wait);
    if (!is_there) break;
    std::string bytes = std::exchange(head, {});
    bytes.append(script.is_stream ? chunk_of(piece.bytes) : piece.bytes);
    is_there = co_await connection.write(bytes);
    if (!is_there) break;
    entry.output_tokens += piece.tokens;
  }
  if (is_there && !head.empty()) is_there = co_await connection.write(head);
  if (is_there && script.end == Script::End::whole && script.is_stream) {
    is_there = co_await connection.write("0\r\n\r\n");
  }
  if (!is_there) entry.outcome = "left";
  if (is_there && script.end == Script::End::cut) entry.outcome = "cut";
  const bool is_stalled = is_there && script.end == Script::End::stall;
  if (is_stalled) entry.outcome = "stalled";
  book_.add(std::move(entry));
  if (is_stalled) {
    const bool waited = co_await connection.wait(silence_max);
    static_cast<void>(waited);
  }
  co_return is_there&& script.end == Script::End::whole&& script.length_lie == 0;
}

}  // namespace weir::chaos
