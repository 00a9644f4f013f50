// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/edit_distance.hpp"
#include "config/field_table.hpp"
#include "config/loader.hpp"
#include "config/tree.hpp"

namespace weir::config {

/// Reads sections of the tree by the tables of their fields, collecting problems and sources.
class SectionReader {
 public:
  using Sources = std::map<std::string, std::string, std::less<>>;

  SectionReader(const Environment& environment, const Files& files, Sources& sources,
                std::vector<Problem>& problems)
      : environment_(environment), files_(files), sources_(sources), problems_(problems) {}

  /// A key of a section that is no plain value, and what reads it.
  struct Special {
    std::string_view key;
    std::function<void(const Node&, const std::string& path)> read;
  };

  /// Fills `section` from `map`. Unknown keys are reported with the nearest known name.
  template <class Section>
  void read(const Node& map, const std::string& path, std::span<const Field<Section>> fields,
            Section& section, const std::vector<Special>& specials = {}) {
    read_level(map, path, "", fields, section, specials);
  }

  /// Reads one setting that the environment gives; lists are separated by commas.
  template <class Section>
  void read_variable(const std::string& path, const Field<Section>& field, Section& section) {
    read_variable(environment_name(path), path, field, section);
  }
  template <class Section>
  void read_variable(const std::string& variable, const std::string& path,
                     const Field<Section>& field, Section& section) {
    const auto text = variable_called(variable);
    if (!text) return;
    const std::string place = "env " + variable;
    std::vector<std::string> values;
    for (std::string& item : split_list(*text, field.is_list)) {
      auto value = resolve(std::move(item), field.is_secret, place, path);
      if (!value) return;
      values.push_back(std::move(*value));
    }
    store(place, path, field, section, values);
  }

  void read_timeouts(const Node& node, const std::string& path, TimeoutScope scope, Timeouts& out);
  void read_timeout_variables(Timeouts& out);
  /// Also takes `off` and `on` in the place of the map.
  void read_retries(const Node& node, const std::string& path, RetrySettings& out);
  /// Also takes `off`, `on` or a preset in the place of the map.
  void read_breaker(const Node& node, const std::string& path, BreakerSettings& out);
  /// Also takes `after_error` in the place of the map.
  void read_cooldown(const Node& node, const std::string& path, CooldownSettings& out);

  /// The value of a scalar with `env:` and, for secrets, `file:` followed; nothing when there is a
  /// problem.
  std::optional<std::string> text_of(const Node& node, const std::string& path,
                                     bool is_secret = false);

  /// True for a map. Anything else is reported, but nothing at all counts as an empty map.
  bool expect_map(const Node& node, const std::string& path);

  void problem(std::string place, std::string path, std::string text) {
    problems_.push_back({std::move(place), std::move(path), std::move(text)});
  }
  /// A problem with the value that stands at `path`.
  void problem_at(const std::string& path, std::string text);
  [[nodiscard]] bool has_problem_at(std::string_view path) const;
  void unknown_key(const Node& node, const std::string& path, std::string_view key,
                   NearestNames nearest);
  void note_source(const std::string& path, std::string source) {
    sources_.insert_or_assign(path, std::move(source));
  }
  [[nodiscard]] const Environment& environment() const { return environment_; }
  /// Every variable that a setting could be read from, or that the files refer to.
  [[nodiscard]] const std::set<std::string, std::less<>>& variables_known() const {
    return variables_known_;
  }

 private:
  std::optional<std::string_view> variable_called(const std::string& name) {
    variables_known_.insert(name);
    return environment_.get(name);
  }

  template <class Section>
  void read_level(const Node& map, const std::string& path, std::string_view prefix,
                  std::span<const Field<Section>> fields, Section& section,
                  const std::vector<Special>& specials) {
    if (!expect_map(map, path)) return;
    for (const Member& member : map.members) {
      const std::string key = std::string(prefix) + member.key;
      const std::string full = path.empty() ? member.key : path + "." + member.key;
      if (const Field<Section>* field = find(fields, key)) {
        read_node(member.value, full, *field, section);
      } else if (const Special* special = find(specials, key)) {
        note_source(full, member.value.place());
        special->read(member.value, full);
      } else if (is_group(fields, key)) {
        note_source(full, member.value.place());
        read_level(member.value, full, key + ".", fields, section, specials);
      } else {
        unknown_key(member.value, full, member.key, names_at(fields, specials, prefix, member.key));
      }
    }
  }

  template <class Section>
  static const Field<Section>* find(std::span<const Field<Section>> fields, std::string_view path) {
    for (const Field<Section>& field : fields) {
      if (field.path == path) return &field;
    }
    return nullptr;
  }
  static const Special* find(const std::vector<Special>& specials, std::string_view key) {
    for (const Special& special : specials) {
      if (special.key == key) return &special;
    }
    return nullptr;
  }
  template <class Section>
  static bool is_group(std::span<const Field<Section>> fields, const std::string& key) {
    for (const Field<Section>& field : fields) {
      if (field.path.starts_with(key + ".")) return true;
    }
    return false;
  }
  template <class Section>
  static NearestNames names_at(std::span<const Field<Section>> fields,
                               const std::vector<Special>& specials, std::string_view prefix,
                               std::string_view wanted) {
    NearestNames nearest(wanted, 1);
    for (const Field<Section>& field : fields) {
      if (!field.path.starts_with(prefix)) continue;
      const std::string_view rest = field.path.substr(prefix.size());
      nearest.offer(rest.substr(0, rest.find('.')));
    }
    if (prefix.empty()) {
      for (const Special& special : specials) nearest.offer(special.key);
    }
    return nearest;
  }

  template <class Section>
  void read_node(const Node& node, const std::string& path, const Field<Section>& field,
                 Section& section) {
    const auto values = texts_of(node, path, field.is_list, field.is_secret, field.type);
    if (values) store(node.place(), path, field, section, *values);
  }

  template <class Section>
  void store(const std::string& place, const std::string& path, const Field<Section>& field,
             Section& section, const std::vector<std::string>& values) {
    if (const Mismatch mismatch = field.read(section, values, field.range)) {
      problem(place, path, "must be " + *mismatch);
      return;
    }
    note_source(path, place);
  }

  static std::vector<std::string> split_list(std::string_view text, bool is_list);
  std::optional<std::vector<std::string>> texts_of(const Node& node, const std::string& path,
                                                   bool is_list, bool is_secret,
                                                   std::string_view type);
  std::optional<std::string> resolve(std::string text, bool is_secret, const std::string& place,
                                     const std::string& path);
  std::optional<std::string> read_secret_file(const std::string& file, const std::string& place,
                                              const std::string& path);

  const Environment& environment_;
  std::set<std::string, std::less<>> variables_known_;
  const Files& files_;
  Sources& sources_;
  std::vector<Problem>& problems_;
};

}  // namespace weir::config
