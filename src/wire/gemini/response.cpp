// SPDX-License-Identifier: Apache-2.0
#include "wire/foreign_seal.hpp"
#include "wire/gemini/answer.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/gemini/content.hpp"
#include "wire/gemini/proto.hpp"

namespace weir::wire::gemini {
namespace {

void decode_candidates(json::Value candidates, const json::Path& path, std::string_view seed,
                       json::Problem& problem, ChatResponse& response) {
  std::size_t i = 0;
  for (const json::Value value : candidates.elements()) {
    const json::Path at{&path, {}, i++};
    CallIds ids(seed, candidate_index(value, at, problem));
    Candidate candidate = decode_candidate(value, at, ids, problem);
    Choice& choice = candidate.choice;
    // Relays have been seen to leave the reason out of a good answer.
    if (candidate.reason.empty() && !choice.output.empty()) candidate.reason = "STOP";
    choice.finish = finish_of(candidate.reason, has_calls(choice));
    if (reason_of(choice.finish) != candidate.reason && !candidate.reason.empty()) {
      std::string raw;
      json::append_string(raw, candidate.reason);
      choice.extra.members.push_back({"finishReason", std::move(raw)});
    }
    response.choices.push_back(std::move(choice));
  }
}

/// The finish reason as Gemini told it, if nothing has changed the canonical one since.
std::string own_reason(const Choice& choice) {
  const std::string* raw = choice.extra.find("finishReason");
  json::Document document;
  if (raw == nullptr || !document.parse(*raw) || !document.root().is_string()) return {};
  std::string reason = document.root().as_string();
  if (finish_of(reason, has_calls(choice)) != choice.finish) return {};
  return reason;
}

/// Another vendor's seal would come back as Google's own, so it is marked.
std::string seal_for_clients(const Reasoning& reasoning) {
  if (reasoning.sealed_by == Vendor::google) return reasoning.signature;
  if (reasoning.sealed_by == Vendor::unknown) return {};
  using Kind = ForeignSeal::Kind;
  if (!reasoning.signature.empty()) {
    return wrap_seal({reasoning.sealed_by, Kind::signature, reasoning.signature});
  }
  if (reasoning.encrypted.empty()) return {};
  return wrap_seal({reasoning.sealed_by, Kind::encrypted, reasoning.encrypted});
}

void write_item(json::Writer& json, const Item& item, bool is_own) {
  if (const auto* message = std::get_if<Message>(&item)) {
    for (const Part& part : message->parts) {
      if (is_own || why_not_writable(part).empty()) write_part(json, part, is_own);
    }
  } else if (const auto* call = std::get_if<ToolCall>(&item)) {
    write_call(json, *call,
               {.is_own = is_own,
                .writes_id = !call->id.empty() && !is_made_up_call_id(call->id),
                .signature = call->signature});
  } else if (const auto* reasoning = std::get_if<Reasoning>(&item)) {
    std::string text = reasoning->text;
    for (const auto& summary : reasoning->summary)
      text.append(text.empty() ? "" : "\n\n").append(summary);
    const std::string seal = seal_for_clients(*reasoning);
    if (text.empty() && seal.empty()) return;
    write_thought(json, text, seal, is_own ? &reasoning->extra : nullptr);
  }
}

void write_choice(json::Writer& json, const Choice& choice, bool is_own) {
  json.begin_object();
  if (!is_own || !choice.output.empty()) {
    json.key("content").begin_object().member("role", "model").key("parts").begin_array();
    for (const Item& item : choice.output) write_item(json, item, is_own);
    json.end_array().end_object();
  }
  const std::string reason = is_own ? own_reason(choice) : std::string();
  json.member("finishReason", reason.empty() ? reason_of(choice.finish) : std::string_view(reason));
  json.member("index", choice.index);
  if (is_own) {
    wire::write_extra_except(json, choice.extra, "finishReason");
  } else if (!choice.logprobs.empty()) {
    write_logprobs_result(json, choice.logprobs);
  }
  json.end_object();
}

/// A refused prompt gets no candidate in Gemini's own form.
bool is_refused_prompt(const ChatResponse& response) {
  return response.origin == Dialect::gemini && response.extra.find("promptFeedback") != nullptr &&
         response.choices.size() == 1 && response.choices[0].output.empty() &&
         response.choices[0].finish == Finish::content_filter && response.choices[0].extra.empty();
}

}  // namespace

Result<ChatResponse> decode_response(json::Value root, Quirks /*quirks*/) {
  json::Problem problem;
  const json::Path path;
  ProtoReader reader(root, path, problem);
  ChatResponse response;
  response.origin = Dialect::gemini;
  response.id = reader.string("responseId").value_or("");
  response.model = reader.string("modelVersion").value_or("");
  const std::string_view seed = response.id.empty() ? root.raw() : std::string_view(response.id);
  const auto candidates = reader.array("candidates");
  if (candidates) {
    const json::Path at = reader.path("candidates");
    decode_candidates(*candidates, at, seed, problem, response);
  }
  const auto usage = reader.object("usageMetadata");
  if (usage) {
    const json::Path at = reader.path("usageMetadata");
    response.usage = decode_usage(*usage, at, problem, &response.extra);
  }
  reader.keep_unread(response.extra);
  if (problem.is_set()) return malformed(problem);

  const bool is_blocked = is_prompt_blocked(root);
  if (!candidates && !usage && !is_blocked) {
    return Error(ErrorCode::upstream_malformed, "the answer has neither candidates nor usage");
  }
  if (response.choices.empty()) {
    Choice choice;
    choice.finish = is_blocked ? Finish::content_filter : Finish::other;
    response.choices.push_back(std::move(choice));
  }
  return response;
}

void encode_response(const ChatResponse& response, std::string& out) {
  const bool is_own = response.origin == Dialect::gemini;
  json::Writer json(out);
  json.begin_object();
  if (!is_refused_prompt(response)) {
    json.key("candidates").begin_array();
    for (const Choice& choice : response.choices) write_choice(json, choice, is_own);
    json.end_array();
  }
  if (response.usage) {
    write_usage(json, *response.usage, is_own ? &response.extra : nullptr);
  }
  if (!response.model.empty()) json.member("modelVersion", response.model);
  if (!response.id.empty()) json.member("responseId", response.id);
  if (is_own) wire::write_extra_except(json, response.extra, "usageMetadata");
  json.end_object();
}

}  // namespace weir::wire::gemini
