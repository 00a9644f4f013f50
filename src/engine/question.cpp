// SPDX-License-Identifier: Apache-2.0
#include "engine/question.hpp"

#include <memory>
#include <utility>

#include "base/redact.hpp"
#include "net/http/head_writer.hpp"
#include "wire/fault.hpp"

namespace weir::engine {
namespace {

Error refusal(int status, std::string_view body) {
  std::string text = "answers " + std::to_string(status);
  const std::string words = redacted_message(wire::read_fault(status, body).message);
  if (!words.empty()) text += ": " + words;
  return {ErrorCode::upstream_error, std::move(text)};
}

std::string make_head(const pipeline::Upstream& upstream, std::string_view method,
                      const Question& question) {
  std::string head;
  const std::string scheme_and_host =
      upstream.origin.uses_absolute_form() ? "http://" + upstream.authority : std::string();
  net::http::append_request_line(head, method, scheme_and_host + question.path);
  head.append(upstream.fields);
  net::http::append_field(head, "accept", "*/*");
  if (question.body) {
    net::http::append_field(head, "content-type", "application/json");
    net::http::append_field(head, "content-length", std::uint64_t{question.body->size()});
  }
  net::http::end_head(head);
  return head;
}

}  // namespace

net::Task<Result<Reply>> ask_for_reply(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                                       const pipeline::Target& target, const Question& question,
                                       net::Cancellation& cancellation) {
  const pipeline::Upstream& upstream = *target.upstream;
  const std::unique_ptr<net::Exchange> exchange = exchanges.make(target, cancellation);
  net::ExchangeTimeouts timeouts;
  timeouts.connect = upstream.connect_timeouts;
  timeouts.first_byte = question.silence_max;
  const net::ExchangeLimits limits;
  const std::string_view method = question.body ? "POST" : "GET";
  const std::string head = make_head(upstream, method, question);
  const std::string_view body = question.body ? std::string_view(*question.body) : "";
  const net::ExchangeResult sent = co_await exchange->send(method, head, body, timeouts, limits);
  if (!sent) {
    exchange->close();
    co_return net::error_of(sent);
  }
  Reply reply;
  reply.status = exchange->head().status;
  const bool is_told = question.on_piece && reply.status == 200;
  const net::TimePoint deadline = loop.now() + question.total_max;
  std::optional<Error> problem;
  for (bool is_last = false; !is_last && !problem;) {
    const net::Exchange::Piece piece = co_await exchange->read(question.silence_max);
    is_last = piece.is_last;
    if (piece.error != net::ExchangeError::none) {
      problem = net::error_of({piece.error, "the answer broke off"});
    } else if (!is_told && reply.body.size() + piece.bytes.size() > question.bytes_max) {
      problem = Error(ErrorCode::upstream_malformed, "the answer is too big");
    } else if (!is_last && loop.now() > deadline) {
      problem = Error(ErrorCode::upstream_timeout, "the answer takes too long");
    } else if (is_told) {
      question.on_piece(piece.bytes);
    } else {
      reply.body.append(piece.bytes);
    }
  }
  if (problem) {
    exchange->close();
    co_return *problem;
  }
  exchange->finish(upstream.pool_idle);
  co_return reply;
}

net::Task<Result<std::string>> ask(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                                   const pipeline::Target& target, const Question& question,
                                   net::Cancellation& cancellation) {
  Result<Reply> reply = co_await ask_for_reply(loop, exchanges, target, question, cancellation);
  if (!reply) co_return std::move(reply).error();
  if (reply->status != 200) co_return refusal(reply->status, reply->body);
  co_return std::move(reply->body);
}

}  // namespace weir::engine
