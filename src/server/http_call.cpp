// SPDX-License-Identifier: Apache-2.0
#include "server/http_call.hpp"

#include <optional>

#include "base/http_url.hpp"
#include "net/client.hpp"
#include "net/epoll_loop.hpp"
#include "net/http/head_writer.hpp"
#include "net/system_connector.hpp"
#include "net/task.hpp"

namespace weir::server {
namespace {

std::string make_head(const HttpCall& call) {
  std::string head;
  net::http::append_request_line(head, call.method, call.target);
  head.append(call.fields);
  const bool has_body = !call.body.empty() || call.method == "POST" || call.method == "PUT";
  if (has_body) {
    net::http::append_field(head, "content-length", std::uint64_t{call.body.size()});
  }
  net::http::end_head(head);
  return head;
}

void keep_notes(const net::http::ResponseHead& head, HttpAnswer& answer) {
  for (const auto& field : head.fields.all()) {
    if (field.name.starts_with("x-weir-")) answer.notes.emplace_back(field.name, field.value);
  }
}

/// One loop with all calls on it, until the last has ended.
class Calls {
 public:
  explicit Calls(std::vector<HttpCall> calls)
      : calls_(std::move(calls)),
        cancellations_(calls_.size()),
        results_(calls_.size()),
        connector_(loop_, tls_),
        pool_(loop_),
        client_{loop_, connector_, pool_},
        late_([this] { cancel_all(); }) {}

  std::vector<Result<HttpAnswer>> run(std::chrono::milliseconds total_max) {
    if (calls_.empty()) return {};
    if (total_max.count() > 0) loop_.arm_exact(late_, loop_.now() + total_max);
    loop_.post([this] {
      for (std::size_t i = 0; i < calls_.size(); ++i) tasks_.spawn(perform(i));
    });
    loop_.run();
    return std::move(results_);
  }

 private:
  net::Task<void> perform(std::size_t index) {
    Result<HttpAnswer> result = co_await call(index);
    results_[index] = std::move(result);
    if (++ended_ == calls_.size()) {
      late_.disarm();
      pool_.close();
      loop_.stop();
    }
  }

  net::Task<Result<HttpAnswer>> call(std::size_t index) {
    const HttpCall& call = calls_[index];
    net::HttpExchange exchange(client_, call.origin, "", cancellations_[index]);
    net::ExchangeTimeouts timeouts;
    timeouts.connect.connect = call.connect_max;
    timeouts.first_byte = call.answer_max;
    const net::ExchangeLimits limits;
    const std::string head = make_head(call);
    const net::ExchangeResult sent =
        co_await exchange.send(call.method, head, call.body, timeouts, limits);
    if (!sent) {
      exchange.close();
      co_return net::error_of(sent);
    }
    HttpAnswer answer;
    answer.status = exchange.head().status;
    keep_notes(exchange.head(), answer);
    const bool is_piecewise = call.on_piece && answer.status / 100 == 2;
    std::optional<Error> problem;
    for (bool is_last = false; !is_last && !problem;) {
      const net::Exchange::Piece piece = co_await exchange.read(call.answer_max);
      is_last = piece.is_last;
      if (piece.error != net::ExchangeError::none) {
        problem = net::error_of({piece.error, "the answer broke off"});
      } else if (is_piecewise) {
        call.on_piece(piece.bytes);
      } else if (answer.body.size() + piece.bytes.size() > call.body_bytes_max) {
        problem = Error(ErrorCode::too_large, "the answer is too big");
      } else {
        answer.body.append(piece.bytes);
      }
    }
    exchange.close();
    if (problem) co_return *problem;
    co_return answer;
  }

  void cancel_all() {
    for (net::Cancellation& cancellation : cancellations_) {
      if (!cancellation.is_cancelled()) cancellation.cancel();
    }
  }

  std::vector<HttpCall> calls_;
  std::vector<net::Cancellation> cancellations_;
  std::vector<Result<HttpAnswer>> results_;
  std::size_t ended_ = 0;
  net::TlsClientContexts tls_;
  net::EpollLoop loop_;
  net::SystemConnector connector_;
  net::UpstreamPool pool_;
  net::ClientContext client_;
  net::CallbackAlarm late_;
  net::TaskSet tasks_;
};

}  // namespace

std::vector<Result<HttpAnswer>> call_all(std::vector<HttpCall> calls,
                                         std::chrono::milliseconds total_max) {
  return Calls(std::move(calls)).run(total_max);
}

Result<HttpAnswer> call_one(HttpCall call, std::chrono::milliseconds total_max) {
  std::vector<HttpCall> calls;
  calls.push_back(std::move(call));
  return std::move(call_all(std::move(calls), total_max).front());
}

Result<HttpCall> call_to(std::string_view base_url, std::string_view path) {
  WEIR_TRY_ASSIGN(url, parse_http_url(base_url));
  HttpCall call;
  call.origin.host = url.host;
  call.origin.port = url.port;
  call.origin.is_tls = url.is_tls;
  call.origin.allows_private = true;  // said by the person who runs the command
  call.target = url.path + std::string(path);
  const bool is_v6 = url.host.find(':') != std::string::npos;
  net::http::append_field(
      call.fields, "host",
      (is_v6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port));
  return call;
}

}  // namespace weir::server
