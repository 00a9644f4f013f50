// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "pipeline/attempt_loop.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/relay.hpp"

/// The attempt loop on virtual time, with upstreams that follow a script. Nothing sleeps.
namespace weir::pipeline {

using namespace std::chrono_literals;
using net::TimePoint;

/// Time that passes only when it is told to.
class VirtualLoop final : public net::Loop {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  void arm_coarse(net::Alarm& alarm, TimePoint when) override {
    armed_[&alarm] = when;
    claim(alarm);
  }
  void arm_exact(net::Alarm& alarm, TimePoint when) override { arm_coarse(alarm, when); }
  void disarm(net::Alarm& alarm) noexcept override {
    armed_.erase(&alarm);
    release(alarm);
  }
  void post(std::function<void()> work) override { work(); }

  /// Lets time pass until nothing is due any more, or until `until`.
  void run(TimePoint until = TimePoint::max()) {
    for (;;) {
      const auto due =
          std::min_element(armed_.begin(), armed_.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      if (due == armed_.end() || due->second > until) break;
      now_ = std::max(now_, due->second);
      net::Alarm& alarm = *due->first;
      disarm(alarm);
      fire(alarm);
    }
    if (until != TimePoint::max()) now_ = std::max(now_, until);
  }
  void run_for(net::Duration time) { run(now_ + time); }
  [[nodiscard]] bool is_idle() const { return armed_.empty(); }

 private:
  TimePoint now_{1h};
  std::map<net::Alarm*, TimePoint> armed_;
};

/// What an upstream does with one request.
struct Script {
  struct Piece {
    net::Duration after{};
    std::string bytes = {};
    bool is_last = false;
    net::ExchangeError error = net::ExchangeError::none;
  };
  int status = 200;
  std::string content_type = "text/event-stream";
  std::string retry_after = {};
  net::Duration head_after{};
  net::ExchangeError send_error = net::ExchangeError::none;
  net::Duration sent_after{};      ///< before that it has not the whole request
  std::vector<Piece> pieces = {};  ///< behind the last: silence
};

class ScriptedExchange final : public net::Exchange, private net::Cancellable {
 public:
  ScriptedExchange(VirtualLoop& loop, net::Cancellation& cancellation, Script script, int& open)
      : loop_(loop), script_(std::move(script)), open_(open) {
    ++open_;
    if (cancellation.is_cancelled()) {
      ended_.cancel();
    } else {
      cancellation.add(*this);
    }
  }
  ~ScriptedExchange() override { --open_; }

  net::Task<net::ExchangeResult> send(std::string_view, std::string_view, std::string_view,
                                      const net::ExchangeTimeouts& timeouts,
                                      const net::ExchangeLimits&) override {
    const bool is_late =
        timeouts.first_byte > net::Duration::zero() && timeouts.first_byte < script_.head_after;
    const net::Duration time = is_late ? timeouts.first_byte : script_.head_after;
    net::Sleep pause(loop_, loop_.now() + time, ended_);
    const bool has_waited = co_await pause;
    net::ExchangeResult result;
    result.error = script_.send_error;
    if (is_late) result.error = net::ExchangeError::timeout_sent;
    if (!has_waited) result.error = net::ExchangeError::cancelled;
    head_.status = script_.status;
    head_.fields.add({"content-type", script_.content_type});
    if (!script_.retry_after.empty()) head_.fields.add({"retry-after", script_.retry_after});
    co_return result;
  }
  [[nodiscard]] bool is_sent() const override {
    return loop_.now() >= started_ + script_.sent_after;
  }
  [[nodiscard]] const net::http::ResponseHead& head() const override { return head_; }

