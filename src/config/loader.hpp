// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/environment.hpp"
#include "weir/result.hpp"

/// From files and environment to a `Config`, with every problem found in one go.
namespace weir::config {

/// Something wrong with the configuration, as the operator should read it.
struct Problem {
  std::string place;  ///< `file:line` or `env NAME`; empty when it has none
  std::string path;   ///< `providers.openai.limits.burst`; empty for the file as a whole
  std::string text;   ///< ends with `(did you mean ...?)` where that helps

  /// `file:line: path: text`
  [[nodiscard]] std::string message() const;
  bool operator==(const Problem&) const = default;
};

/// What loading gave. With problems, `config` is whatever could be read, good for `explain` only.
struct Loaded {
  Config config;
  std::vector<Problem> problems;
  std::vector<std::string> notes;  ///< worth saying, but no error: a key without its endpoint
  std::vector<std::string> files;  ///< the files read, in order; empty: there is none

  [[nodiscard]] bool ok() const noexcept { return problems.empty(); }
  /// All problems, one a line.
  [[nodiscard]] std::string report() const;
};

/// The files that the loader may read. A port, so that its tests need no disk.
class Files {
 public:
  virtual ~Files() = default;
  /// The whole file. Errors: `not_found`-kind when there is none, `too_large` over `bytes_max`,
  /// `unavailable`-kind when it can't be read.
  [[nodiscard]] virtual Result<std::string> read(const std::string& path,
                                                 std::size_t bytes_max) const = 0;
};

/// The real file system.
const Files& disk();

/// A change of one entry, laid over what the files say; see `edits.hpp`.
struct Edit {
  std::string section;    ///< `providers` or `models`; empty: a setting of the whole
  std::string name;       ///< of the entry, or the setting's key
  bool replaces = false;  ///< what the files say about the entry no longer counts
  std::string json;       ///< what is laid over it, null for what goes; empty: the entry goes
};

/// A local server that answered when it was asked.
struct LocalServer {
  const providers::ProviderSpec* spec = nullptr;
  std::string base_url;
};

struct LoadOptions {
  std::string config_file{};   ///< `--config`; empty: look at the usual places
  std::string env_file{};      ///< `--env-file`; empty: none
  std::string overlay_file{};  ///< laid over the file and its overlay; empty: none
  std::vector<Edit> edits{};   ///< made while the program ran
  /// Become providers where there is no file and none of their kind or address.
  std::vector<LocalServer> local_servers{};
};

/// Finds the configuration file (`config_file`, WEIR_CONFIG, ./weir.yaml, $XDG_CONFIG_HOME/weir/,
/// /etc/weir/), lays the overlay of WEIR_ENV over it, then the environment's WEIR_* settings, and
/// checks everything. Without any file the environment alone makes the configuration.
Loaded load(const LoadOptions& options, Environment environment, const Files& files = disk());

/// The configuration made of `text` (YAML or JSON) alone plus the environment's WEIR_* settings;
/// relative paths in it are taken from the working directory. `file` is for messages.
Loaded load_text(std::string_view file, std::string_view text, const Environment& environment,
                 const Files& files = disk());

/// The configuration without any file: providers whose keys or addresses the environment names,
/// and the WEIR_* settings.
Loaded config_from_environment(const Environment& environment, const Files& files = disk());

/// The usual local addresses worth a look: not our own, and not those of a configured provider.
std::vector<LocalServer> local_candidates(const Config& config);

/// Adds `server` as a provider named like its kind.
void add_local_provider(Config& config, const LocalServer& server);

/// True when `base_url` leads to one of our own listeners.
bool is_own_address(const Config& config, std::string_view base_url);

/// Where data goes: `data_dir`, else $XDG_DATA_HOME/weir or ~/.local/share/weir, for root
/// /var/lib/weir.
std::string data_directory(const Config& config, const Environment& environment, bool is_root);

}  // namespace weir::config
