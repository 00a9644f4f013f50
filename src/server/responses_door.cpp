// SPDX-License-Identifier: Apache-2.0
#include "server/responses_door.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "guard/json_screen.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "net/http/target.hpp"
#include "pipeline/compact_operation.hpp"
#include "pipeline/count_operation.hpp"
#include "pipeline/kept_response_operation.hpp"
#include "pipeline/responses_operation.hpp"
#include "server/log.hpp"
#include "wire/responses/codec.hpp"
#include "wire/responses/conversation.hpp"
#include "wire/responses/passthrough.hpp"

namespace weir::server {
namespace {

constexpr std::string_view json_type = "application/json";

/// The id of an answer of ours. Nobody who does not know the request's can guess it.
std::string response_id_of(std::string_view request_id) {
  const auto prefix = request_id.find('_');
  return "resp_" +
         std::string(request_id.substr(prefix == std::string_view::npos ? 0 : prefix + 1));
}

bool is_at(const pipeline::Target& target, std::string_view provider) {
  return target.upstream->name == provider;
}

/// `route` with nothing but the target that answered before, or another of the same provider where
/// the client asks for another model (F-8).
Result<std::shared_ptr<const pipeline::Route>> pinned_route(const pipeline::Route& route,
                                                            std::string_view target_name) {
  const std::string_view provider = target_name.substr(0, target_name.find('/'));
  std::shared_ptr<const pipeline::Target> found;
  for (const auto& step : route.steps) {
    for (const auto& target : step.targets) {
      if (!is_at(*target, provider)) continue;
      if (!found || target->name == target_name) found = target;
    }
  }
  if (!found) {
    return Error(ErrorCode::invalid_request,
                 "the provider " + std::string(provider) +
                     " keeps that conversation, and this model is not there",
                 "previous_response_id");
  }
  auto pinned = std::make_shared<pipeline::Route>(route);
  pinned->steps = {pipeline::Step{.strategy = pipeline::Strategy::priority, .targets = {found}}};
  return std::shared_ptr<const pipeline::Route>(std::move(pinned));
}

/// Errors: `invalid_request`.
Result<wire::responses::PageWishes> page_wishes(const net::http::Query& query) {
  constexpr std::size_t limit_max = 100;
  wire::responses::PageWishes wishes;
  if (const auto limit = query.find("limit")) {
    const char* const last = limit->data() + limit->size();
    const auto [end, error] = std::from_chars(limit->data(), last, wishes.limit);
    if (error != std::errc() || end != last || wishes.limit < 1 || wishes.limit > limit_max) {
      return Error(ErrorCode::invalid_request, "must be a whole number from 1 to 100", "limit");
    }
  }
  if (const auto order = query.find("order")) {
    wishes.is_ascending = *order == "asc";
    if (!wishes.is_ascending && *order != "desc") {
      return Error(ErrorCode::invalid_request, "must be asc or desc", "order");
    }
  }
  wishes.after = query.find("after").value_or("");
  return wishes;
}

std::string removed_text(std::string_view id) {
  std::string text;
  json::Writer json(text);
  json.begin_object().member("id", id).member("object", "response");
  json.member("deleted", true).end_object();
  return text;
}

}  // namespace

/// A new response on its way.
struct ResponsesDoor::Creation {
  std::string tenant;
  std::string own_text;  ///< in the place of the client's, where that was changed
  json::Document own_document;
  json::Value root;      ///< of what was asked
  std::string expanded;  ///< the same with the conversation before it; empty: there is none
  json::Document expanded_document;
  wire::responses::StateWishes wishes;
  std::string model;
  std::shared_ptr<const pipeline::Route> route;
  bool is_pinned = false;
  std::unique_ptr<pipeline::ResponsesOperation> operation;
};

/// Sees to it that an answer is kept before the client learns of it: who reads the end of an answer
/// may send the next request in the same moment.
class ResponsesDoor::KeepingChannel final : public pipeline::PassingChannel {
 public:
  KeepingChannel(pipeline::ClientChannel& inner, ResponsesDoor& door, ClientRequest& request,
                 Creation& creation)
      : PassingChannel(inner), door_(door), request_(request), creation_(creation) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    co_await keep();
    const bool is_taken = co_await inner().respond(status, fields, body);
    co_return is_taken;
  }
  net::Task<bool> write(std::string_view bytes) override {
    co_await keep();
    const bool is_taken = co_await inner().write(bytes);
    co_return is_taken;
  }

