// SPDX-License-Identifier: Apache-2.0
#include "identity/records.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace weir::identity {
namespace {

constexpr std::size_t patterns_max = 256;
constexpr std::size_t pattern_bytes_max = 256;
constexpr std::size_t name_bytes_max = 128;

using Patterns = std::vector<std::string>;

/// True when the body says something about `key`, be it null.
bool is_said(json::ObjectReader& reader, std::string_view key) {
  return reader.value(key).has_value();
}

/// Names with commas between them.
Patterns split(std::string_view text) {
  Patterns names;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    names.emplace_back(one);
  }
  return names;
}

/// A list of strings, or one with commas. Nothing for null. An empty list is refused: it would say
/// neither all nor nothing clearly.
std::optional<Patterns> read_patterns(json::ObjectReader& reader, std::string_view key) {
  const auto value = reader.value(key);
  if (!value || value->is_null()) return std::nullopt;
  Patterns patterns;
  if (value->is_string()) patterns = split(value->as_string());
  if (value->is_array()) {
    for (const json::Value element : value->elements()) {
      patterns.push_back(element.is_string() ? element.as_string() : std::string());
    }
  }
  const bool is_usable = std::all_of(patterns.begin(), patterns.end(), [](const auto& pattern) {
    return !pattern.empty() && pattern.size() <= pattern_bytes_max;
  });
  if (!is_usable || patterns.empty() || patterns.size() > patterns_max) {
    reader.fail(key, "expected 1 to 256 names; null allows everything");
  }
  return patterns;
}

std::uint32_t read_endpoints(json::ObjectReader& reader) {
  std::uint32_t bits = 0;
  for (const std::string& word : read_patterns(reader, "endpoints").value_or(Patterns())) {
    const auto group = parse_endpoint_group(word);
    if (!group) {
      reader.fail("endpoints",
                  "expected chat, completions, embeddings, images, audio, moderations, rerank, "
                  "responses or passthrough");
      return 0;
    }
    bits |= 1U << static_cast<unsigned>(*group);
  }
  return bits;
}

std::string read_object(json::ObjectReader& reader, std::string_view key) {
  std::string text;
  if (const auto value = reader.object(key)) json::append_compact(text, value->raw());
  return text;
}

std::optional<pipeline::Priority> read_priority(json::ObjectReader& reader) {
  const auto word = reader.string("priority");
  if (!word) return std::nullopt;
  const auto priority = pipeline::parse_priority(*word);
  if (!priority) reader.fail("priority", "must be low, normal, high or critical");
  return priority;
}

void write_patterns(json::Writer& json, std::string_view key,
                    const std::optional<Patterns>& patterns) {
  if (!patterns) return;
  json.key(key).begin_array();
  for (const std::string& pattern : *patterns) json.string(pattern);
  json.end_array();
}

void write_time(json::Writer& json, std::string_view key, std::int64_t ms) {
  if (ms != 0) json.member(key, ms);
}

/// No number in `inner` is larger than the one of its name in `outer`: in limits and budgets they
/// are always a most. What `inner` leaves out is bounded by `outer`, since both hold.
bool is_within(std::string_view inner, std::string_view outer) {
  if (outer.empty() || inner.empty()) return true;
  json::Document inner_document;
  json::Document outer_document;
  if (!inner_document.parse(inner) || !outer_document.parse(outer)) return false;
  for (const json::Member member : outer_document.root().members()) {
    const auto own = inner_document.root().find(member.key.as_string());
    const bool are_numbers = own && own->is_number() && member.value.is_number();
    if (are_numbers && own->as_double() > member.value.as_double()) return false;
  }
  return true;
}

}  // namespace

