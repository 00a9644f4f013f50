// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/completions.hpp"

#include <optional>
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

namespace weir::wire::openai {
namespace {

constexpr std::int64_t output_tokens_default = 16;
constexpr std::size_t prompts_max = 128;

void refuse(json::ObjectReader& root, std::string_view key, std::string what) {
  root.problem().set(ErrorCode::unsupported_capability, root.path(key), std::move(what));
}

std::vector<std::string> read_prompts(json::ObjectReader& root) {
  std::vector<std::string> prompts;
  const auto prompt = root.value("prompt");
  if (!prompt || prompt->is_null()) return root.fail("prompt", "is required"), prompts;
  if (prompt->is_string()) return {prompt->as_string()};
  if (!prompt->is_array()) return root.fail("prompt", "expected a string or an array"), prompts;
  if (prompt->size() == 0 || prompt->size() > prompts_max) {
    return root.fail("prompt", "takes 1 to 128 prompts"), prompts;
  }
  for (const json::Value one : prompt->elements()) {
    if (!one.is_string()) {
      return refuse(root, "prompt", "this target takes prompts as text only"), prompts;
    }
    prompts.push_back(one.as_string());
  }
  return prompts;
}

void refuse_what_no_chat_gives(json::ObjectReader& root) {
  if (root.boolean("echo").value_or(false)) refuse(root, "echo", "this target can't echo");
  if (!root.string("suffix").value_or("").empty()) {
    refuse(root, "suffix", "this target can't fill in before a suffix");
  }
  if (root.integer("logprobs", 0, 5)) {
    refuse(root, "logprobs", "this target has no log probabilities of this kind");
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

void write_choice(json::Writer& json, std::int64_t index, std::string_view text, Finish finish) {
  json.begin_object().member("text", text).member("index", index).key("logprobs").null();
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

void add(Usage& sum, const Usage& usage) {
  sum.input += usage.input;
  sum.input_cache_read += usage.input_cache_read;
  sum.input_cache_write += usage.input_cache_write;
  sum.input_cache_write_1h += usage.input_cache_write_1h;
  sum.output += usage.output;
  sum.output_reasoning += usage.output_reasoning;
}

class CompletionEncoder final : public StreamEncoder {
 public:
  explicit CompletionEncoder(const StreamOptions& options)
      : id_(with_id_prefix(completion_id_prefix, options.id)),
        model_(options.model),
        created_(options.created),
        wants_usage_(options.wants_usage) {}

  void encode(const StreamEvent& event, std::string& out) override {
    using Type = StreamEvent::Type;
    if (event.type == Type::start) {
      if (!event.id.empty()) id_ = with_id_prefix(completion_id_prefix, event.id);
      if (!event.model.empty()) model_ = event.model;
      if (event.created != 0) created_ = event.created;
    } else if (event.type == Type::usage) {
      usage_ = *event.usage;
    } else if (event.type == Type::text && !event.text.empty()) {
      write_chunk(event.choice, event.text, Finish::none, out);
    } else if (event.type == Type::finish) {
      write_chunk(event.choice, {}, event.finish, out);
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
  void write_chunk(std::uint32_t choice, std::string_view text, Finish finish, std::string& out) {
    std::string chunk;
    json::Writer json(chunk);
    write_head(json, id_, created_, model_);
    json.key("choices").begin_array();
    write_choice(json, choice, text, finish);
    json.end_array();
    if (wants_usage_) json.key("usage").null();
    json.end_object();
    append_sse(out, {}, chunk);
  }

  std::string id_;
  std::string model_;
  std::int64_t created_;
  bool wants_usage_;
  std::optional<Usage> usage_;
};

}  // namespace

Result<std::vector<ChatRequest>> decode_completion_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  auto prompts = read_prompts(reader);
  refuse_what_no_chat_gives(reader);
  const auto limit = reader.integer("max_tokens", 1, tokens_asked_max);
  if (prompts.size() > 1 && reader.boolean("stream").value_or(false)) {
    refuse(reader, "prompt", "this target streams the answer to one prompt at a time");
  }
  const auto n = reader.integer("n", 1, choices_max);
  const auto stream = reader.boolean("stream");
  reader.skip("stream_options");
  WEIR_TRY(problem.result());

  WEIR_TRY_ASSIGN(shared, decode_shared(reader));
  shared.output_tokens_max = limit.value_or(output_tokens_default);
  shared.n = n.value_or(1);
  shared.stream = stream.value_or(false);
  const auto options = root.find("stream_options");
  const auto include_usage = options ? options->find("include_usage") : std::nullopt;
  shared.wants_stream_usage =
      include_usage && include_usage->is_boolean() && include_usage->as_bool();
  std::vector<ChatRequest> requests;
  for (auto& prompt : prompts) {
    requests.push_back(shared);
    requests.back().items.assign(1, Item(prompt_message(std::move(prompt))));
  }
  return requests;
}

void encode_completion_response(std::span<const ChatResponse> responses, std::string& out) {
  WEIR_ASSERT(!responses.empty());
  const ChatResponse& first = responses.front();
  json::Writer json(out);
  write_head(json, with_id_prefix(completion_id_prefix, first.id), first.created, first.model);
  json.key("choices").begin_array();
  std::int64_t offset = 0;
  std::optional<Usage> usage;
  for (const ChatResponse& response : responses) {
    for (const Choice& choice : response.choices) {
      write_choice(json, offset + choice.index, text_of(choice), choice.finish);
    }
    offset += static_cast<std::int64_t>(response.choices.size());
    if (response.usage) {
      if (!usage) usage.emplace();
      add(*usage, *response.usage);
    }
  }
  json.end_array();
  if (usage) {
    json.key("usage").begin_object();
    write_usage(json, *usage);
    json.end_object();
  }
  json.end_object();
}

std::unique_ptr<StreamEncoder> make_completion_stream_encoder(const StreamOptions& options) {
  return std::make_unique<CompletionEncoder>(options);
}

}  // namespace weir::wire::openai
