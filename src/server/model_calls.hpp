// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/attempt_loop.hpp"
#include "pipeline/count_operation.hpp"
#include "pipeline/prompt_fan.hpp"
#include "server/client_request.hpp"
#include "server/idempotency.hpp"
#include "shared_state/limits.hpp"

namespace weir::server {

class ContentLog;
class ContentChannel;
class Log;

/// The model calls of one thread: finds the operation and the route of each, and has the attempt
/// loop answer it.
class ModelCalls {
 public:
  /// `log` null: nothing is written down. `idempotency` null: no request is made once only.
  /// `limits` null: no budget sends a call elsewhere. `contents` null: no content is logged.
  ModelCalls(net::Loop& loop, pipeline::AttemptLoop& attempts, const pipeline::WallClock& wall,
             Log* log, Idempotency* idempotency, shared_state::Limits* limits, ContentLog* contents)
      : loop_(loop),
        attempts_(attempts),
        wall_(wall),
        log_(log),
        idempotency_(idempotency),
        limits_(limits),
        contents_(contents) {}

  /// Precondition: the route's endpoint has a call reader, and the body was read.
  net::Task<void> answer(ClientRequest& request);
  /// Has the attempt loop answer what was read elsewhere; also with an error, where the request's
  /// header asks for what can't be. A request with an `Idempotency-Key` is made once, and then
  /// answered as before.
  net::Task<pipeline::Outcome> run(ClientRequest& request, pipeline::Operation& operation,
                                   std::shared_ptr<const pipeline::Route> route,
                                   pipeline::ClientChannel& channel);
  /// Refuses what was read elsewhere and can't be made.
  net::Task<void> refuse_call(ClientRequest& request, Error error);
  /// True when what this client says is to be kept: then `body_outline` is looked at.
  [[nodiscard]] bool keeps_content(const ClientRequest& request) const {
    return content_kept(request) > pipeline::milliseconds::zero();
  }
  /// Answers with a target's own count where there is one, else with ours.
  net::Task<void> count(ClientRequest& request, pipeline::CountOperation& operation,
                        std::shared_ptr<const pipeline::Route> route);
  /// True when what is asked with `head` is to be made once, so that its digest is needed.
  [[nodiscard]] bool is_made_once(const net::http::RequestHead& head) const;
  /// The route that a chat goes to: the one that `model` means, or a cheaper one in its place, once
  /// a budget asks for that; then the answer says so. Errors: those of `find_route`.
  Result<std::shared_ptr<const pipeline::Route>> choose_route(ClientRequest& request,
                                                              const std::string& model) const;
  /// Ends the calls under way; their clients get an error.
  void end_all();
  /// The same of those that `judge` has an error for.
  using Judge = std::function<std::optional<Error>(const pipeline::Call& call)>;
  void end_where(const Judge& judge);

 private:
  class ActiveCall;
  struct Ready;
  Result<> read(ClientRequest& request, Ready& ready) const;
  using Route = std::shared_ptr<const pipeline::Route>;
  /// True also for a key that is none, which is to be told.
  [[nodiscard]] bool names_key(const net::http::RequestHead& head) const;
  net::Task<void> count_through(ClientRequest& request, pipeline::CountOperation& operation,
                                Route route, pipeline::ClientChannel& channel);
  /// With the log of content.
  net::Task<pipeline::Outcome> keep(ClientRequest& request, pipeline::Operation& operation,
                                    Route route, pipeline::ClientChannel& channel);
  /// `run`, but for the log of content.
  net::Task<pipeline::Outcome> pass(ClientRequest& request, pipeline::Operation& operation,
                                    Route route, pipeline::ClientChannel& channel);
  net::Task<pipeline::Outcome> make(ClientRequest& request, pipeline::Operation& operation,
                                    Route route, pipeline::ClientChannel& channel);
  net::Task<pipeline::Outcome> reject(ClientRequest& request, Error error,
                                      pipeline::ClientChannel& channel);
  /// As one call.
  net::Task<pipeline::Outcome> make_one(ClientRequest& request, int hops,
                                        pipeline::CallOptions options,
                                        pipeline::Operation& operation, Route route,
                                        pipeline::ClientChannel& channel);
  /// As a call for each prompt of `request.parted`, which may be tried as one before.
  net::Task<pipeline::Outcome> make_each(ClientRequest& request, int hops,
                                         pipeline::CallOptions options,
                                         pipeline::Operation& operation, Route route,
                                         pipeline::ClientChannel& channel);
  net::Task<void> make_part(ClientRequest& request, int hops, pipeline::CallOptions options,
                            Route route, pipeline::PromptFan::Part part);
  /// What the client asks for by header. Errors: `invalid_request`, `loop_detected`.
  [[nodiscard]] static Result<pipeline::CallOptions> options_of(const ClientRequest& request,
                                                                int hops);
  /// What a call does not share with others of the same request.
  struct Own {
    const std::string& request_id;
    net::Cancellation& cancellation;
  };
  [[nodiscard]] pipeline::Call call_for(const ClientRequest& request, const Own& own, int hops,
                                        pipeline::CallOptions&& options, Route route) const;
  net::Task<pipeline::Outcome> make_once(ClientRequest& request, std::string key,
                                         pipeline::Operation& operation, Route route,
                                         pipeline::ClientChannel& channel);
  net::Task<Result<>> replay(ClientRequest& request, Route route, store::OnceAnswer answer,
                             pipeline::ClientChannel& channel);
  [[nodiscard]] pipeline::milliseconds content_kept(const ClientRequest& request) const;
  /// Logs the content of a call. `refused_for` null: content rules, if there are any, have seen the
  /// question. Both outlive it.
  [[nodiscard]] std::function<void(ContentChannel&)> content_logger(const ClientRequest& request,
                                                                    const Error* refused_for) const;
  void log_content(const ClientRequest& request, const Error* refused_for,
                   ContentChannel& content) const;
  void write_down(const ClientRequest& request, const pipeline::Call& call,
                  const pipeline::CallResult& result) const;

  net::Loop& loop_;
  pipeline::AttemptLoop& attempts_;
  const pipeline::WallClock& wall_;
  Log* log_;
  Idempotency* idempotency_;
  shared_state::Limits* limits_;
  ContentLog* contents_;
  std::vector<ActiveCall*> active_calls_;
};

/// The route that `model` means at a door: Ollama's clients leave `:latest` out or add it.
Result<std::shared_ptr<const pipeline::Route>> find_route(const engine::Snapshot& snapshot,
                                                          Door door, const std::string& model);
/// The same where the request's key may call it. Errors also: `model_not_allowed`.
Result<std::shared_ptr<const pipeline::Route>> find_route(const ClientRequest& request,
                                                          const std::string& model);
/// True when the request's key may call what `name` means.
bool may_call(const ClientRequest& request, const std::string& name);

}  // namespace weir::server
