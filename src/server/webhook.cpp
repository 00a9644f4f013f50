// SPDX-License-Identifier: Apache-2.0
#include "server/webhook.hpp"

#include <chrono>
#include <utility>

#include "base/sha256.hpp"
#include "base/thread.hpp"
#include "net/http/head_writer.hpp"
#include "server/http_call.hpp"

namespace weir::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds answer_max{10'000};
constexpr std::array retry_after{milliseconds(5'000), milliseconds(30'000)};

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(digits[byte >> 4U]);
    text.push_back(digits[byte & 0xfU]);
  }
  return text;
}

/// Nothing: it was taken.
std::string post(const Webhook::Message& message) {
  const std::size_t query = message.url.find('?');
  auto call = call_to(message.url.substr(0, query), "");
  if (!call) return call.error().message;
  if (query != std::string::npos) call->target.append(message.url, query);
  call->method = "POST";
  call->answer_max = answer_max;
  net::http::append_field(call->fields, "content-type", "application/json");
  net::http::append_field(call->fields, "user-agent", "weir");
  net::http::append_field(
      call->fields, "x-weir-signature",
      webhook_signature(message.secret.reveal(), message.unix_ms / 1'000, message.body));
  call->body = message.body;
  const auto answer = call_one(*std::move(call), answer_max);
  if (!answer) return answer.error().message;
  if (answer->status / 100 != 2) return "it answers " + std::to_string(answer->status);
  return {};
}

}  // namespace

std::string webhook_signature(std::string_view secret, std::int64_t unix_seconds,
                              std::string_view body) {
  const std::string seconds = std::to_string(unix_seconds);
  const std::string text = seconds + "." + std::string(body);
  const Sha256Digest digest = HmacSha256(secret).of(text);
  return "t=" + seconds +
         ",v1=" + hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Webhook::~Webhook() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Webhook::send(Message message) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= waiting_max) waiting_.pop_front();
  waiting_.push_back(std::move(message));
  // Without a thread it waits for the next message, which tries again.
  if (!thread_.joinable()) thread_ = try_thread([this] { run(); });
  wakes_.notify_all();
}

void Webhook::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wakes_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    if (is_ending_) return;
    const Message next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    deliver(next);
    lock.lock();
  }
}

void Webhook::deliver(const Message& message) {
  std::string problem = post(message);
  for (std::size_t i = 0; !problem.empty() && i < retry_after.size(); ++i) {
    log_.warn("webhook", "an alert could not be delivered; it is tried again",
              {{"reason", problem}});
    if (!wait(retry_after[i])) break;
    problem = post(message);
  }
  if (!problem.empty()) {
    log_.error("webhook", "an alert was not delivered", {{"reason", problem}});
  }
}

/// False: the program ends.
bool Webhook::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wakes_.wait_for(lock, time, [this] { return is_ending_; });
}

}  // namespace weir::server
