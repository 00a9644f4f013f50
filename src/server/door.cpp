// SPDX-License-Identifier: Apache-2.0
#include "server/door.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/ascii.hpp"
#include "base/assert.hpp"

namespace weir::server {
namespace {

using net::http::RequestHead;
using net::http::Target;

/// Google's tools put the key there.
constexpr std::string_view query_key = "key";

struct KeyField {
  Door door;
  std::string_view name;
};
constexpr std::array key_fields{KeyField{Door::anthropic, "x-api-key"},
                                KeyField{Door::azure, "api-key"},
                                KeyField{Door::gemini, "x-goog-api-key"}};

std::optional<std::string_view> bearer_of(const RequestHead& head) {
  const auto value = head.fields.find("authorization");
  constexpr std::string_view scheme = "bearer ";
  if (!value || value->size() <= scheme.size()) return std::nullopt;
  if (!ascii::equals_ignoring_case(value->substr(0, scheme.size()), scheme)) return std::nullopt;
  return value->substr(scheme.size());
}

/// The door whose first segment the path has, for paths that are nobody's.
Door door_of_path(const RequestHead& head, const Target& target) {
  if (target.segments.empty()) return Door::shared;
  const std::string_view first = target.segments.front();
  if (first == "v1beta") return Door::gemini;
  if (first == "api") return Door::ollama;
  if (first == "openai") return Door::azure;
  if (first != "v1" || target.segments.size() < 2) return Door::shared;
  if (target.segments[1] == "messages") return Door::anthropic;
  // In a question about a model the colon stands before a tag, as in qwen3:8b.
  const bool is_method =
      head.method == "POST" && target.segments.back().find(':') != std::string_view::npos;
  return target.segments[1] == "models" && is_method ? Door::gemini : Door::shared;
}

}  // namespace

wire::Dialect dialect_of(Door door) noexcept {
  switch (door) {
    case Door::anthropic:
      return wire::Dialect::anthropic;
    case Door::gemini:
      return wire::Dialect::gemini;
    case Door::ollama:
      return wire::Dialect::ollama;
    case Door::openai:
    case Door::azure:
    case Door::shared:
      break;
  }
  WEIR_ASSERT(door != Door::shared);
  return wire::Dialect::openai_chat;
}

Door door_of(Door door, const RequestHead& head, const Target& target) {
  if (door != Door::shared) return door;
  const Door by_path = door_of_path(head, target);
  if (by_path != Door::shared) return by_path;
  if (head.fields.find("anthropic-version")) return Door::anthropic;
  if (bearer_of(head)) return Door::openai;
  if (target.query.find(query_key)) return Door::gemini;
  for (const KeyField& field : key_fields) {
    if (head.fields.find(field.name)) return field.door;
  }
  return Door::openai;
}

std::string credential_of(Door door, const RequestHead& head, const Target& target) {
  const auto own = [&](const KeyField& field) -> std::optional<std::string> {
    if (const auto value = head.fields.find(field.name)) return std::string(*value);
    return field.door == Door::gemini ? target.query.find(query_key) : std::nullopt;
  };
  for (const KeyField& field : key_fields) {
    if (field.door != door) continue;
    if (auto key = own(field)) return *std::move(key);
  }
  if (const auto token = bearer_of(head)) return std::string(*token);
  for (const KeyField& field : key_fields) {
    if (auto key = own(field)) return *std::move(key);
  }
  return {};
}

std::string without_credential(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), parameter.size() + 1));
    const auto name = net::http::percent_decode(parameter.substr(0, parameter.find('=')));
    if (!name || *name == "key") continue;
    out.append(out.empty() ? "?" : "&").append(parameter);
  }
  return out;
}

}  // namespace weir::server