 private:
  net::Task<void> keep() {
    auto answer = creation_.operation->take_answer();
    if (!answer || !creation_.wishes.store || !door_.archive_.is_on()) co_return;
    store::StoredResponse kept;
    kept.id = std::move(answer->id);
    kept.tenant = creation_.tenant;
    kept.previous_id = creation_.wishes.previous_response_id;
    kept.target = std::move(answer->target);
    kept.is_kept_upstream = answer->response.empty();
    kept.response = std::move(answer->response);
    if (!kept.is_kept_upstream) {
      kept.input = wire::responses::added_items(creation_.root);
    }
    co_await door_.keep(std::move(kept), request_.snapshot->config().responses.ttl);
  }

  ResponsesDoor& door_;
  ClientRequest& request_;
  Creation& creation_;
};

/// Sees to it that an answer is forgotten before the client learns that its target has removed it:
/// who reads that may ask for the answer in the same moment.
class ResponsesDoor::RemovingChannel final : public pipeline::PassingChannel {
 public:
  RemovingChannel(pipeline::ClientChannel& inner, ResponsesDoor& door,
                  const store::StoredResponse& kept)
      : PassingChannel(inner), door_(door), kept_(kept) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    if (status < 300) {
      const Result<> removed = co_await door_.remove(kept_.tenant, kept_.id);
      static_cast<void>(removed);  // then it goes when its time is over
    }
    const bool is_taken = co_await inner().respond(status, fields, body);
    co_return is_taken;
  }

 private:
  ResponsesDoor& door_;
  const store::StoredResponse& kept_;
};

bool ResponsesDoor::has(Endpoint endpoint) noexcept {
  switch (endpoint) {
    case Endpoint::create_response:
    case Endpoint::get_response:
    case Endpoint::remove_response:
    case Endpoint::cancel_response:
    case Endpoint::list_response_input:
    case Endpoint::count_response_input:
    case Endpoint::compact_response:
      return true;
    default:
      return false;
  }
}

net::Task<void> ResponsesDoor::answer(ClientRequest& request, std::string tenant) {
  switch (request.route->endpoint) {
    case Endpoint::create_response:
      co_await create(request, std::move(tenant));
      break;
    case Endpoint::count_response_input:
      co_await count_tokens(request, std::move(tenant));
      break;
    case Endpoint::compact_response:
      co_await compact(request, std::move(tenant));
      break;
    default:
      co_await look_up(request, std::move(tenant));
  }
}

net::Task<void> ResponsesDoor::create(ClientRequest& request, std::string tenant) {
  Creation creation;
  creation.tenant = std::move(tenant);
  Result<> ready = co_await read(request, creation);
  if (ready) ready = make_operation(request, creation);
  if (!ready) {
    co_await calls_.refuse_call(request, std::move(ready).error());
    co_return;
  }
  request.model = creation.model;
  request.own_body = creation.own_text;
  HttpChannel client(request.exchange);
  KeepingChannel channel(client, *this, request, creation);
  static_cast<void>(co_await calls_.run(request, *creation.operation, creation.route, channel));
}

