// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/content.hpp"

#include <array>
#include <utility>

#include "json/document.hpp"
#include "wire/data_url.hpp"
#include "wire/foreign_seal.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/members.hpp"

namespace weir::wire::gemini {
namespace {

PartKind kind_of_mime(std::string_view mime) {
  if (mime.starts_with("image/")) return PartKind::image;
  if (mime.starts_with("audio/")) return PartKind::audio;
  return PartKind::file;
}

bool is_json_object(std::string_view text) {
  if (text.find('{') == std::string_view::npos) return false;
  json::Document document;
  return document.parse(text).has_value() && document.root().is_object();
}

/// Turns the parts of one Content into items.
class PartsDecoder {
 public:
  PartsDecoder(Role role, CallIds& ids, json::Problem& problem, std::vector<Item>& items)
      : role_(role), ids_(ids), problem_(problem), items_(items), first_item_(items.size()) {}

  void read(json::Value value, const json::Path& path) {
    ProtoReader part(value, path, problem_);
    const bool is_thought = part.boolean("thought").value_or(false);
    if (auto text = part.string("text")) {
      return is_thought ? thought(part, std::move(*text)) : add_text(part, std::move(*text));
    }
    if (const auto call = part.object("functionCall")) return add_call(part, *call);
    if (const auto response = part.object("functionResponse")) return add_result(part, *response);
    if (!is_thought) {
      if (const auto blob = part.object("inlineData"))
        return add_blob(part, *blob, place_of(value));
      if (const auto file = part.object("fileData")) return add_file(part, *file, place_of(value));
    }
    // Code execution, traces of Google's own tools, images of thoughts, what is yet to come.
    Part opaque;
    opaque.kind = PartKind::opaque;
    opaque.text = value.raw();
    opaque.place = place_of(value);
    add(std::move(opaque));
  }

 private:
  void add(Part part) {
    auto* message = items_.size() > first_item_ ? std::get_if<Message>(&items_.back()) : nullptr;
    if (message == nullptr) {
      Message fresh;
      fresh.role = role_;
      fresh.begins_turn = items_.size() == first_item_;
      items_.emplace_back(std::move(fresh));
      message = &std::get<Message>(items_.back());
    }
    message->parts.push_back(std::move(part));
  }

  void thought(ProtoReader& part, std::string text) {
    Reasoning reasoning;
    reasoning.text = std::move(text);
    reasoning.signature = part.string("thoughtSignature").value_or("");
    reasoning.sealed_by = Vendor::google;
    if (auto foreign = unwrap_seal(reasoning.signature)) {
      const bool is_encrypted = foreign->kind == ForeignSeal::Kind::encrypted;
      reasoning.signature.clear();
      reasoning.sealed_by = foreign->sealed_by;
      (is_encrypted ? reasoning.encrypted : reasoning.signature) = std::move(foreign->seal);
    }
    part.keep_unread(reasoning.extra);
    if (reasoning.sealed_by != Vendor::google) take_thoughts_before(reasoning);
    items_.emplace_back(std::move(reasoning));
  }

  /// A streamed thought reaches clients in pieces, its seal behind them; others want it as one.
  void take_thoughts_before(Reasoning& sealed) {
    while (items_.size() > first_item_) {
      const auto* before = std::get_if<Reasoning>(&items_.back());
      if (before == nullptr || !before->signature.empty() || !before->encrypted.empty()) return;
      sealed.text.insert(0, before->text);
      items_.pop_back();
    }
  }

  void add_text(ProtoReader& part, std::string text) {
    Part content = Part::text_of(std::move(text));
    part.keep_unread(content.extra);
    add(std::move(content));
  }

  void add_call(ProtoReader& part, json::Value value) {
    const json::Path path = part.path("functionCall");
    ProtoReader reader(value, path, problem_);
    ToolCall call;
    call.place = place_of(value);
    call.id = reader.string("id").value_or("");
    if (call.id.empty()) call.id = ids_.next();
    call.name = reader.required_string("name");
    const auto args = reader.object("args");
    call.arguments = args ? args->raw() : "{}";
    call.signature = part.string("thoughtSignature").value_or("");
    reader.keep_unread_as("functionCall", call.extra);
    part.keep_unread(call.extra);
    items_.emplace_back(std::move(call));
  }

