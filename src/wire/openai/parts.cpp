// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/parts.hpp"

#include <string>

#include "wire/data_url.hpp"
#include "wire/members.hpp"

namespace weir::wire::openai {
namespace {

/// `url`: a link, or a data URL that is split into type and data.
void read_url(json::ObjectReader& owner, std::string_view key, std::string url, Part& part) {
  if (!is_data_url(url)) {
    part.url = std::move(url);
    return;
  }
  const auto halves = split_data_url(url);
  if (!halves) return owner.fail(key, "is a data URL without base64");
  part.data = halves->data;
  part.mime = halves->mime;
  if (part.mime.empty()) part.mime = image_mime(part.data);
}

void read_image(json::ObjectReader& reader, Part& part) {
  part.kind = PartKind::image;
  const auto value = reader.value("image_url");
  // Some servers' own examples give the link itself.
  if (value && value->is_string()) return read_url(reader, "image_url", value->as_string(), part);
  if (!value) return reader.fail("image_url", "is required");
  const json::Path path = reader.path("image_url");
  json::ObjectReader image(*value, path, reader.problem());
  read_url(image, "url", image.required_string("url"), part);
  part.detail = image.string("detail").value_or("");
  keep_unread_of(image, "image_url", part.extra);
}

void read_audio(json::ObjectReader& reader, Part& part) {
  part.kind = PartKind::audio;
  const auto value = reader.value("input_audio");
  if (!value) return reader.fail("input_audio", "is required");
  const json::Path path = reader.path("input_audio");
  json::ObjectReader audio(*value, path, reader.problem());
  part.data = audio.required_string("data");
  part.mime = "audio/" + audio.required_string("format");
  keep_unread_of(audio, "input_audio", part.extra);
}

void read_file(json::ObjectReader& reader, Part& part) {
  part.kind = PartKind::file;
  const auto value = reader.value("file");
  if (!value) return reader.fail("file", "is required");
  const json::Path path = reader.path("file");
  json::ObjectReader file(*value, path, reader.problem());
  part.file_id = file.string("file_id").value_or("");
  part.name = file.string("filename").value_or("");
  if (auto data = file.string("file_data")) {
    if (is_data_url(*data)) {
      read_url(file, "file_data", std::move(*data), part);
    } else {
      part.data = std::move(*data);
    }
  } else if (part.file_id.empty()) {
    file.fail({}, "needs file_data or file_id");
  }
  keep_unread_of(file, "file", part.extra);
}

std::string_view audio_format(std::string_view mime) {
  if (mime == "audio/mpeg") return "mp3";
  if (mime == "audio/x-wav" || mime == "audio/wave") return "wav";
  return mime.starts_with("audio/") ? mime.substr(6) : mime;
}

void write_nested(json::Writer& json, const Part& part, std::string_view key, bool keeps_extra) {
  const std::string* others = keeps_extra ? part.extra.find(key) : nullptr;
  if (others != nullptr) write_members_of(json, *others);
}

void write_image(json::Writer& json, const Part& part, bool keeps_extra) {
  json.member("type", "image_url").key("image_url").begin_object();
  std::string url = part.url;
  if (url.empty()) append_data_url(url, part.mime, part.data);
  json.member("url", url);
  if (!part.detail.empty()) json.member("detail", part.detail);
  write_nested(json, part, "image_url", keeps_extra);
  json.end_object();
}

void write_audio(json::Writer& json, const Part& part, bool keeps_extra) {
  json.member("type", "input_audio").key("input_audio").begin_object();
  json.member("data", part.data).member("format", audio_format(part.mime));
  write_nested(json, part, "input_audio", keeps_extra);
  json.end_object();
}

void write_file(json::Writer& json, const Part& part, bool keeps_extra) {
  json.member("type", "file").key("file").begin_object();
  if (!part.data.empty()) {
    std::string data;
    // Data that came without a type goes out without one: some servers take bare base64.
    if (part.mime.empty()) {
      data = part.data;
    } else {
      append_data_url(data, part.mime, part.data);
    }
    json.member("file_data", data);
  }
  if (!part.file_id.empty()) json.member("file_id", part.file_id);
  if (!part.name.empty()) json.member("filename", part.name);
  write_nested(json, part, "file", keeps_extra);
  json.end_object();
}

/// The member that holds what is nested in a part of this kind.
std::string_view nested_key(PartKind kind) {
  switch (kind) {
    case PartKind::image:
      return "image_url";
    case PartKind::audio:
      return "input_audio";
    case PartKind::file:
      return "file";
    case PartKind::text:
    case PartKind::refusal:
    case PartKind::opaque:
      return {};
  }
  return {};
}

}  // namespace

Part read_part(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  const std::string type = reader.required_string("type");
  Part part;
  part.place = place_of(value);
  if (type == "text") {
    part.text = reader.required_string("text");
  } else if (type == "refusal") {
    part.kind = PartKind::refusal;
    part.text = reader.required_string("refusal");
  } else if (type == "image_url") {
    read_image(reader, part);
  } else if (type == "input_audio") {
    read_audio(reader, part);
  } else if (type == "file") {
    read_file(reader, part);
  } else {
    part.kind = PartKind::opaque;
    part.text = value.raw();
    return part;
  }
  keep_unread(reader, part.extra);
  return part;
}

bool read_content(json::ObjectReader& message, std::vector<Part>& parts) {
  const auto content = message.value("content");
  if (!content || content->is_null()) return false;
  if (content->is_string()) {
    if (!content->equals("")) {
      parts.push_back(Part::text_of(content->as_string()));
    }
    return true;
  }
  if (!content->is_array()) {
    message.fail("content", "expected a string or an array of parts");
    return false;
  }
  const json::Path path = message.path("content");
  std::size_t i = 0;
  for (const json::Value part : content->elements()) {
    const json::Path element{&path, {}, i++};
    parts.push_back(read_part(part, element, message.problem()));
  }
  return false;
}

Result<> check_part(const Part& part, bool is_native, std::string_view conversation,
                    const EncodeOptions& options) {
  const auto refuse = [&](std::string_view what) {
    return Error(ErrorCode::unsupported_capability, "this target can't take " + std::string(what),
                 options.field_of(part.place, conversation));
  };
  switch (part.kind) {
    case PartKind::text:
    case PartKind::refusal:
      return {};
    case PartKind::opaque:
      if (!is_native) return refuse("a content part that only its own API knows");
      return {};
    case PartKind::image:
      if (part.data.empty() && part.url.empty()) return refuse("an image given by a file id");
      return {};
    case PartKind::audio:
      if (part.data.empty()) return refuse("audio without data");
      return {};
    case PartKind::file:
      if (part.data.empty() && !part.url.empty()) return refuse("a file given by a link");
      if (part.data.empty() && !is_native) return refuse("a file uploaded elsewhere");
      return {};
  }
  return {};
}

Taken taken_of(const ChatRequest& request, Quirks quirks) {
  if (request.origin == Dialect::openai_chat) return Taken::everything;
  return has(quirks, Quirk::takes_cache_control) ? Taken::cache_control : Taken::nothing;
}

void write_part(json::Writer& json, const Part& part, Taken taken) {
  if (part.kind == PartKind::opaque) {
    json.raw(part.text);
    return;
  }
  const bool keeps_extra = taken == Taken::everything;
  json.begin_object();
  switch (part.kind) {
    case PartKind::text:
      json.member("type", "text").member("text", part.text);
      break;
    case PartKind::refusal:
      json.member("type", "refusal").member("refusal", part.text);
      break;
    case PartKind::image:
      write_image(json, part, keeps_extra);
      break;
    case PartKind::audio:
      write_audio(json, part, keeps_extra);
      break;
    case PartKind::file:
      write_file(json, part, keeps_extra);
      break;
    case PartKind::opaque:
      break;
  }
  write_taken(json, part.extra, taken, nested_key(part.kind));
  json.end_object();
}

std::string joined_text(const std::vector<const Part*>& parts, std::string_view separator) {
  std::string text;
  bool is_first = true;
  for (const Part* part : parts) {
    if (part->kind != PartKind::text) continue;
    if (!is_first) text.append(separator);
    text.append(part->text);
    is_first = false;
  }
  return text;
}

}  // namespace weir::wire::openai
