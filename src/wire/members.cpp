// SPDX-License-Identifier: Apache-2.0
#include "wire/members.hpp"

#include <algorithm>
#include <array>

#include "json/document.hpp"

namespace weir::wire {
namespace {

constexpr std::string_view cache_control = "cache_control";

bool is_taken(const Extra::RawMember& member, Taken taken) {
  return taken == Taken::cache_control && member.key == cache_control;
}

}  // namespace

void keep_unread(const json::ObjectReader& reader, Extra& extra) {
  reader.for_each_unread([&](std::string key, json::Value value) {
    extra.members.push_back({std::move(key), std::string(value.raw())});
  });
}

void keep_unread_of(const json::ObjectReader& reader, std::string_view key, Extra& extra) {
  std::string object;
  json::Writer json(object);
  json.begin_object();
  bool is_empty = true;
  reader.for_each_unread([&](const std::string& name, json::Value value) {
    json.key(name).raw(value.raw());
    is_empty = false;
  });
  json.end_object();
  if (!is_empty) extra.members.push_back({std::string(key), std::move(object)});
}

void write_extra(json::Writer& json, const Extra& extra) { write_extra_except(json, extra, {}); }

void write_extra_except(json::Writer& json, const Extra& extra, std::string_view skipped) {
  for (const auto& member : extra.members) {
    if (skipped.empty() || member.key != skipped) json.key(member.key).raw(member.json);
  }
}

void write_members_of(json::Writer& json, std::string_view object) {
  json::Document document;
  if (object.empty() || !document.parse(object)) return;
  if (!document.root().is_object()) return;
  for (const json::Member member : document.root().members()) {
    json.key(member.key.as_string()).raw(member.value.raw());
  }
}

const std::string* cache_mark(const Extra& extra, Taken taken) {
  const std::string* mark = taken == Taken::nothing ? nullptr : extra.find(cache_control);
  return mark == nullptr || *mark == "null" ? nullptr : mark;
}

void write_taken(json::Writer& json, const Extra& extra, Taken taken, std::string_view skipped) {
  if (taken == Taken::everything) return write_extra_except(json, extra, skipped);
  if (const std::string* mark = cache_mark(extra, taken)) json.key(cache_control).raw(*mark);
}

void drop_extra(EncodeNotes& notes, const Extra& extra, Taken taken) {
  if (taken == Taken::everything) return;
  for (const auto& member : extra.members) {
    if (!is_taken(member, taken)) notes.drop(member.key);
  }
}

void drop_replayed(EncodeNotes& notes, const Extra& extra, Taken taken) {
  if (taken == Taken::everything) return;
  constexpr std::array<std::string_view, 5> nothing{"null", "[]", "{}", "\"\"", "false"};
  for (const auto& member : extra.members) {
    const bool is_nothing = std::find(nothing.begin(), nothing.end(), member.json) != nothing.end();
    const bool is_usual = (member.key == "status" && member.json == "\"completed\"") ||
                          (member.key == "type" && member.json == "\"custom\"");
    if (!is_nothing && !is_usual && !is_taken(member, taken)) notes.drop(member.key);
  }
}

std::string logprob_entries(std::string_view logprobs) {
  json::Document document;
  if (logprobs.empty() || !document.parse(logprobs)) return "[]";
  const auto entries = document.root().find("content");
  if (!entries || !entries->is_array()) return "[]";
  std::string compact;
  json::append_compact(compact, entries->raw());
  return compact;
}

std::int64_t told_count(std::optional<json::Value> value, bool& is_impossible) {
  if (!value || value->is_null()) return 0;
  const auto count = value->is_number() ? value->as_int() : std::nullopt;
  if (count && *count >= 0 && *count <= told_tokens_max) return *count;
  is_impossible = true;
  return 0;
}

void append_arguments_object(std::string& out, std::string_view arguments) {
  if (arguments.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    out.append("{}");
    return;
  }
  json::Document document;
  if (document.parse(arguments) && document.root().is_object()) {
    json::append_compact(out, arguments);
    return;
  }
  json::Writer json(out);
  json.begin_object().member("_raw", arguments).end_object();
}

}  // namespace weir::wire