  void add_result(ProtoReader& part, json::Value value) {
    const json::Path path = part.path("functionResponse");
    ProtoReader reader(value, path, problem_);
    ToolResult result;
    result.call_id = reader.string("id").value_or("");
    result.name = reader.required_string("name");
    const auto response = reader.object("response");
    read_response(response, result);
    reader.keep_unread_as("functionResponse", result.extra);
    part.keep_unread(result.extra);
    items_.emplace_back(std::move(result));
  }

  // A lone text under `output`, `result` or `error` is the tool's text; anything else stays JSON.
  static void read_response(std::optional<json::Value> response, ToolResult& result) {
    if (!response) {
      result.parts.push_back(Part::text_of("{}"));
      return;
    }
    for (const std::string_view key : {"output", "result", "error"}) {
      const auto text = response->size() == 1 ? response->find(key) : std::nullopt;
      if (!text || !text->is_string()) continue;
      result.is_error = key == "error";
      result.parts.push_back(Part::text_of(text->as_string()));
      const bool is_our_way =
          result.is_error || (key == "output" && !is_json_object(result.parts[0].text));
      if (!is_our_way) result.text_key = key;
      return;
    }
    std::string compact;
    json::append_compact(compact, response->raw());
    result.parts.push_back(Part::text_of(std::move(compact)));
  }

  void add_blob(ProtoReader& part, json::Value value, Place place) {
    const json::Path path = part.path("inlineData");
    ProtoReader blob(value, path, problem_);
    Part content;
    content.mime = blob.string("mimeType").value_or("");
    content.kind = kind_of_mime(content.mime);
    content.data = blob.required_string("data");
    content.place = place;
    content.name = blob.string("displayName").value_or("");
    blob.keep_unread_as("inlineData", content.extra);
    part.keep_unread(content.extra);
    add(std::move(content));
  }

  void add_file(ProtoReader& part, json::Value value, Place place) {
    const json::Path path = part.path("fileData");
    ProtoReader file(value, path, problem_);
    Part content;
    content.mime = file.string("mimeType").value_or("");
    content.kind = kind_of_mime(content.mime);
    content.url = file.required_string("fileUri");
    content.place = place;
    file.keep_unread_as("fileData", content.extra);
    part.keep_unread(content.extra);
    add(std::move(content));
  }