/// The shorter conversation is the client's to send; nothing of it is kept here.
net::Task<void> ResponsesDoor::compact(ClientRequest& request, std::string tenant) {
  Creation creation;
  creation.tenant = std::move(tenant);
  Result<> ready = co_await read(request, creation);
  pipeline::CompactOperation::Ask ask;
  ask.is_pinned = creation.is_pinned;
  if (ready) {
    auto chat = chat_ask(request, creation);
    if (chat) {
      ask.chat = *std::move(chat);
    } else {
      ready = std::move(chat).error();
    }
  }
  if (!ready) {
    co_await calls_.refuse_call(request, std::move(ready).error());
    co_return;
  }
  request.model = creation.model;
  request.own_body = creation.own_text;
  ask.chat.peek.stream = false;
  pipeline::CompactOperation operation(std::move(ask));
  HttpChannel channel(request.exchange);
  static_cast<void>(co_await calls_.run(request, operation, creation.route, channel));
}

net::Task<Result<>> ResponsesDoor::read(ClientRequest& request, Creation& creation) {
  const auto begin = [&]() -> Result<> {
    WEIR_TRY_ASSIGN(root, request.read_json());
    creation.root = root;
    WEIR_TRY_ASSIGN(peek, wire::responses::peek_request(creation.root));
    WEIR_TRY_ASSIGN(wishes, wire::responses::read_state_wishes(creation.root));
    creation.wishes = std::move(wishes);
    creation.model = std::move(peek.model);
    const bool goes_on = !creation.wishes.previous_response_id.empty();
    WEIR_TRY_ASSIGN(route, goes_on ? find_route(request, creation.model)
                                   : calls_.choose_route(request, creation.model));
    creation.route = std::move(route);
    WEIR_TRY_ASSIGN(masked,
                    guard::hold_request_to(creation.root, creation.route->content_rules.get()));
    return masked ? replace_text(creation, *std::move(masked)) : Result<>();
  };
  Result<> ready = begin();
  if (ready) ready = co_await resolve_references(creation);
  if (ready && !creation.wishes.previous_response_id.empty()) {
    ready = co_await continue_previous(request, creation);
  }
  co_return ready;
}

Result<> ResponsesDoor::replace_text(Creation& creation, std::string text) {
  creation.own_text = std::move(text);
  WEIR_TRY(creation.own_document.parse(creation.own_text));
  creation.root = creation.own_document.root();
  return {};
}

/// Puts items of answers that are kept here in the place of references to them: clients name what
/// they were given, in the place of sending it again.
net::Task<Result<>> ResponsesDoor::resolve_references(Creation& creation) {
  const std::vector<std::string> ids = wire::responses::referenced_items(creation.root);
  if (ids.empty()) co_return Result<>();
  const std::int64_t now = wall_.unix_ms();
  std::vector<wire::responses::KeptItem> items;
  const ResponseArchive::Question find = [&](store::ResponseStore& store) -> Result<> {
    for (const std::string& id : ids) {
      WEIR_TRY_ASSIGN(kept, store.get(creation.tenant, wire::responses::answer_of_item(id), now));
      items.push_back({id, wire::responses::find_output_item(kept.response, id)});
    }
    return {};
  };
  Result<> found = store::no_such_response(ids.front());
  if (archive_.is_on()) found = co_await archive_.ask(loop_, find);
  for (const auto& item : items) {
    if (found && item.json.empty()) found = store::no_such_response(item.id);
  }
  if (!found) {
    Error error(ErrorCode::route_unknown, "an item that is referred to is not kept here", "input");
    co_return error;
  }
  Result<> replaced = replace_text(creation, wire::responses::with_items(creation.root, items));
  co_return replaced;
}

