// SPDX-License-Identifier: Apache-2.0
#include "config/section_reader.hpp"

#include <algorithm>

namespace weir::config {
namespace {

constexpr std::size_t secret_bytes_max = 64 << 10;

}  // namespace

bool SectionReader::expect_map(const Node& node, const std::string& path) {
  if (node.kind == Node::Kind::map) return true;
  if (node.kind == Node::Kind::null) return false;
  problem(node.place(), path, "expected a map, found " + std::string(name(node.kind)));
  return false;
}

void SectionReader::problem_at(const std::string& path, std::string text) {
  const auto source = sources_.find(path);
  problem(source == sources_.end() ? "" : source->second, path, std::move(text));
}

bool SectionReader::has_problem_at(std::string_view path) const {
  return std::any_of(problems_.begin(), problems_.end(),
                     [&](const Problem& problem) { return problem.path == path; });
}

void SectionReader::unknown_key(const Node& node, const std::string& path, std::string_view key,
                                NearestNames nearest) {
  std::string text = "unknown key '" + std::string(key) + "'";
  const auto names = std::move(nearest).take();
  if (!names.empty()) text.append(" (did you mean ").append(names.front()).append("?)");
  problem(node.place(), path, std::move(text));
}

void SectionReader::read_timeouts(const Node& node, const std::string& path, TimeoutScope scope,
                                  Timeouts& out) {
  if (!expect_map(node, path)) return;
  for (const Member& member : node.members) {
    const std::string full = path + "." + member.key;
    const TimeoutSpec* found = nullptr;
    NearestNames nearest(member.key, 1);
    for (const TimeoutSpec& spec : timeout_specs) {
      if (spec.scope < scope) continue;
      nearest.offer(spec.name);
      if (spec.name == member.key) found = &spec;
    }
    if (!found) {
      unknown_key(member.value, full, member.key, std::move(nearest));
      continue;
    }
    const auto text = text_of(member.value, full);
    if (!text) continue;
    milliseconds value{0};
    if (const Mismatch mismatch = read_value(*text, value, range_of(*found))) {
      problem(member.value.place(), full, "must be " + *mismatch);
      continue;
    }
    out.set(found->id, value);
    note_source(full, member.value.place());
  }
}

void SectionReader::read_timeout_variables(Timeouts& out) {
  for (const TimeoutSpec& spec : timeout_specs) {
    const std::string path = "timeouts." + std::string(spec.name);
    const std::string variable = environment_name(path);
    const auto text = variable_called(variable);
    if (!text) continue;
    milliseconds value{0};
    if (const Mismatch mismatch = read_value(*text, value, range_of(spec))) {
      problem("env " + variable, path, "must be " + *mismatch);
      continue;
    }
    out.set(spec.id, value);
    note_source(path, "env " + variable);
  }
}

void SectionReader::read_retries(const Node& node, const std::string& path, RetrySettings& out) {
  if (node.kind != Node::Kind::scalar) {
    read(node, path, retry_fields(), out);
    return;
  }
  bool is_on = true;
  if (read_value(node.text, is_on, {})) {
    problem(node.place(), path, "must be a map, on or off");
    return;
  }
  out.enabled = is_on;
  note_source(path + ".enabled", node.place());
}

void SectionReader::read_breaker(const Node& node, const std::string& path, BreakerSettings& out) {
  if (node.kind != Node::Kind::scalar) {
    read(node, path, breaker_fields(), out);
    return;
  }
  bool is_on = true;
  BreakerPreset preset{};
  if (!read_value(node.text, is_on, {})) {
    out.enabled = is_on;
    note_source(path + ".enabled", node.place());
  } else if (!read_value(node.text, preset, {})) {
    out.preset = preset;
    note_source(path + ".preset", node.place());
  } else {
    problem(node.place(), path, "must be a map, on, off, standard, count or threshold");
  }
}

void SectionReader::read_cooldown(const Node& node, const std::string& path,
                                  CooldownSettings& out) {
  if (node.kind != Node::Kind::scalar) {
    read(node, path, cooldown_fields(), out);
    return;
  }
  const auto& after_error = cooldown_fields().front();
  read_node(node, path + "." + std::string(after_error.path), after_error, out);
}

std::optional<std::string> SectionReader::text_of(const Node& node, const std::string& path,
                                                  bool is_secret) {
  if (node.kind != Node::Kind::scalar) {
    problem(node.place(), path, "expected a single value, found " + std::string(name(node.kind)));
    return std::nullopt;
  }
  return resolve(node.text, is_secret, node.place(), path);
}

std::optional<std::vector<std::string>> SectionReader::texts_of(const Node& node,
                                                                const std::string& path,
                                                                bool is_list, bool is_secret,
                                                                std::string_view type) {
  const bool fits = node.kind == Node::Kind::scalar || (is_list && node.kind == Node::Kind::list);
  if (!fits) {
    const std::string expected = is_list ? "a list" : std::string(type);
    problem(node.place(), path, "expected " + expected + ", found " + std::string(name(node.kind)));
    return std::nullopt;
  }
  std::vector<std::string> values;
  const std::span<const Node> nodes =
      node.kind == Node::Kind::list ? std::span(node.items) : std::span(&node, 1);
  for (const Node& item : nodes) {
    auto text = text_of(item, path, is_secret);
    if (!text) return std::nullopt;
    values.push_back(std::move(*text));
  }
  return values;
}

std::vector<std::string> SectionReader::split_list(std::string_view text, bool is_list) {
  std::vector<std::string> items;
  while (is_list) {
    const auto comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
  items.emplace_back(text);
  return items;
}

std::optional<std::string> SectionReader::resolve(std::string text, bool is_secret,
                                                  const std::string& place,
                                                  const std::string& path) {
  constexpr std::string_view env_prefix = "env:";
  constexpr std::string_view file_prefix = "file:";
  if (text.starts_with(env_prefix)) {
    const std::string variable = text.substr(env_prefix.size());
    if (const auto value = variable_called(variable)) return std::string(*value);
    problem(place, path, "the environment variable " + variable + " is not set");
    return std::nullopt;
  }
  if (is_secret && text.starts_with(file_prefix)) {
    return read_secret_file(text.substr(file_prefix.size()), place, path);
  }
  return text;
}

std::optional<std::string> SectionReader::read_secret_file(const std::string& file,
                                                           const std::string& place,
                                                           const std::string& path) {
  auto text = files_.read(file, secret_bytes_max);
  if (!text) {
    problem(place, path, "cannot read " + file + ": " + text.error().message);
    return std::nullopt;
  }
  // Editors and `echo` end a file with a line break that is no part of the secret.
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  if (text->empty()) {
    problem(place, path, "the file " + file + " is empty");
    return std::nullopt;
  }
  return std::move(*text);
}

}  // namespace weir::config
