// SPDX-License-Identifier: Apache-2.0
#include "server/changes_file.hpp"

#include <algorithm>
#include <optional>

#include "config/edits.hpp"
#include "json/writer.hpp"
#include "store/files.hpp"

namespace weir::server {
namespace {

constexpr std::size_t config_file_bytes_max = std::size_t{4} << 20;

/// Where a configuration is written when there was none.
std::string new_config_file(const config::Environment& environment, bool is_root) {
  if (is_root) return "/etc/weir/weir.yaml";
  if (const auto xdg = environment.get("XDG_CONFIG_HOME"))
    return std::string(*xdg) + "/weir/weir.yaml";
  if (const auto home = environment.get("HOME"))
    return std::string(*home) + "/.config/weir/weir.yaml";
  return "weir.yaml";
}

/// What the files and the environment say, whatever was changed since.
config::Config without_changes(const ChangedConfiguration& changed) {
  config::LoadOptions load = changed.load;
  load.edits.clear();
  return config::load(load, changed.environment).config;
}

/// What the environment brings can't be taken out of a file, but switched off there. What came and
/// went while the program ran is in neither: nothing is to be written.
std::optional<config::Edit> to_write(config::Edit edit, bool is_written,
                                     const config::Config& unchanged) {
  if (!edit.json.empty() || is_written) return edit;
  const bool is_brought =
      edit.section == "providers" && unchanged.find_provider(edit.name).has_value();
  if (!is_brought) return std::nullopt;
  edit.json = R"({"enabled":false})";
  return edit;
}

/// What a new file must say so that it means what held without one.
std::vector<config::Edit> first_lines(const ChangedConfiguration& changed) {
  std::vector<config::Edit> edits{{"", "env_providers", true, "true"}};
  for (const config::LocalServer& server : changed.load.local_servers) {
    const std::string name(server.spec->name);
    if (!changed.in_force.find_provider(name)) continue;
    std::string json_text;
    json::Writer json(json_text);
    json.begin_object().member("type", name).member("base_url", server.base_url).end_object();
    edits.push_back({"providers", name, false, std::move(json_text)});
  }
  return edits;
}

/// The changes. An address that came over the network does not become one that the operator wrote
/// down (N-2) by being written into his file.
std::vector<config::Edit> edits_of(const ChangedConfiguration& changed) {
  std::vector<config::Edit> edits = changed.load.edits;
  for (const config::ProviderConfig& provider : changed.in_force.providers) {
    const auto source = changed.in_force.source_of("providers." + provider.name + ".base_url");
    if (source != config::edit_source || provider.allow_private) continue;
    edits.push_back({"providers", provider.name, false, R"({"allow_private":false})"});
  }
  return edits;
}

Result<std::string> write_new_file(const ChangedConfiguration& changed) {
  const std::string file = new_config_file(changed.environment, changed.is_root);
  if (changed.load.edits.empty()) return file;
  if (const auto slash = file.rfind('/'); slash != std::string::npos) {
    WEIR_TRY(store::make_private_directory(file.substr(0, slash)));
  }
  std::vector<config::Edit> edits = first_lines(changed);
  const config::Config unchanged = without_changes(changed);
  for (const config::Edit& edit : edits_of(changed)) {
    if (auto line = to_write(edit, false, unchanged)) edits.push_back(*std::move(line));
  }
  WEIR_TRY_ASSIGN(text, config::write_back(file, {}, edits));
  WEIR_TRY(store::replace_file(file, text));
  return file;
}

struct WrittenFile {
  std::string name;
  std::string text;
  config::Node root;
  std::vector<config::Edit> edits;

  [[nodiscard]] bool has(const config::Edit& edit) const {
    const config::Node* section = edit.section.empty() ? &root : root.find(edit.section);
    return section != nullptr && section->find(edit.name) != nullptr;
  }
};

/// The file that says what `edit` changes; the first one for what none says. An entry that is put
/// together from several can't be changed in one of them so that it means what it means now.
Result<WrittenFile*> home_of(const config::Edit& edit, std::vector<WrittenFile>& files) {
  WrittenFile* home = nullptr;
  for (WrittenFile& file : files) {
    if (!file.has(edit)) continue;
    if (home != nullptr) {
      const std::string section = edit.section.empty() ? "" : edit.section + ".";
      return Error(ErrorCode::invalid_request, section + edit.name + " stands in " + home->name +
                                                   " and in " + file.name +
                                                   ": write the change there by hand");
    }
    home = &file;
  }
  return home != nullptr ? home : &files.front();
}

/// Every file's new text is made before the first is replaced.
Result<std::string> write_into_files(const ChangedConfiguration& changed) {
  std::vector<WrittenFile> files;
  for (const std::string& name : changed.files) {
    WEIR_TRY_ASSIGN(text, store::read_file(name, config_file_bytes_max));
    std::vector<config::Problem> problems;
    config::Node root = config::parse_tree(name, text, problems);
    files.push_back({name, std::move(text), std::move(root), {}});
  }
  const config::Config unchanged = without_changes(changed);
  for (const config::Edit& edit : edits_of(changed)) {
    WEIR_TRY_ASSIGN(home, home_of(edit, files));
    if (auto line = to_write(edit, home->has(edit), unchanged)) {
      home->edits.push_back(*std::move(line));
    }
  }
  std::erase_if(files, [](const WrittenFile& file) { return file.edits.empty(); });
  for (WrittenFile& file : files) {
    WEIR_TRY_ASSIGN(text, config::write_back(file.name, file.text, file.edits));
    file.text = std::move(text);
  }
  std::string written;
  for (const WrittenFile& file : files) {
    WEIR_TRY(store::replace_file(file.name, file.text));
    written.append(written.empty() ? "" : ", ").append(file.name);
  }
  return written;
}

}  // namespace

Result<std::string> write_changes(const ChangedConfiguration& changed) {
  return changed.files.empty() ? write_new_file(changed) : write_into_files(changed);
}

}  // namespace weir::server
