// SPDX-License-Identifier: Apache-2.0
#include "server/model_calls.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/ascii.hpp"
#include "guard/json_screen.hpp"
#include "net/http/head_writer.hpp"
#include "pipeline/ollama_answers.hpp"
#include "server/call_readers.hpp"
#include "server/client_address.hpp"
#include "server/content_log.hpp"
#include "server/log.hpp"
#include "server/ollama_loading.hpp"
#include "server/request_digest.hpp"

namespace weir::server {
namespace {

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

/// `true`, `1` or `on`; `false`, `0` or `off`.
Result<bool> read_switch(std::string_view value, std::string_view field) {
  const auto is = [&](std::string_view word) { return ascii::equals_ignoring_case(value, word); };
  if (is("true") || is("1") || is("on")) return true;
  if (is("false") || is("0") || is("off")) return false;
  return Error(ErrorCode::invalid_request, "must be true or false", std::string(field));
}

/// Hop header of the rule against loops; other gateways' hops count too when they are Weir's.
constexpr std::string_view hops_field = "x-weir-hops";

int hops_of(const net::http::RequestHead& head) {
  int hops = 0;
  if (const auto value = head.fields.find(hops_field)) {
    std::from_chars(value->data(), value->data() + value->size(), hops);
  }
  return std::max(0, hops);
}

/// Nothing for what is no number of milliseconds, or less than `least`. More than a day is a day.
std::optional<pipeline::milliseconds> read_ms(std::string_view text, std::int64_t least) {
  constexpr std::int64_t day = 86'400'000;
  std::int64_t ms = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, ms);
  if (error != std::errc() || stopped != end || ms < least) return std::nullopt;
  return pipeline::milliseconds(std::min(ms, day));
}

Result<pipeline::CallOptions> read_options(const net::http::RequestHead& head) {
  pipeline::CallOptions options;
  for (const auto& field : head.fields.all()) {
    constexpr std::string_view prefix = "x-weir-";
    if (field.name.size() <= prefix.size() ||
        !ascii::equals_ignoring_case(field.name.substr(0, prefix.size()), prefix)) {
      continue;
    }
    const auto is = [&](std::string_view name) {
      return ascii::equals_ignoring_case(field.name.substr(prefix.size()), name);
    };
    if (is("prefer")) {
      options.prefer = split_list(field.value);
    } else if (is("no-failover")) {
      WEIR_TRY_ASSIGN(is_on, read_switch(field.value, "x-weir-no-failover"));
      options.no_failover = is_on;
    } else if (is("no-retry")) {
      WEIR_TRY_ASSIGN(is_on, read_switch(field.value, "x-weir-no-retry"));
      options.no_retry = is_on;
    } else if (is("explain")) {
      WEIR_TRY_ASSIGN(is_on, read_switch(field.value, "x-weir-explain"));
      options.explain = is_on;
    } else if (is("stream-recovery")) {
      WEIR_TRY_ASSIGN(is_on, read_switch(field.value, "x-weir-stream-recovery"));
      options.stream_recovery = is_on;
    } else if (is("task")) {
      options.task = field.value;
    } else if (is("tags")) {
      options.tags = split_list(field.value);
    } else if (is("priority")) {
      options.priority = pipeline::parse_priority(field.value);
      if (!options.priority) {
        return Error(ErrorCode::invalid_request, "must be low, normal, high or critical",
                     "x-weir-priority");
      }
    } else if (is("timeout-ms")) {
      options.timeout = read_ms(field.value, 1000);
      if (!options.timeout) {
        return Error(ErrorCode::invalid_request, "must be a whole number of at least 1000",
                     "x-weir-timeout-ms");
      }
    } else if (is("max-wait-ms")) {
      options.max_wait = read_ms(field.value, 0);
      if (!options.max_wait) {
        return Error(ErrorCode::invalid_request, "must be a whole number, 0 or more",
                     "x-weir-max-wait-ms");
      }
    }
  }
  return options;
}

constexpr std::string_view latest_tag = ":latest";

/// `model` as Ollama would complete or shorten it; empty where it has another tag.
std::string other_spelling(const std::string& model) {
  if (model.ends_with(latest_tag)) return model.substr(0, model.size() - latest_tag.size());
  const std::size_t slash = model.rfind('/');
  const bool has_tag = model.find(':', slash == std::string::npos ? 0 : slash) != std::string::npos;
  return has_tag ? std::string() : model + std::string(latest_tag);
}

}  // namespace

