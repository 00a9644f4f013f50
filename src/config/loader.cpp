// SPDX-License-Identifier: Apache-2.0
#include "config/loader.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "base/ascii.hpp"
#include "base/edit_distance.hpp"
#include "base/http_url.hpp"
#include "config/document_reader.hpp"
#include "config/edits.hpp"
#include "config/field_table.hpp"
#include "config/resolve.hpp"
#include "config/tree.hpp"

namespace weir::config {
namespace {

constexpr std::array file_names{"weir.yaml", "weir.yml", "weir.json"};

constexpr std::string_view variable_prefix = "WEIR_";
/// What the program reads that is no setting of the configuration.
constexpr std::array<std::string_view, 9> variables_beside_settings{"WEIR_ADMIN_TOKEN",
                                                                    "WEIR_ADMIN_URL",
                                                                    "WEIR_CONFIG",
                                                                    "WEIR_ENV",
                                                                    "WEIR_KEY",
                                                                    "WEIR_MASTER_KEY",
                                                                    "WEIR_URL",
                                                                    "WEIR_MASTER_KEY_FILE",
                                                                    "WEIR_MASTER_KEY_COMMAND"};

bool is_variable_beside_settings(std::string_view name) {
  // Kubernetes tells every container of a service that is called weir.
  if (name.starts_with("WEIR_SERVICE_") || name.starts_with("WEIR_PORT")) return true;
  return std::find(variables_beside_settings.begin(), variables_beside_settings.end(), name) !=
         variables_beside_settings.end();
}

/// `dir/weir.yaml` with `production` is `dir/weir.production.yaml`.
std::string overlay_name(const std::string& file, std::string_view stage) {
  const auto slash = file.rfind('/');
  const auto dot = file.rfind('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  const auto at = has_ending ? dot : file.size();
  return file.substr(0, at) + "." + std::string(stage) + file.substr(at);
}

bool is_stage_name(std::string_view stage) {
  for (const char c : stage) {
    if (!ascii::is_alnum(c) && c != '-' && c != '_') return false;
  }
  return !stage.empty();
}

std::vector<std::string> usual_places(const Environment& environment) {
  std::vector<std::string> folders{"."};
  if (const auto xdg = environment.get("XDG_CONFIG_HOME")) {
    folders.push_back(std::string(*xdg) + "/weir");
  } else if (const auto home = environment.get("HOME")) {
    folders.push_back(std::string(*home) + "/.config/weir");
  }
  folders.emplace_back("/etc/weir");
  std::vector<std::string> places;
  for (const std::string& folder : folders) {
    for (const char* name : file_names) {
      places.push_back(folder == "." ? std::string(name) : folder + "/" + name);
    }
  }
  return places;
}

/// One run of the loader.
Node empty_map() {
  Node node;
  node.kind = Node::Kind::map;
  return node;
}

class Loading {
 public:
  Loading(const Environment& environment, const Files& files)
      : environment_(environment),
        files_(files),
        reader_(environment_, files, loaded_.config.sources, loaded_.problems) {}

  /// The tree of the named or found file with its overlay; nothing when there is no file.
  std::optional<Node> read_files(const std::string& named) {
    std::string file = named;
    if (file.empty()) file = environment_.get("WEIR_CONFIG").value_or("");
    std::optional<Node> root = file.empty() ? find_file(file) : read_file(file, true);
    if (!root) return std::nullopt;
    if (const auto stage = environment_.get("WEIR_ENV")) add_overlay(*root, file, *stage);
    return root;
  }

  void lay_over(std::optional<Node>& root, const std::string& file) {
    auto tree = read_file(file, true);
    if (!tree) return;
    if (!root) root = empty_map();
    merge(*root, std::move(*tree));
  }

  Loaded finish(Node root, bool with_environment_providers, const LoadOptions& options = {}) {
    Config& config = loaded_.config;
    apply_edits(root, options.edits, loaded_.problems);
    const bool is_read = loaded_.problems.empty();
    read_document(root, reader_, config);
    if (with_environment_providers || config.env_providers) {
      add_environment_providers(reader_, config, loaded_.notes);
    }
    if (with_environment_providers && config.detect_local) add_found(options.local_servers);
    remove_edited(options.edits);
    add_mock_provider(config);
    if (is_read && tells_every_name(root)) check_names();
    note_unknown_variables();
    name_edits();
    return std::move(loaded_);
  }

  Node parse(std::string_view file, std::string_view text) {
    loaded_.files.emplace_back(file);
    return parse_tree(file, text, loaded_.problems);
  }

  void add_problem(std::string place, std::string text) {
    loaded_.problems.push_back({std::move(place), "", std::move(text)});
  }

 private:
  std::optional<Node> find_file(std::string& found) {
    for (const std::string& place : usual_places(environment_)) {
      if (auto root = read_file(place, false)) {
        found = place;
        return root;
      }
    }
    return std::nullopt;
  }

  /// Nothing when the file is not there, which is a problem only where it `must_exist`.
  std::optional<Node> read_file(const std::string& file, bool must_exist) {
    const auto text = files_.read(file, config_bytes_max);
    if (text) return parse(file, *text);
    const bool is_missing = text.error().kind() == ErrorKind::not_found;
    if (!is_missing || must_exist) add_problem(file, text.error().message);
    return std::nullopt;
  }

  void add_overlay(Node& root, const std::string& file, std::string_view stage) {
    if (!is_stage_name(stage)) {
      add_problem("env WEIR_ENV", "must be a word such as production");
      return;
    }
    const std::string overlay = overlay_name(file, stage);
    if (auto tree = read_file(overlay, false)) {
      merge(root, std::move(*tree));
    } else {
      loaded_.notes.push_back("there is no " + overlay + " for WEIR_ENV=" + std::string(stage));
    }
  }

  /// Whether what is wrong leaves all names known: a section or a provider that can't be read would
  /// make every route to it a problem of its own.
  [[nodiscard]] bool tells_every_name(const Node& root) const {
    constexpr std::array<std::string_view, 4> sections{"providers", "models", "tiers", "tasks"};
    const auto is_one_of_them = [&](const Member& member) {
      return std::find(sections.begin(), sections.end(), member.key) != sections.end();
    };
    const auto is_setting = [](const Member& member) {
      const auto fields = root_fields();
      return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
        return field.path.starts_with(member.key + ".");
      });
    };
    for (const Member& member : root.members) {
      const bool may_hold_names =
          is_one_of_them(member) || (member.value.kind == Node::Kind::map && !is_setting(member));
      if (may_hold_names && reader_.has_problem_at(member.key)) return false;
      if (!is_one_of_them(member) || member.key == "models") continue;
      for (const Member& entry : member.value.members) {
        const std::string path = member.key + "." + entry.key;
        if (reader_.has_problem_at(path) || reader_.has_problem_at(path + ".type")) return false;
      }
    }
    return true;
  }