  net::Task<Piece> read(net::Duration timeout) override {
    Piece piece;
    const bool is_silent = next_ == script_.pieces.size();
    const net::Duration after = is_silent ? net::Duration(24h) : script_.pieces[next_].after;
    const bool is_late = timeout > net::Duration::zero() && timeout < after;
    net::Sleep pause(loop_, loop_.now() + (is_late ? timeout : after), ended_);
    const bool has_waited = co_await pause;
    if (!has_waited) {
      piece.error = net::ExchangeError::cancelled;
    } else if (is_late || is_silent) {
      piece.error = net::ExchangeError::stalled;
    } else {
      const Script::Piece& scripted = script_.pieces[next_++];
      piece = {scripted.bytes, scripted.is_last, scripted.error};
    }
    co_return piece;
  }
  void finish(net::Duration) override {}
  void close() override { ended_.cancel(); }

 private:
  void on_cancel() override { ended_.cancel(); }

  VirtualLoop& loop_;
  Script script_;
  int& open_;
  TimePoint started_ = loop_.now();
  net::Cancellation ended_;
  net::http::ResponseHead head_;
  std::size_t next_ = 0;
};

/// A gate that refuses what it is told to, and counts.
class OpenGate final : public TargetGate {
 public:
  Permit permit(const Target& target, TimePoint) override {
    Permit permit;
    permit.is_granted = !refused.contains(target.name + target.upstream->key_name);
    if (permit.is_granted) {
      ++granted;
    } else {
      permit.reason = "off after failures";
      permit.remaining = 3s;
    }
    return permit;
  }
  milliseconds refused_for(const Target& target, TimePoint) override {
    return refused.contains(target.name) ? milliseconds(3s) : milliseconds(0);
  }
  void note_first_content(const Target&, Permit&, net::Duration, TimePoint) override {}
  void report(const Target&, const Permit&, const policy::Classified& verdict, TimePoint) override {
    ++reported;
    latest_wait = verdict.wait;
  }
  bool may_retry(const Upstream&, TimePoint) override { return retries_left-- > 0; }
  void note_first_visit(const Upstream&, TimePoint) override { ++first_visits; }

