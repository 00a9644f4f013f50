// SPDX-License-Identifier: Apache-2.0
#include "server/client_request.hpp"

#include <utility>

#include "base/assert.hpp"
#include "net/http/head_writer.hpp"

namespace weir::server {

Result<json::Value> ClientRequest::read_json() {
  WEIR_ASSERT(state_ == Json::unread);
  state_ = Json::none;
  const auto depth_max = static_cast<std::uint32_t>(snapshot->config().limits.json_depth);
  WEIR_TRY(document_.parse(exchange.body(), {.depth_max = depth_max}));
  state_ = Json::read;
  return document_.root();
}

std::optional<json::Value> ClientRequest::json() const {
  return state_ == Json::read ? std::optional(document_.root()) : std::nullopt;
}

pipeline::ErrorBody ClientRequest::error_body() const {
  const bool is_array = route != nullptr && is_json_array(route->endpoint, target.query);
  return is_array ? pipeline::ErrorBody::array : pipeline::ErrorBody::object;
}

net::Task<bool> HttpChannel::respond(int status, std::string_view fields, std::string_view body) {
  return exchange_.respond(status, fields, body);
}

net::Task<bool> HttpChannel::begin(int status, std::string_view fields) {
  return exchange_.begin(status, fields);
}

net::Task<bool> HttpChannel::write(std::string_view bytes) { return exchange_.write(bytes); }

net::Task<bool> HttpChannel::end() { return exchange_.end(); }

net::Task<void> refuse(ClientRequest& request, Error error, std::string allow) {
  if (request.exchange.is_client_gone()) co_return;
  HttpChannel channel(request.exchange);
  pipeline::Delivery delivery(channel, dialect_of(request.door), request.id, request.error_body());
  if (error.code == ErrorCode::invalid_request && request.route == nullptr) {
    request.exchange.close_after();
  }
  pipeline::AnswerNotes notes;
  if (error.code == ErrorCode::method_not_allowed) notes.allow = std::move(allow);
  const bool is_taken = co_await delivery.refuse(error, notes);
  static_cast<void>(is_taken);
}

net::Task<void> refuse_through(ClientRequest& request, Error error,
                               pipeline::ClientChannel& channel) {
  if (request.exchange.is_client_gone()) co_return;
  pipeline::Delivery delivery(channel, dialect_of(request.door), request.id, request.error_body());
  const pipeline::AnswerNotes notes;
  const bool is_taken = co_await delivery.refuse(error, notes);
  static_cast<void>(is_taken);
}

net::Task<void> respond(ClientRequest& request, int status, std::string_view media_type,
                        std::string body) {
  std::string fields;
  net::http::append_field(fields, "content-type", media_type);
  pipeline::append_request_id(fields, dialect_of(request.door), request.id);
  const bool is_taken = co_await request.exchange.respond(status, fields, body);
  static_cast<void>(is_taken);
}

}  // namespace weir::server