void read_settings(json::ObjectReader& reader, Settings& settings) {
  Scopes& scopes = settings.scopes;
  if (is_said(reader, "routes")) scopes.routes = read_patterns(reader, "routes");
  if (is_said(reader, "models")) scopes.models = read_patterns(reader, "models");
  if (is_said(reader, "endpoints")) scopes.endpoints = read_endpoints(reader);
  if (is_said(reader, "priority")) settings.priority = read_priority(reader);
  if (is_said(reader, "limits")) settings.limits = read_object(reader, "limits");
  if (is_said(reader, "budgets")) settings.budgets = read_object(reader, "budgets");
  if (is_said(reader, "log_content")) {
    settings.log_content = reader.string("log_content").value_or("");
  }
  if (is_said(reader, "expose_target")) settings.exposes_target = reader.boolean("expose_target");
}

Result<Settings> parse_settings(std::string_view text) {
  json::Document document;
  WEIR_TRY(document.parse(text));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  Settings settings;
  read_settings(reader, settings);
  WEIR_TRY(problem.result());
  return settings;
}

void write_settings(json::Writer& json, const Settings& settings) {
  write_patterns(json, "routes", settings.scopes.routes);
  write_patterns(json, "models", settings.scopes.models);
  if (settings.scopes.endpoints != 0) {
    json.key("endpoints").begin_array();
    for (std::size_t i = 0; i < endpoint_group_count; ++i) {
      const auto group = static_cast<EndpointGroup>(i);
      if (settings.scopes.allows(group)) json.string(name(group));
    }
    json.end_array();
  }
  if (settings.priority) json.member("priority", pipeline::name(*settings.priority));
  if (!settings.limits.empty()) json.key("limits").raw(settings.limits);
  if (!settings.budgets.empty()) json.key("budgets").raw(settings.budgets);
  if (!settings.log_content.empty()) json.member("log_content", settings.log_content);
  if (settings.exposes_target) json.member("expose_target", *settings.exposes_target);
}

std::string exceeds(const Settings& inner, const Settings& outer) {
  if (const auto member = exceeds(inner.scopes, outer.scopes); !member.empty()) {
    return std::string(member);
  }
  constexpr auto usual = pipeline::Priority::normal;
  if (inner.priority.value_or(usual) > outer.priority.value_or(usual)) return "priority";
  if (!is_within(inner.limits, outer.limits)) return "limits";
  if (!is_within(inner.budgets, outer.budgets)) return "budgets";
  if (inner.exposes_target.value_or(false) && !outer.exposes_target.value_or(true)) {
    return "expose_target";
  }
  return {};
}

Settings completed(Settings inner, const Settings& outer) {
  inner.scopes = completed(std::move(inner.scopes), outer.scopes);
  if (!inner.priority) inner.priority = outer.priority;
  return inner;
}

bool is_valid_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= name_bytes_max &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return ascii::is_alnum(c) || std::string_view("._@+-").find(c) != std::string_view::npos;
         });
}

void write_record(json::Writer& json, const KeyRecord& key) {
  json.begin_object().member("id", key.id).member("name", key.name);
  json.member("user", key.user).member("team", key.team);
  json.member("ends_in", key.last4);
  write_settings(json, key.settings);
  json.member("created_by", key.creator);
  write_time(json, "created_ms", key.created_ms);
  write_time(json, "expires_ms", key.expires_ms);
  write_time(json, "revoked_ms", key.revoked_ms);
  write_time(json, "old_secret_until_ms", key.old_until_ms);
  json.end_object();
}

void write_record(json::Writer& json, const UserRecord& user) {
  json.begin_object().member("name", user.name).member("role", name(user.role));
  json.member("team", user.team);
  write_settings(json, user.settings);
  write_time(json, "created_ms", user.created_ms);
  json.member("disabled", user.is_disabled);
  json.member("has_password", user.has_password).end_object();
}

void write_record(json::Writer& json, const TeamRecord& team) {
  json.begin_object().member("name", team.name);
  json.member("organisation", team.organisation);
  write_settings(json, team.settings);
  write_time(json, "created_ms", team.created_ms);
  json.end_object();
}

}  // namespace weir::identity
