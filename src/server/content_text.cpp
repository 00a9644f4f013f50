// SPDX-License-Identifier: Apache-2.0
#include "server/content_text.hpp"

#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "base/utf8.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "pipeline/codecs.hpp"
#include "wire/passthrough.hpp"

namespace weir::server {
namespace {

/// Replaces what is not to be kept in every string, number and name of a document.
class JsonCleaner {
 public:
  explicit JsonCleaner(const Redactor& redactor) : redactor_(redactor) {}

  std::string clean(json::Value root) {
    look(root);
    std::string out;
    wire::append_spliced(root, splices_, out);
    return out;
  }

 private:
  void look(json::Value value) {
    if (value.is_string()) {
      look_at_text(value);
    } else if (value.is_number()) {
      const std::string cleaned = redactor_.clean(value.raw());
      if (cleaned != value.raw()) replace(value, cleaned);
    } else if (value.is_array()) {
      for (const json::Value element : value.elements()) look(element);
    } else if (value.is_object()) {
      for (const json::Member member : value.members()) {
        look_at_text(member.key);
        look(member.value);
      }
    }
  }

  /// Some dialects write arguments as text with JSON in it.
  void look_at_text(json::Value value) {
    std::string scratch;
    const std::string_view text = value.as_string_view(scratch);
    json::Document inner;
    const bool is_json = text.starts_with('{') && inner.parse(text);
    const std::string cleaned =
        is_json ? JsonCleaner(redactor_).clean(inner.root()) : redactor_.clean(text);
    if (cleaned != text) replace(value, cleaned);
  }

  void replace(json::Value value, std::string_view text) {
    wire::Splice splice{value.offset(), value.raw().size(), {}};
    json::append_string(splice.text, text);
    splices_.push_back(std::move(splice));
  }

  const Redactor& redactor_;
  std::vector<wire::Splice> splices_;
};

std::string clean_text(std::string_view text, const Redactor& redactor) {
  json::Document document;
  return document.parse(text) ? JsonCleaner(redactor).clean(document.root()) : redactor.clean(text);
}

/// What a chat's stream has told.
class Chat final : public wire::EventSink {
 public:
  void on_event(const wire::StreamEvent& event) override {
    using Type = wire::StreamEvent::Type;
    switch (event.type) {
      case Type::text:
        choices_[event.choice].text.append(event.text);
        return;
      case Type::refusal:
        choices_[event.choice].refusal.append(event.text);
        return;
      case Type::reasoning:
        choices_[event.choice].reasoning.append(event.text);
        return;
      case Type::tool_call_begin:
        choices_[event.choice].calls[event.tool].name = event.name;
        return;
      case Type::tool_call_delta:
        choices_[event.choice].calls[event.tool].arguments.append(event.text);
        return;
      case Type::error:
        if (event.fault != nullptr) error_ = event.fault->message;
        return;
      default:
        return;
    }
  }

  void write(json::Writer& json, const Redactor& redactor) const {
    const auto add = [&](std::string_view name, const std::string& text) {
      if (!text.empty()) json.member(name, clean_text(text, redactor));
    };
    json.key("choices").begin_array();
    for (const auto& [number, choice] : choices_) {
      json.begin_object();
      add("reasoning", choice.reasoning);
      add("text", choice.text);
      add("refusal", choice.refusal);
      if (!choice.calls.empty()) {
        json.key("tool_calls").begin_array();
        for (const auto& [place, call] : choice.calls) {
          json.begin_object();
          add("name", call.name);
          add("arguments", call.arguments);
          json.end_object();
        }
        json.end_array();
      }
      json.end_object();
    }
    json.end_array();
    add("error", error_);
  }

 private:
  struct Call {
    std::string name;
    std::string arguments;
  };
  struct Choice {
    std::string text;
    std::string refusal;
    std::string reasoning;
    std::map<std::uint32_t, Call> calls;
  };
  std::map<std::uint32_t, Choice> choices_;
  std::string error_;
};

/// Of one frame: OpenAI's has choices, Ollama's a response.
void append_completion(std::string_view frame, std::string& text) {
  json::Document document;
  if (!document.parse(frame)) return;
  const json::Value root = document.root();
  if (const auto piece = root.find("response"); piece && piece->is_string()) {
    piece->append_string_to(text);
  }
  const auto choices = root.find("choices");
  if (!choices || !choices->is_array()) return;
  for (const json::Value choice : choices->elements()) {
    const auto piece = choice.find("text");
    if (piece && piece->is_string()) piece->append_string_to(text);
  }
}

/// Of a transcript that comes in events; the last one has all of it.
void append_transcript(std::string_view frame, std::string& text) {
  json::Document document;
  if (!document.parse(frame) || !document.root().is_object()) return;
  const auto type = document.root().find("type");
  if (!type || !type->is_string()) return;
  std::string scratch;
  const std::string_view name = type->as_string_view(scratch);
  const bool is_whole = name == "transcript.text.done";
  if (!is_whole && name != "transcript.text.delta") return;
  const auto piece = document.root().find(is_whole ? "text" : "delta");
  if (!piece || !piece->is_string()) return;
  if (is_whole) text.clear();
  piece->append_string_to(text);
}

std::string text_of_frames(std::string_view bytes, void (*append)(std::string_view, std::string&)) {
  constexpr std::string_view prefix = "data:";
  std::string text;
  while (!bytes.empty()) {
    std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    if (line.starts_with(prefix)) line.remove_prefix(prefix.size());
    if (!line.empty()) append(line, text);
  }
  return text;
}

}  // namespace

std::string kept_content(std::string_view body, const Redactor& redactor) {
  if (body.empty()) return "null";
  json::Document document;
  if (document.parse(body)) return JsonCleaner(redactor).clean(document.root());
  if (valid_utf8_prefix(body) != body.size()) return not_kept("it is no text", body.size());
  std::string out;
  json::append_string(out, redactor.clean(body));
  return out;
}

std::string kept_stream(std::string_view bytes, StreamForm form, wire::Dialect dialect,
                        const Redactor& redactor) {
  std::string out;
  json::Writer json(out);
  if (form != StreamForm::chat) {
    const bool is_completion = form == StreamForm::completion;
    const std::string text =
        text_of_frames(bytes, is_completion ? append_completion : append_transcript);
    if (text.empty() && !is_completion) return not_kept("its form is not known", bytes.size());
    json.begin_object().member("text", clean_text(text, redactor)).end_object();
    return out;
  }
  json.begin_object();
  Chat chat;
  const auto decoder =
      pipeline::codec_of(dialect).make_stream_decoder(0, std::numeric_limits<std::size_t>::max());
  // What can't be read ends it, and what came before is kept.
  Result<> read = decoder->feed(bytes, chat);
  if (read) read = decoder->end(chat);
  chat.write(json, redactor);
  json.member("complete", read && decoder->is_complete()).end_object();
  return out;
}

std::string not_kept(std::string_view reason, std::size_t bytes) {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("not_kept", reason);
  json.member("bytes", static_cast<std::int64_t>(bytes)).end_object();
  return out;
}

}  // namespace weir::server