  std::set<std::string> refused;
  int retries_left = 1'000'000;
  int granted = 0;
  int reported = 0;
  int first_visits = 0;
  std::optional<milliseconds> latest_wait;  ///< that an attempt was reported with
};

/// The client: keeps what it gets, with the time.
class RecordingChannel final : public ClientChannel {
 public:
  explicit RecordingChannel(VirtualLoop& loop) : loop_(loop) {}
  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    status_ = status;
    fields_ = fields;
    text.append(body);
    end_here();
    co_return !is_gone;
  }
  net::Task<bool> begin(int status, std::string_view fields) override {
    status_ = status;
    fields_ = fields;
    begun_at = loop_.now();
    co_return !is_gone;
  }
  net::Task<bool> write(std::string_view bytes) override {
    EXPECT_FALSE(is_writing_) << "two write at the same time";
    if (write_takes > net::Duration::zero()) {
      is_writing_ = true;
      net::Cancellation never;
      net::Sleep pause(loop_, loop_.now() + write_takes, never);
      static_cast<void>(co_await pause);
      is_writing_ = false;
    }
    text.append(bytes);
    writes.emplace_back(loop_.now(), bytes);
    co_return !is_gone;
  }
  net::Task<bool> end() override {
    end_here();
    co_return !is_gone;
  }
  [[nodiscard]] std::string field(std::string_view name) const {
    const std::size_t at = fields_.find(std::string(name) + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 2;
    return fields_.substr(begin, fields_.find("\r\n", begin) - begin);
  }
  [[nodiscard]] int status() const { return status_; }

  std::string text;
  std::vector<std::pair<TimePoint, std::string>> writes;
  std::optional<TimePoint> begun_at;
  net::Duration write_takes{};
  bool is_ended = false;
  bool is_gone = false;
  std::function<void()> on_end = [] {};  ///< as the last byte is taken

 private:
  void end_here() {
    is_ended = true;
    on_end();
  }

  VirtualLoop& loop_;
  int status_ = 0;
  std::string fields_;
  bool is_writing_ = false;
};

/// A chat of OpenAI's dialect to targets of any.
class PlainOperation final : public Operation {
 public:
  [[nodiscard]] std::optional<Lack> lacks(const Target&) const override { return {}; }
  [[nodiscard]] bool is_uncertain(const Target& target) const override {
    return target.name == uncertain;
  }
  Result<Outgoing> prepare(const Target& target) override {
    asked.push_back(target.name + target.upstream->key_name);
    return outgoing();
  }
  Result<Outgoing> prepare_prefilled(const Target& target, const StreamSoFar& begun) override {
    asked.push_back(target.name + " prefilled: " + begun.text);
    thoughts.push_back(begun.others);
    return outgoing();
  }
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override {
    const RelayOptions options{.client = client,
                               .upstream = target.dialect,
                               .request_id = "req_1",
                               .model = "m",
                               .created = 7,
                               .keeps_text = joins};
    return target.dialect == client ? make_passthrough_relay(options)
                                    : make_translating_relay(options);
  }
  [[nodiscard]] bool is_stream() const override { return streams; }
  [[nodiscard]] std::string_view media_type() const override {
    return streams ? codec_of(client).stream_media_type : "application/json";
  }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return output_wanted; }
  [[nodiscard]] bool may_limit_output() const override { return limits_output; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override { return 100; }
  [[nodiscard]] std::int64_t windows() const override { return context_windows; }
  [[nodiscard]] std::uint64_t prefix_hash() const override { return prefix; }
  [[nodiscard]] bool is_joinable() const override { return joins; }
  [[nodiscard]] bool is_pinned() const override { return pins; }
  [[nodiscard]] SealFate seal_fate(const Target& target) const override {
    return is_sealed && target.upstream->name != reader ? SealFate::dropped : SealFate::read;
  }
  bool drop_seals() override { return std::exchange(is_sealed, false); }

  static Outgoing outgoing() {
    Outgoing request;
    request.path = "/chat";
    request.body = "{}";
    return request;
  }

  std::vector<std::string> thoughts;  ///< that came with each begun answer
  std::vector<std::string> asked;
  wire::Dialect client = wire::Dialect::openai_chat;
  bool streams = true;
  bool joins = true;
  bool pins = false;
  bool is_sealed = false;  ///< by the provider `reader`
  std::string reader;
  std::int64_t output_wanted = 0;
  std::int64_t context_windows = 0;
  bool limits_output = false;
  std::string uncertain{};  ///< name of a target that may lack something
  std::uint64_t prefix = 0;
};

/// A frame of OpenAI's stream.
inline std::string said(std::string_view text) {
  return R"(data: {"id":"c1","object":"chat.completion.chunk","created":5,"model":"up","choices":[)"
         R"({"index":0,"delta":{"content":")" +
         std::string(text) + R"("},"finish_reason":null}]})" + "\n\n";
}
inline std::string stopped() {
  return R"(data: {"id":"c1","object":"chat.completion.chunk","created":5,"model":"up","choices":[)"
         R"({"index":0,"delta":{},"finish_reason":"stop"}]})"
         "\n\n"
         R"(data: {"id":"c1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4}})"
         "\n\ndata: [DONE]\n\n";
}
inline std::string whole_answer(std::string_view text) {
  return R"({"id":"c1","object":"chat.completion","created":5,"model":"up","choices":[{"index":0,)"
         R"("message":{"role":"assistant","content":")" +
         std::string(text) +
         R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":4}})";
}

// Scripts of the usual.

inline Script answers(std::string_view text, net::Duration after = 0ms) {
  return {.pieces = {{after, said(text)}, {0ms, stopped(), true}}};
}
inline Script answers_whole(std::string_view text, net::Duration after = 0ms) {
  return {.content_type = "application/json",
          .head_after = after,
          .pieces = {{0ms, whole_answer(text), true}}};
}
inline Script refuses(int status, std::string retry_after = {}) {
  return {.status = status,
          .content_type = "application/json",
          .retry_after = std::move(retry_after),
          .pieces = {{0ms, R"({"error":{"message":"no"}})", true}}};
}
inline Script fails_to_connect() { return {.send_error = net::ExchangeError::connect}; }
inline Script stays_silent() { return {.head_after = 23h}; }

