// SPDX-License-Identifier: Apache-2.0
#include "admin/config_difference.hpp"

#include <map>

#include "base/redact.hpp"
#include "config/fields.hpp"
#include "json/writer.hpp"

namespace weir::admin {
namespace {

using Settings = std::map<std::string, std::string>;

/// Defaults are left out: a provider that goes takes its settings with it.
Settings settings_of(const config::Config& config) {
  Settings settings;
  for (config::SettingView& setting : config::list_settings(config)) {
    settings.insert_or_assign(std::move(setting.path), redacted(setting.value));
  }
  return settings;
}

/// Of `these` what `others` has not or has otherwise.
std::string only_in(const Settings& these, const Settings& others) {
  constexpr std::int64_t listed_max = 100;
  std::string text;
  json::Writer json(text);
  std::int64_t count = 0;
  json.begin_object();
  for (const auto& [path, value] : these) {
    const auto other = others.find(path);
    if (other != others.end() && other->second == value) continue;
    if (++count <= listed_max) json.member(path, value);
  }
  if (count > listed_max) json.member(std::string_view("…"), count - listed_max);
  json.end_object();
  return count == 0 ? std::string() : text;
}

}  // namespace

ConfigDifference difference(const config::Config& before, const config::Config& after) {
  const Settings old_settings = settings_of(before);
  const Settings new_settings = settings_of(after);
  return {only_in(old_settings, new_settings), only_in(new_settings, old_settings)};
}

}  // namespace weir::admin
