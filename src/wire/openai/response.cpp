// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/members.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/ids.hpp"
#include "wire/openai/parts.hpp"
#include "wire/openai/reasoning.hpp"
#include "wire/openai/tools.hpp"
#include "wire/openai/usage.hpp"

namespace weir::wire::openai {
namespace {

constexpr std::string_view finish_key = "finish_reason";

/// Reads the message of one choice into items: reasoning, message, calls.
class AnswerReader {
 public:
  AnswerReader(json::ObjectReader& message, std::string_view response_id, Choice& choice)
      : message_(message), response_id_(response_id), choice_(choice) {}

  void read() {
    message_.skip("role");
    read_reasoning(message_, choice_.output);
    read_answer_content();
    if (auto refusal = message_.string("refusal")) {
      out_.parts.emplace_back();
      out_.parts.back().kind = PartKind::refusal;
      out_.parts.back().text = std::move(*refusal);
    }
    read_calls();
    keep_unread(message_, out_.extra);
    // An empty string beside calls or reasoning is a server's way to say null.
    const bool is_blank = out_.parts.empty() && !choice_.output.empty() && calls_.empty();
    if (!out_.parts.empty() || has_members() || (calls_.empty() && !is_blank)) {
      choice_.output.emplace_back(std::move(out_));
    }
    for (auto& call : calls_) choice_.output.emplace_back(std::move(call));
  }
  [[nodiscard]] bool has_calls() const { return !calls_.empty(); }

 private:
  void read_answer_content() {
    out_.role = Role::assistant;
    const auto content = message_.value("content");
    if (!content || content->is_null()) return;
    if (!content->is_array()) {
      out_.is_plain_string = read_content(message_, out_.parts);
      return;
    }
    const json::Path path = message_.path("content");
    std::size_t i = 0;
    for (const json::Value chunk : content->elements()) {
      const json::Path element{&path, {}, i++};
      const auto type = chunk.find("type");
      if (type && type->equals("thinking")) {
        Reasoning reasoning;
        reasoning.text = thinking_text(chunk);
        choice_.output.emplace_back(std::move(reasoning));
      } else {
        out_.parts.push_back(read_part(chunk, element, message_.problem()));
      }
    }
  }

  void read_calls() {
    if (const auto list = message_.array("tool_calls")) {
      const json::Path path = message_.path("tool_calls");
      std::size_t i = 0;
      for (const json::Value value : list->elements()) {
        const json::Path element{&path, {}, i++};
        add_call(read_tool_call(value, element, message_.problem()));
      }
    }
    if (const auto call = message_.object("function_call")) {
      const json::Path path = message_.path("function_call");
      json::ObjectReader function(*call, path, message_.problem());
      ToolCall read;
      read.name = function.required_string("name");
      read.arguments = function.string("arguments").value_or("");
      add_call(std::move(read));
    }
  }

  void add_call(ToolCall call) {
    if (call.id.empty()) {
      call.id =
          made_up_call_id(response_id_, static_cast<std::uint64_t>(choice_.index), calls_.size());
    }
    calls_.push_back(std::move(call));
  }

  /// Members that say something: servers fill up with null and [].
  [[nodiscard]] bool has_members() const {
    return std::any_of(out_.extra.members.begin(), out_.extra.members.end(),
                       [](const Extra::RawMember& member) {
                         return member.json != "null" && member.json != "[]";
                       });
  }