/// One request over a route of targets that are made as they are named.
class Rig : private ExchangeFactory, private WallClock {
 public:
  Rig() : random_(1), route_(std::make_shared<Route>()) {
    route_->name = "r";
    route_->steps.emplace_back();
    route_->stream.early_commit.reset();
  }

  /// Adds a target of the provider that its name begins with.
  Target& add(const std::string& name, std::vector<Script> scripts = {}, std::string key = {}) {
    auto upstream = std::make_shared<Upstream>();
    upstream->name = name.substr(0, name.find('/'));
    upstream->type = "openai";
    upstream->key_name = std::move(key);
    auto target = std::make_shared<Target>();
    target->name = name;
    target->name_hash = hash_of(name);
    target->upstream = upstream;
    scripts_[name + upstream->key_name] = {scripts.begin(), scripts.end()};
    if (upstream->key_name.empty() || route().steps.back().targets.empty()) {
      route_->steps.back().targets.push_back(target);
    } else {
      target->counters = route_->steps.back().targets.back()->counters;
      const_cast<Target&>(*route_->steps.back().targets.back()).other_keys.push_back(target);
    }
    targets_.push_back(target);
    return *target;
  }
  [[nodiscard]] Route& route() { return *route_; }
  [[nodiscard]] Upstream& upstream(std::size_t index) {
    return const_cast<Upstream&>(*targets_[index]->upstream);
  }

  /// Starts the request; the answer comes as time passes.
  void start(CallOptions options = {}) {
    call_ = std::make_unique<Call>(Call{.loop = loop,
                                        .cancellation = cancellation,
                                        .request_id = "req_1",
                                        .route = route_,
                                        .options = std::move(options)});
    delivery_.emplace(channel, operation.client, call_->request_id);
    ExchangeFactory& exchanges = *this;
    const WallClock& wall = *this;
    loop_under_test_.emplace(exchanges, gate, wall, random_, AttemptLimits{}, accounting);
    tasks_.spawn(serve());
  }
  /// The program ends the call, as it does with those that its own end leaves no time for.
  void shut_down() {
    call_->cut_short = std::make_shared<const Error>(shutdown_error());
    cancellation.cancel();
  }
  CallResult& finish(CallOptions options = {}) {
    start(std::move(options));
    loop.run();
    EXPECT_TRUE(result) << "the request has not ended";
    EXPECT_EQ(gate.granted, gate.reported) << "I-2: a permit was kept";
    EXPECT_EQ(open_exchanges, 0);
    return *result;
  }
  Call& call() { return *call_; }

  VirtualLoop loop;
  OpenGate gate;
  RecordingChannel channel{loop};
  PlainOperation operation;
  net::Cancellation cancellation;
  std::optional<CallResult> result;
  std::optional<TimePoint> ended_at;
  Accounting* accounting = nullptr;
  int open_exchanges = 0;

 private:
  net::Task<void> serve() {
    CallResult ending;
    co_await loop_under_test_->run(*call_, operation, *delivery_, ending);
    result = std::move(ending);
    ended_at = loop.now();
  }
  std::unique_ptr<net::Exchange> make(const Target& target, net::Cancellation& attempt) override {
    auto& scripts = scripts_[target.name + target.upstream->key_name];
    Script script;
    if (!scripts.empty()) script = scripts.front();
    if (scripts.size() > 1) scripts.pop_front();
    return std::make_unique<ScriptedExchange>(loop, attempt, std::move(script), open_exchanges);
  }
  [[nodiscard]] std::int64_t unix_ms() const override {
    return std::chrono::duration_cast<milliseconds>(loop.now().time_since_epoch()).count();
  }

  SeededRandom random_;
  std::shared_ptr<Route> route_;
  std::vector<std::shared_ptr<Target>> targets_;
  std::map<std::string, std::deque<Script>> scripts_;
  std::unique_ptr<Call> call_;
  std::optional<Delivery> delivery_;
  std::optional<AttemptLoop> loop_under_test_;
  net::TaskSet tasks_;
};

}  // namespace weir::pipeline
