// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/members.hpp"
#include "wire/responses/answer.hpp"
#include "wire/responses/codec.hpp"
#include "wire/responses/items.hpp"

namespace weir::wire::responses {
namespace {

constexpr double unix_seconds_max = 1e12;

bool is_call(const Item& item) { return std::holds_alternative<ToolCall>(item); }

void read_output(json::ObjectReader& reader, Choice& choice) {
  const auto output = reader.array("output");
  if (!output) return reader.fail("output", "is required");
  const json::Path path = reader.path("output");
  choice.output = read_items(*output, path, reader.problem());
}

/// The log-probabilities of all texts, as chat has them.
std::string gather_logprobs(const std::vector<Item>& output) {
  std::string entries;
  json::Document document;
  for (const Item& item : output) {
    const auto* message = std::get_if<Message>(&item);
    if (message == nullptr) continue;
    for (const Part& part : message->parts) {
      const std::string* logprobs = part.extra.find("logprobs");
      if (logprobs == nullptr || !document.parse(*logprobs)) continue;
      if (!document.root().is_array()) continue;
      for (const json::Value entry : document.root().elements()) {
        entries.append(entries.empty() ? "" : ",").append(entry.raw());
      }
    }
  }
  return entries.empty() ? entries : "{\"content\":[" + entries + "]}";
}

void read_usage_member(json::ObjectReader& reader, ChatResponse& response) {
  const auto value = reader.object("usage");
  if (!value) return;
  const json::Path path = reader.path("usage");
  response.usage = read_usage(*value, path, reader.problem());
  // Its zeros and unknown counters count for clients that know them.
  response.extra.members.push_back({"usage", std::string(value->raw())});
}

std::string output_of(const ChatResponse& response, const Choice& choice,
                      std::string_view answer_id) {
  const bool is_own = response.origin == Dialect::openai_responses;
  const std::string entries = is_own ? "[]" : logprob_entries(choice.logprobs);
  std::string_view logprobs = entries == "[]" ? std::string_view() : entries;
  std::string output;
  json::Writer json(output);
  json.begin_array();
  const bool is_cut = status_of(choice.finish) == "incomplete";
  std::size_t index = 0;
  for (const Item& item : choice.output) {
    if (!is_output(item, is_own)) continue;
    const std::string id = derived_item_id(id_prefix(item), answer_id, index++);
    const bool is_cut_here = is_cut && &item == &choice.output.back();
    write_output_item(json, item,
                      {.id = id,
                       .status = is_cut_here ? "incomplete" : "completed",
                       .is_own = is_own,
                       .logprobs = logprobs});
    if (std::holds_alternative<Message>(item)) logprobs = {};
  }
  json.end_array();
  return output;
}

bool is_merged_elsewhere(std::string_view key) { return key == "usage" || key == "status"; }

}  // namespace

Result<ChatResponse> decode_response(json::Value root, Quirks /*quirks*/) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  ChatResponse response;
  response.origin = Dialect::openai_responses;
  response.id = reader.string("id").value_or("");
  const double created = reader.number("created_at", 0, unix_seconds_max).value_or(0);
  response.created = static_cast<std::int64_t>(created);
  response.model = reader.string("model").value_or("");
  response.service_tier = reader.string("service_tier").value_or("");
  reader.skip("object");
  reader.skip("incomplete_details");
  Choice& choice = response.choices.emplace_back();
  read_output(reader, choice);
  const auto& output = choice.output;
  const std::string status = reader.string("status").value_or("");
  const bool has_calls = std::any_of(output.begin(), output.end(), is_call);
  choice.finish = finish_of(status, incomplete_reason(root), has_calls);
  choice.logprobs = gather_logprobs(output);
  read_usage_member(reader, response);
  if (status != status_of(choice.finish) && !status.empty()) {
    std::string quoted;
    json::append_string(quoted, status);
    response.extra.members.push_back({"status", std::move(quoted)});
  }
  keep_unread(reader, response.extra);
  if (problem.is_set()) {
    return Error(ErrorCode::upstream_malformed, problem.error().message, problem.error().param);
  }
  return response;
}

void encode_response(const ChatResponse& response, std::string& out) {
  encode_response(response, {}, out);
}

void encode_response(const ChatResponse& response, const AnswerFrame& frame, std::string& out) {
  const std::size_t begin = out.size();
  const std::string_view id = frame.id.empty() ? response.id : frame.id;
  const bool is_own = response.origin == Dialect::openai_responses;
  const Choice none;
  const Choice& choice = response.choices.empty() ? none : response.choices.front();
  const auto exact = [&](std::string_view key) {
    const std::string* found = is_own ? response.extra.find(key) : nullptr;
    return found != nullptr ? std::string_view(*found) : std::string_view();
  };
  const AnswerHead head{.id = id,
                        .created = response.created,
                        .model = response.model,
                        .finish = choice.finish,
                        .usage = response.usage ? &*response.usage : nullptr,
                        .status_json = exact("status"),
                        .usage_json = exact("usage")};
  json::Writer json(out);
  json.begin_object();
  write_answer(json, head, output_of(response, choice, id));
  if (!response.service_tier.empty()) json.member("service_tier", response.service_tier);
  if (is_own) {
    for (const auto& member : response.extra.members) {
      if (!is_merged_elsewhere(member.key)) json.key(member.key).raw(member.json);
    }
  } else {
    write_foreign_members(json, choice.finish, frame.echo);
  }
  json.end_object();
  if (frame.answer != nullptr) frame.answer->assign(out, begin);
}

}  // namespace weir::wire::responses