namespace {

bool is_chat(const RouteSpec& route) {
  using identity::EndpointGroup;
  const auto group = group_of(route.endpoint);
  return group == EndpointGroup::chat || group == EndpointGroup::completions ||
         group == EndpointGroup::responses;
}

/// Of what the client sent, whatever was made of it.
std::string take_body_digest(ClientRequest& request) {
  if (!request.body_digest.empty()) return std::move(request.body_digest);
  const auto json = request.json();
  return json ? json_digest(*json) : digest_of({request.exchange.body()});
}

std::size_t entry_bytes_max(const ClientRequest& request) {
  return static_cast<std::size_t>(request.snapshot->config().content_log.entry_bytes_max.bytes);
}

bool shows_target(const ClientRequest& request) {
  const bool may_show = request.caller == nullptr || request.caller->shows_target;
  return may_show && request.snapshot->config().expose_target;
}

std::string_view question_of(const ClientRequest& request) {
  if (!request.own_body.empty()) return request.own_body;
  return request.body_outline.empty() ? request.exchange.body() : request.body_outline;
}

bool has_content_rules(const config::Config& config) {
  return !config.content_rules.empty() ||
         std::any_of(config.models.begin(), config.models.end(),
                     [](const auto& route) { return !route.content_rules.empty(); });
}

/// Why the question of a call that never was can't be kept; empty: it can.
std::string_view obstacle_to_keeping(const ClientRequest& request, const Error& error) {
  if (error.code == ErrorCode::content_filtered) return "a content rule stopped it";
  const bool has_rules = has_content_rules(request.snapshot->config());
  if (has_rules && request.own_body.empty()) return "no content rule has looked at it";
  const bool is_json = request.json().has_value() || !request.body_outline.empty();
  return is_json ? std::string_view() : "it could not be read";
}

StreamForm stream_form(const RouteSpec& route) {
  if (!is_chat(route)) return StreamForm::other;
  return group_of(route.endpoint) == identity::EndpointGroup::completions ? StreamForm::completion
                                                                          : StreamForm::chat;
}

std::string_view endpoint_name(const ClientRequest& request) {
  const auto group = group_of(request.route->endpoint);
  return group ? identity::name(*group) : std::string_view();
}

}  // namespace

/// Stands in the list of calls under way for as long as it lives. The list is unordered, so that
/// entering and leaving cost no search and no allocation.
class ModelCalls::ActiveCall {
 public:
  ActiveCall(std::vector<ActiveCall*>& all, pipeline::Call& call)
      : all_(all), call_(call), place_(all.size()) {
    all_.push_back(this);
  }
  ~ActiveCall() {
    all_[place_] = all_.back();
    all_[place_]->place_ = place_;
    all_.pop_back();
  }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  [[nodiscard]] const pipeline::Call& call() const { return call_; }
  void end(Error error) {
    if (call_.cancellation.is_cancelled()) return;
    call_.cut_short = std::make_shared<const Error>(std::move(error));
    call_.cancellation.cancel();
  }

 private:
  std::vector<ActiveCall*>& all_;
  pipeline::Call& call_;
  std::size_t place_;
};

