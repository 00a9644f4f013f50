// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/completions.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/answer_id.hpp"
#include "wire/error_writer.hpp"
#include "wire/members.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/usage.hpp"
#include "wire/quantities.hpp"
#include "wire/sse.hpp"
#include "wire/usage_sum.hpp"

namespace weir::wire::openai {
namespace {

constexpr std::int64_t output_tokens_default = 16;
constexpr std::size_t prompts_max = 128;
constexpr std::int64_t logprobs_max = 5;

void refuse(json::ObjectReader& root, std::string_view key, std::string what) {
  root.problem().set(ErrorCode::unsupported_capability, root.path(key), std::move(what));
}

std::string read_prompt(json::ObjectReader& root, std::size_t place) {
  const auto prompt = root.value("prompt");
  if (!prompt || prompt->is_null()) return root.fail("prompt", "is required"), std::string();
  if (prompt->is_string()) return prompt->as_string();
  if (!prompt->is_array()) {
    return root.fail("prompt", "expected a string or an array"), std::string();
  }
  if (prompt->size() == 0 || prompt->size() > prompts_max) {
    return root.fail("prompt", "takes 1 to 128 prompts"), std::string();
  }
  std::string text;
  for (const json::Value one : prompt->elements()) {
    if (!one.is_string()) {
      refuse(root, "prompt", "this target takes prompts as text only, not as tokens");
      return {};
    }
    if (place-- == 0) text = one.as_string();
  }
  return text;
}

void refuse_what_no_chat_gives(json::ObjectReader& root, bool wants_logprobs) {
  if (root.boolean("echo").value_or(false) && wants_logprobs) {
    refuse(root, "echo", "this target has no log probabilities of the prompt");
  }
  if (!root.string("suffix").value_or("").empty()) {
    refuse(root, "suffix", "this target can't fill in before a suffix");
  }
  const auto best_of = root.integer("best_of", 1, 20);
  if (best_of && *best_of != root.integer("n", 1, choices_max).value_or(1)) {
    refuse(root, "best_of", "this target can't choose the best of several answers");
  }
}

/// The members that both endpoints share, read by the chat decoder.
Result<ChatRequest> decode_shared(json::ObjectReader& root) {
  std::string chat;
  json::Writer json(chat);
  json.begin_object().key("messages").raw(R"([{"role":"user","content":""}])");
  root.for_each_unread([&](const std::string& key, json::Value value) {
    if (key != "messages") json.key(key).raw(value.raw());
  });
  json.end_object();
  json::Document document;
  WEIR_TRY(document.parse(chat));
  return decode_request(document.root());
}

Message prompt_message(std::string prompt) {
  Message message;
  message.is_plain_string = true;
  message.parts.push_back(Part::text_of(std::move(prompt)));
  return message;
}

std::string text_of(const Choice& choice) {
  std::string text;
  for (const Item& item : choice.output) {
    const auto* message = std::get_if<Message>(&item);
    if (message == nullptr) continue;
    for (const Part& part : message->parts) {
      if (part.kind == PartKind::text) text.append(part.text);
    }
  }
  return text;
}

/// In characters, as offsets of this endpoint are.
std::int64_t length_of(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;  // none that continues another
  });
}

std::string token_of(json::Value entry) {
  const auto token = entry.find("token");
  return token && token->is_string() ? token->as_string() : std::string();
}

std::string_view logprob_of(json::Value entry) {
  const auto logprob = entry.find("logprob");
  return logprob && logprob->is_number() ? logprob->raw() : "null";
}

/// A token may stand among the alternatives twice, with other bytes that are no character.
void write_alternatives(json::Writer& json, json::Value entry) {
  const auto alternatives = entry.find("top_logprobs");
  const bool is_list = alternatives && alternatives->is_array() && alternatives->size() > 0;
  if (!is_list) return static_cast<void>(json.null());
  std::set<std::string> written;
  json.begin_object();
  for (const json::Value one : alternatives->elements()) {
    std::string token = token_of(one);
    if (!written.contains(token)) json.key(token).raw(logprob_of(one));
    written.insert(std::move(token));
  }
  json.end_object();
}

