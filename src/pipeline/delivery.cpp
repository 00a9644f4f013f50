// SPDX-License-Identifier: Apache-2.0
#include "pipeline/delivery.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "net/http/head_writer.hpp"
#include "wire/error_writer.hpp"

namespace weir::pipeline {
namespace {

/// 429, 503 and 529 always say when to come back, also where the upstream did not.
constexpr std::chrono::milliseconds retry_after_default{1'000};

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    if (!out.empty()) out.append(", ");
    out.append(name);
  }
  return out;
}

/// L-10. Source: draft-ietf-httpapi-ratelimit-headers-10.
void append_limit(std::string& out, const ExceededLimit& limit) {
  const std::string name = "\"" + limit.scope + "-" + limit.unit + "\"";
  std::string policy = name + ";q=" + std::to_string(limit.limit);
  if (limit.window.count() > 0) policy.append(";w=").append(std::to_string(limit.window.count()));
  const auto reset = std::chrono::ceil<std::chrono::seconds>(limit.reset).count();
  net::http::append_field(out, "ratelimit-policy", policy);
  net::http::append_field(
      out, "ratelimit", name + ";r=" + std::to_string(limit.left) + ";t=" + std::to_string(reset));
}

void append_if_set(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) net::http::append_field(out, name, value);
}

}  // namespace

std::string_view heartbeat_of(wire::Dialect dialect, std::string_view media_type) noexcept {
  if (media_type != "text/event-stream") return {};
  // Anthropic's clients know an event for this; to all others a comment is invisible.
  if (dialect == wire::Dialect::anthropic) return "event: ping\ndata: {\"type\":\"ping\"}\n\n";
  return ": \n\n";
}

void append_request_id(std::string& fields, wire::Dialect dialect, std::string_view request_id) {
  net::http::append_field(fields, "x-weir-request-id", request_id);
  const bool is_anthropic = dialect == wire::Dialect::anthropic;
  net::http::append_field(fields, is_anthropic ? "request-id" : "x-request-id", request_id);
}

int describe_error(const Error& error, wire::Dialect dialect, std::string_view request_id,
                   std::string& fields, std::string& body) {
  const int status = wire::status_of(dialect, error);
  std::optional<std::chrono::milliseconds> wait = error.retry_after;
  const bool is_passing = status == 429 || status == 503 || status == 529;
  if (!wait && is_passing && traits(error.code).retryable) wait = retry_after_default;
  if (wait) {
    const auto seconds = (wait->count() + 999) / 1000;
    net::http::append_field(fields, "retry-after", static_cast<std::uint64_t>(seconds));
  }
  if (error.exceeded != nullptr) append_limit(fields, *error.exceeded);
  // An SDK that retries what the gateway has already retried multiplies the load.
  const bool should_retry = wait && traits(error.code).retryable;
  net::http::append_field(fields, "x-should-retry", should_retry ? "true" : "false");
  wire::append_error_body(body, dialect, error, request_id);
  return status;
}

void Delivery::start_fields(std::string_view media_type, const AnswerNotes& notes) {
  fields_.clear();
  fields_.reserve(384);
  using net::http::append_field;
  append_field(fields_, "content-type", media_type);
  append_request_id(fields_, dialect_, request_id_);
  append_if_set(fields_, "x-weir-target", notes.target);
  append_field(fields_, "x-weir-attempts", static_cast<std::uint64_t>(notes.attempts));
  append_if_set(fields_, "x-weir-cost", notes.cost);
  append_if_set(fields_, "x-weir-dropped", joined(notes.dropped));
  append_if_set(fields_, "x-weir-warning", joined(notes.warnings));
  append_if_set(fields_, "allow", notes.allow);
  append_if_set(fields_, "x-weir-explain", notes.explanation);
}

net::Task<bool> Delivery::whole(int status, std::string_view media_type, const AnswerNotes& notes,
                                std::string_view body) {
  WEIR_ASSERT(state_ == State::open);
  state_ = State::done;
  start_fields(media_type, notes);
  return channel_.respond(status, fields_, body);
}

net::Task<bool> Delivery::begin(std::string_view media_type, const AnswerNotes& notes, int status) {
  start_fields(media_type, notes);
  fields_.append("cache-control: no-cache\r\n");
  const bool is_taken = co_await channel_.begin(status, fields_);
  co_return is_taken;
}

net::Task<bool> Delivery::commit(std::string_view media_type, const AnswerNotes& notes,
                                 std::string_view first, int status) {
  if (is_sending_) co_await Turn{*this};
  if (state_ == State::streaming) {  // what was held back went out meanwhile
    if (first.empty()) co_return !is_gone_;
    const bool is_more_taken = co_await more(first);
    co_return is_more_taken;
  }
  WEIR_ASSERT(may_fail_over());
  const Writing writing(*this);
  const bool is_early = state_ == State::early;
  state_ = State::streaming;
  is_holding_ = false;
  bool is_taken = !is_gone_;
  if (is_taken && !is_early) is_taken = co_await begin(media_type, notes, status);
  if (is_taken && !held_.empty()) is_taken = co_await channel_.write(held_);
  held_.clear();
  if (is_taken && !first.empty()) is_taken = co_await channel_.write(first);
  if (loop_ != nullptr) {
    sent_at_ = loop_->now();
    if (!is_armed()) arm();
  }
  co_return is_taken;
}

net::Task<bool> Delivery::more(std::string_view bytes) {
  WEIR_ASSERT(state_ == State::streaming);
  if (is_sending_) return more_in_turn(bytes);
  if (is_gone_) return net::Task<bool>::ready(false);
  net::Task<bool> sending = channel_.write(bytes);
  if (!sending.is_ready()) return more_later(std::move(sending));
  if (loop_ != nullptr) sent_at_ = loop_->now();
  return sending;
}