  Role role_;
  CallIds& ids_;
  json::Problem& problem_;
  std::vector<Item>& items_;
  std::size_t first_item_;
};

/// The media type as the client told it or, failing that, as the first bytes show it.
std::string_view mime_of(const Part& part) {
  if (!part.mime.empty()) return part.mime;
  if (part.kind == PartKind::audio) return "audio/wav";
  if (part.kind == PartKind::file) return "application/pdf";
  const std::string_view found = image_mime(part.data);
  return found.empty() ? "image/png" : found;
}

/// True for links that Google's servers read themselves: its Files API, its storage, YouTube.
bool is_google_uri(std::string_view url) {
  constexpr std::array<std::string_view, 6> prefixes{"https://generativelanguage.googleapis.com/",
                                                     "gs://",
                                                     "https://www.youtube.com/watch?",
                                                     "https://youtube.com/watch?",
                                                     "https://m.youtube.com/watch?",
                                                     "https://youtu.be/"};
  for (const auto prefix : prefixes) {
    if (url.starts_with(prefix)) return true;
  }
  return false;
}

void write_media(json::Writer& json, const Part& part, bool is_own) {
  const bool is_link = !part.url.empty();
  const std::string_view member = is_link ? "fileData" : "inlineData";
  json.key(member).begin_object();
  if (is_link) {
    if (!part.mime.empty()) json.member("mimeType", part.mime);
    json.member("fileUri", part.url);
  } else {
    json.member("mimeType", mime_of(part)).member("data", part.data);
    if (is_own && !part.name.empty()) json.member("displayName", part.name);
  }
  if (is_own) write_nested_extra(json, part.extra, member);
  json.end_object();
}

}  // namespace

void decode_parts(json::Value parts, const json::Path& path, Role role, CallIds& ids,
                  json::Problem& problem, std::vector<Item>& items) {
  PartsDecoder decoder(role, ids, problem, items);
  std::size_t i = 0;
  for (const json::Value part : parts.elements()) {
    decoder.read(part, json::Path{&path, {}, i++});
  }
}

std::string text_signature(const Part& part) {
  for (const std::string_view key : {"thoughtSignature", "thought_signature"}) {
    const std::string* raw = part.extra.find(key);
    json::Document document;
    if (raw != nullptr && document.parse(*raw) && document.root().is_string()) {
      return document.root().as_string();
    }
  }
  return {};
}

std::string_view why_not_writable(const Part& part) {
  switch (part.kind) {
    case PartKind::text:
    case PartKind::refusal:
      return {};
    case PartKind::opaque:
      return "a content part of another API can't be sent to Gemini";
    case PartKind::image:
    case PartKind::audio:
    case PartKind::file:
      break;
  }
  if (!part.data.empty()) return {};
  if (!part.url.empty()) {
    return is_google_uri(part.url)
               ? std::string_view()
               : "Gemini reads no links from elsewhere: send the content itself, as base64";
  }
  return "an uploaded file of another provider can't be sent to Gemini";
}

void write_part(json::Writer& json, const Part& part, bool is_own) {
  if (part.kind == PartKind::opaque) {
    json.raw(part.text);
    return;
  }
  json.begin_object();
  if (part.kind == PartKind::text || part.kind == PartKind::refusal) {
    json.member("text", part.text);
  } else {
    write_media(json, part, is_own);
  }
  if (is_own) write_extra_except(json, part.extra, {"inlineData", "fileData"});
  json.end_object();
}

void write_thought(json::Writer& json, std::string_view text, std::string_view signature,
                   const Extra* extra) {
  json.begin_object().member("text", text).member("thought", true);
  if (!signature.empty()) json.member("thoughtSignature", signature);
  if (extra != nullptr) write_extra(json, *extra);
  json.end_object();
}

void write_call(json::Writer& json, const ToolCall& call, const CallStyle& style) {
  json.begin_object().key("functionCall").begin_object();
  if (style.writes_id) json.member("id", call.id);
  std::string args;
  append_arguments_object(args, call.arguments);
  json.member("name", call.name).key("args").raw(args);
  if (style.is_own) write_nested_extra(json, call.extra, "functionCall");
  json.end_object();
  if (!style.signature.empty()) json.member("thoughtSignature", style.signature);
  if (style.is_own) wire::write_extra_except(json, call.extra, "functionCall");
  json.end_object();
}

void write_result(json::Writer& json, const ToolResult& result, const ResultStyle& style) {
  json.begin_object().key("functionResponse").begin_object();
  if (!style.id.empty()) json.member("id", style.id);
  json.member("name", style.name).key("response");
  const std::string text = joined_text(result.parts);
  const bool has_key = style.is_own && !result.text_key.empty();
  if (!has_key && !result.is_error && is_json_object(text)) {
    json.raw(text);
  } else {
    const std::string_view usual = result.is_error ? "error" : "output";
    json.begin_object()
        .member(has_key ? std::string_view(result.text_key) : usual, text)
        .end_object();
  }
  if (style.is_own) write_nested_extra(json, result.extra, "functionResponse");
  json.end_object();
  if (style.is_own) wire::write_extra_except(json, result.extra, "functionResponse");
  json.end_object();
}

std::string joined_text(const std::vector<Part>& parts) {
  std::string text;
  for (const auto& part : parts) {
    if (part.kind != PartKind::text && part.kind != PartKind::refusal) continue;
    if (!text.empty()) text.push_back('\n');
    text.append(part.text);
  }
  return text;
}

}  // namespace weir::wire::gemini
