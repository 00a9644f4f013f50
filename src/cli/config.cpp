// SPDX-License-Identifier: Apache-2.0
//
// weir config, weir docs: the configuration in force, and the pages made from the program's tables.

#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/text.hpp"
#include "config/fields.hpp"
#include "providers/provider_table.hpp"
#include "server/permission_page.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir config show                  what is set, and where\n"
    "  weir config explain               every setting with its value and source\n"
    "  weir config explain timeouts      those that begin with timeouts\n"
    "  weir config reference             the reference page";

bool begins_with_path(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || prefix.empty() ||
                                      path[prefix.size()] == '.' || path[prefix.size()] == '[');
}

/// Settings below `prefix`; `with_defaults`: also those nobody set.
void show_settings(Context& context, const std::string& prefix, bool with_defaults) {
  const auto config = load_config(context);
  if (!config) return;
  std::vector<Row> rows;
  for (const config::SettingView& setting : config::list_settings(*config)) {
    const bool is_set = setting.source != "default";
    if (!begins_with_path(setting.path, prefix) || !(with_defaults || is_set)) continue;
    rows.push_back({setting.path, setting.value.empty() ? "-" : setting.value, setting.source});
  }
  if (rows.empty()) {
    print_error(prefix.empty() ? "nothing is set; `weir config explain` shows the defaults\n"
                               : "there is no setting " + prefix + "\n");
    if (!prefix.empty()) context.exit_code = ExitCode::failed;
    return;
  }
  print(table(rows));
}

}  // namespace

void add_config(Command& app, Context& context) {
  Command command = app.add_subcommand("config", "Show settings and where they come from");
  command.footer(examples);
  command.fallthrough();
  add_load_options(command, context);
  command.require_subcommand(1);
  command.add_subcommand("show", "What is set, and where").callback([&context] {
    show_settings(context, "", false);
  });
  Command explain = command.add_subcommand("explain", "Every setting, its value and source");
  auto path = std::make_shared<std::string>();
  explain.add_option("path", *path, "Only settings that begin with this");
  explain.callback([&context, path] { show_settings(context, *path, true); });
  command.add_subcommand("reference", "The reference page").callback([] {
    print(config::config_reference_markdown());
  });
}

void add_docs(Command& app, Context&) {
  Command command = app.add_subcommand("docs", "Print a page of the documentation");
  command.require_subcommand(1);
  command.add_subcommand("config", "Reference of all settings").callback([] {
    print(config::config_reference_markdown());
  });
  command.add_subcommand("providers", "All providers Weir knows").callback([] {
    print(providers::providers_markdown());
  });
  command.add_subcommand("permissions", "Who may call which path of the admin API").callback([] {
    print(server::permissions_markdown());
  });
}

}  // namespace weir::cli