  /// Routes, tiers, tasks and their targets.
  void check_names() {
    const auto snapshot = std::make_shared<const Config>(loaded_.config);
    const auto resolver = Resolver::make(snapshot, {}, loaded_.problems);
    if (!resolver) return;
    const auto check = [&](const std::string& path, const std::string& name) {
      if (name.empty()) return;
      const auto target = resolver->resolve(name);
      // A known name may have nothing behind it yet: that is for the request to find out.
      if (target || target.error().code == ErrorCode::model_unavailable) return;
      reader_.problem_at(path, target.error().message);
    };
    const Config& config = loaded_.config;
    check("default_model", config.default_model);
    check("budget.downgrade", config.budget.downgrade);
    for (const auto& route : config.models) {
      check("models." + route.name + ".budget.downgrade", route.budget.downgrade);
    }
    for (const auto& user : config.users) {
      check("users." + user.name + ".budget.downgrade", user.budget.downgrade);
    }
    for (const auto& team : config.teams) {
      check("teams." + team.name + ".budget.downgrade", team.budget.downgrade);
    }
    for (const auto& organisation : config.organisations) {
      check("organisations." + organisation.name + ".budget.downgrade",
            organisation.budget.downgrade);
    }
    for (std::size_t i = 0; i < config.key_settings.size(); ++i) {
      check("keys[" + std::to_string(i) + "].budget.downgrade",
            config.key_settings[i].budget.downgrade);
    }
  }

  /// A misspelt setting would be without effect and without a word. Only a note: others may have
  /// variables of these names, too.
  void note_unknown_variables() {
    const auto& settings = reader_.variables_known();
    for (const std::string& name : environment_.names_beginning(variable_prefix)) {
      const bool is_known = settings.contains(name) || is_variable_beside_settings(name);
      if (is_known) continue;
      NearestNames nearest(name, 1);
      for (const std::string& known : settings) nearest.offer(known);
      for (const std::string_view known : variables_beside_settings) nearest.offer(known);
      std::string text = "no setting is read from " + name;
      const auto names = std::move(nearest).take();
      if (!names.empty()) text.append(" (did you mean ").append(names.front()).append("?)");
      loaded_.notes.push_back(std::move(text));
    }
  }

  void add_found(const std::vector<LocalServer>& servers) {
    const auto candidates = local_candidates(loaded_.config);
    for (const LocalServer& server : servers) {
      const bool is_free =
          std::any_of(candidates.begin(), candidates.end(),
                      [&](const LocalServer& candidate) { return candidate.spec == server.spec; });
      if (is_free) add_local_provider(loaded_.config, server);
    }
  }