namespace {

/// Of an error's status: the same request might be answered elsewhere.
bool is_fault_of_targets(int status) {
  constexpr int too_many = 429;
  constexpr int not_found = 404;
  constexpr int server_errors = 500;
  return status >= server_errors || status == too_many || status == not_found;
}

/// Keeps from the client that the targets could not count: there is another who can.
class CountChannel final : public pipeline::PassingChannel {
 public:
  using PassingChannel::PassingChannel;

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    is_silent_ = is_fault_of_targets(status);
    if (is_silent_) co_return true;
    const bool is_taken = co_await inner().respond(status, fields, body);
    co_return is_taken;
  }
  void on_settled(const pipeline::CallResult& result) override {
    if (result.outcome == pipeline::Outcome::completed) PassingChannel::on_settled(result);
  }
  [[nodiscard]] bool is_silent() const { return is_silent_; }

 private:
  bool is_silent_ = false;
};

/// Keeps from the client that no target took several prompts together: they are asked one by one
/// then.
class TogetherChannel final : public pipeline::PassingChannel {
 public:
  using PassingChannel::PassingChannel;

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    return has_failed_ ? net::Task<bool>::ready(true) : inner().respond(status, fields, body);
  }
  void on_settled(const pipeline::CallResult& result) override {
    using enum pipeline::Outcome;
    const ErrorCode code = result.error.code;
    has_failed_ = (result.outcome == failed && is_fault_of_targets(traits(code).status)) ||
                  (result.outcome == rejected && code == ErrorCode::all_targets_unavailable);
    if (!has_failed_) PassingChannel::on_settled(result);
  }
  /// A head that went out early could not be taken back.
  [[nodiscard]] bool takes_heartbeats() const override { return false; }
  [[nodiscard]] bool has_failed() const { return has_failed_; }

 private:
  bool has_failed_ = false;
};

}  // namespace

Result<std::shared_ptr<const pipeline::Route>> ModelCalls::choose_route(
    ClientRequest& request, const std::string& model) const {
  auto route = find_route(request, model);
  if (!route || limits_ == nullptr) return route;
  const auto downgrade = limits_->downgrade(request.caller.get(), (*route)->name);
  if (!downgrade) return route;
  // The operator sends it there: the key's own scope is about what may be asked for.
  auto cheaper = request.snapshot->route(downgrade->route);
  if (!cheaper) return route;
  request.warning = "downgraded to " + downgrade->route + " by the budget of the " +
                    std::string(policy::name(downgrade->owner.scope));
  return cheaper;
}

namespace {

/// By the loop's clock, which is read once a turn.
class LoopStopwatch final : public wire::Stopwatch {
 public:
  explicit LoopStopwatch(const net::Loop& loop) : loop_(loop), begun_(loop.now()) {}
  [[nodiscard]] std::int64_t elapsed_ns() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(loop_.now() - begun_).count();
  }

 private:
  const net::Loop& loop_;
  net::TimePoint begun_;
};

}  // namespace

struct ModelCalls::Ready {
  explicit Ready(const net::Loop& loop) : stopwatch(loop), ollama_answers(stopwatch) {}

  LoopStopwatch stopwatch;
  pipeline::OllamaAnswers ollama_answers;
  std::string masked;  ///< the body as the content rules left it; empty: as it came
  json::Document masked_document;
  ModelCall call;
  std::shared_ptr<const pipeline::Route> route;
};

