// SPDX-License-Identifier: Apache-2.0
#include "api/lane.hpp"

#include <algorithm>
#include <utility>

#include "api/canonical_operation.hpp"
#include "api/convert.hpp"
#include "guard/request_filter.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "pipeline/embedding_operation.hpp"
#include "wire/openai/embeddings.hpp"

namespace weir::api {
namespace {

thread_local bool is_lane_thread = false;

/// What an answer's header lines tell, without our prefix.
void read_metadata(std::string_view fields,
                   std::map<std::string, std::string, std::less<>>& metadata) {
  constexpr std::string_view prefix = "x-weir-";
  while (!fields.empty()) {
    std::string_view line = fields.substr(0, fields.find("\r\n"));
    fields.remove_prefix(std::min(fields.size(), line.size() + 2));
    const std::size_t colon = line.find(": ");
    if (!line.starts_with(prefix) || colon == std::string_view::npos) continue;
    metadata.emplace(line.substr(prefix.size(), colon - prefix.size()), line.substr(colon + 2));
  }
}

/// The caller of the library in the place of an HTTP client. Bytes of a streamed answer only say
/// that there are values to be handed over; see `ValueForm`.
class CallerChannel final : public pipeline::ClientChannel {
 public:
  CallerChannel(Answer* answer, StreamQueue* queue, net::Loop& loop, net::Duration stall_max,
                net::Cancellation& cancellation)
      : answer_(answer),
        queue_(queue),
        room_(loop),
        stall_max_(stall_max),
        cancellation_(cancellation) {}

  net::Task<bool> respond(int, std::string_view fields, std::string_view body) override {
    read_metadata(fields, metadata_);
    body_ = body;
    co_return true;
  }
  net::Task<bool> begin(int, std::string_view fields) override {
    read_metadata(fields, metadata_);
    co_return true;
  }
  net::Task<bool> write(std::string_view bytes) override {
    ValueForm::read_events(bytes, *answer_);
    std::vector<StreamPiece> pieces = answer_->take_pieces();
    const bool is_taken =
        co_await queue_->push(std::move(pieces), room_, stall_max_, cancellation_);
    co_return is_taken;
  }
  net::Task<bool> end() override { co_return true; }
  /// Nobody stands between us and the caller, and every write is values.
  [[nodiscard]] bool takes_heartbeats() const override { return false; }

  [[nodiscard]] const std::string& body() const { return body_; }
  std::map<std::string, std::string, std::less<>>& metadata() { return metadata_; }

 private:
  Answer* answer_;      ///< of a stream
  StreamQueue* queue_;  ///< of a stream
  Wakeup room_;
  net::Duration stall_max_;
  net::Cancellation& cancellation_;
  std::string body_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

/// When the call has to be over; nothing: no limit of the caller's.
std::optional<net::TimePoint> deadline_of(const Job& job) {
  std::optional<net::TimePoint> deadline = job.options.deadline;
  if (job.options.timeout) {
    const net::TimePoint end = job.started + *job.options.timeout;
    deadline = deadline ? std::min(*deadline, end) : end;
  }
  return deadline;
}

/// The route with the caller's own bounds on attempts.
Result<std::shared_ptr<const pipeline::Route>> route_for(const Job& job, std::string_view model,
                                                         std::optional<net::Duration> time) {
  WEIR_TRY_ASSIGN(route, job.snapshot->route(model));
  const auto attempts = job.options.attempts_max;
  if (attempts && *attempts < 1) {
    return Error(ErrorCode::invalid_request, "must be at least 1", "attempts_max");
  }
  if (!attempts && !time) return route;
  auto bounded = std::make_shared<pipeline::Route>(*route);
  if (attempts) bounded->retries.max_attempts = *attempts;
  if (time) {
    // By default no attempt starts within the last second. Who gives a call less than a few seconds
    // wants a second try all the same.
    auto& reserve = bounded->retries.backoff.attempt_budget_min;
    reserve = std::min(reserve, std::chrono::duration_cast<std::chrono::milliseconds>(*time / 4));
  }
  return std::shared_ptr<const pipeline::Route>(std::move(bounded));
}

/// What the caller asks for beside the request itself.
pipeline::CallOptions wishes_of(const Job& job, net::TimePoint now) {
  pipeline::CallOptions wishes;
  wishes.prefer = job.options.prefer;
  wishes.no_failover = !job.options.may_fail_over;
  for (const auto& [key, value] : job.options.tags) wishes.tags.push_back(key + "=" + value);
  if (const auto deadline = deadline_of(job)) {
    wishes.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - now);
  }
  return wishes;
}

pipeline::CallResult rejected(Error error) {
  pipeline::CallResult result;
  result.error = std::move(error);
  if (result.error.code == ErrorCode::client_closed) {
    result.outcome = pipeline::Outcome::cancelled_client;
  }
  return result;
}

std::string embedding_text(const EmbeddingRequest& request) {
  std::string text;
  json::Writer json(text);
  json.begin_object().member("model", request.model.empty() ? "auto" : request.model);
  json.key("input").begin_array();
  for (const std::string& input : request.texts) json.string(input);
  json.end_array();
  if (request.dimensions) json.member("dimensions", *request.dimensions);
  json.end_object();
  return text;
}

Error time_is_over() { return {ErrorCode::deadline_exceeded, "the call's time is over"}; }

std::chrono::milliseconds since(std::chrono::steady_clock::time_point started, net::TimePoint now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - started);
}

}  // namespace