net::Task<Result<>> ResponsesDoor::continue_previous(ClientRequest& request, Creation& creation) {
  const std::string& id = creation.wishes.previous_response_id;
  const std::int64_t now = wall_.unix_ms();
  const auto bytes_max =
      static_cast<std::size_t>(request.snapshot->config().limits.body_bytes_max.bytes);
  std::vector<store::StoredResponse> turns;
  const ResponseArchive::Question find = [&](store::ResponseStore& store) -> Result<> {
    WEIR_TRY_ASSIGN(last, store.get(creation.tenant, id, now));
    if (last.is_kept_upstream) {  // and so is all that it continues
      turns.push_back(std::move(last));
      return {};
    }
    WEIR_TRY_ASSIGN(found, store::read_conversation(store, creation.tenant, id, bytes_max, now));
    turns = std::move(found);
    return {};
  };
  Result<> found = store::no_such_response(id);
  if (archive_.is_on()) found = co_await archive_.ask(loop_, find);
  if (!found) {
    Error error = std::move(found).error();
    error.param = "previous_response_id";
    co_return error;
  }
  const store::StoredResponse& last = turns.back();
  if (last.is_kept_upstream) {
    auto pinned = pinned_route(*creation.route, last.target);
    if (!pinned) co_return std::move(pinned).error();
    creation.route = *std::move(pinned);
    creation.is_pinned = true;
    co_return Result<>();
  }
  std::vector<wire::responses::Turn> kept;
  for (const auto& turn : turns) kept.push_back({turn.input, turn.response});
  creation.expanded = wire::responses::with_turns(creation.root, kept);
  if (creation.expanded.size() > bytes_max) {
    co_return Error(ErrorCode::too_large, "the conversation has become too long to be continued",
                    "previous_response_id");
  }
  Result<> parsed = creation.expanded_document.parse(creation.expanded);
  co_return parsed;
}

/// What was asked, with the conversation before it.
json::Value ResponsesDoor::root_of(const Creation& creation) {
  return creation.expanded.empty() ? creation.root : creation.expanded_document.root();
}

Result<pipeline::ChatAsk> ResponsesDoor::chat_ask(ClientRequest& request,
                                                  const Creation& creation) const {
  const json::Value root = root_of(creation);
  WEIR_TRY_ASSIGN(peek, wire::responses::peek_request(root));
  pipeline::ChatAsk ask;
  ask.client = wire::Dialect::openai_responses;
  ask.root = root;
  ask.peek = std::move(peek);
  ask.request_id = request.id;
  ask.unix_seconds = wall_.unix_ms() / 1000;
  return ask;
}

Result<> ResponsesDoor::make_operation(ClientRequest& request, Creation& creation) const {
  WEIR_TRY_ASSIGN(chat, chat_ask(request, creation));
  pipeline::ResponsesAsk ask;
  ask.chat = std::move(chat);
  ask.items_before = wire::responses::items_before(creation.root, root_of(creation));
  ask.response_id = response_id_of(request.id);
  ask.asked = creation.root;
  ask.is_background = creation.wishes.background;
  ask.is_pinned = creation.is_pinned;
  creation.operation = std::make_unique<pipeline::ResponsesOperation>(std::move(ask));
  return {};
}

/// An answer that could not be kept was paid for all the same, so the client gets it.
net::Task<void> ResponsesDoor::keep(store::StoredResponse response, std::chrono::milliseconds ttl) {
  const std::string id = response.id;
  const Result<> kept = co_await archive_.put(loop_, std::move(response), wall_.unix_ms(), ttl);
  if (!kept && log_ != nullptr) {
    log_->warn("response_not_kept", kept.error().message, {{"response_id", id}});
  }
}

net::Task<void> ResponsesDoor::look_up(ClientRequest& request, std::string tenant) {
  store::StoredResponse kept;
  const std::int64_t now = wall_.unix_ms();
  const ResponseArchive::Question find = [&](store::ResponseStore& store) -> Result<> {
    WEIR_TRY_ASSIGN(found, store.get(tenant, request.argument, now));
    kept = std::move(found);
    return {};
  };
  Result<> found = store::no_such_response(request.argument);
  if (archive_.is_on()) found = co_await archive_.ask(loop_, find);
  if (!found) {
    co_await refuse(request, std::move(found).error());
  } else if (kept.is_kept_upstream) {
    co_await ask_target(request, kept);
  } else {
    co_await answer_from_here(request, kept);
  }
}

