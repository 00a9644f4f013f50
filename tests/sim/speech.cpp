// SPDX-License-Identifier: Apache-2.0
#include "sim/speech.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace weir::sim {
namespace {

using wire::Dialect;

/// `$1` to `$9` in `form` stand for `values`. None of them needs escaping.
template <class... Values>
std::string filled(std::string_view form, const Values&... values) {
  const std::string texts[] = {std::string(values)...};
  std::string out;
  for (std::size_t at = 0; at < form.size(); ++at) {
    if (form[at] != '$') {
      out.push_back(form[at]);
      continue;
    }
    out.append(texts[static_cast<std::size_t>(form[++at] - '1')]);
  }
  return out;
}

std::string text(std::int64_t number) { return std::to_string(number); }

std::string string_in(std::optional<json::Value> value) {
  return value && value->is_string() ? value->as_string() : std::string();
}

class OpenAiSpeech final : public Speech {
 public:
  [[nodiscard]] std::string request(const Ask& ask) const override {
    const std::string limit =
        ask.output_tokens_max > 0 ? R"(,"max_tokens":)" + text(ask.output_tokens_max) : "";
    return filled(R"({"model":"$1","stream":$2$3,"messages":[{"role":"user","content":"$4"}]})",
                  ask.model, ask.is_stream ? "true" : "false", limit, ask.text);
  }
  void hear(json::Value frame, Heard& heard) const override {
    if (frame.find("error")) heard.errors += 1;
    const auto choices = frame.find("choices");
    if (!choices || !choices->is_array()) return;
    for (const json::Value choice : choices->elements()) {
      if (const auto delta = choice.find("delta")) heard.text += string_in(delta->find("content"));
      if (!string_in(choice.find("finish_reason")).empty()) heard.finishes += 1;
    }
  }
  [[nodiscard]] std::optional<std::string> text_of(json::Value answer) const override {
    const auto choices = answer.find("choices");
    if (!choices || choices->size() != 1) return std::nullopt;
    const auto message = (*choices->elements().begin()).find("message");
    if (!message) return std::nullopt;
    return string_in(message->find("content"));
  }

  [[nodiscard]] std::string_view stream_media_type() const override { return "text/event-stream"; }
  [[nodiscard]] std::string whole(std::string_view words, Tokens used) const override {
    return filled(
        R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
        R"("message":{"role":"assistant","content":"$1"},"finish_reason":"stop"}],$2})",
        words, usage(used));
  }
  [[nodiscard]] std::string begin(Tokens) const override {
    return event(R"({"index":0,"delta":{"role":"assistant"},"finish_reason":null})");
  }
  [[nodiscard]] std::string piece(std::string_view words) const override {
    return event(filled(R"({"index":0,"delta":{"content":"$1"},"finish_reason":null})", words));
  }
  [[nodiscard]] std::string end(Tokens used) const override {
    return event(R"({"index":0,"delta":{},"finish_reason":"stop"})") +
           event("", "," + usage(used)) + end_again();
  }
  [[nodiscard]] std::string end_again() const override { return "data: [DONE]\n\n"; }
  [[nodiscard]] std::string broken_piece() const override { return "data: {\"broken\n\n"; }
  [[nodiscard]] std::string stream_error() const override {
    return "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"error\",\"code\":null}}\n\n";
  }
  [[nodiscard]] std::optional<Tokens> told_at_start(Tokens) const override { return std::nullopt; }

 private:
  static std::string event(std::string_view choices, std::string_view more = {}) {
    return filled(
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
        "\"choices\":[$1]$2}\n\n",
        choices, more);
  }
  static std::string usage(Tokens used) {
    return filled(R"("usage":{"prompt_tokens":$1,"completion_tokens":$2,"total_tokens":$3})",
                  text(used.input), text(used.output), text(used.input + used.output));
  }
};

class AnthropicSpeech final : public Speech {
 public:
  [[nodiscard]] std::string request(const Ask& ask) const override {
    const std::int64_t limit = ask.output_tokens_max > 0 ? ask.output_tokens_max : 1'000;
    return filled(R"({"model":"$1","stream":$2,"max_tokens":$3,)"
                  R"("messages":[{"role":"user","content":"$4"}]})",
                  ask.model, ask.is_stream ? "true" : "false", text(limit), ask.text);
  }
  void hear(json::Value frame, Heard& heard) const override {
    const std::string type = string_in(frame.find("type"));
    const auto delta = frame.find("delta");
    if (type == "error") heard.errors += 1;
    if (type == "message_stop") heard.terminators += 1;
    if (type == "content_block_delta" && delta) heard.text += string_in(delta->find("text"));
    const bool tells_why = delta && !string_in(delta->find("stop_reason")).empty();
    if (type == "message_delta" && tells_why) heard.finishes += 1;
  }
  [[nodiscard]] std::optional<std::string> text_of(json::Value answer) const override {
    const auto content = answer.find("content");
    if (!content || content->size() != 1) return std::nullopt;
    return string_in((*content->elements().begin()).find("text"));
  }