  /// Providers of the environment and local servers are in no tree that an edit could change.
  void remove_edited(const std::vector<Edit>& edits) {
    std::erase_if(loaded_.config.providers, [&](const ProviderConfig& provider) {
      const auto last = std::find_if(edits.rbegin(), edits.rend(), [&](const Edit& edit) {
        return edit.section == "providers" && edit.name == provider.name;
      });
      return last != edits.rend() && last->json.empty();
    });
    // An address that came over the network is not one that the operator wrote down (N-2).
    for (ProviderConfig& provider : loaded_.config.providers) {
      const auto source = loaded_.config.source_of("providers." + provider.name + ".base_url");
      if (source.starts_with(edit_source)) provider.address_is_operators = false;
    }
  }

  /// An edit has no lines worth telling.
  void name_edits() {
    const auto shorten = [](std::string& place) {
      if (place.starts_with(edit_source)) place = edit_source;
    };
    for (auto& [path, source] : loaded_.config.sources) shorten(source);
    for (Problem& problem : loaded_.problems) shorten(problem.place);
  }

  const Environment& environment_;
  const Files& files_;
  Loaded loaded_;
  SectionReader reader_;
};

}  // namespace

std::string Problem::message() const {
  std::string text_out;
  for (const std::string* part : {&place, &path}) {
    if (!part->empty()) text_out.append(*part).append(": ");
  }
  return text_out + text;
}

std::string Loaded::report() const {
  std::string text;
  for (const Problem& problem : problems) text.append(problem.message()).append("\n");
  return text;
}

Loaded load(const LoadOptions& options, Environment environment, const Files& files) {
  std::optional<Problem> env_file_problem;
  if (!options.env_file.empty()) {
    const auto text = files.read(options.env_file, config_bytes_max);
    const Result<> added = text ? environment.add_env_file(options.env_file, *text) : text.error();
    if (!text) env_file_problem = Problem{options.env_file, "", text.error().message};
    if (text && !added) env_file_problem = Problem{"", "", added.error().message};
  }
  Loading loading(environment, files);
  if (env_file_problem) loading.add_problem(env_file_problem->place, env_file_problem->text);
  std::optional<Node> root = loading.read_files(options.config_file);
  const bool has_file = root.has_value();
  if (!options.overlay_file.empty()) loading.lay_over(root, options.overlay_file);
  return loading.finish(root.has_value() ? *std::move(root) : empty_map(), !has_file, options);
}

Loaded load_text(std::string_view file, std::string_view text, const Environment& environment,
                 const Files& files) {
  Loading loading(environment, files);
  const Node root = loading.parse(file, text);
  return loading.finish(root, false);
}

Loaded config_from_environment(const Environment& environment, const Files& files) {
  return Loading(environment, files).finish(empty_map(), true);
}

// ---- addresses ------------------------------------------------------------------------------

bool is_own_address(const Config& config, std::string_view base_url) {
  const auto url = parse_http_url(base_url);
  if (!url) return false;
  for (const std::string* text : {&config.listen, &config.admin_listen}) {
    const auto own = parse_host_port(*text);
    if (!own || own->port != url->port) continue;
    const bool is_local_listener = own->is_any() || own->is_loopback();
    if (own->host == url->host || (url->is_loopback() && is_local_listener)) return true;
  }
  return false;
}

std::vector<LocalServer> local_candidates(const Config& config) {
  std::vector<LocalServer> candidates;
  for (const providers::ProviderSpec* spec : providers::providers_in_order(false)) {
    if (spec->local_port == 0 || config.find_provider(spec->name)) continue;
    auto url = providers::normalize_base_url(
        *spec, "http://127.0.0.1:" + std::to_string(spec->local_port));
    if (!url || is_own_address(config, *url)) continue;
    const bool is_taken = std::any_of(
        config.providers.begin(), config.providers.end(), [&](const ProviderConfig& provider) {
          const auto used = parse_http_url(provider.base_url);
          return used && used->is_loopback() && used->port == spec->local_port;
        });
    if (!is_taken) candidates.push_back({spec, std::move(*url)});
  }
  return candidates;
}

void add_local_provider(Config& config, const LocalServer& server) {
  ProviderConfig provider;
  provider.name = server.spec->name;
  provider.spec = server.spec;
  provider.api = server.spec;
  provider.dialect = server.spec->dialect;
  provider.local = true;
  provider.base_url = server.base_url;
  provider.address_is_operators = true;
  config.sources.insert_or_assign("providers." + provider.name, "found at " + provider.base_url);
  config.providers.push_back(std::move(provider));
}

std::string data_directory(const Config& config, const Environment& environment, bool is_root) {
  if (!config.data_dir.empty()) return config.data_dir;
  if (is_root) return "/var/lib/weir";
  if (const auto xdg = environment.get("XDG_DATA_HOME")) return std::string(*xdg) + "/weir";
  if (const auto home = environment.get("HOME")) return std::string(*home) + "/.local/share/weir";
  return "./weir-data";
}

}  // namespace weir::config
