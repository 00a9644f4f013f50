// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/members.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/ollama/message.hpp"
#include "wire/ollama/timestamp.hpp"

namespace weir::wire::ollama {
namespace {

std::vector<Item> items_of(Answer& answer) {
  std::vector<Item> items;
  const bool has_thinking = !answer.thinking.empty();
  if (has_thinking) {
    Reasoning reasoning;
    reasoning.text = std::move(answer.thinking);
    items.emplace_back(std::move(reasoning));
  }
  if (!answer.content.empty()) {
    Message message;
    message.role = Role::assistant;
    message.begins_turn = !has_thinking;
    message.is_plain_string = true;
    message.parts.push_back(Part::text_of(std::move(answer.content)));
    items.emplace_back(std::move(message));
  }
  for (ToolCall& call : answer.calls) items.emplace_back(std::move(call));
  return items;
}

/// Keeps what the canonical form would coarsen: the fraction of `created_at`, and reasons such as
/// `load` that are a plain end to everybody else.
void keep_exact(const Answer& answer, Finish finish, Extra& extra) {
  const auto keep = [&](std::string_view key, std::string_view text) {
    std::string quoted;
    json::append_string(quoted, text);
    extra.members.push_back({std::string(key), std::move(quoted)});
  };
  if (!answer.created_at.empty()) keep("created_at", answer.created_at);
  const bool is_exact = answer.done_reason == done_reason_of(finish);
  if (!is_exact && !answer.done_reason.empty()) keep("done_reason", answer.done_reason);
}

/// The texts and calls of a choice, as Ollama's one message has them.
struct Gathered {
  std::string content;
  std::string thinking;
  std::vector<const ToolCall*> calls;
};

Gathered gather(const std::vector<Item>& output) {
  Gathered gathered;
  for (const Item& item : output) {
    if (const auto* message = std::get_if<Message>(&item)) {
      // Joined as a client would join the pieces of a stream.
      for (const Part& part : message->parts) {
        const bool is_text = part.kind == PartKind::text || part.kind == PartKind::refusal;
        if (is_text) gathered.content += part.text;
      }
    } else if (const auto* reasoning = std::get_if<Reasoning>(&item)) {
      gathered.thinking += reasoning->text;
      if (!reasoning->text.empty()) continue;
      for (const auto& summary : reasoning->summary) {
        if (!gathered.thinking.empty()) gathered.thinking += "\n\n";
        gathered.thinking += summary;
      }
    } else if (const auto* call = std::get_if<ToolCall>(&item)) {
      gathered.calls.push_back(call);
    }
  }
  return gathered;
}

void write_message(json::Writer& json, const Choice& choice, bool is_own) {
  const Gathered gathered = gather(choice.output);
  json.key("message").begin_object();
  json.member("role", "assistant").member("content", gathered.content);
  if (!gathered.thinking.empty()) json.member("thinking", gathered.thinking);
  if (!gathered.calls.empty()) {
    json.key("tool_calls").begin_array();
    std::int64_t index = 0;
    for (const ToolCall* call : gathered.calls) write_tool_call(json, *call, index++, is_own);
    json.end_array();
  }
  const std::string* others = is_own ? choice.extra.find("message") : nullptr;
  if (others != nullptr) write_members_of(json, *others);
  json.end_object();
}

}  // namespace

Result<ChatResponse> decode_response(json::Value root, Quirks /*quirks*/) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  std::size_t call_ordinal = 0;
  Answer answer = read_answer(reader, call_ordinal);
  if (!root.find("message")) reader.fail("message", "is required");

  ChatResponse response;
  response.origin = Dialect::ollama;
  response.model = std::move(answer.model);
  response.created = answer.created;
  if (answer.is_done) response.usage = answer.usage;
  Choice& choice = response.choices.emplace_back();
  choice.finish =
      answer.is_done ? finish_of(answer.done_reason, !answer.calls.empty()) : Finish::none;
  choice.logprobs = std::move(answer.logprobs);
  choice.extra = std::move(answer.message_extra);
  keep_exact(answer, choice.finish, response.extra);
  choice.output = items_of(answer);
  keep_unread(reader, response.extra);
  if (problem.is_set()) {
    return Error(ErrorCode::upstream_malformed, problem.error().message, problem.error().param);
  }
  return response;
}

void encode_response(const ChatResponse& response, std::string& out) {
  encode_response(response, std::nullopt, out);
}

void encode_response(const ChatResponse& response, std::optional<std::int64_t> elapsed_ns,
                     std::string& out) {
  const bool is_own = response.origin == Dialect::ollama;
  const Choice none;
  const Choice& choice = response.choices.empty() ? none : response.choices.front();
  json::Writer json(out);
  json.begin_object().member("model", response.model);
  const Extra& extra = response.extra;
  if (!is_own || extra.find("created_at") == nullptr) {
    json.member("created_at", format_timestamp(response.created));
  }
  write_message(json, choice, is_own);
  json.member("done", choice.finish != Finish::none);
  const bool has_own_reason = is_own && extra.find("done_reason") != nullptr;
  if (choice.finish != Finish::none && !has_own_reason) {
    json.member("done_reason", done_reason_of(choice.finish));
  }
  if (!is_own && elapsed_ns) write_durations(json, *elapsed_ns, 0);
  if (response.usage) write_counters(json, *response.usage);
  write_logprobs(json, choice.logprobs);
  if (is_own) write_extra(json, extra);
  json.end_object();
}

}  // namespace weir::wire::ollama
