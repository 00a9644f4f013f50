// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "json/object_reader.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/content.hpp"
#include "wire/anthropic/usage.hpp"
#include "wire/foreign_seal.hpp"
#include "wire/members.hpp"

namespace weir::wire::anthropic {
namespace {

constexpr std::string_view stop_reason_key = "stop_reason";

void read_usage(json::ObjectReader& root, ChatResponse& response) {
  const auto value = root.object("usage");
  if (!value) return;
  UsageCounters counters;
  counters.update(*value);
  response.usage = counters.canonical();
  const json::Path path = root.path("usage");
  json::ObjectReader usage(*value, path, root.problem());
  for (const auto* counted :
       {"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation",
        "output_tokens", "output_tokens_details"}) {
    usage.skip(counted);
  }
  response.service_tier = usage.string("service_tier").value_or("");
  keep_unread_of(usage, "usage", response.extra);
}

void read_stop(json::ObjectReader& root, Choice& choice) {
  choice.stop_sequence = root.string("stop_sequence").value_or("");
  const auto reason = root.string(stop_reason_key);
  if (!reason) return;
  choice.finish = finish_of(*reason);
  // A reason that has no canonical word of its own is kept beside it.
  if (stop_reason_of(choice.finish, false) == *reason) return;
  std::string raw;
  json::append_string(raw, *reason);
  choice.extra.members.push_back({std::string(stop_reason_key), std::move(raw)});
}

void write_call(json::Writer& json, const ToolCall& call, bool keeps_extra) {
  json.begin_object();
  json.member("type", "tool_use").member("id", call.id).member("name", call.name);
  std::string input;
  append_arguments_object(input, call.arguments);
  json.key("input").raw(input);
  if (keeps_extra) write_extra(json, call.extra);
  json.end_object();
}

void write_message(json::Writer& json, const Message& message, bool is_native) {
  for (const Part& part : message.parts) {
    if (part.kind == PartKind::opaque) {
      if (is_native) json.raw(part.text);
    } else if (is_native || part.kind == PartKind::image || !part.text.empty()) {
      // No client's types know an image in an answer, but all skip a block they don't know.
      write_part(json, part, is_native ? Taken::everything : Taken::nothing);
    }
  }
}

using SealKind = ForeignSeal::Kind;

/// A block that clients carry back unread.
Reasoning carrier_of(const ForeignSeal& seal) {
  Reasoning carrier;
  carrier.encrypted = wrap_seal(seal);
  return carrier;
}

/// Another vendor's seals would come back as Anthropic's own, so they are marked.
Reasoning in_own_seals(const Reasoning& reasoning) {
  Reasoning shown = reasoning;
  if (shown.sealed_by == Vendor::anthropic) return shown;
  if (shown.sealed_by == Vendor::unknown) {
    shown.signature.clear();
    shown.encrypted.clear();
  }
  if (!shown.signature.empty()) {
    shown.signature = wrap_seal({shown.sealed_by, SealKind::signature, shown.signature});
  }
  if (shown.encrypted.empty()) return shown;
  const std::string seal = wrap_seal({shown.sealed_by, SealKind::encrypted, shown.encrypted});
  const bool has_text = !shown.text.empty() || !shown.summary.empty();
  // What can be read is shown beside what can't.
  shown.encrypted = has_text ? std::string() : seal;
  if (has_text) shown.signature = seal;
  return shown;
}

void write_content(json::Writer& json, const Choice& choice, bool is_native) {
  json.key("content").begin_array();
  for (const Item& item : choice.output) {
    if (const auto* message = std::get_if<Message>(&item)) {
      write_message(json, *message, is_native);
    } else if (const auto* call = std::get_if<ToolCall>(&item)) {
      if (!is_native && !call->signature.empty()) {
        const Reasoning seal = carrier_of({Vendor::google, SealKind::call, call->signature});
        write_reasoning(json, seal, false);
      }
      write_call(json, *call, is_native);
    } else if (const auto* reasoning = std::get_if<Reasoning>(&item)) {
      const Reasoning shown = in_own_seals(*reasoning);
      const bool has_text = !shown.text.empty() || !shown.summary.empty();
      if (is_native || has_text || !shown.encrypted.empty())
        write_reasoning(json, shown, is_native);
    } else if (const auto* opaque = std::get_if<OpaqueItem>(&item)) {
      if (is_native) json.raw(opaque->json);
    }
  }
  json.end_array();
}

bool has_calls(const Choice& choice) {
  return std::any_of(choice.output.begin(), choice.output.end(),
                     [](const Item& item) { return std::holds_alternative<ToolCall>(item); });
}

void write_stop(json::Writer& json, const Choice& choice, bool is_native) {
  const std::string* kept = is_native ? choice.extra.find(stop_reason_key) : nullptr;
  const std::string_view reason = stop_reason_of(choice.finish, has_calls(choice));
  json.key(stop_reason_key);
  if (kept != nullptr) {
    json.raw(*kept);
  } else if (reason.empty()) {
    json.null();
  } else {
    json.string(reason);
  }
  json.key("stop_sequence");
  if (choice.stop_sequence.empty()) {
    json.null();
  } else {
    json.string(choice.stop_sequence);
  }
}

void write_usage_object(json::Writer& json, const ChatResponse& response, bool is_native) {
  json.key("usage").begin_object();
  write_usage(json, response.usage.value_or(Usage{}));
  if (is_native) {
    if (!response.service_tier.empty()) json.member("service_tier", response.service_tier);
    if (const auto* others = response.extra.find("usage")) write_members_of(json, *others);
  }
  json.end_object();
}

}  // namespace

Result<ChatResponse> decode_response(json::Value root, Quirks) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  ChatResponse response;
  response.origin = Dialect::anthropic;
  reader.skip("type");
  reader.skip("role");
  response.id = reader.string("id").value_or("");
  response.model = reader.string("model").value_or("");
  Choice choice;
  if (const auto content = reader.array("content")) {
    const json::Path content_path = reader.path("content");
    TurnReader(Role::assistant, choice.output, problem).read_content(*content, content_path);
  } else {
    reader.fail("content", "is required");
  }
  read_stop(reader, choice);
  read_usage(reader, response);
  keep_unread(reader, response.extra);
  if (problem.is_set()) {
    return Error(ErrorCode::upstream_malformed, problem.error().message, problem.error().param);
  }
  response.choices.push_back(std::move(choice));
  return response;
}

void encode_response(const ChatResponse& response, std::string& out) {
  const bool is_native = response.origin == Dialect::anthropic;
  const Choice empty;
  const Choice& choice = response.choices.empty() ? empty : response.choices.front();
  json::Writer json(out);
  json.begin_object();
  json.member("id", response.id).member("type", "message").member("role", "assistant");
  json.member("model", response.model);
  write_content(json, choice, is_native);
  write_stop(json, choice, is_native);
  write_usage_object(json, response, is_native);
  if (is_native) write_extra_except(json, response.extra, "usage");
  json.end_object();
}

}  // namespace weir::wire::anthropic