/// Writes the log probabilities of a chat, raw, in the shape of this endpoint. `offset`: where in
/// the choice's text its first token stands; afterwards, where the next one will.
void write_logprobs(json::Writer& json, std::string_view logprobs, std::int64_t& offset) {
  json::Document document;
  const auto content = !logprobs.empty() && document.parse(logprobs)
                           ? document.root().find("content")
                           : std::optional<json::Value>();
  if (!content || !content->is_array()) return static_cast<void>(json.null());
  const auto for_each = [&](std::string_view key, const auto& write) {
    json.key(key).begin_array();
    for (const json::Value entry : content->elements()) write(entry);
    json.end_array();
  };
  json.begin_object();
  for_each("tokens", [&](json::Value entry) { json.string(token_of(entry)); });
  for_each("token_logprobs", [&](json::Value entry) { json.raw(logprob_of(entry)); });
  for_each("top_logprobs", [&](json::Value entry) { write_alternatives(json, entry); });
  for_each("text_offset", [&](json::Value entry) {
    json.integer(offset);
    offset += length_of(token_of(entry));
  });
  json.end_object();
}

/// One choice, or a piece of one. `offset` as of `write_logprobs`.
void write_choice(json::Writer& json, std::int64_t index, std::string_view text,
                  std::string_view logprobs, Finish finish, std::int64_t& offset) {
  json.begin_object().member("text", text).member("index", index).key("logprobs");
  write_logprobs(json, logprobs, offset);
  const std::string_view reason = finish_reason_of(finish);
  json.key("finish_reason");
  if (reason.empty()) {
    json.null();
  } else {
    json.string(reason);
  }
  json.end_object();
}

void write_head(json::Writer& json, std::string_view id, std::int64_t created,
                std::string_view model) {
  json.begin_object().member("id", id).member("object", "text_completion");
  json.member("created", created).member("model", model);
}

class CompletionEncoder final : public StreamEncoder {
 public:
  CompletionEncoder(const StreamOptions& options, const CompletionStyle& style)
      : style_(style),
        id_(style.id.empty() ? with_id_prefix(completion_id_prefix, options.id) : style.id),
        model_(options.model),
        created_(options.created),
        wants_usage_(options.wants_usage) {}

  void encode(const StreamEvent& event, std::string& out) override {
    using Type = StreamEvent::Type;
    if (event.type == Type::start) {
      const bool has_own_id = !event.id.empty() && style_.id.empty();
      if (has_own_id) id_ = with_id_prefix(completion_id_prefix, event.id);
      if (!event.model.empty()) model_ = event.model;
      if (event.created != 0) created_ = event.created;
    } else if (event.type == Type::usage) {
      usage_ = *event.usage;
    } else if (event.type == Type::text && !event.text.empty()) {
      write_chunk(event, event.text, Finish::none, out);
    } else if (event.type == Type::finish) {
      write_chunk(event, {}, event.finish, out);
    }
  }

  void finish(std::string& out) override {
    if (wants_usage_ && usage_) {
      std::string chunk;
      json::Writer json(chunk);
      write_head(json, id_, created_, model_);
      json.key("choices").begin_array().end_array().key("usage").begin_object();
      write_usage(json, *usage_);
      json.end_object().end_object();
      append_sse(out, {}, chunk);
    }
    append_sse(out, {}, "[DONE]");
  }

  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    std::string body;
    append_error_body(body, Dialect::openai_chat, error, request_id);
    append_sse(out, {}, body);
  }

 private:
  void write_chunk(const StreamEvent& event, std::string_view text, Finish finish,
                   std::string& out) {
    const auto [place, is_first] = offsets_.try_emplace(event.choice, 0);
    std::string begun;
    if (is_first && !style_.echo.empty()) {
      begun.append(style_.echo).append(text);
      text = begun;
    }
    std::string chunk;
    json::Writer json(chunk);
    write_head(json, id_, created_, model_);
    json.key("choices").begin_array();
    write_choice(json, style_.first_choice + event.choice, text, event.logprobs, finish,
                 place->second);
    json.end_array();
    if (wants_usage_) json.key("usage").null();
    json.end_object();
    append_sse(out, {}, chunk);
  }

  const CompletionStyle& style_;
  std::map<std::uint32_t, std::int64_t> offsets_;  ///< of the next token, by choice that has begun
  std::string id_;
  std::string model_;
  std::int64_t created_;
  bool wants_usage_;
  std::optional<Usage> usage_;
};

}  // namespace