  [[nodiscard]] std::string_view stream_media_type() const override { return "text/event-stream"; }
  [[nodiscard]] std::string whole(std::string_view words, Tokens used) const override {
    return filled(R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":)"
                  R"([{"type":"text","text":"$1"}],"stop_reason":"end_turn","stop_sequence":null,)"
                  R"("usage":{"input_tokens":$2,"output_tokens":$3}})",
                  words, text(used.input), text(used.output));
  }
  [[nodiscard]] std::string begin(Tokens used) const override {
    const Tokens told = *told_at_start(used);
    return event("message_start",
                 filled(R"("message":{"id":"msg_1","type":"message","role":"assistant",)"
                        R"("model":"m","content":[],"stop_reason":null,"stop_sequence":null,)"
                        R"("usage":{"input_tokens":$1,"output_tokens":$2}})",
                        text(told.input), text(told.output))) +
           event("content_block_start", R"("index":0,"content_block":{"type":"text","text":""})");
  }
  [[nodiscard]] std::string piece(std::string_view words) const override {
    return event("content_block_delta",
                 filled(R"("index":0,"delta":{"type":"text_delta","text":"$1"})", words));
  }
  [[nodiscard]] std::string end(Tokens used) const override {
    return event("content_block_stop", R"("index":0)") +
           event("message_delta",
                 filled(R"("delta":{"stop_reason":"end_turn","stop_sequence":null},)"
                        R"("usage":{"output_tokens":$1})",
                        text(used.output))) +
           end_again();
  }
  [[nodiscard]] std::string end_again() const override {
    return "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
  }
  [[nodiscard]] std::string broken_piece() const override {
    return "event: content_block_delta\ndata: {\"broken\n\n";
  }
  [[nodiscard]] std::string stream_error() const override {
    return event("error", R"("error":{"type":"overloaded_error","message":"overloaded"})");
  }
  [[nodiscard]] std::optional<Tokens> told_at_start(Tokens used) const override {
    return Tokens{used.input, 1};
  }

 private:
  static std::string event(std::string_view type, std::string_view members) {
    return filled("event: $1\ndata: {\"type\":\"$1\",$2}\n\n", type, members);
  }
};

class OllamaSpeech final : public Speech {
 public:
  [[nodiscard]] std::string request(const Ask& ask) const override {
    const std::string limit = ask.output_tokens_max > 0 ? filled(R"(,"options":{"num_predict":$1})",
                                                                 text(ask.output_tokens_max))
                                                        : "";
    return filled(R"({"model":"$1","stream":$2$3,"messages":[{"role":"user","content":"$4"}]})",
                  ask.model, ask.is_stream ? "true" : "false", limit, ask.text);
  }
  void hear(json::Value frame, Heard& heard) const override {
    if (frame.find("error")) heard.errors += 1;
    if (const auto said = frame.find("message")) heard.text += string_in(said->find("content"));
    const auto done = frame.find("done");
    if (!done || !done->is_boolean() || !done->as_bool()) return;
    heard.terminators += 1;
    heard.finishes += 1;
  }
  [[nodiscard]] std::optional<std::string> text_of(json::Value answer) const override {
    const auto said = answer.find("message");
    if (!said) return std::nullopt;
    return string_in(said->find("content"));
  }

  [[nodiscard]] std::string_view stream_media_type() const override {
    return "application/x-ndjson";
  }
  [[nodiscard]] std::string whole(std::string_view words, Tokens used) const override {
    return line(words, R"("done":true,"done_reason":"stop",)" + usage(used));
  }
  [[nodiscard]] std::string begin(Tokens) const override { return {}; }
  [[nodiscard]] std::string piece(std::string_view words) const override {
    return line(words, R"("done":false)");
  }
  [[nodiscard]] std::string end(Tokens used) const override {
    return line("", R"("done":true,"done_reason":"stop",)" + usage(used));
  }
  [[nodiscard]] std::string end_again() const override { return line("", R"("done":true)"); }
  [[nodiscard]] std::string broken_piece() const override { return "{\"broken\n"; }
  [[nodiscard]] std::string stream_error() const override { return "{\"error\":\"overloaded\"}\n"; }
  [[nodiscard]] std::optional<Tokens> told_at_start(Tokens) const override { return std::nullopt; }

 private:
  static std::string line(std::string_view words, std::string_view members) {
    return filled(
        "{\"model\":\"m\",\"created_at\":\"2026-11-18T10:00:00.1Z\","
        "\"message\":{\"role\":\"assistant\",\"content\":\"$1\"},$2}\n",
        words, members);
  }
  static std::string usage(Tokens used) {
    return filled(R"("total_duration":1,"prompt_eval_count":$1,"eval_count":$2)", text(used.input),
                  text(used.output));
  }
};

}  // namespace

const Speech& speech_of(Dialect dialect) {
  static const OpenAiSpeech openai;
  static const AnthropicSpeech anthropic;
  static const OllamaSpeech ollama;
  switch (dialect) {
    case Dialect::openai_chat:
      return openai;
    case Dialect::anthropic:
      return anthropic;
    case Dialect::ollama:
      return ollama;
    default:
      WEIR_ASSERT(false);
      return openai;
  }
}

Heard hear_stream(Dialect dialect, std::string_view bytes) {
  const Speech& speech = speech_of(dialect);
  const bool is_sse = dialect != Dialect::ollama;
  Heard heard;
  json::Document document;
  while (!bytes.empty()) {
    std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    if (line.empty() || (is_sse && (line.starts_with(':') || line.starts_with("event: ")))) {
      continue;
    }
    if (heard.terminators > 0) heard.is_broken = true;
    if (is_sse) {
      if (!line.starts_with("data: ")) heard.is_broken = true;
      line.remove_prefix(std::min<std::size_t>(line.size(), 6));
    }
    if (dialect == Dialect::openai_chat && line == "[DONE]") {
      heard.terminators += 1;
    } else if (!document.parse(line)) {
      heard.is_broken = true;
    } else {
      speech.hear(document.root(), heard);
    }
  }
  return heard;
}

}  // namespace weir::sim
