// SPDX-License-Identifier: Apache-2.0
#include "pipeline/chat_operation.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "json/writer.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/needs.hpp"
#include "wire/openai/passthrough.hpp"

namespace weir::pipeline {
namespace {

/// Quirks that concern how answers are read, not how requests are written.
constexpr wire::Quirks reading_quirks = wire::Quirk::reasoning_outside_completion |
                                        wire::Quirk::reasoning_effort_hint |
                                        wire::Quirk::replay_reasoning;

/// What reasoning models refuse, by OpenAI's names.
constexpr std::array<std::string_view, 6> sampling_members{
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "max_tokens", "stop"};

}  // namespace

std::string with_params(json::Value root,
                        const std::vector<std::pair<std::string, std::string>>& params) {
  std::string added;
  for (const auto& [name, json] : params) {
    if (root.find(name)) continue;
    json::append_string(added, name);
    added.append(":").append(json).append(",");
  }
  std::string out(root.raw());
  if (root.size() == 0 && !added.empty()) added.pop_back();
  out.insert(1, added);
  return out;
}

ChatOperation::ChatOperation(wire::Dialect client, json::Value root, wire::RequestPeek peek,
                             std::string_view request_id, std::int64_t unix_seconds)
    : client_(client),
      root_(root),
      peek_(std::move(peek)),
      request_id_(request_id),
      unix_seconds_(unix_seconds) {}

std::optional<std::string> ChatOperation::lacks(const Target& target) const {
  return lacking(peek_, target);
}

bool ChatOperation::is_uncertain(const Target& target) const {
  return needs_unknown(peek_, target);
}

const Target& ChatOperation::variant_of(const Target& target) const {
  return serving_variant(peek_, target);
}

bool ChatOperation::needs_rewriting(const Target& target) const {
  if ((target.upstream->quirks & ~reading_quirks) != 0) return true;
  if (target.traits.takes_sampling) return false;
  return std::any_of(sampling_members.begin(), sampling_members.end(),
                     [&](std::string_view name) { return root_.find(name).has_value(); });
}

bool ChatOperation::passes_through(const Target& target) const {
  return client_ == wire::Dialect::openai_chat && target.dialect == client_ &&
         !needs_rewriting(target);
}

Result<Outgoing> ChatOperation::prepare(const Target& target) {
  return passes_through(target) ? pass_through(target) : translate(target);
}

Result<Outgoing> ChatOperation::pass_through(const Target& target) {
  Outgoing outgoing;
  outgoing.path = target.chat_path;
  const bool adds_usage = peek_.stream && !peek_.wants_stream_usage;
  const wire::RequestPatch patch{.model = target.model, .adds_stream_usage = adds_usage};
  if (target.params.empty()) {
    outgoing.body.reserve(root_.raw().size() + target.model.size() + 64);
    wire::openai::patch_request(root_, patch, outgoing.body);
    return outgoing;
  }
  const std::string text = with_params(root_, target.params);
  json::Document document;
  WEIR_TRY(document.parse(text));
  wire::openai::patch_request(document.root(), patch, outgoing.body);
  return outgoing;
}

Result<Outgoing> ChatOperation::translate(const Target& target) {
  const Codec& client = codec_of(client_);
  std::optional<wire::ChatRequest> own;
  if (!target.params.empty()) {
    const std::string text = with_params(root_, target.params);
    json::Document document;
    WEIR_TRY(document.parse(text));
    WEIR_TRY_ASSIGN(request, client.decode_request(document.root()));
    own = std::move(request);
  } else if (!decoded_) {
    WEIR_TRY_ASSIGN(request, client.decode_request(root_));
    decoded_ = std::move(request);
  }
  wire::ChatRequest& request = own ? *own : *decoded_;
  // Usage is always wanted: the count must not depend on what the client asked to see.
  request.wants_stream_usage = request.stream;
  const wire::EncodeOptions options{
      .model = target.model, .quirks = target.upstream->quirks, .traits = target.traits};
  Outgoing outgoing;
  outgoing.path = peek_.stream ? target.chat_stream_path : target.chat_path;
  WEIR_TRY_ASSIGN(notes, codec_of(target.dialect).encode_request(request, options, outgoing.body));
  outgoing.dropped = std::move(notes.dropped);
  return outgoing;
}

std::unique_ptr<Relay> ChatOperation::make_relay(const Target& target) const {
  const RelayOptions options{.client = client_,
                             .upstream = target.dialect,
                             .quirks = target.upstream->quirks,
                             .request_id = request_id_,
                             .model = target.model,
                             .created = unix_seconds_,
                             .wants_stream_usage = peek_.wants_stream_usage,
                             .choices = peek_.n};
  // Answers may pass even where the request was rewritten, unless their figures need mending.
  const bool passes = client_ == wire::Dialect::openai_chat && target.dialect == client_ &&
                      !has(target.upstream->quirks, wire::Quirk::mistral_ids) &&
                      !has(target.upstream->quirks, wire::Quirk::reasoning_outside_completion);
  return passes ? make_passthrough_relay(options) : make_translating_relay(options);
}

std::string_view ChatOperation::media_type() const {
  return peek_.stream ? codec_of(client_).stream_media_type : "application/json";
}

std::int64_t ChatOperation::input_tokens_estimate() const {
  return pipeline::input_tokens_estimate(peek_);
}

std::uint64_t ChatOperation::prefix_hash() const {
  const auto messages = root_.find("messages");
  return prefix_hash_of(messages ? messages->raw() : root_.raw());
}

}  // namespace weir::pipeline
