// SPDX-License-Identifier: Apache-2.0
//
// weir models: what clients can ask for, from the configuration and the catalog.

#include <chrono>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/money.hpp"
#include "cli/commands.hpp"
#include "cli/text.hpp"
#include "config/resolve.hpp"
#include "server/local_servers.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir models                    names, windows, prices in dollars per million tokens\n"
    "  weir models --capabilities     and what each model can do\n"
    "  weir models openai             of one provider only";

struct Options {
  std::string only;
  bool with_capabilities = false;
};

std::string price_text(const config::ProviderConfig& provider, const providers::PriceList& prices,
                       providers::PriceKind kind) {
  if (provider.local) return "free";
  const auto price = prices.of(kind);
  return price ? "$" + to_usd_text(NanoUsd(price->nano_per_million())) : "?";
}

std::string capability_text(const config::ModelFacts& facts) {
  if (!facts.capabilities) return "unknown";
  std::string text;
  for (const auto& row : providers::capability_names) {
    if (!providers::has(*facts.capabilities, row.capability)) continue;
    if (!text.empty()) text += ' ';
    text += row.name;
  }
  return text;
}

std::string note_on(const config::ModelFacts& facts) {
  if (facts.catalog == nullptr) return {};
  std::string notice = providers::retirement_notice(*facts.catalog);
  if (!notice.empty()) return notice;
  return facts.catalog->retires.empty() ? std::string()
                                        : "retires " + std::string(facts.catalog->retires.view());
}

std::string route_lines(const config::Resolver& resolver) {
  std::vector<Row> rows;
  for (const std::string& name : resolver.listed_names()) {
    const auto found = resolver.resolve(name);
    if (!found || (*found)->how == config::ResolvedBy::provider) continue;
    std::string targets;
    for (const config::Step& step : (*found)->steps) {
      for (const config::Target& target : step.targets) {
        if (!targets.empty()) targets += ", ";
        targets += target.name;
      }
    }
    rows.push_back({name, targets});
  }
  return table(rows, 2);
}

std::vector<Row> model_rows(const config::Resolver& resolver, const std::string& only,
                            bool with_capabilities) {
  std::vector<Row> rows{{"MODEL", "WINDOW", "INPUT", "OUTPUT"}};
  if (with_capabilities) rows[0].emplace_back("CAPABILITIES");
  rows[0].emplace_back("");
  const auto& all = resolver.config().providers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const config::ProviderConfig& provider = all[i];
    if (!provider.enabled || (!only.empty() && provider.name != only)) continue;
    for (const std::string& id : resolver.models_of(i)) {
      const config::ModelFacts facts = config::model_facts(provider, id);
      using providers::PriceKind;
      Row row{provider.name + "/" + id,
              facts.context_tokens > 0 ? token_count(facts.context_tokens) : "?",
              price_text(provider, facts.prices, PriceKind::input),
              price_text(provider, facts.prices, PriceKind::output)};
      if (with_capabilities) row.push_back(capability_text(facts));
      row.push_back(note_on(facts));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

/// As the gateway would do: without a file, what runs on the usual local ports counts too.
config::DetectedModels look_for_servers(Context& context) {
  constexpr std::chrono::milliseconds time_max{500};
  const config::Loaded loaded = config::load(context.load, context.environment);
  config::DetectedModels models;
  if (!loaded.files.empty() || !loaded.config.detect_local) return models;
  const auto candidates = config::local_candidates(loaded.config);
  for (const auto& found : server::find_local_servers(candidates, time_max)) {
    context.load.local_servers.push_back(found.server);
    models.emplace(std::string(found.server.spec->name), found.models);
  }
  return models;
}

void list_models(Context& context, const Options& options) {
  const std::string& only = options.only;
  config::DetectedModels detected = look_for_servers(context);
  auto config = load_config(context);
  if (!config) return;
  if (!only.empty() && !config->find_provider(only)) {
    print_error("there is no provider " + only + "\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  std::vector<config::Problem> problems;
  const auto resolver = config::Resolver::make(
      std::make_shared<const config::Config>(*std::move(config)), std::move(detected), problems);
  if (!resolver) {
    for (const auto& problem : problems) print_error(problem.message() + "\n");
    context.exit_code = ExitCode::config;
    return;
  }
  if (only.empty()) print("routes\n" + route_lines(*resolver) + "\n");
  print(table(model_rows(*resolver, only, options.with_capabilities)));
  print(dim("Prices in dollars per million tokens, catalog of " +
            std::string(providers::catalog_date()) + ".\n"));
}

}  // namespace

void add_models(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("models", "List what clients can ask for");
  command->footer(examples);
  add_load_options(*command, context);
  auto options = std::make_shared<Options>();
  command->add_option("provider", options->only, "Of this provider only");
  command->add_flag("--capabilities", options->with_capabilities, "Show what each model can do");
  command->callback([&context, options] { list_models(context, *options); });
}

}  // namespace weir::cli
