// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>

#include "wire/data_url.hpp"
#include "wire/members.hpp"
#include "wire/responses/items.hpp"

namespace weir::wire::responses {
namespace {

/// Takes a member that is a link or a data URL.
void read_url(json::ObjectReader& reader, std::string_view key, Part& part) {
  auto url = reader.string(key);
  if (!url) return;
  if (!is_data_url(*url)) {
    part.url = *std::move(url);
    return;
  }
  const auto halves = split_data_url(*url);
  if (!halves) return reader.fail(key, "a data URL must be in base64");
  part.mime = halves->mime;
  part.data = halves->data;
}

void read_image(json::ObjectReader& reader, Part& part) {
  part.kind = PartKind::image;
  read_url(reader, "image_url", part);
  part.file_id = reader.string("file_id").value_or("");
  part.detail = reader.string("detail").value_or("");
}

void read_file(json::ObjectReader& reader, Part& part) {
  part.kind = PartKind::file;
  part.url = reader.string("file_url").value_or("");
  part.file_id = reader.string("file_id").value_or("");
  part.name = reader.string("filename").value_or("");
  const auto data = reader.value("file_data");
  if (data && data->is_string() && !is_data_url(data->as_string())) {
    part.data = data->as_string();  // bare base64, as some clients send it
  } else {
    read_url(reader, "file_data", part);
  }
}

Part read_part(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  const std::string type = reader.required_string("type");
  Part part;
  part.place = place_of(value);
  if (type == "input_text" || type == "output_text" || type == "text") {
    part.text = reader.required_string("text");
  } else if (type == "refusal") {
    part.kind = PartKind::refusal;
    part.text = reader.required_string("refusal");
  } else if (type == "input_image") {
    read_image(reader, part);
  } else if (type == "input_file") {
    read_file(reader, part);
  } else {
    part.kind = PartKind::opaque;
    part.text = value.raw();
    return part;
  }
  keep_unread(reader, part.extra);
  return part;
}

/// Takes a member that is a string or a list of parts; answers whether it was a string.
bool read_parts(json::ObjectReader& reader, std::string_view key, std::vector<Part>& parts) {
  const auto content = reader.value(key);
  if (!content || content->is_null()) return false;
  if (content->is_string()) {
    parts.push_back(Part::text_of(content->as_string()));
    return true;
  }
  if (!content->is_array()) {
    reader.fail(key, "expected a string or an array");
    return false;
  }
  const json::Path list_path = reader.path(key);
  std::size_t i = 0;
  for (const json::Value element : content->elements()) {
    const json::Path path{&list_path, {}, i++};
    parts.push_back(read_part(element, path, reader.problem()));
  }
  return false;
}

std::optional<Role> role_from_name(std::string_view name) {
  if (name == "user") return Role::user;
  if (name == "assistant") return Role::assistant;
  if (name == "system") return Role::system;
  if (name == "developer") return Role::developer;
  return std::nullopt;
}

Message read_message(json::ObjectReader& reader) {
  Message message;
  const auto role = role_from_name(reader.required_string("role"));
  if (!role) reader.fail("role", "must be user, assistant, system or developer");
  message.role = role.value_or(Role::user);
  message.id = reader.string("id").value_or("");
  message.is_plain_string = read_parts(reader, "content", message.parts);
  keep_unread(reader, message.extra);
  return message;
}

ToolCall read_call(json::ObjectReader& reader, json::Value value, ToolKind kind) {
  ToolCall call;
  call.place = place_of(value);
  call.kind = kind;
  call.item_id = reader.string("id").value_or("");
  call.id = reader.required_string("call_id");
  call.name = reader.required_string("name");
  call.arguments = reader.string(kind == ToolKind::custom ? "input" : "arguments").value_or("");
  call.signature = reader.string("signature").value_or("");
  keep_unread(reader, call.extra);
  return call;
}

ToolResult read_result(json::ObjectReader& reader, bool is_custom) {
  ToolResult result;
  result.is_custom = is_custom;
  result.call_id = reader.required_string("call_id");
  result.is_plain_string = read_parts(reader, "output", result.parts);
  keep_unread(reader, result.extra);
  return result;
}

/// The texts of a list whose entries are `{type, text}` and nothing else; nothing when one differs.
std::optional<std::vector<std::string>> plain_texts(json::Value list, std::string_view type) {
  std::vector<std::string> texts;
  for (const json::Value entry : list.elements()) {
    const auto entry_type = entry.find("type");
    const auto text = entry.find("text");
    if (!entry_type || !entry_type->equals(type) || !text || !text->is_string()) {
      return std::nullopt;
    }
    if (entry.size() != 2) return std::nullopt;
    texts.push_back(text->as_string());
  }
  return texts;
}

Reasoning read_reasoning(json::ObjectReader& reader) {
  Reasoning reasoning;
  reasoning.id = reader.string("id").value_or("");
  reasoning.encrypted = reader.string("encrypted_content").value_or("");
  reasoning.signature = reader.string("signature").value_or("");
  const auto keep_raw = [&](std::string_view key, json::Value value) {
    reasoning.extra.members.push_back({std::string(key), std::string(value.raw())});
  };
  // Only what we wrote for other vendors' models bears a mark.
  const auto format = reader.value("format");
  if (format && format->is_string()) {
    reasoning.sealed_by = vendor_of_seal_format(format->as_string());
  } else if (!reasoning.encrypted.empty()) {
    reasoning.sealed_by = Vendor::openai;
  }
  if (format && reasoning.sealed_by == Vendor::unknown) keep_raw("format", *format);
  if (const auto summary = reader.array("summary")) {
    if (auto texts = plain_texts(*summary, "summary_text")) {
      reasoning.summary = *std::move(texts);
    } else {
      keep_raw("summary", *summary);
    }
  }
  if (const auto content = reader.array("content")) {
    const auto texts = plain_texts(*content, "reasoning_text");
    for (const auto& text : texts.value_or(std::vector<std::string>())) reasoning.text += text;
    if (!texts || texts->size() != 1) keep_raw("content", *content);
  }
  keep_unread(reader, reasoning.extra);
  return reasoning;
}

Item read_opaque(json::Value value, std::string_view type) {
  OpaqueItem item;
  item.json = value.raw();
  item.place = place_of(value);
  const bool is_of_client = type.ends_with("_output") || type == "item_reference" ||
                            type == "mcp_approval_response" || type.empty();
  item.is_from_model = !is_of_client;
  return item;
}

Item read_item(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  const std::string type = reader.string("type").value_or("");
  const bool is_message = type == "message" || (type.empty() && value.find("role").has_value());
  if (is_message) return read_message(reader);
  if (type == "function_call") return read_call(reader, value, ToolKind::function);
  if (type == "custom_tool_call") return read_call(reader, value, ToolKind::custom);
  if (type == "function_call_output") return read_result(reader, false);
  if (type == "custom_tool_call_output") return read_result(reader, true);
  if (type == "reasoning") return read_reasoning(reader);
  return read_opaque(value, type);
}

bool is_of_model(const Item& item) {
  if (const auto* message = std::get_if<Message>(&item)) return message->role == Role::assistant;
  if (const auto* opaque = std::get_if<OpaqueItem>(&item)) return opaque->is_from_model;
  return !std::holds_alternative<ToolResult>(item);
}

}  // namespace

std::vector<Item> read_items(json::Value list, const json::Path& path, json::Problem& problem) {
  std::vector<Item> items;
  std::size_t i = 0;
  for (const json::Value element : list.elements()) {
    const json::Path element_path{&path, {}, i++};
    Item item = read_item(element, element_path, problem);
    if (auto* message = std::get_if<Message>(&item)) {
      const bool continues =
          message->role == Role::assistant && !items.empty() && is_of_model(items.back());
      message->begins_turn = !continues;
    }
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace weir::wire::responses
