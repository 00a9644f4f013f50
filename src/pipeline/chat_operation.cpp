// SPDX-License-Identifier: Apache-2.0
#include "pipeline/chat_operation.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/hash.hpp"
#include "base/spare_text.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/defaults.hpp"
#include "pipeline/needs.hpp"
#include "pipeline/prefill.hpp"
#include "pipeline/provider_extras.hpp"
#include "pipeline/trim.hpp"
#include "pipeline/unknown_params.hpp"
#include "wire/portability.hpp"
#include "wire/seals.hpp"

namespace weir::pipeline {
namespace {

/// Quirks that concern how answers are read, or what a client of the same dialect says anyway.
constexpr wire::Quirks reading_quirks = wire::Quirk::reasoning_outside_completion |
                                        wire::Quirk::reasoning_effort_hint |
                                        wire::Quirk::takes_top_k | wire::Quirk::replay_reasoning;

/// What models without sampling refuse, by the names of the client's dialect.
std::span<const std::string_view> sampling_members(wire::Dialect client) {
  static constexpr std::array<std::string_view, 6> openai{
      "temperature", "top_p", "presence_penalty", "frequency_penalty", "max_tokens", "stop"};
  static constexpr std::array<std::string_view, 3> anthropic{"temperature", "top_p", "top_k"};
  if (client == wire::Dialect::openai_chat) return openai;
  if (client == wire::Dialect::anthropic) return anthropic;
  if (client == wire::Dialect::openai_responses) return std::span(openai).first(2);
  return {};
}

}  // namespace

ChatOperation::ChatOperation(ChatAsk ask) : ask_(std::move(ask)) {}

std::optional<Lack> ChatOperation::lacks(const Target& target) const {
  auto lack = lacking(ask_.peek, target);
  if (lack || target.trims || !is_near_window(ask_.peek, target)) return lack;
  const auto request = codec_of(ask_.client).decode_request(ask_.root);
  if (request && exceeds_window(*request, target)) return too_long_for_window();
  return std::nullopt;
}

std::string ChatOperation::field_asking_for(Wish wish) const {
  return pipeline::field_asking_for(ask_.client, ask_.root, wish);
}

bool ChatOperation::is_uncertain(const Target& target) const {
  return needs_unknown(ask_.peek, target);
}

const Target& ChatOperation::variant_of(const Target& target) const {
  return serving_variant(ask_.peek, target);
}

bool ChatOperation::needs_rewriting(const Target& target) const {
  if (ask_.peek.has_foreign_items || loses_seals(target)) return true;
  const wire::Quirks quirks = target.upstream->quirks & ~reading_quirks;
  const auto meets_quirk = codec_of(ask_.client).meets_quirk;
  if (quirks != 0 && (meets_quirk == nullptr || meets_quirk(ask_.root, quirks))) return true;
  // Defaults are written in OpenAI's words: other dialects get theirs encoded.
  if (!target.params.empty() && ask_.client != wire::Dialect::openai_chat) return true;
  if (target.traits.takes_sampling) return false;
  const auto members = sampling_members(ask_.client);
  return std::any_of(members.begin(), members.end(),
                     [&](std::string_view name) { return ask_.root.find(name).has_value(); });
}

bool ChatOperation::drop_seals() {
  return ask_.peek.seals != 0 && !std::exchange(has_dropped_seals_, true);
}

wire::VendorSet ChatOperation::seals_kept(const Target& target) const {
  return has_dropped_seals_ ? wire::VendorSet(0) : seals_taken(target, ask_.client);
}

bool ChatOperation::loses_seals(const Target& target) const {
  return ask_.peek.seals != 0 && (ask_.peek.seals & ~seals_kept(target)) != 0;
}

bool ChatOperation::is_own_dialect(const Target& target) const {
  return target.dialect == ask_.client && codec_of(ask_.client).passes_through();
}

Result<Outgoing> ChatOperation::prepare(const Target& target) {
  const bool is_trimmed = target.trims && is_near_window(ask_.peek, target);
  const bool passes = output_limit_ == 0 && !is_trimmed && is_own_dialect(target) &&
                      !needs_rewriting(target) && may_pass_unknown(target);
  WEIR_TRY_ASSIGN(outgoing, passes ? pass_through(target) : translate(target));
  outgoing.path = ask_.peek.stream ? target.chat_stream_path : target.chat_path;
  if (target.dialect == ask_.client) outgoing.fields = ask_.upstream_fields;
  WEIR_TRY(add_provider_extras(target, outgoing.body));
  return std::move(outgoing);
}

bool ChatOperation::may_pass_unknown(const Target& target) const {
  return target.unknown_params == UnknownParams::automatic ||
         target.unknown_params == UnknownParams::forward;
}

Result<Outgoing> ChatOperation::pass_through(const Target& target) {
  Outgoing outgoing;
  const Codec& codec = codec_of(ask_.client);
  const bool adds_usage = ask_.peek.stream && !ask_.peek.wants_stream_usage &&
                          !has(target.upstream->quirks, wire::Quirk::no_stream_options);
  const wire::RequestPatch patch{.model = target.model, .adds_stream_usage = adds_usage};
  if (target.params.empty()) {
    outgoing.body = take_spare_text();
    outgoing.body.reserve(ask_.root.raw().size() + target.model.size() + 64);
    codec.patch_request(ask_.root, patch, outgoing.body);
    return outgoing;
  }
  const std::string text = with_params(ask_.root, target.params);
  json::Document document;
  WEIR_TRY(document.parse(text));
  codec.patch_request(document.root(), patch, outgoing.body);
  return outgoing;
}

Result<> ChatOperation::decode() {
  if (decoded_) return {};
  WEIR_TRY_ASSIGN(request, codec_of(ask_.client).decode_request(ask_.root));
  // Both may stand in the path; and usage is always wanted: the count must not depend on what the
  // client asked to see.
  request.model = ask_.peek.model;
  request.stream = request.wants_stream_usage = ask_.peek.stream;
  decoded_ = std::move(request);
  return {};
}

Result<Outgoing> ChatOperation::encode(const wire::ChatRequest& request,
                                       const Target& target) const {
  const wire::EncodeOptions options{.model = target.model,
                                    .quirks = target.upstream->quirks,
                                    .traits = target.traits,
                                    .asked = ask_.root};
  Outgoing outgoing;
  outgoing.body = take_spare_text();
  outgoing.body.reserve(ask_.root.raw().size() + 256);
  const auto& encode_as = codec_of(target.dialect).encode_request;
  if (!wire::has_tool_groups(request, target.dialect)) {
    WEIR_TRY_ASSIGN(notes, encode_as(request, options, outgoing.body));
    outgoing.dropped = std::move(notes.dropped);
    return outgoing;
  }
  wire::ChatRequest without = request;
  wire::EncodeNotes groups;
  wire::leave_out_tool_groups(without, groups);
  WEIR_TRY_ASSIGN(notes, encode_as(without, options, outgoing.body));
  for (const std::string& name : notes.dropped) groups.drop(name);
  outgoing.dropped = std::move(groups.dropped);
  return outgoing;
}

Result<Outgoing> ChatOperation::translate(const Target& target) {
  WEIR_TRY(decode());
  const bool is_trimmed = target.trims && is_near_window(ask_.peek, target);
  const bool changes = loses_seals(target) || output_limit_ > 0 || !target.params.empty() ||
                       target.unknown_params != UnknownParams::automatic || is_trimmed;
  if (!changes) return encode(*decoded_, target);
  wire::ChatRequest request = *decoded_;
  wire::drop_seals(request, seals_kept(target));
  WEIR_TRY(fill_defaults(request, target.params));
  if (output_limit_ > 0 && !request.output_tokens_max) request.output_tokens_max = output_limit_;
  std::size_t turns_dropped = 0;
  if (is_trimmed) {
    WEIR_TRY_ASSIGN(turns, trim_to_window(request, target));
    turns_dropped = turns;
  }
  WEIR_TRY_ASSIGN(unknown, take_unknown(request, target.unknown_params, target.dialect));
  WEIR_TRY_ASSIGN(outgoing, encode(request, target));
  apply_unknown(unknown, target.unknown_params, outgoing);
  if (loses_seals(target)) outgoing.dropped.emplace_back("sealed reasoning");
  if (turns_dropped > 0) {
    outgoing.dropped.push_back("oldest turns: " + std::to_string(turns_dropped));
  }
  return std::move(outgoing);
}

std::unique_ptr<Relay> ChatOperation::make_relay(const Target& target) const {
  return make_relay(target, {.form = ask_.form});
}

std::unique_ptr<Relay> ChatOperation::make_relay(const Target& target, AnswerHooks hooks) const {
  const RelayOptions options{.client = ask_.client,
                             .upstream = target.dialect,
                             .quirks = target.upstream->quirks,
                             .event_bytes_max = target.upstream->event_bytes_max,
                             .request_id = ask_.request_id,
                             .model = target.model,
                             .created = ask_.unix_seconds,
                             .wants_stream_usage = ask_.peek.wants_stream_usage,
                             .keeps_text = is_joinable(),
                             .choices = ask_.peek.n,
                             .form = hooks.form,
                             .rules = rules_,
                             .is_json_array = ask_.is_json_array,
                             .on_kept_answer = std::move(hooks.on_kept_answer)};
  // Answers may pass even where the request was rewritten, unless their figures need mending.
  const bool passes = rules_ == nullptr && is_own_dialect(target) &&
                      !has(target.upstream->quirks, wire::Quirk::mistral_ids) &&
                      !has(target.upstream->quirks, wire::Quirk::reasoning_outside_completion);
  return passes ? make_passthrough_relay(options) : make_translating_relay(options);
}

bool ChatOperation::is_joinable() const {
  const wire::RequestPeek& peek = ask_.peek;
  // What goes on elsewhere would pass by the rules.
  return rules_ == nullptr && peek.stream && peek.n == 1 && !peek.uses_json_object &&
         !peek.uses_json_schema && !peek.uses_logprobs && !ask_.is_json_array;
}

Result<Outgoing> ChatOperation::prepare_prefilled(const Target& target, const StreamSoFar& begun) {
  WEIR_TRY(decode());
  wire::ChatRequest request = *decoded_;
  wire::drop_seals(request, seals_kept(target));
  WEIR_TRY(fill_defaults(request, target.params));
  append_begun_answer(request, target, begun, output_limit_);
  WEIR_TRY_ASSIGN(outgoing, encode(request, target));
  outgoing.path = target.chat_stream_path;
  WEIR_TRY(add_provider_extras(target, outgoing.body));
  return std::move(outgoing);
}

std::string_view ChatOperation::media_type() const {
  if (!ask_.peek.stream || ask_.is_json_array) return "application/json";
  return codec_of(ask_.client).stream_media_type;
}

std::int64_t ChatOperation::input_tokens_estimate() const {
  return pipeline::input_tokens_estimate(ask_.peek);
}

std::uint64_t ChatOperation::prefix_hash() const {
  for (const std::string_view key : {"messages", "contents", "input"}) {
    if (const auto turns = ask_.root.find(key)) return prefix_hash_of(turns->raw());
  }
  return prefix_hash_of(ask_.root.raw());
}

}  // namespace weir::pipeline
