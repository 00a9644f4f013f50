// SPDX-License-Identifier: Apache-2.0
#include "sim/client.hpp"

#include "json/document.hpp"
#include "sim/provider.hpp"

namespace weir::sim {

using pipeline::CallResult;
using pipeline::Outcome;

bool SimClient::is_lost() {
  if (fuse_.blows()) is_gone_ = true;
  return is_gone_;
}

net::Task<bool> SimClient::respond(int status, std::string_view fields, std::string_view body) {
  static_cast<void>(fields);
  if (status_ != 0) broken_ = "a second answer (I-5)";
  if (is_lost()) co_return false;
  status_ = status;
  is_whole_ = is_ended_ = true;
  body_.assign(body);
  co_return true;
}

net::Task<bool> SimClient::begin(int status, std::string_view fields) {
  static_cast<void>(fields);
  if (status_ != 0) broken_ = "a second answer (I-5)";
  if (is_lost()) co_return false;
  status_ = status;
  co_return true;
}

net::Task<bool> SimClient::write(std::string_view bytes) {
  if (status_ == 0 || is_ended_) broken_ = "bytes outside an answer";
  if (is_lost()) co_return false;
  if (plan_.write_pause > net::Duration::zero()) {
    net::Sleep pause(loop_, loop_.now() + plan_.write_pause, cancellation_);
    const bool has_waited = co_await pause;
    if (!has_waited) co_return false;
  }
  body_.append(bytes);
  co_return true;
}

net::Task<bool> SimClient::end() {
  if (status_ == 0 || is_ended_) broken_ = "an end without an answer";
  is_ended_ = true;
  co_return !is_lost();
}

std::optional<std::string> SimClient::judge_stream(const CallResult& result) const {
  const Heard heard = hear_stream(plan_.dialect, body_);
  const std::string whole = words_of(plan_.number, 0, plan_.words);
  if (heard.is_broken) return "a stream that is no stream";
  if (!whole.starts_with(heard.text)) return "text that is not the answer's (I-5): " + heard.text;
  if (result.outcome == Outcome::completed) {
    if (heard.text != whole) return "completed, but shortened";
    if (heard.terminators != 1 || heard.finishes != 1) return "completed without one end (S-9.4)";
    if (heard.errors != 0) return "completed, with an error in it";
    if (!is_ended_) return "completed, but the body was left open";
    return std::nullopt;
  }
  if (is_gone_) return std::nullopt;
  if (heard.terminators != 0) return "broken, with the end of a whole answer (S-9.2)";
  if (heard.errors != 1) return "broken, without exactly one error (S-9.2)";
  if (!is_ended_) return "broken, and the body was left open";
  return std::nullopt;
}

std::optional<std::string> SimClient::judge_whole(const CallResult& result) const {
  json::Document document;
  if (!document.parse(body_)) return "an answer that is no JSON";
  const json::Value root = document.root();
  if (result.outcome != Outcome::completed) {
    if (status_ < 400) return "a failure told with a status of success";
    return root.find("error") ? std::nullopt : std::optional<std::string>("an error without words");
  }
  if (status_ != 200) return "an answer with a status of failure";
  const auto text = speech_of(plan_.dialect).text_of(root);
  if (text != words_of(plan_.number, 0, plan_.words)) {
    return "an answer that is not the request's";
  }
  return std::nullopt;
}

std::optional<std::string> SimClient::judge(const CallResult& result) const {
  if (!broken_.empty()) return broken_;
  if (result.outcome == Outcome::cancelled_client) {
    return is_gone_ ? std::nullopt : std::optional<std::string>("cancelled by nobody");
  }
  if (status_ == 0) {
    return is_gone_ ? std::nullopt : std::optional<std::string>("no answer at all");
  }
  return is_whole_ ? judge_whole(result) : judge_stream(result);
}

}  // namespace weir::sim