net::Task<void> ResponsesDoor::answer_from_here(ClientRequest& request,
                                                const store::StoredResponse& kept) {
  Result<std::string> body = Error(ErrorCode::invalid_request,
                                   "only responses that are made in the background can be "
                                   "cancelled");
  const Endpoint endpoint = request.route->endpoint;
  if (endpoint == Endpoint::get_response) {
    const auto stream = request.target.query.find("stream");
    const bool wants_stream = stream && *stream == "true";
    body = kept.response;
    if (wants_stream) {
      body =
          Error(ErrorCode::invalid_request,
                "only responses that were made in the background can be streamed again", "stream");
    }
  } else if (endpoint == Endpoint::remove_response) {
    const Result<> removed = co_await remove(kept.tenant, kept.id);
    body = removed ? Result<std::string>(removed_text(kept.id)) : removed.error();
  } else if (endpoint == Endpoint::list_response_input) {
    const auto wishes = page_wishes(request.target.query);
    std::string list;
    if (wishes) wire::responses::append_input_items(kept.input, kept.id, *wishes, list);
    body = wishes ? Result<std::string>(std::move(list)) : wishes.error();
  }
  if (!body) {
    co_await refuse(request, std::move(body).error());
    co_return;
  }
  std::string text = *std::move(body);
  co_await respond(request, 200, json_type, std::move(text));
}

net::Task<void> ResponsesDoor::ask_target(ClientRequest& request,
                                          const store::StoredResponse& kept) {
  const Endpoint endpoint = request.route->endpoint;
  pipeline::KeptResponseOperation::Ask ask;
  ask.method = request.route->method;
  ask.path = "/" + net::http::percent_encode(kept.id);
  if (endpoint == Endpoint::cancel_response) ask.path += "/cancel";
  if (endpoint == Endpoint::list_response_input) ask.path += "/input_items";
  ask.query = request.target.query.raw();
  const auto stream = request.target.query.find("stream");
  ask.is_stream = endpoint == Endpoint::get_response && stream && *stream == "true";
  auto route = find_route(*request.snapshot, request.door, kept.target);
  if (!route) {
    co_await refuse(request, std::move(route).error());
    co_return;
  }
  pipeline::KeptResponseOperation operation(std::move(ask));
  HttpChannel channel(request.exchange);
  if (endpoint == Endpoint::remove_response) {
    RemovingChannel removing(channel, *this, kept);
    static_cast<void>(co_await calls_.run(request, operation, *route, removing));
    co_return;
  }
  static_cast<void>(co_await calls_.run(request, operation, *route, channel));
}

net::Task<Result<>> ResponsesDoor::remove(std::string tenant, std::string id) {
  const std::int64_t now = wall_.unix_ms();
  const ResponseArchive::Question question = [&](store::ResponseStore& store) {
    return store.remove(tenant, id, now);
  };
  Result<> removed = co_await archive_.ask(loop_, question);
  co_return removed;
}

/// Of the whole conversation, wherever the turns before this one are kept.
net::Task<void> ResponsesDoor::count_tokens(ClientRequest& request, std::string tenant) {
  Creation creation;
  creation.tenant = std::move(tenant);
  Result<> ready = co_await read(request, creation);
  std::unique_ptr<pipeline::CountOperation> operation;
  if (ready) {
    auto made = pipeline::CountOperation::make(wire::Dialect::openai_responses, root_of(creation));
    if (made) {
      operation = *std::move(made);
    } else {
      ready = std::move(made).error();
    }
  }
  if (!ready) {
    co_await calls_.refuse_call(request, std::move(ready).error());
    co_return;
  }
  request.model = creation.model;
  co_await calls_.count(request, *operation, creation.route);
}

}  // namespace weir::server