Result<> ModelCalls::read(ClientRequest& request, Ready& ready) const {
  const net::http::RequestHead& head = request.exchange.head();
  const config::Config& config = request.snapshot->config();
  WEIR_TRY_ASSIGN(root, request.read_json());
  CallInput input{.route = *request.route,
                  .door = request.door,
                  .path_model = request.argument,
                  .head = head,
                  .query = request.target.query,
                  .root = root,
                  .request_id = request.id,
                  .unix_seconds = wall_.unix_ms() / 1000,
                  .ollama_answers = ready.ollama_answers};
  WEIR_TRY_ASSIGN(call, call_reader_of(request.route->endpoint)(input));
  ready.call = std::move(call);
  const std::string& model = ready.call.model;
  // `auto` means models that write: who wants vectors has to say whose.
  if (model.empty() && config.default_model.empty() && !is_chat(*request.route)) {
    return Error(ErrorCode::invalid_request, "is required", "model");
  }
  // Elsewhere nobody knows what the request refers to, and other things than texts are other
  // models.
  const bool may_go_elsewhere =
      is_chat(*request.route) && ready.call.count == nullptr && !ready.call.operation->is_pinned();
  WEIR_TRY_ASSIGN(route,
                  may_go_elsewhere ? choose_route(request, model) : find_route(request, model));
  ready.route = std::move(route);
  WEIR_TRY_ASSIGN(masked, guard::hold_request_to(root, ready.route->content_rules.get()));
  if (!masked) return {};
  ready.masked = *std::move(masked);
  request.own_body = ready.masked;
  WEIR_TRY(ready.masked_document.parse(ready.masked));
  input.root = ready.masked_document.root();
  WEIR_TRY_ASSIGN(again, call_reader_of(request.route->endpoint)(input));
  ready.call = std::move(again);
  return {};
}

net::Task<void> ModelCalls::answer(ClientRequest& request) {
  Ready ready(loop_);
  if (auto is_ready = read(request, ready); !is_ready) {
    co_await refuse_call(request, std::move(is_ready).error());
    co_return;
  }
  if (ready.call.count != nullptr) {
    co_await count(request, *ready.call.count, ready.route);
    co_return;
  }
  request.model = std::move(ready.call.model);
  if (auto loaded = loading_answer(request, *ready.route, wall_.unix_ms() / 1000)) {
    std::string text = *std::move(loaded);
    co_await respond(request, 200, "application/json", std::move(text));
    co_return;
  }
  const pipeline::CompletionOperation* const completion = ready.call.completion;
  if (completion != nullptr) {
    request.parting = completion->parting_on(*ready.route);
    request.parted = completion;
  }
  HttpChannel channel(request.exchange);
  static_cast<void>(co_await run(request, *ready.call.operation, ready.route, channel));
}

net::Task<void> ModelCalls::count(ClientRequest& request, pipeline::CountOperation& operation,
                                  std::shared_ptr<const pipeline::Route> route) {
  HttpChannel channel(request.exchange);
  if (!keeps_content(request)) {
    co_await count_through(request, operation, std::move(route), channel);
    co_return;
  }
  ContentChannel content(channel, entry_bytes_max(request), content_logger(request, nullptr));
  co_await count_through(request, operation, std::move(route), content);
  content.conclude();
}

net::Task<void> ModelCalls::count_through(ClientRequest& request,
                                          pipeline::CountOperation& operation, Route route,
                                          pipeline::ClientChannel& channel) {
  if (operation.has_counter(*route)) {
    CountChannel counter(channel);
    const auto outcome = co_await make(request, operation, route, counter);
    if (!counter.is_silent() || outcome != pipeline::Outcome::failed) co_return;
  }
  Result<std::string> counted = operation.own_count(*route);
  if (!counted) {
    co_await refuse_through(request, std::move(counted).error(), channel);
    co_return;
  }
  std::string fields;
  net::http::append_field(fields, "content-type", "application/json");
  pipeline::append_request_id(fields, dialect_of(request.door), request.id);
  const bool is_taken = co_await channel.respond(200, fields, *counted);
  static_cast<void>(is_taken);
}

bool ModelCalls::is_made_once(const net::http::RequestHead& head) const {
  if (idempotency_ == nullptr || head.method != "POST") return false;
  const auto key = idempotency_key_of(head);
  return key && key->has_value();
}

bool ModelCalls::names_key(const net::http::RequestHead& head) const {
  if (idempotency_ == nullptr || head.method != "POST") return false;
  const auto key = idempotency_key_of(head);
  return !key || key->has_value();
}