net::Task<bool> Delivery::more_in_turn(std::string_view bytes) {
  co_await Turn{*this};
  const bool is_taken = co_await more(bytes);
  co_return is_taken;
}

net::Task<bool> Delivery::more_later(net::Task<bool> sending) {
  const Writing writing(*this);
  const bool is_taken = co_await std::move(sending);
  if (loop_ != nullptr) sent_at_ = loop_->now();
  co_return is_taken;
}

net::Task<bool> Delivery::finish(std::string_view last) {
  WEIR_ASSERT(state_ == State::streaming);
  if (is_sending_) co_await Turn{*this};
  state_ = State::done;
  bool is_taken = !is_gone_;
  if (is_taken && !last.empty()) is_taken = co_await channel_.write(last);
  if (is_taken) is_taken = co_await channel_.end();
  co_return is_taken;
}

net::Task<bool> Delivery::fail_early(std::string_view frame) {
  if (is_sending_) co_await Turn{*this};
  WEIR_ASSERT(state_ == State::early);
  state_ = State::streaming;
  const bool is_taken = co_await finish(frame);
  co_return is_taken;
}

net::Task<bool> Delivery::refuse(const Error& error, const AnswerNotes& notes) {
  WEIR_ASSERT(state_ == State::open);
  state_ = State::done;
  start_fields("application/json", notes);
  std::string body;
  const int status = describe_error(error, dialect_, request_id_, fields_, body);
  if (error_body_ == ErrorBody::array) body.insert(0, 1, '[').push_back(']');
  const bool is_taken = co_await channel_.respond(status, fields_, body);
  co_return is_taken;
}

// ---- by the clock -----------------------------------------------------------------------------

void Delivery::keep_alive(net::Loop& loop, const Pacing& pacing, std::string_view media_type) {
  loop_ = &loop;
  pacing_ = pacing;
  media_type_ = media_type;
  sent_at_ = loop.now();
  if (!channel_.takes_heartbeats()) pacing_ = {.early_commit = {}, .heartbeat = {}};
  arm();
}

Delivery::Turn Delivery::quiet() {
  disarm();
  loop_ = nullptr;
  return {*this};
}

void Delivery::hold(AnswerNotes notes, std::string_view bytes, std::chrono::milliseconds longest) {
  WEIR_ASSERT(loop_ != nullptr);
  WEIR_ASSERT(may_fail_over());
  held_.append(bytes);
  if (is_holding_) return;
  is_holding_ = true;
  held_notes_ = std::move(notes);
  hold_until_ = loop_->now() + longest;
  arm();
}

net::Task<bool> Delivery::release() {
  const bool is_taken = co_await commit(media_type_, held_notes_, {});
  co_return is_taken;
}

void Delivery::drop_held() {
  is_holding_ = false;
  held_.clear();
}

/// Nothing is armed anew for what is sent: an alarm that comes too early looks and waits on.
void Delivery::arm() {
  if (loop_ == nullptr || state_ == State::done) return;
  std::optional<net::TimePoint> when;
  if (state_ == State::open) {
    if (pacing_.early_commit) when = sent_at_ + *pacing_.early_commit;
  } else if (pacing_.heartbeat.count() > 0) {
    when = sent_at_ + pacing_.heartbeat;
  }
  if (is_holding_ && (!when || hold_until_ < *when)) when = hold_until_;
  if (when) loop_->arm_coarse(*this, *when);
}

void Delivery::on_alarm() {
  const net::TimePoint now = loop_->now();
  if (is_sending_ || state_ == State::done) return;
  // A connection takes one write at a time, and who takes nothing needs no sign of life.
  if (is_writing_) sent_at_ = now;
  if (is_holding_ && now >= hold_until_) return static_cast<void>(send_by_clock(send_held()));
  if (state_ == State::open && pacing_.early_commit && now >= sent_at_ + *pacing_.early_commit) {
    return static_cast<void>(send_by_clock(send_early()));
  }
  const std::string_view heartbeat = heartbeat_of(dialect_, media_type_);
  const bool is_silent = state_ != State::open && now >= sent_at_ + pacing_.heartbeat;
  if (is_silent && !heartbeat.empty() && pacing_.heartbeat.count() > 0) {
    return static_cast<void>(send_by_clock(channel_.write(heartbeat)));
  }
  if (is_silent) sent_at_ = now;  // nothing may be sent: look again later
  arm();
}

Background Delivery::send_by_clock(net::Task<bool> sending) {
  is_sending_ = true;
  const bool is_taken = co_await std::move(sending);
  sending = {};
  is_sending_ = false;
  if (!is_taken) is_gone_ = true;
  if (loop_ != nullptr) {
    sent_at_ = loop_->now();
    if (is_taken) arm();
  }
  // Last: whoever waits may let this delivery go.
  if (waiting_) std::exchange(waiting_, nullptr).resume();
}

net::Task<bool> Delivery::send_early() {
  state_ = State::early;
  const AnswerNotes notes;
  bool is_taken = co_await begin(media_type_, notes);
  const std::string_view heartbeat = heartbeat_of(dialect_, media_type_);
  if (is_taken && !heartbeat.empty()) is_taken = co_await channel_.write(heartbeat);
  co_return is_taken;
}

net::Task<bool> Delivery::send_held() {
  const bool is_early = state_ == State::early;
  state_ = State::streaming;
  is_holding_ = false;
  bool is_taken = true;
  if (!is_early) is_taken = co_await begin(media_type_, held_notes_);
  if (is_taken) is_taken = co_await channel_.write(held_);
  held_.clear();
  co_return is_taken;
}

}  // namespace weir::pipeline
