// SPDX-License-Identifier: Apache-2.0
//
// weir validate: every problem of a configuration; with --online also whether each provider takes
// its key, by asking for its list of models, which costs nothing.

#include <chrono>
#include <memory>

#include "cli/commands.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "engine/listing.hpp"

namespace weir::cli {
namespace {

constexpr std::chrono::seconds online_total_max{20};

constexpr const char* examples =
    "Examples:\n"
    "  weir validate                       the configuration that `weir serve` would use\n"
    "  weir validate -c new.yaml --online  also ask each provider for its models, free of charge\n"
    "\n"
    "Exit code 78 when the configuration is wrong, 1 when a provider does not answer.";

bool ask_providers(const Offline& offline) {
  std::vector<Row> rows;
  std::vector<std::size_t> asked;
  std::vector<engine::Listing> listings;
  for (std::size_t i = 0; i < offline.config().providers.size(); ++i) {
    const auto& provider = offline.config().providers[i];
    auto listing = engine::listing_of(offline.snapshot(), i);
    rows.push_back({provider.name, !provider.enabled ? "disabled" : "not asked"});
    if (!listing) continue;
    asked.push_back(i);
    listings.push_back(*std::move(listing));
  }
  const auto answers = engine::list_models(listings, online_total_max, false);
  bool is_all_good = true;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    rows[asked[i]][1] =
        answers[i] ? "ok, " + counted(answers[i]->size(), "model") : answers[i].error().message;
    is_all_good = is_all_good && answers[i].has_value();
  }
  print(table(rows, 2));
  return is_all_good;
}

ExitCode validate(const Context& context, bool is_online) {
  config::Loaded loaded = config::load(context.load, context.environment);
  for (const std::string& note : loaded.notes) print("note: " + note + "\n");
  if (!loaded.ok()) {
    print_error(loaded.report());
    return ExitCode::config;
  }
  std::string files;
  for (const std::string& file : loaded.files) files += (files.empty() ? "" : ", ") + file;
  Offline offline;
  if (const auto opened = offline.open(std::move(loaded.config), context.environment); !opened) {
    print_error(opened.error().message + "\n");
    return ExitCode::config;
  }
  print((files.empty() ? "the environment" : files) + ": ok, " +
        counted(offline.config().providers.size(), "provider") + ", " +
        counted(offline.config().models.size(), "route") + "\n");
  if (!is_online || ask_providers(offline)) return ExitCode::ok;
  return ExitCode::failed;
}

}  // namespace

void add_validate(Command& app, Context& context) {
  Command command = app.add_subcommand("validate", "Check the configuration");
  command.footer(examples);
  add_load_options(command, context);
  // The callback outlives this function.
  auto is_online = std::make_shared<bool>(false);
  command.add_flag("--online", *is_online,
                   "Ask each provider for its list of models, which is free of charge");
  command.callback([&context, is_online] { context.exit_code = validate(context, *is_online); });
}

}  // namespace weir::cli