Result<ChatRequest> decode_completion_request(json::Value root, std::size_t place) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  std::string prompt = read_prompt(reader, place);
  const auto logprobs = reader.integer("logprobs", 0, logprobs_max);
  refuse_what_no_chat_gives(reader, logprobs.has_value());
  const auto limit = reader.integer("max_tokens", 1, tokens_asked_max);
  const auto n = reader.integer("n", 1, choices_max);
  const auto stream = reader.boolean("stream");
  reader.skip("stream_options");
  WEIR_TRY(problem.result());

  WEIR_TRY_ASSIGN(request, decode_shared(reader));
  request.output_tokens_max = limit.value_or(output_tokens_default);
  request.n = n.value_or(1);
  if (logprobs) request.logprobs = true;
  if (logprobs && *logprobs > 0) request.top_logprobs = logprobs;
  request.stream = stream.value_or(false);
  const auto options = root.find("stream_options");
  const auto include_usage = options ? options->find("include_usage") : std::nullopt;
  request.wants_stream_usage =
      include_usage && include_usage->is_boolean() && include_usage->as_bool();
  request.items.assign(1, Item(prompt_message(std::move(prompt))));
  return std::move(request);
}

void encode_completion_response(const ChatResponse& response, const CompletionStyle& style,
                                std::string& out) {
  json::Writer json(out);
  const std::string id =
      style.id.empty() ? with_id_prefix(completion_id_prefix, response.id) : style.id;
  write_head(json, id, response.created, response.model);
  json.key("choices").begin_array();
  for (const Choice& choice : response.choices) {
    std::int64_t text_offset = 0;
    write_choice(json, style.first_choice + choice.index, style.echo + text_of(choice),
                 choice.logprobs, choice.finish, text_offset);
  }
  json.end_array();
  if (response.usage) {
    json.key("usage").begin_object();
    write_usage(json, *response.usage);
    json.end_object();
  }
  json.end_object();
}

std::unique_ptr<StreamEncoder> make_completion_stream_encoder(const StreamOptions& options,
                                                              const CompletionStyle& style) {
  return std::make_unique<CompletionEncoder>(options, style);
}

void join_completions(std::span<const std::string> answers, std::string& out) {
  WEIR_ASSERT(!answers.empty());
  json::Writer json(out);
  std::string choices;
  json::Writer choices_json(choices);
  choices_json.begin_array();
  std::optional<Usage> usage;
  json.begin_object();
  for (const std::string& answer : answers) {
    json::Document document;
    const Result<> parsed = document.parse(answer);
    WEIR_ASSERT(parsed);
    for (const json::Member member : document.root().members()) {
      if (member.key.equals("choices")) {
        for (const json::Value choice : member.value.elements()) choices_json.raw(choice.raw());
      } else if (member.key.equals("usage")) {
        const Usage told = read_usage(member.value, 0);
        usage = usage ? sum(*usage, told) : told;
      } else if (&answer == answers.data()) {
        json.key(member.key.as_string()).raw(member.value.raw());
      }
    }
  }
  choices_json.end_array();
  json.key("choices").raw(choices);
  if (usage) {
    json.key("usage").begin_object();
    write_usage(json, *usage);
    json.end_object();
  }
  json.end_object();
}

CompletionStreamEnd read_completion_stream_end(std::string_view events) {
  CompletionStreamEnd end;
  SseParser parser;
  parser.feed(events);
  SseParser::Event event;
  while (parser.next(event)) {
    json::Document document;
    if (event.data == "[DONE]") continue;
    const bool is_object = document.parse(event.data) && document.root().is_object();
    const auto usage = is_object ? document.root().find("usage") : std::nullopt;
    if (!usage || !usage->is_object()) {
      append_sse(end.rest, event.type, event.data);
      continue;
    }
    end.usage = read_usage(*usage, 0);
    const auto model = document.root().find("model");
    if (model && model->is_string()) end.model = model->as_string();
  }
  return end;
}

}  // namespace weir::wire::openai
