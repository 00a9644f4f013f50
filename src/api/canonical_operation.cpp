// SPDX-License-Identifier: Apache-2.0
#include "api/canonical_operation.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/defaults.hpp"
#include "pipeline/needs.hpp"
#include "pipeline/prefill.hpp"
#include "pipeline/provider_extras.hpp"
#include "wire/seals.hpp"

namespace weir::api {
namespace {

void count_parts(const std::vector<wire::Part>& parts, wire::RequestPeek& peek) {
  for (const wire::Part& part : parts) {
    peek.text_bytes += part.text.size();
    if (part.kind == wire::PartKind::image) ++peek.images;
    if (part.kind == wire::PartKind::audio) peek.uses_audio = true;
    if (part.kind == wire::PartKind::file) peek.uses_files = true;
  }
}

}  // namespace

wire::RequestPeek peek_of(const wire::ChatRequest& request) {
  wire::RequestPeek peek;
  peek.model = request.model;
  peek.stream = request.stream;
  peek.output_tokens_max = request.output_tokens_max;
  peek.user = request.user;
  for (const wire::Item& item : request.items) {
    if (const auto* message = std::get_if<wire::Message>(&item)) {
      count_parts(message->parts, peek);
    } else if (const auto* result = std::get_if<wire::ToolResult>(&item)) {
      count_parts(result->parts, peek);
    } else if (const auto* call = std::get_if<wire::ToolCall>(&item)) {
      peek.text_bytes += call->arguments.size();
      if (!call->signature.empty()) peek.note_seal(wire::Vendor::google);
    } else if (const auto* thought = std::get_if<wire::Reasoning>(&item)) {
      peek.text_bytes += thought->text.size();
      const bool is_sealed = !thought->signature.empty() || !thought->encrypted.empty();
      if (is_sealed) peek.note_seal(thought->sealed_by);
    }
  }
  for (const wire::Tool& tool : request.tools) {
    peek.text_bytes += tool.description.size() + tool.parameters.size();
  }
  peek.uses_tools = !request.tools.empty();
  peek.uses_json_object = request.format.kind == wire::OutputFormat::Kind::json_object;
  peek.uses_json_schema = request.format.kind == wire::OutputFormat::Kind::json_schema;
  peek.asks_reasoning = request.reasoning.effort.has_value();
  return peek;
}

CanonicalOperation::CanonicalOperation(wire::ChatRequest request, bool is_stream,
                                       const ValueForm& form, std::string_view request_id)
    : request_(std::move(request)), form_(form), request_id_(request_id) {
  request_.stream = request_.wants_stream_usage = is_stream;
  peek_ = peek_of(request_);
}

std::optional<pipeline::Lack> CanonicalOperation::lacks(const pipeline::Target& target) const {
  return pipeline::lacking(peek_, target);
}

bool CanonicalOperation::is_uncertain(const pipeline::Target& target) const {
  return pipeline::needs_unknown(peek_, target);
}

const pipeline::Target& CanonicalOperation::variant_of(const pipeline::Target& target) const {
  return pipeline::serving_variant(peek_, target);
}

Result<pipeline::Outgoing> CanonicalOperation::prepare(const pipeline::Target& target) {
  const bool changes = !target.params.empty() || loses_seals(target) || output_limit_ > 0;
  if (!changes) return encode(request_, target);
  WEIR_TRY_ASSIGN(changed, request_for(target));
  if (output_limit_ > 0 && !changed.output_tokens_max) changed.output_tokens_max = output_limit_;
  WEIR_TRY_ASSIGN(outgoing, encode(changed, target));
  if (loses_seals(target)) outgoing.dropped.emplace_back("sealed reasoning");
  return std::move(outgoing);
}

Result<pipeline::Outgoing> CanonicalOperation::prepare_prefilled(
    const pipeline::Target& target, const pipeline::StreamSoFar& begun) {
  WEIR_TRY_ASSIGN(request, request_for(target));
  pipeline::append_begun_answer(request, target, begun, output_limit_);
  return encode(request, target);
}

/// The request with what is the target's own.
Result<wire::ChatRequest> CanonicalOperation::request_for(const pipeline::Target& target) const {
  wire::ChatRequest request = request_;
  wire::drop_seals(request, seals_kept(target));
  WEIR_TRY(pipeline::fill_defaults(request, target.params));
  return request;
}

Result<pipeline::Outgoing> CanonicalOperation::encode(const wire::ChatRequest& request,
                                                      const pipeline::Target& target) {
  if (std::find(tried_.begin(), tried_.end(), target.name) == tried_.end()) {
    tried_.push_back(target.name);
  }
  const wire::EncodeOptions options{
      .model = target.model, .quirks = target.upstream->quirks, .traits = target.traits};
  pipeline::Outgoing outgoing;
  outgoing.path = request_.stream ? target.chat_stream_path : target.chat_path;
  const auto& encode_as = pipeline::codec_of(target.dialect).encode_request;
  WEIR_TRY_ASSIGN(notes, encode_as(request, options, outgoing.body));
  outgoing.dropped = std::move(notes.dropped);
  WEIR_TRY(pipeline::add_provider_extras(target, outgoing.body));
  return outgoing;
}

bool CanonicalOperation::is_joinable() const {
  // What goes on elsewhere would pass by the rules.
  return rules_ == nullptr && peek_.stream && !peek_.uses_json_object && !peek_.uses_json_schema;
}

bool CanonicalOperation::loses_seals(const pipeline::Target& target) const {
  return (peek_.seals & ~seals_kept(target)) != 0;
}

wire::VendorSet CanonicalOperation::seals_kept(const pipeline::Target& target) const {
  return has_dropped_seals_ ? wire::VendorSet(0) : pipeline::seals_taken(target, request_.origin);
}

bool CanonicalOperation::drop_seals() {
  return peek_.seals != 0 && !std::exchange(has_dropped_seals_, true);
}

std::unique_ptr<pipeline::Relay> CanonicalOperation::make_relay(
    const pipeline::Target& target) const {
  return pipeline::make_translating_relay({.upstream = target.dialect,
                                           .quirks = target.upstream->quirks,
                                           .event_bytes_max = target.upstream->event_bytes_max,
                                           .request_id = request_id_,
                                           .model = target.model,
                                           .keeps_text = is_joinable(),
                                           .form = &form_,
                                           .rules = rules_});
}

std::int64_t CanonicalOperation::input_tokens_estimate() const {
  return pipeline::input_tokens_estimate(peek_);
}

std::uint64_t CanonicalOperation::prefix_hash() const {
  for (const wire::Item& item : request_.items) {
    const auto* message = std::get_if<wire::Message>(&item);
    if (message != nullptr && !message->parts.empty()) {
      return prefix_hash_of(message->parts.front().text);
    }
  }
  return 0;
}

}  // namespace weir::api