/// Gives a call's place to the next one when the call ends.
class Lane::Turn {
 public:
  explicit Turn(Admission& admission) : admission_(admission) {}
  ~Turn() { admission_.leave(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Admission& admission_;
};

Lane::Lane(const LaneContext& context, std::uint64_t seed, pipeline::Journal* journal)
    : context_(context), engine_(context.engine, seed, &context.embedded, journal) {
  thread_ = std::thread([this] {
    is_lane_thread = true;
    engine_.loop().run();
  });
}

Lane::~Lane() { join(); }

void Lane::join() {
  if (thread_.joinable()) thread_.join();
}

bool Lane::is_current_thread() noexcept { return is_lane_thread; }

void Lane::start_chat(std::shared_ptr<ChatJob> job) {
  engine_.loop().post([this, job = std::move(job)] { tasks_.spawn(serve_chat(job)); });
}

void Lane::start_embed(std::shared_ptr<EmbedJob> job) {
  engine_.loop().post([this, job = std::move(job)] { tasks_.spawn(serve_embed(job)); });
}

void Lane::start_warming(std::shared_ptr<const pipeline::Upstream> upstream, Warmed done) {
  engine_.loop().post([this, upstream = std::move(upstream), done = std::move(done)] {
    tasks_.spawn(warm(upstream, done));
  });
}

void Lane::cancel_all() {
  engine_.loop().post([this] {
    closing_.cancel();
    // A cancelled call may end and leave the set while it is told.
    const std::vector<Job*> all(jobs_.begin(), jobs_.end());
    for (Job* job : all) {
      if (!jobs_.contains(job)) continue;
      cut_short(*job, pipeline::shutdown_error());
      job->cancellation.cancel();
    }
  });
}

void Lane::finish() {
  engine_.loop().post([this] { engine_.finish(); });
}

void Lane::cut_short(Job& job, Error error) {
  if (job.call == nullptr || job.cancellation.is_cancelled()) return;
  job.call->cut_short = std::make_shared<const Error>(std::move(error));
}

void Lane::begin(Job& job) {
  jobs_.insert(&job);
  job.control->begin(engine_.loop(), job.cancellation);
}

void Lane::end(Job& job) {
  job.control->end();
  jobs_.erase(&job);
}

net::Task<void> Lane::warm(std::shared_ptr<const pipeline::Upstream> upstream, Warmed done) {
  Result<> warmed = co_await engine_.warm(std::move(upstream), closing_);
  done(std::move(warmed));
  context_.on_call_end();
}

net::Task<void> Lane::serve_chat(std::shared_ptr<ChatJob> job) {
  begin(*job);
  Result<ChatResponse> outcome = co_await chat(*job);
  end(*job);
  if (job->queue) {
    job->queue->finish(std::move(outcome));
  } else {
    job->done(std::move(outcome));
  }
  context_.on_call_end();
}

net::Task<void> Lane::serve_embed(std::shared_ptr<EmbedJob> job) {
  begin(*job);
  Result<EmbeddingResponse> outcome = co_await embed(*job);
  end(*job);
  job->done(std::move(outcome));
  context_.on_call_end();
}

net::Task<Result<ChatResponse>> Lane::chat(ChatJob& job) {
  Result<wire::ChatRequest> request = to_canonical(job.request);
  if (!request) co_return std::move(request).error();
  // A name that means nothing is told by `run`, as every other trouble.
  if (const auto route = job.snapshot->route(job.request.model)) {
    Result<> held = guard::hold_chat_to(*request, (*route)->content_rules.get());
    if (!held) co_return std::move(held).error();
  }
  const bool is_stream = job.queue != nullptr;
  Answer answer(is_stream);
  const ValueForm form;
  CanonicalOperation operation(std::move(*request), is_stream, form, job.request_id);
  CallerChannel channel(&answer, job.queue.get(), engine_.loop(), context_.reader_stall_max,
                        job.cancellation);
  const pipeline::CallResult result =
      co_await run(job, "chat", job.request.model, operation, channel);
  context_.figures.count(result, operation.tried().size(), job.options.tags);
  if (result.outcome != pipeline::Outcome::completed) co_return result.error;

  if (const auto* whole = form.response(channel.body())) answer.take(*whole);
  ChatResponse response = answer.finish();
  if (result.usage) response.usage = to_public(*result.usage);
  response.cost_nanousd = result.cost_nanousd;
  response.provider = result.provider;
  response.tried = operation.tried();
  response.latency = since(job.started, engine_.loop().now());
  response.first_content = result.first_content;
  response.attempts = result.attempts;
  response.metadata = std::move(channel.metadata());
  co_return response;
}

net::Task<Result<EmbeddingResponse>> Lane::embed(EmbedJob& job) {
  const std::string text = embedding_text(job.request);
  json::Document document;
  Result<> parsed = document.parse(text);
  if (!parsed) co_return std::move(parsed).error();
  auto operation = pipeline::EmbeddingOperation::make(document.root());
  if (!operation) co_return std::move(operation).error();
  CallerChannel channel(nullptr, nullptr, engine_.loop(), context_.reader_stall_max,
                        job.cancellation);
  const pipeline::CallResult result =
      co_await run(job, "embeddings", job.request.model, **operation, channel);
  context_.figures.count(result, 1, job.options.tags);
  if (result.outcome != pipeline::Outcome::completed) co_return result.error;

  json::Document answer;
  Result<> read = answer.parse(channel.body());
  if (!read) co_return std::move(read).error();
  auto vectors = wire::openai::decode_embeddings_response(answer.root());
  if (!vectors) co_return std::move(vectors).error();
  EmbeddingResponse response;
  response.vectors = std::move(vectors->vectors);
  response.model = std::move(vectors->model);
  if (result.usage) response.input_tokens = result.usage->input_total();
  response.cost_nanousd = result.cost_nanousd;
  response.provider = result.provider;
  response.latency = since(job.started, engine_.loop().now());
  response.attempts = result.attempts;
  response.metadata = std::move(channel.metadata());
  co_return response;
}

net::Task<pipeline::CallResult> Lane::run(Job& job, std::string_view endpoint, std::string model,
                                          pipeline::Operation& operation,
                                          pipeline::ClientChannel& channel) {
  pipeline::CallResult result;
  const auto deadline = deadline_of(job);
  std::optional<net::Duration> time;
  if (deadline) time = *deadline - engine_.loop().now();
  if (time && *time <= net::Duration::zero()) {
    result = rejected(Error(ErrorCode::deadline_exceeded, "the call's time was over at its start"));
    co_return result;
  }
  auto route = route_for(job, model, time);
  if (!route) {
    result = rejected(std::move(route).error());
    co_return result;
  }
  bool is_late = false;
  // Cancelled through the control, a turn of the loop later: the alarm is gone when the call ends.
  net::CallbackAlarm alarm([&] {
    is_late = true;
    cut_short(job, time_is_over());
    job.control->cancel();
  });
  if (deadline) engine_.loop().arm_exact(alarm, *deadline);
  Result<> admitted =
      co_await context_.admission.enter(engine_.loop(), job.options.priority, job.cancellation);
  if (admitted) {
    const Turn turn(context_.admission);
    pipeline::CallOptions wishes = wishes_of(job, engine_.loop().now());
    pipeline::Delivery delivery(channel, wire::Dialect::openai_chat, job.request_id);
    pipeline::Call call{.loop = engine_.loop(),
                        .cancellation = job.cancellation,
                        .request_id = job.request_id,
                        .route = std::move(*route),
                        .options = std::move(wishes),
                        .endpoint = endpoint,
                        .model = std::move(model)};
    job.call = &call;
    co_await engine_.attempts().run(call, operation, delivery, result);
    job.call = nullptr;
  } else {
    result = rejected(std::move(admitted).error());
  }
  if (result.outcome == pipeline::Outcome::cancelled_client ||
      result.outcome == pipeline::Outcome::shutdown) {
    if (is_late) {
      result.outcome = pipeline::Outcome::failed;
      result.error = time_is_over();
    } else {
      result.outcome = pipeline::Outcome::cancelled_client;
      const bool is_asked = job.cancellation.is_cancelled();
      result.error = Error(ErrorCode::client_closed,
                           is_asked ? "the call was cancelled" : "the stream was not read in time");
    }
  }
  co_return result;
}

}  // namespace weir::api
