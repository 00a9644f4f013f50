// SPDX-License-Identifier: Apache-2.0
#include "pipeline/delivery.hpp"

#include <chrono>
#include <optional>

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

void append_if_set(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) net::http::append_field(out, name, value);
}

}  // namespace

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
  if (!wait && is_passing) wait = retry_after_default;
  if (wait) {
    const auto seconds = (wait->count() + 999) / 1000;
    net::http::append_field(fields, "retry-after", static_cast<std::uint64_t>(seconds));
  }
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
}

net::Task<bool> Delivery::whole(int status, std::string_view media_type, AnswerNotes notes,
                                std::string_view body) {
  WEIR_ASSERT(may_fail_over());
  state_ = State::done;
  start_fields(media_type, notes);
  const bool is_taken = co_await channel_.respond(status, fields_, body);
  co_return is_taken;
}

net::Task<bool> Delivery::commit(std::string_view media_type, AnswerNotes notes,
                                 std::string_view first, int status) {
  WEIR_ASSERT(may_fail_over());
  state_ = State::streaming;
  start_fields(media_type, notes);
  fields_.append("cache-control: no-cache\r\n");
  bool is_taken = co_await channel_.begin(status, fields_);
  if (is_taken && !first.empty()) is_taken = co_await channel_.write(first);
  co_return is_taken;
}

net::Task<bool> Delivery::more(std::string_view bytes) {
  WEIR_ASSERT(state_ == State::streaming);
  const bool is_taken = co_await channel_.write(bytes);
  co_return is_taken;
}

net::Task<bool> Delivery::finish(std::string_view last) {
  WEIR_ASSERT(state_ == State::streaming);
  state_ = State::done;
  bool is_taken = true;
  if (!last.empty()) is_taken = co_await channel_.write(last);
  if (is_taken) is_taken = co_await channel_.end();
  co_return is_taken;
}

net::Task<bool> Delivery::refuse(const Error& error, AnswerNotes notes) {
  WEIR_ASSERT(may_fail_over());
  state_ = State::done;
  start_fields("application/json", notes);
  std::string body;
  const int status = describe_error(error, dialect_, request_id_, fields_, body);
  const bool is_taken = co_await channel_.respond(status, fields_, body);
  co_return is_taken;
}

}  // namespace weir::pipeline