net::Task<void> ModelCalls::refuse_call(ClientRequest& request, Error error) {
  HttpChannel channel(request.exchange);
  if (!keeps_content(request)) {
    co_await refuse_through(request, std::move(error), channel);
    co_return;
  }
  const Error refused_for = error;
  ContentChannel content(channel, entry_bytes_max(request), content_logger(request, &refused_for));
  co_await refuse_through(request, std::move(error), content);
  content.conclude();
}

net::Task<pipeline::Outcome> ModelCalls::run(ClientRequest& request, pipeline::Operation& operation,
                                             Route route, pipeline::ClientChannel& channel) {
  // No coroutine of its own: each costs as much as a few hundred bytes of a request.
  if (keeps_content(request)) return keep(request, operation, std::move(route), channel);
  if (names_key(request.exchange.head())) {
    return pass(request, operation, std::move(route), channel);
  }
  return make(request, operation, std::move(route), channel);
}

net::Task<pipeline::Outcome> ModelCalls::keep(ClientRequest& request,
                                              pipeline::Operation& operation, Route route,
                                              pipeline::ClientChannel& channel) {
  ContentChannel content(channel, entry_bytes_max(request), content_logger(request, nullptr));
  const auto outcome = co_await pass(request, operation, std::move(route), content);
  content.conclude();
  co_return outcome;
}

net::Task<pipeline::Outcome> ModelCalls::pass(ClientRequest& request,
                                              pipeline::Operation& operation, Route route,
                                              pipeline::ClientChannel& channel) {
  const net::http::RequestHead& head = request.exchange.head();
  Result<std::optional<std::string_view>> key = std::optional<std::string_view>();
  if (idempotency_ != nullptr && head.method == "POST") key = idempotency_key_of(head);
  auto outcome = pipeline::Outcome::rejected;
  if (!key) {
    co_await refuse_through(request, std::move(key).error(), channel);
  } else if (*key) {
    std::string text(**key);
    outcome = co_await make_once(request, std::move(text), operation, std::move(route), channel);
  } else {
    outcome = co_await make(request, operation, std::move(route), channel);
  }
  co_return outcome;
}

/// Section 14.
net::Task<pipeline::Outcome> ModelCalls::make_once(ClientRequest& request, std::string key,
                                                   pipeline::Operation& operation, Route route,
                                                   pipeline::ClientChannel& channel) {
  const config::IdempotencySettings& settings = request.snapshot->config().idempotency;
  store::OnceRequest once;
  once.tenant = request.caller->key;
  once.user = request.caller->user;
  once.scope = to_hex(digest_of({once.tenant, request.target.path, key}));
  const std::string body = take_body_digest(request);
  once.fingerprint = digest_of({body, without_credential(request.target.query.raw())});
  auto outcome = pipeline::Outcome::rejected;
  auto before = co_await idempotency_->begin(loop_, once, wall_.unix_ms(), settings.ttl);
  const bool is_known = before && *before;
  Result<> replayed;
  if (is_known) replayed = co_await replay(request, route, *std::move(*before), channel);
  if (!before || !replayed) {
    Error error = before ? std::move(replayed).error() : std::move(before).error();
    co_await refuse_through(request, std::move(error), channel);
    co_return outcome;
  }
  if (is_known) co_return outcome;
  const OnceChannel::Limits limits{static_cast<std::size_t>(settings.answer_bytes_max.bytes),
                                   static_cast<std::size_t>(settings.stream_bytes_max.bytes)};
  OnceChannel once_channel(channel, *idempotency_, loop_, once, limits);
  outcome = co_await make(request, operation, std::move(route), once_channel);
  co_await once_channel.conclude_unanswered(outcome);
  if (once_channel.failure() && log_ != nullptr) {
    log_->warn("answer_not_kept", once_channel.failure()->message, {{"request_id", request.id}});
  }
  co_return outcome;
}

