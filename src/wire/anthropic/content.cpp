// SPDX-License-Identifier: Apache-2.0
#include "wire/anthropic/content.hpp"

#include <utility>

#include "base/base64.hpp"
#include "wire/data_url.hpp"
#include "wire/foreign_seal.hpp"
#include "wire/members.hpp"

namespace weir::wire::anthropic {
namespace {

constexpr std::string_view plain_text = "text/plain";
constexpr std::string_view pdf = "application/pdf";

Part opaque_part(json::Value block) {
  Part part;
  part.kind = PartKind::opaque;
  part.text = std::string(block.raw());
  part.place = place_of(block);
  return part;
}

/// Fills the part's data, link or id. False for a source that the canonical form has no place for.
bool read_source(json::ObjectReader& source, Part& part) {
  const std::string type = source.required_string("type");
  if (type == "base64") {
    part.mime = source.string("media_type").value_or("");
    part.data = source.required_string("data");
  } else if (type == "text") {
    part.mime = source.string("media_type").value_or(std::string(plain_text));
    part.data = base64_encode(source.required_string("data"));
    if (part.mime != plain_text) return false;
  } else if (type == "url") {
    part.url = source.required_string("url");
    if (part.kind == PartKind::file) part.mime = pdf;
  } else if (type == "file") {
    part.file_id = source.required_string("file_id");
  } else {
    return false;
  }
  Extra unknown;
  keep_unread(source, unknown);
  return unknown.empty();
}

Part read_media(json::Value block, PartKind kind, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(block, path, problem);
  Part part;
  part.kind = kind;
  part.place = place_of(block);
  reader.skip("type");
  const auto source = reader.object("source");
  if (!source) {
    reader.fail("source", "is required");
    return part;
  }
  const json::Path source_path = reader.path("source");
  json::ObjectReader source_reader(*source, source_path, problem);
  if (!read_source(source_reader, part)) return opaque_part(block);
  if (kind == PartKind::file) part.name = reader.string("title").value_or("");
  keep_unread(reader, part.extra);
  return part;
}

std::string type_of(json::Value block, const json::Path& path, json::Problem& problem) {
  // Another reader looks at the members later; duplicates are found there.
  return json::ObjectReader(block, path, problem).required_string("type");
}

std::string compact(json::Value value) {
  std::string out;
  json::append_compact(out, value.raw());
  return out;
}

ToolCall read_call(json::Value block, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(block, path, problem);
  reader.skip("type");
  ToolCall call;
  call.place = place_of(block);
  call.id = reader.required_string("id");
  call.name = reader.required_string("name");
  const auto input = reader.object("input");
  call.arguments = input ? compact(*input) : "{}";
  keep_unread(reader, call.extra);
  return call;
}

ToolResult read_result(json::Value block, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(block, path, problem);
  reader.skip("type");
  ToolResult result;
  result.call_id = reader.required_string("tool_use_id");
  const auto is_error = reader.boolean("is_error");
  result.is_error = is_error.value_or(false);
  if (is_error && !*is_error) result.extra.members.push_back({"is_error", "false"});
  const auto content = reader.value("content");
  if (content && content->is_string()) {
    result.is_plain_string = true;
    result.parts.push_back(Part::text_of(content->as_string()));
  } else if (content && content->is_array()) {
    const json::Path content_path = reader.path("content");
    std::size_t i = 0;
    for (const json::Value element : content->elements()) {
      result.parts.push_back(read_part(element, {&content_path, {}, i++}, problem));
    }
  } else if (content && !content->is_null()) {
    reader.fail("content", "expected a string or an array of blocks");
  }
  keep_unread(reader, result.extra);
  return result;
}

/// Puts `seal` in its `place`, or where it was before it came through a client of this dialect.
void take_seal(std::string seal, std::string& place, Reasoning& reasoning) {
  auto foreign = unwrap_seal(seal);
  if (!foreign) {
    place = std::move(seal);
    reasoning.sealed_by = Vendor::anthropic;
    return;
  }
  reasoning.sealed_by = foreign->sealed_by;
  const bool is_encrypted = foreign->kind == ForeignSeal::Kind::encrypted;
  (is_encrypted ? reasoning.encrypted : reasoning.signature) = std::move(foreign->seal);
}

/// The seal of the call that follows the block; empty: it is another block.
std::string call_seal_of(json::Value block) {
  const auto data = block.find("data");
  if (!data || !data->is_string()) return {};
  auto seal = unwrap_seal(data->as_string());
  if (!seal || seal->kind != ForeignSeal::Kind::call) return {};
  return std::move(seal->seal);
}

Reasoning read_thinking(json::Value block, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(block, path, problem);
  reader.skip("type");
  Reasoning reasoning;
  reasoning.text = reader.string("thinking").value_or("");
  take_seal(reader.string("signature").value_or(""), reasoning.signature, reasoning);
  keep_unread(reader, reasoning.extra);
  return reasoning;
}

Reasoning read_redacted(json::Value block, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(block, path, problem);
  reader.skip("type");
  Reasoning reasoning;
  take_seal(reader.required_string("data"), reasoning.encrypted, reasoning);
  keep_unread(reader, reasoning.extra);
  return reasoning;
}

void write_source(json::Writer& json, const Part& part) {
  json.key("source").begin_object();
  const auto text = part.mime == plain_text ? base64_decode(part.data) : std::nullopt;
  if (!part.file_id.empty()) {
    json.member("type", "file").member("file_id", part.file_id);
  } else if (!part.url.empty()) {
    json.member("type", "url").member("url", part.url);
  } else if (text) {
    json.member("type", "text").member("media_type", plain_text).member("data", *text);
  } else {
    const bool is_image = part.kind == PartKind::image;
    const std::string_view guess = is_image ? image_mime(part.data) : pdf;
    json.member("type", "base64");
    json.member("media_type", part.mime.empty() ? guess : std::string_view(part.mime));
    json.member("data", part.data);
  }
  json.end_object();
}

}  // namespace

Part read_part(json::Value block, const json::Path& path, json::Problem& problem) {
  const std::string type = type_of(block, path, problem);
  if (type == "image") return read_media(block, PartKind::image, path, problem);
  if (type == "document") return read_media(block, PartKind::file, path, problem);
  if (type != "text") return opaque_part(block);
  json::ObjectReader reader(block, path, problem);
  reader.skip("type");
  Part part = Part::text_of(reader.required_string("text"));
  keep_unread(reader, part.extra);
  return part;
}

Message& TurnReader::message() {
  if (items_.size() > first_) {
    if (auto* last = std::get_if<Message>(&items_.back())) return *last;
  }
  Message message;
  message.role = role_;
  message.begins_turn = items_.size() == first_;
  return std::get<Message>(items_.emplace_back(std::move(message)));
}

void TurnReader::read_content(json::Value content, const json::Path& path) {
  if (content.is_string()) {
    Message& plain = message();
    plain.is_plain_string = true;
    plain.parts.push_back(Part::text_of(content.as_string()));
    return;
  }
  if (!content.is_array()) {
    problem_.set(ErrorCode::invalid_request, path, "expected a string or an array of blocks");
    return;
  }
  std::size_t i = 0;
  for (const json::Value block : content.elements()) read_block(block, {&path, {}, i++});
}

void TurnReader::read_block(json::Value block, const json::Path& path) {
  const std::string type = type_of(block, path, problem_);
  if (problem_.is_set()) return;
  if (role_ == Role::user && type == "tool_result") {
    items_.emplace_back(read_result(block, path, problem_));
  } else if (role_ != Role::assistant || !read_model_block(type, block, path)) {
    Part part = read_part(block, path, problem_);
    message().parts.push_back(std::move(part));
  }
}

bool TurnReader::read_model_block(std::string_view type, json::Value block,
                                  const json::Path& path) {
  if (type == "tool_use") {
    ToolCall call = read_call(block, path, problem_);
    call.signature = std::exchange(call_seal_, {});
    items_.emplace_back(std::move(call));
  } else if (type == "thinking") {
    items_.emplace_back(read_thinking(block, path, problem_));
  } else if (type == "redacted_thinking" && !call_seal_of(block).empty()) {
    call_seal_ = call_seal_of(block);
  } else if (type == "redacted_thinking") {
    items_.emplace_back(read_redacted(block, path, problem_));
  } else if (type == "text" || type == "image") {
    return false;
  } else {
    items_.emplace_back(OpaqueItem{
        .json = std::string(block.raw()), .is_from_model = true, .place = place_of(block)});
  }
  return true;
}

void TurnReader::keep_members(const json::ObjectReader& reader) {
  Extra extra;
  keep_unread(reader, extra);
  if (extra.empty()) return;
  // Only a message item can carry them; a turn of results alone gets one without parts.
  for (std::size_t i = first_; i < items_.size(); ++i) {
    if (auto* found = std::get_if<Message>(&items_[i])) {
      found->extra = std::move(extra);
      return;
    }
  }
  message().extra = std::move(extra);
}

void write_part(json::Writer& json, const Part& part, Taken taken) {
  json.begin_object();
  if (part.kind == PartKind::image) {
    json.member("type", "image");
    write_source(json, part);
  } else if (part.kind == PartKind::file) {
    json.member("type", "document");
    write_source(json, part);
    if (!part.name.empty()) json.member("title", part.name);
  } else {
    json.member("type", "text").member("text", part.text);
  }
  write_taken(json, part.extra, taken);
  json.end_object();
}

void write_reasoning(json::Writer& json, const Reasoning& reasoning, bool keeps_extra) {
  json.begin_object();
  if (!reasoning.encrypted.empty()) {
    json.member("type", "redacted_thinking").member("data", reasoning.encrypted);
  } else {
    std::string text = reasoning.text;
    if (text.empty()) {
      for (const auto& part : reasoning.summary)
        text.append(text.empty() ? "" : "\n\n").append(part);
    }
    json.member("type", "thinking").member("thinking", text);
    json.member("signature", reasoning.signature);
  }
  if (keeps_extra) write_extra(json, reasoning.extra);
  json.end_object();
}

}  // namespace weir::wire::anthropic
