// SPDX-License-Identifier: Apache-2.0
#include "pipeline/responses_operation.hpp"

#include <utility>

#include "wire/responses/codec.hpp"
#include "wire/responses/conversation.hpp"

namespace weir::pipeline {
namespace {

bool is_of_this_dialect(const Target& target) {
  return target.dialect == wire::Dialect::openai_responses;
}

}  // namespace

ResponsesOperation::ResponsesOperation(ResponsesAsk ask)
    : chat_(std::move(ask.chat)),
      items_before_(ask.items_before),
      response_id_(std::move(ask.response_id)),
      asked_(ask.asked),
      is_background_(ask.is_background),
      is_pinned_(ask.is_pinned) {}

std::optional<KeptAnswer> ResponsesOperation::take_answer() {
  if (found_->at_target) return std::exchange(found_->at_target, std::nullopt);
  if (found_->whole.empty()) return std::nullopt;
  return KeptAnswer{response_id_, found_->target, std::exchange(found_->whole, {})};
}

std::optional<Lack> ResponsesOperation::lacks(const Target& target) const {
  if (is_background_ && !is_of_this_dialect(target)) return Lack{"background", Wish::background};
  return chat_.lacks(target);
}

Result<Outgoing> ResponsesOperation::prepare(const Target& target) {
  Result<Outgoing> outgoing = chat_.prepare(target);
  if (outgoing) return outgoing;
  Error error = std::move(outgoing).error();
  error.param = wire::responses::own_path(error.param, items_before_);
  return error;
}

std::string ResponsesOperation::field_asking_for(Wish wish) const {
  return wire::responses::own_path(chat_.field_asking_for(wish), items_before_);
}

const Target& ResponsesOperation::variant_of(const Target& target) const {
  const bool may_keep = target.on_responses && !is_held_to_rules_;
  return may_keep ? *target.on_responses : chat_.variant_of(target);
}

std::unique_ptr<Relay> ResponsesOperation::make_relay(const Target& target) const {
  Found* const found = found_.get();
  if (is_of_this_dialect(target) && !is_held_to_rules_) {
    const auto keep = [found, name = target.name](std::string_view id) {
      found->at_target = KeptAnswer{std::string(id), name, {}};
    };
    return chat_.make_relay(target, {.form = nullptr, .on_kept_answer = keep});
  }
  found->target = target.name;
  if (found->echo.empty()) found->echo = wire::responses::request_echo(asked_);
  return chat_.make_relay(target, {.form = this, .on_kept_answer = {}});
}

void ResponsesOperation::encode_response(const wire::ChatResponse& response,
                                         std::string& out) const {
  wire::responses::encode_response(
      response, {.id = response_id_, .echo = found_->echo, .answer = &found_->whole}, out);
}

std::unique_ptr<wire::StreamEncoder> ResponsesOperation::make_stream_encoder(
    const wire::StreamOptions& options) const {
  return wire::responses::make_stream_encoder(
      options, {.id = response_id_, .echo = found_->echo, .answer = &found_->whole});
}

}  // namespace weir::pipeline