/// M-2. Errors: those of the client's limits on requests.
net::Task<Result<>> ModelCalls::replay(ClientRequest& request, Route route,
                                       store::OnceAnswer answer, pipeline::ClientChannel& channel) {
  pipeline::Call call{.loop = loop_,
                      .cancellation = request.exchange.cancellation(),
                      .request_id = request.id,
                      .route = std::move(route),
                      .options = {},
                      .caller = request.caller,
                      .endpoint = endpoint_name(request),
                      .model = request.model};
  call.is_stream = answer.is_stream;
  Result<> admitted = co_await attempts_.book_replay(call);
  if (!admitted) co_return admitted;
  const std::string fields = replayed_fields(answer.fields, dialect_of(request.door), request.id);
  bool is_taken = true;
  if (!answer.is_stream) {
    is_taken = co_await channel.respond(answer.status, fields, answer.body);
  } else {
    is_taken = co_await channel.begin(answer.status, fields);
    if (is_taken && !answer.body.empty()) is_taken = co_await channel.write(answer.body);
    if (is_taken) is_taken = co_await channel.end();
  }
  const bool is_access_logged = log_ != nullptr && request.snapshot->config().access_log;
  if (is_access_logged) {
    log_->info("access", request.route->pattern,
               {{"request_id", request.id},
                {"route", call.route->name},
                {"outcome", is_taken ? "replayed" : "cancelled_client"}});
  }
  co_return admitted;
}

Result<pipeline::CallOptions> ModelCalls::options_of(const ClientRequest& request, int hops) {
  auto options = read_options(request.exchange.head());
  if (hops >= request.snapshot->config().limits.hops_max) {
    options = Error(ErrorCode::loop_detected, "this request went through too many gateways");
  }
  if (options && request.grant != nullptr && options->priority) {
    options->priority = std::min(*options->priority, request.caller->priority);  // Y-4
  }
  return options;
}

pipeline::Call ModelCalls::call_for(const ClientRequest& request, const Own& own, int hops,
                                    pipeline::CallOptions&& options, Route route) const {
  return {.loop = loop_,
          .cancellation = own.cancellation,
          .request_id = own.request_id,
          .route = std::move(route),
          .options = std::move(options),
          .caller = request.caller,
          .endpoint = endpoint_name(request),
          .model = request.model,
          .hops = hops,
          .shows_target = shows_target(request),
          .keeps_explanation = log_ != nullptr && log_->is_on(config::LogLevel::debug),
          .warning = request.warning};
}

net::Task<pipeline::Outcome> ModelCalls::make(ClientRequest& request,
                                              pipeline::Operation& operation, Route route,
                                              pipeline::ClientChannel& channel) {
  const int hops = hops_of(request.exchange.head());
  auto options = options_of(request, hops);
  if (!options) return reject(request, std::move(options).error(), channel);
  using pipeline::Parting;
  const bool is_parted =
      request.parting == Parting::at_once ||
      (request.parting == Parting::after_failure && pipeline::allows_failover(*options, *route));
  if (is_parted) {
    return make_each(request, hops, *std::move(options), operation, std::move(route), channel);
  }
  return make_one(request, hops, *std::move(options), operation, std::move(route), channel);
}

net::Task<pipeline::Outcome> ModelCalls::reject(ClientRequest& request, Error error,
                                                pipeline::ClientChannel& channel) {
  co_await refuse_through(request, std::move(error), channel);
  co_return pipeline::Outcome::rejected;
}

net::Task<pipeline::Outcome> ModelCalls::make_one(ClientRequest& request, int hops,
                                                  pipeline::CallOptions options,
                                                  pipeline::Operation& operation, Route route,
                                                  pipeline::ClientChannel& channel) {
  pipeline::Delivery delivery(channel, dialect_of(request.door), request.id, request.error_body());
  const Own own{request.id, request.exchange.cancellation()};
  pipeline::Call call = call_for(request, own, hops, std::move(options), std::move(route));
  const ActiveCall active(active_calls_, call);
  pipeline::CallResult result;
  co_await attempts_.run(call, operation, delivery, result);
  write_down(request, call, result);
  co_return result.outcome;
}

