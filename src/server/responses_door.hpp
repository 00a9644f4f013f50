// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/attempt.hpp"
#include "pipeline/chat_operation.hpp"
#include "server/client_request.hpp"
#include "server/model_calls.hpp"
#include "server/response_archive.hpp"

namespace weir::server {

class Log;

/// OpenAI's Responses API: the one dialect whose server keeps what was said.
///
/// A target that speaks it keeps conversations itself: we keep the id and whose it is, and send
/// what continues it there and nowhere else (F-8). For any other target the conversation is kept
/// here and put before the next request.
class ResponsesDoor {
 public:
  /// `log` null: nothing is written down.
  ResponsesDoor(net::Loop& loop, ModelCalls& calls, const pipeline::WallClock& wall,
                ResponseArchive& archive, Log* log)
      : loop_(loop), calls_(calls), wall_(wall), archive_(archive), log_(log) {}

  [[nodiscard]] static bool has(Endpoint endpoint) noexcept;
  /// Precondition: has(the route's endpoint), and the body was read. `tenant`: whose request it is.
  net::Task<void> answer(ClientRequest& request, std::string tenant);

 private:
  struct Creation;
  class KeepingChannel;
  class RemovingChannel;

  net::Task<void> create(ClientRequest& request, std::string tenant);
  net::Task<void> compact(ClientRequest& request, std::string tenant);
  net::Task<Result<>> read(ClientRequest& request, Creation& creation);
  static Result<> replace_text(Creation& creation, std::string text);
  net::Task<Result<>> resolve_references(Creation& creation);
  net::Task<Result<>> continue_previous(ClientRequest& request, Creation& creation);
  static json::Value root_of(const Creation& creation);
  Result<pipeline::ChatAsk> chat_ask(ClientRequest& request, const Creation& creation) const;
  Result<> make_operation(ClientRequest& request, Creation& creation) const;
  net::Task<void> look_up(ClientRequest& request, std::string tenant);
  net::Task<void> answer_from_here(ClientRequest& request, const store::StoredResponse& kept);
  net::Task<void> ask_target(ClientRequest& request, const store::StoredResponse& kept);
  net::Task<Result<>> remove(std::string tenant, std::string id);
  net::Task<void> count_tokens(ClientRequest& request, std::string tenant);
  net::Task<void> keep(store::StoredResponse response, std::chrono::milliseconds ttl);

  net::Loop& loop_;
  ModelCalls& calls_;
  const pipeline::WallClock& wall_;
  ResponseArchive& archive_;
  Log* log_;
};

}  // namespace weir::server