  json::ObjectReader& message_;
  std::string_view response_id_;
  Choice& choice_;
  Message out_;
  std::vector<ToolCall> calls_;
};

void read_finish(json::ObjectReader& reader, bool has_calls, Choice& choice) {
  const auto reason = reader.string(finish_key);
  if (!reason) return;
  choice.finish = finish_of(*reason, has_calls);
  // A word that would come back as another one is kept beside it.
  if (finish_reason_of(choice.finish) == *reason) return;
  std::string raw;
  json::append_string(raw, *reason);
  choice.extra.members.push_back({std::string(finish_key), std::move(raw)});
}

Choice read_choice(json::Value value, const json::Path& path, json::Problem& problem,
                   std::string_view response_id) {
  json::ObjectReader reader(value, path, problem);
  Choice choice;
  choice.index = reader.integer("index", 0).value_or(0);
  bool has_calls = false;
  if (const auto message = reader.value("message")) {
    const json::Path message_path = reader.path("message");
    json::ObjectReader message_reader(*message, message_path, problem);
    AnswerReader answer(message_reader, response_id, choice);
    answer.read();
    has_calls = answer.has_calls();
  } else if (auto text = reader.string("text")) {
    // What servers of the old endpoint answer with.
    Message completion;
    completion.role = Role::assistant;
    completion.is_plain_string = true;
    completion.parts.push_back(Part::text_of(*std::move(text)));
    choice.output.emplace_back(std::move(completion));
  } else {
    reader.fail("message", "is required");
  }
  read_finish(reader, has_calls, choice);
  const auto logprobs = reader.value("logprobs");
  if (logprobs && !logprobs->is_null()) choice.logprobs = logprobs->raw();
  keep_unread(reader, choice.extra);
  return choice;
}

// -- encoding

/// What the items of a choice come to in the one message this format has.
struct Flattened {
  std::vector<const Reasoning*> reasoning;
  std::vector<const Part*> text;
  std::vector<const Part*> images;
  std::string refusal;
  std::vector<const ToolCall*> calls;
  const Message* message = nullptr;  ///< the first
};

Flattened flatten(const Choice& choice) {
  Flattened out;
  for (const Item& item : choice.output) {
    if (const auto* reasoning = std::get_if<Reasoning>(&item)) out.reasoning.push_back(reasoning);
    if (const auto* call = std::get_if<ToolCall>(&item)) out.calls.push_back(call);
    const auto* message = std::get_if<Message>(&item);
    if (message == nullptr) continue;
    if (out.message == nullptr) out.message = message;
    for (const Part& part : message->parts) {
      if (part.kind == PartKind::text) out.text.push_back(&part);
      if (part.kind == PartKind::image) out.images.push_back(&part);
      if (part.kind == PartKind::refusal) out.refusal.append(part.text);
    }
  }
  return out;
}

void write_text_or_null(json::Writer& json, std::string_view key, bool is_there,
                        std::string_view text) {
  json.key(key);
  if (is_there) {
    json.string(text);
  } else {
    json.null();
  }
}

void write_message(json::Writer& json, const Choice& choice, bool is_native) {
  const Flattened flat = flatten(choice);
  const bool is_empty_string = flat.message != nullptr && flat.message->is_plain_string;
  json.begin_object().member("role", "assistant");
  write_text_or_null(json, "content", !flat.text.empty() || is_empty_string,
                     joined_text(flat.text, {}));
  write_text_or_null(json, "refusal", !flat.refusal.empty(), flat.refusal);
  write_reasoning(json, flat.reasoning, is_native);
  if (!flat.calls.empty()) {
    json.key("tool_calls").begin_array();
    for (const ToolCall* call : flat.calls) {
      write_tool_call(json, *call, call->id, is_native, true);
    }
    json.end_array();
  }
  if (!flat.images.empty()) {
    // OpenRouter's member; OpenAI has none for images in an answer.
    json.key("images").begin_array();
    const Taken taken = is_native ? Taken::everything : Taken::nothing;
    for (const Part* image : flat.images) write_part(json, *image, taken);
    json.end_array();
  }
  if (is_native && flat.message != nullptr) write_extra(json, flat.message->extra);
  json.end_object();
}

void write_choice(json::Writer& json, const Choice& choice, bool is_native) {
  json.begin_object().member("index", choice.index).key("message");
  write_message(json, choice, is_native);
  json.key("logprobs");
  if (choice.logprobs.empty()) {
    json.null();
  } else {
    json.raw(choice.logprobs);
  }
  const std::string* kept = is_native ? choice.extra.find(finish_key) : nullptr;
  const std::string_view reason = finish_reason_of(choice.finish);
  if (kept != nullptr) {
    json.key(finish_key).raw(*kept);
  } else {
    write_text_or_null(json, finish_key, !reason.empty(), reason);
  }
  if (is_native) write_extra_except(json, choice.extra, finish_key);
  json.end_object();
}

}  // namespace

Result<ChatResponse> decode_response(json::Value root, Quirks quirks) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  ChatResponse response;
  response.origin = Dialect::openai_chat;
  reader.skip("object");
  response.id = reader.string("id").value_or("");
  response.model = reader.string("model").value_or("");
  response.created = reader.integer("created").value_or(0);
  if (const auto choices = reader.array("choices")) {
    const json::Path choices_path = reader.path("choices");
    std::size_t i = 0;
    for (const json::Value choice : choices->elements()) {
      const json::Path element{&choices_path, {}, i++};
      response.choices.push_back(read_choice(choice, element, problem, response.id));
    }
  } else {
    reader.fail("choices", "is required");
  }
  if (const auto usage = reader.object("usage")) {
    response.usage = read_usage(*usage, quirks);
    keep_usage_members(*usage, response.extra);
  }
  response.service_tier = reader.string("service_tier").value_or("");
  response.system_fingerprint = reader.string("system_fingerprint").value_or("");
  keep_unread(reader, response.extra);
  if (problem.is_set()) {
    return Error(ErrorCode::upstream_malformed, problem.error().message, problem.error().param);
  }
  return response;
}

void encode_response(const ChatResponse& response, std::string& out) {
  const bool is_native = response.origin == Dialect::openai_chat;
  json::Writer json(out);
  json.begin_object().member("id", response.id).member("object", "chat.completion");
  json.member("created", response.created).member("model", response.model);
  json.key("choices").begin_array();
  for (const Choice& choice : response.choices) write_choice(json, choice, is_native);
  json.end_array();
  if (response.usage) {
    json.key("usage").begin_object();
    write_usage(json, *response.usage);
    const std::string* others = is_native ? response.extra.find("usage") : nullptr;
    if (others != nullptr) write_members_of(json, *others);
    json.end_object();
  }
  if (!response.service_tier.empty()) json.member("service_tier", response.service_tier);
  if (!response.system_fingerprint.empty()) {
    json.member("system_fingerprint", response.system_fingerprint);
  }
  if (is_native) write_extra_except(json, response.extra, "usage");
  json.end_object();
}

}  // namespace weir::wire::openai