net::Task<pipeline::Outcome> ModelCalls::make_each(ClientRequest& request, int hops,
                                                   pipeline::CallOptions options,
                                                   pipeline::Operation& operation, Route route,
                                                   pipeline::ClientChannel& channel) {
  const net::TimePoint started = loop_.now();
  const bool is_tried = request.parting == pipeline::Parting::after_failure;
  if (is_tried) {
    TogetherChannel together(channel);
    const auto outcome = co_await make_one(request, hops, options, operation, route, together);
    if (!together.has_failed() || request.exchange.is_client_gone()) co_return outcome;
  }
  const pipeline::milliseconds time =
      std::min(options.timeout.value_or(route->request_total), route->request_total);
  const auto ask = [&](pipeline::PromptFan::Part part) {
    const auto elapsed = std::chrono::ceil<pipeline::milliseconds>(loop_.now() - started);
    pipeline::CallOptions own = options;
    own.timeout = std::max(time - elapsed, pipeline::milliseconds(1));
    return make_part(request, hops, std::move(own), route, part);
  };
  pipeline::Delivery delivery(channel, dialect_of(request.door), request.id, request.error_body());
  pipeline::PromptFan fan(loop_, request.exchange.cancellation(), *request.parted, delivery, ask,
                          is_tried ? 1 : 0);
  const pipeline::CallResult result = co_await fan.run();
  co_return result.outcome;
}

net::Task<void> ModelCalls::make_part(ClientRequest& request, int hops,
                                      pipeline::CallOptions options, Route route,
                                      pipeline::PromptFan::Part part) {
  pipeline::Delivery delivery(part.channel, dialect_of(request.door), part.request_id);
  const Own own{part.request_id, part.cancellation};
  pipeline::Call call = call_for(request, own, hops, std::move(options), std::move(route));
  const ActiveCall active(active_calls_, call);
  co_await attempts_.run(call, part.operation, delivery, part.result);
  write_down(request, call, part.result);
}

/// Zero, and nothing is done, but where somebody is set to it.
pipeline::milliseconds ModelCalls::content_kept(const ClientRequest& request) const {
  if (contents_ == nullptr || request.caller == nullptr) return pipeline::milliseconds::zero();
  return contents_->tenants().kept_for(*request.caller);
}

std::function<void(ContentChannel&)> ModelCalls::content_logger(const ClientRequest& request,
                                                                const Error* refused_for) const {
  return [this, &request, refused_for](ContentChannel& content) {
    log_content(request, refused_for, content);
  };
}

void ModelCalls::log_content(const ClientRequest& request, const Error* refused_for,
                             ContentChannel& content) const {
  LoggedCall logged;
  logged.id = request.id;
  logged.tenant = request.caller->key;
  logged.target = content.target();
  logged.question.append(question_of(request), entry_bytes_max(request));
  if (refused_for != nullptr) logged.question.reason = obstacle_to_keeping(request, *refused_for);
  logged.form = stream_form(*request.route);
  const bool is_of_pieces = logged.form == StreamForm::other && !content.has_events();
  logged.is_stream = content.is_stream() && !is_of_pieces;
  logged.answer = content.take_answer();
  logged.dialect = request.route->endpoint == Endpoint::create_response
                       ? wire::Dialect::openai_responses
                       : dialect_of(request.door);
  logged.now_ms = wall_.unix_ms();
  logged.kept = content_kept(request);
  if (logged.kept > pipeline::milliseconds::zero()) contents_->keep(std::move(logged));
}

void ModelCalls::end_all() {
  attempts_.end_drains();
  end_where([](const pipeline::Call&) { return std::optional(pipeline::shutdown_error()); });
}

