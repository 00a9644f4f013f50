// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip_range.hpp"
#include "engine/snapshot.hpp"
#include "identity/audit_log.hpp"
#include "identity/key_index.hpp"
#include "json/document.hpp"
#include "net/http/target.hpp"
#include "net/server.hpp"
#include "pipeline/caller.hpp"
#include "pipeline/delivery.hpp"
#include "server/routes.hpp"
#include "shared_state/occupancy.hpp"

namespace weir::pipeline {
class CompletionOperation;
enum class Parting : std::uint8_t;
}  // namespace weir::pipeline

namespace weir::server {

/// A request while it is answered; lives as long as its task.
struct ClientRequest {
  ClientRequest(net::ServerExchange& request_exchange,
                std::shared_ptr<const engine::Snapshot> pinned, const std::vector<IpRange>& trusted)
      : exchange(request_exchange), snapshot(std::move(pinned)), proxies(trusted) {}

  /// The body as JSON. It is validated here and nowhere else, in one pass, so that what decides and
  /// what is sent on is the same text. Precondition: the body was read, and this was not called.
  /// Errors: `invalid_json`.
  Result<json::Value> read_json();
  /// What `read_json` gave; nothing: it was not called, or there is none.
  [[nodiscard]] std::optional<json::Value> json() const;

  /// As what an error is told.
  [[nodiscard]] pipeline::ErrorBody error_body() const;

  net::ServerExchange& exchange;
  std::shared_ptr<const engine::Snapshot> snapshot;  ///< a reload changes nothing for this request
  const std::vector<IpRange>& proxies;               ///< that are believed who the client is
  std::string id;
  net::http::Target target;                        ///< views into the exchange's head
  const RouteSpec* route = nullptr;                ///< null: no such path
  std::string argument;                            ///< what the path's placeholder took
  Door door = Door::openai;                        ///< never `shared`
  std::shared_ptr<const pipeline::Caller> caller;  ///< of a model call that may be made
  std::shared_ptr<const identity::Grant> grant;    ///< behind the caller, where his key has bounds
  std::optional<identity::Actor> actor;            ///< of a request to the administration
  std::string model;                               ///< that a model call asks for
  std::string warning;                             ///< for the header of a model call's answer
  /// The body in the place of the client's, where content rules changed that or an item that it
  /// refers to is in it; outlives the call.
  std::string_view own_body;
  pipeline::Parting parting{};  ///< whether the prompts of `parted` are asked one by one
  const pipeline::CompletionOperation* parted = nullptr;  ///< a completion; outlives the call
  std::string body_digest;                                ///< of a body that was read elsewhere
  std::string body_outline;              ///< as JSON, where content is logged: of such a body
  shared_state::Occupancy::Place place;  ///< of a model call

 private:
  enum class Json : std::uint8_t { unread, none, read };
  json::Document document_;
  Json state_ = Json::unread;
};

/// The client at the other end of an HTTP connection.
class HttpChannel final : public pipeline::ClientChannel {
 public:
  explicit HttpChannel(net::ServerExchange& exchange) : exchange_(exchange) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override;
  net::Task<bool> begin(int status, std::string_view fields) override;
  net::Task<bool> write(std::string_view bytes) override;
  net::Task<bool> end() override;

 private:
  net::ServerExchange& exchange_;
};

/// Answers with an error in the dialect of the request's door. `allow`: the methods that the path
/// takes, where it was called with another one.
net::Task<void> refuse(ClientRequest& request, Error error, std::string allow = {});
/// The same through a channel to the client, which outlives the task.
net::Task<void> refuse_through(ClientRequest& request, Error error,
                               pipeline::ClientChannel& channel);

/// Answers with a body of ours. `fields`: header lines, each ended by CRLF.
net::Task<void> respond(ClientRequest& request, int status, std::string_view media_type,
                        std::string body);

}  // namespace weir::server
