// SPDX-License-Identifier: Apache-2.0
#include "api/core.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "api/options_text.hpp"
#include "base/request_id.hpp"
#include "engine/limit_entries.hpp"
#include "json/document.hpp"

namespace weir::api {
namespace {

Admission::Limits admission_limits(const config::Config& config) {
  return {.in_flight_max = config.limits.max_inflight,
          .waiting_max = config.limits.queue_length,
          .wait_max = config.limits.queue_wait};
}

/// What a thread waits for that made a blocking call.
template <class T>
class Awaited {
 public:
  void set(Result<T> outcome) {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
    is_set_.notify_one();
  }
  Result<T> get() {
    std::unique_lock lock(mutex_);
    is_set_.wait(lock, [&] { return outcome_.has_value(); });
    return *std::move(outcome_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable is_set_;
  std::optional<Result<T>> outcome_;
};

std::uint64_t random_seed() {
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32) | entropy();
}

Error closing() { return {ErrorCode::draining, "the gateway is being closed"}; }

Error no_such_provider(std::string_view name) {
  return {ErrorCode::model_unavailable, "there is no provider '" + std::string(name) + "'"};
}

}  // namespace

Result<> may_block() {
  if (!Lane::is_current_thread()) return {};
  return Error(
      ErrorCode::invalid_request,
      "a thread of the gateway can't wait for the gateway; use the calls that do not block");
}

// ---- from start to end ----------------------------------------------------------------------

Core::Core(config::Environment environment, const config::Config& config, int provider_threads)
    : environment_(std::move(environment)),
      seed_(random_seed()),
      gate_({.seed = seed_}),
      limits_(wall_),
      admission_(admission_limits(config)),
      drain_timeout_(config.drain_timeout),
      embedded_(static_cast<std::size_t>(std::max(1, provider_threads))),
      lane_context_{
          .engine = {wall_, gate_, tls_, &limits_},
          .embedded = embedded_,
          .admission = admission_,
          .figures = figures_,
          .reader_stall_max = config.timeouts.in_force(config::Timeout::client_write_stall, false),
          .on_call_end = [this] { end_call(); }},
      detection_({wall_, gate_, tls_}, seed_,
                 [this](config::DetectedModels detected) { adopt(std::move(detected)); }) {}

Result<std::unique_ptr<Core>> Core::make(config::Config config, config::Environment environment,
                                         Implementations implementations, int provider_threads) {
  std::unique_ptr<Core> core(new Core(std::move(environment), config, provider_threads));
  for (auto& [name, provider] : implementations) core->embedded_.set(name, std::move(provider));
  {
    const std::lock_guard one_at_a_time(core->change_mutex_);
    WEIR_TRY_ASSIGN(snapshot, core->make_snapshot(config));
    core->publish(std::move(snapshot));
  }
  WEIR_TRY(core->start_lanes(config));
  return core;
}

Result<> Core::start_lanes(const config::Config& config) {
  const std::size_t count = config.threads > 0 ? static_cast<std::size_t>(config.threads)
                                               : std::max(1U, std::thread::hardware_concurrency());
  std::vector<pipeline::Journal*> journals(count, nullptr);
  if (!config.data_dir.empty()) {
    WEIR_TRY_ASSIGN(books, Books::open(config, wall_));
    books_ = std::move(books);
    for (pipeline::Journal*& journal : journals) journal = &books_->add_thread(random_seed());
    WEIR_TRY(books_->start(limits_));
  }
  for (std::size_t i = 0; i < count; ++i) {
    lanes_.push_back(std::make_unique<Lane>(lane_context_, seed_ + i, journals[i]));
  }
  return {};
}

Core::~Core() {
  detection_.stop();
  detection_.join();
  std::unique_lock lock(calls_mutex_);
  const auto have_ended = [&] { return calls_ == 0; };
  const bool is_drained = calls_ended_.wait_for(lock, drain_timeout_, have_ended);
  // A provider of the user's may make calls itself: from here on it gets none.
  is_closing_ = true;
  if (!is_drained) {
    for (auto& lane : lanes_) lane->cancel_all();
    calls_ended_.wait(lock, have_ended);
  }
  lock.unlock();
  embedded_.threads().finish();
  for (auto& lane : lanes_) lane->finish();
  for (auto& lane : lanes_) lane->join();
  if (books_) books_->stop();
}

bool Core::count_call() {
  const std::lock_guard lock(calls_mutex_);
  if (is_closing_) return false;
  ++calls_;
  return true;
}

void Core::end_call() {
  const std::lock_guard lock(calls_mutex_);
  if (--calls_ == 0) calls_ended_.notify_all();
}

// ---- calls ----------------------------------------------------------------------------------

Lane& Core::next_lane() { return *lanes_[turn_.load(std::memory_order_relaxed) % lanes_.size()]; }

void Core::prepare(Job& job, CallOptions options) {
  job.options = std::move(options);
  SeededRandom random(seed_ ^ turn_.fetch_add(1, std::memory_order_relaxed));
  job.request_id = make_request_id(wall_.unix_ms(), random);
  const std::lock_guard lock(mutex_);
  job.snapshot = snapshot_;
  if (job.options.prefer.empty() && !default_provider_.empty()) {
    job.options.prefer.push_back(default_provider_);
  }
}

CallHandle Core::start_chat(ChatRequest request, CallOptions options,
                            Completion<ChatResponse> done) {
  auto job = std::make_shared<ChatJob>();
  prepare(*job, std::move(options));
  job->request = std::move(request);
  job->done = std::move(done);
  CallHandle handle(job->control);
  if (count_call()) {
    next_lane().start_chat(std::move(job));
  } else {
    job->done(closing());
  }
  return handle;
}

CallHandle Core::start_embed(EmbeddingRequest request, CallOptions options,
                             Completion<EmbeddingResponse> done) {
  auto job = std::make_shared<EmbedJob>();
  prepare(*job, std::move(options));
  job->request = std::move(request);
  job->done = std::move(done);
  CallHandle handle(job->control);
  if (count_call()) {
    next_lane().start_embed(std::move(job));
  } else {
    job->done(closing());
  }
  return handle;
}

ChatStream Core::open_stream(ChatRequest request, CallOptions options) {
  auto job = std::make_shared<ChatJob>();
  prepare(*job, std::move(options));
  job->request = std::move(request);
  job->queue = std::make_shared<StreamQueue>();
  ChatStream stream(job->queue, CallHandle(job->control));
  if (count_call()) {
    next_lane().start_chat(std::move(job));
  } else {
    job->queue->finish(closing());
  }
  return stream;
}

Result<ChatResponse> Core::chat(ChatRequest request, CallOptions options) {
  WEIR_TRY(may_block());
  // Shared: the thread that sets it may still be about to let go when the waiter has its answer.
  auto awaited = std::make_shared<Awaited<ChatResponse>>();
  start_chat(std::move(request), std::move(options),
             [awaited](Result<ChatResponse> outcome) { awaited->set(std::move(outcome)); });
  return awaited->get();
}

Result<EmbeddingResponse> Core::embed(EmbeddingRequest request, CallOptions options) {
  WEIR_TRY(may_block());
  auto awaited = std::make_shared<Awaited<EmbeddingResponse>>();
  start_embed(std::move(request), std::move(options),
              [awaited](Result<EmbeddingResponse> outcome) { awaited->set(std::move(outcome)); });
  return awaited->get();
}

Result<ChatResponse> Core::stream(ChatRequest request, const StreamHandler& on_piece,
                                  CallOptions options) {
  WEIR_TRY(may_block());
  ChatStream stream = open_stream(std::move(request), std::move(options));
  for (const StreamPiece& piece : stream) on_piece(piece);
  return stream.finish();
}

Result<> Core::connect(const std::vector<std::string>& names) {
  WEIR_TRY(may_block());
  const auto snapshot = this->snapshot();
  for (const std::string& name : names) {
    if (!snapshot->config().find_provider(name)) return no_such_provider(name);
  }
  Result<> first;
  const auto note = [&first](Result<> connected) {
    if (!connected && first) first = std::move(connected);
  };
  std::vector<std::shared_ptr<Awaited<void>>> under_way;
  for (const auto& upstream : snapshot->upstreams()) {
    const bool is_wanted =
        names.empty() || std::find(names.begin(), names.end(), upstream->name) != names.end();
    if (!is_wanted) continue;
    if (const auto own = embedded_.find(upstream->name)) {
      auto awaited = std::make_shared<Awaited<void>>();
      under_way.push_back(awaited);
      embedded_.threads().run([own, awaited] { awaited->set(own->connect()); });
    } else if (!upstream->is_mock) {
      for (auto& lane : lanes_) {
        if (!count_call()) return closing();
        auto awaited = std::make_shared<Awaited<void>>();
        under_way.push_back(awaited);
        lane->start_warming(upstream, [awaited](Result<> done) { awaited->set(std::move(done)); });
      }
    }
  }
  for (const auto& awaited : under_way) note(awaited->get());
  return first;
}

Result<std::string> Core::direct_model(const std::string& provider, std::string_view model) const {
  const auto snapshot = this->snapshot();
  const auto index = snapshot->config().find_provider(provider);
  if (!index) return no_such_provider(provider);
  if (model.starts_with(provider + "/")) return std::string(model);
  if (!model.empty()) return provider + "/" + std::string(model);
  const config::ProviderConfig& entry = snapshot->config().providers[*index];
  if (!entry.spec->default_model.empty()) {
    return provider + "/" + std::string(entry.spec->default_model);
  }
  const auto known = snapshot->resolver().models_of(*index);
  if (!known.empty()) return provider + "/" + known.front();
  // One that answers by itself takes any name.
  if (entry.mock) return provider + "/" + provider;
  return Error(ErrorCode::model_unavailable, "say which model of " + provider, "model");
}

// ---- configuration --------------------------------------------------------------------------

std::shared_ptr<const engine::Snapshot> Core::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

Result<> Core::change(const Change& change, const Implementations& added) {
  const std::lock_guard one_at_a_time(change_mutex_);
  const auto previous = snapshot();
  config::Config config = previous->config();
  WEIR_TRY(change(config));
  WEIR_TRY_ASSIGN(made, make_snapshot(std::move(config)));
  for (const auto& [name, provider] : added) embedded_.set(name, provider);
  publish(std::move(made));
  return {};
}

Result<std::shared_ptr<const engine::Snapshot>> Core::make_snapshot(config::Config config) {
  std::vector<config::Problem> problems;
  auto resolver = config::Resolver::make(std::make_shared<const config::Config>(std::move(config)),
                                         detected_, problems);
  if (!resolver) {
    std::string text;
    for (const auto& problem : problems) text += problem.message() + "\n";
    return Error(ErrorCode::invalid_request, std::move(text));
  }
  const auto previous = snapshot();
  return engine::Snapshot::make(std::move(resolver), environment_, gate_, previous.get());
}

void Core::publish(std::shared_ptr<const engine::Snapshot> snapshot) {
  std::set<std::string, std::less<>> names;
  for (const auto& upstream : snapshot->upstreams()) names.insert(upstream->name);
  gate_.keep_only(names);
  set_limits(snapshot->config());
  // What a provider told goes with its entry.
  std::erase_if(detected_, [&](const auto& entry) { return !names.contains(entry.first); });
  detection_.set_snapshot(snapshot);
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

void Core::adopt(config::DetectedModels detected) {
  const std::lock_guard one_at_a_time(change_mutex_);
  std::swap(detected_, detected);
  auto made = make_snapshot(snapshot()->config());
  if (made) return publish(*std::move(made));
  // A route names a model that is listed nowhere any more: what was known goes on to count.
  std::swap(detected_, detected);
}

/// Who calls the library has no key.
void Core::set_limits(const config::Config& config) {
  limits_.set_line_length(config.limits.queue_length);
  limits_.set_default_output_reservation(config.limits.default_output_reservation);
  limits_.configure(engine::limit_entries(config, [](const config::Secret&) { return ""; }),
                    std::chrono::steady_clock::now());
}

Result<> Core::remove_provider(std::string_view name) {
  WEIR_TRY(change([&](config::Config& config) -> Result<> {
    const auto index = config.find_provider(name);
    if (!index) return no_such_provider(name);
    config.providers.erase(config.providers.begin() + static_cast<std::ptrdiff_t>(*index));
    return {};
  }));
  embedded_.remove(name);
  const std::lock_guard lock(mutex_);
  if (default_provider_ == name) default_provider_.clear();
  return {};
}

Result<> Core::set_default_provider(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (!snapshot_->config().find_provider(name)) return no_such_provider(name);
  default_provider_ = name;
  return {};
}

LedgerStatistics Core::ledger() const { return books_ ? books_->statistics() : LedgerStatistics(); }

std::map<std::string, ProviderHealth> Core::health() const {
  std::map<std::string, ProviderHealth> health;
  for (const auto& upstream : snapshot()->upstreams()) {
    health.emplace(upstream->name, health_of(*upstream->counters));
  }
  using State = policy::CircuitBreaker::State;
  for (const auto& status : gate_.status(std::chrono::steady_clock::now())) {
    const bool is_open =
        status.circuit.state == State::open || status.circuit.state == State::forced_open;
    const auto found = health.find(status.name);
    if (is_open && found != health.end()) found->second.state = HealthState::cut_off;
  }
  return health;
}

// ---- tools ----------------------------------------------------------------------------------

Result<> Core::register_tool(RegisteredTool tool) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  constexpr std::size_t name_bytes_max = 64;  // what all providers take
  const std::string& name = tool.spec.name;
  if (name.empty() || name.size() > name_bytes_max ||
      !std::all_of(name.begin(), name.end(), is_allowed)) {
    return Error(ErrorCode::invalid_request, "a tool's name is up to 64 letters, digits, _ and -",
                 "name");
  }
  if (tool.spec.parameters.empty()) tool.spec.parameters = R"({"type":"object","properties":{}})";
  json::Document document;
  if (!document.parse(tool.spec.parameters) || !document.root().is_object()) {
    return Error(ErrorCode::invalid_request, "must be a JSON Schema object", "parameters");
  }
  const std::lock_guard lock(mutex_);
  if (tools_.contains(name)) {
    return Error(ErrorCode::invalid_request, "there is a tool of this name already", "name");
  }
  tools_.emplace(name, std::move(tool));
  return {};
}

bool Core::remove_tool(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = tools_.find(name);
  if (found == tools_.end()) return false;
  tools_.erase(found);
  return true;
}

std::map<std::string, RegisteredTool, std::less<>> Core::tools() const {
  const std::lock_guard lock(mutex_);
  return tools_;
}

}  // namespace weir::api