void ModelCalls::end_where(const Judge& judge) {
  // A call may end, and so leave the list, while it is told; then one from the end, which was asked
  // before, takes its place.
  for (std::size_t i = active_calls_.size(); i-- > 0;) {
    if (i >= active_calls_.size()) continue;
    if (auto error = judge(active_calls_[i]->call())) active_calls_[i]->end(*std::move(error));
  }
}

namespace {

/// Each attempt with its end: `a/m: server, b/m: ok`.
std::string tried(const pipeline::CallResult& result) {
  std::string text;
  for (const pipeline::AttemptRow& row : result.rows) {
    if (!text.empty()) text.append(", ");
    text.append(row.target->name).append(": ").append(policy::name(row.failure));
  }
  return text;
}

}  // namespace

void ModelCalls::write_down(const ClientRequest& request, const pipeline::Call& call,
                            const pipeline::CallResult& result) const {
  using pipeline::Outcome;
  if (log_ == nullptr) return;
  // A client at its limit may come back a thousand times a second; that is no failure of ours.
  const bool is_limited = result.outcome == Outcome::rejected && result.error.exceeded != nullptr;
  const bool is_failed = !is_limited && result.outcome != Outcome::completed &&
                         result.outcome != Outcome::cancelled_client;
  const bool is_failover = result.outcome == Outcome::completed && result.attempts > 1;
  if (!result.explanation.empty()) {
    log_->write(config::LogLevel::debug, "decision", result.explanation,
                {{"request_id", call.request_id}, {"target", result.target}});
  }
  if (is_failover) {
    log_->info("failover", "answered after another attempt had failed",
               {{"request_id", call.request_id},
                {"route", call.route->name},
                {"target", result.target},
                {"tried", tried(result)},
                {"attempts", result.attempts}});
  }
  const bool is_access_logged = request.snapshot->config().access_log;
  if (!is_failed && !is_access_logged) return;
  const std::string client =
      client_address(request.exchange.peer_address(), request.exchange.head(), request.proxies);
  if (is_failed) {
    log_->warn("call_failed", result.error.message,
               {{"request_id", call.request_id},
                {"client", client},
                {"route", call.route->name},
                {"target", result.target},
                {"outcome", pipeline::name(result.outcome)},
                {"error", traits(result.error.code).name},
                {"upstream_status", result.error.upstream_status},
                {"tried", tried(result)},
                {"attempts", result.attempts},
                {"duration_ms", result.duration.count()}});
  }
  if (!is_access_logged) return;
  const wire::Usage usage = result.usage.value_or(wire::Usage());
  log_->info("access", request.route->pattern,
             {{"request_id", call.request_id},
              {"client", client},
              {"route", call.route->name},
              {"target", result.target},
              {"outcome", pipeline::name(result.outcome)},
              {"attempts", result.attempts},
              {"input_tokens", usage.input_total()},
              {"output_tokens", usage.output_total()},
              {"cost_nanousd", result.cost_nanousd},
              {"first_content_ms", result.first_content.count()},
              {"duration_ms", result.duration.count()}});
}

Result<std::shared_ptr<const pipeline::Route>> find_route(const engine::Snapshot& snapshot,
                                                          Door door, const std::string& model) {
  auto route = snapshot.route(model);
  if (route || door != Door::ollama) return route;
  const std::string other = other_spelling(model);
  if (other.empty()) return route;
  auto by_other = snapshot.route(other);
  return by_other ? std::move(by_other) : std::move(route);
}

Result<std::shared_ptr<const pipeline::Route>> find_route(const ClientRequest& request,
                                                          const std::string& model) {
  auto route = find_route(*request.snapshot, request.door, model);
  if (!route || request.grant == nullptr || request.grant->allows(**route)) return route;
  const std::string& name = model.empty() ? (*route)->name : model;
  return Error(ErrorCode::model_not_allowed, "this key is not for " + name, "model");
}

bool may_call(const ClientRequest& request, const std::string& name) {
  return request.grant == nullptr || find_route(request, name).has_value();
}

}  // namespace weir::server
