// SPDX-License-Identifier: Apache-2.0
//
// weir models: what clients can ask for, from the configuration, the catalog and, where a gateway
// runs, from what its providers have told it.

#include <chrono>
#include <memory>

#include "admin/model_view.hpp"
#include "base/money.hpp"
#include "cli/answers.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "config/resolve.hpp"
#include "engine/listing.hpp"
#include "json/writer.hpp"
#include "server/local_servers.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir models                    names, windows, prices in dollars per million tokens\n"
    "  weir models --capabilities     what each model can do, and who says so\n"
    "  weir models --online           with what the providers tell of themselves\n"
    "  weir models --json             all of it for programs\n"
    "  weir models openai             of one provider only";

struct Options {
  std::string admin_url;
  std::string only;
  bool with_capabilities = false;
  bool is_json = false;
  bool is_online = false;
};

std::string price_text(const config::ProviderConfig& provider, const providers::PriceBook& prices,
                       providers::PriceKind kind) {
  if (provider.local) return "free";
  if (prices.is_assumed) return "?";
  const auto price = prices.of(kind);
  return price ? "$" + to_usd_text(NanoUsd(price->nano_per_million())) : "?";
}

/// `yes d`: the answer, and by a letter who gives it.
std::string cell_of(const providers::CapabilityTable::Value& known) {
  using providers::FactSource;
  if (known.value == providers::Tri::unknown) return "?";
  std::string text(providers::name(known.value));
  switch (known.source) {
    case FactSource::none:
      return text;
    case FactSource::rule:
      return text + " r";
    case FactSource::catalog:
      return text + " c";
    case FactSource::detection:
      return text + " d";
    case FactSource::configuration:
      return text + " f";
    case FactSource::learnt:
      return text + " l";
  }
  return text;
}
constexpr std::string_view cell_legend =
    "Who says so: c catalog, d the server when it was asked, f the configuration file, r a rule "
    "for "
    "the family.\n";

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

/// Calls `tell` with each model worth listing: its provider's index and its id.
template <class Tell>
void for_each_model(const config::Resolver& resolver, const std::string& only, Tell tell) {
  const auto& all = resolver.config().providers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].enabled || (!only.empty() && all[i].name != only)) continue;
    for (const std::string& id : resolver.models_of(i)) tell(i, id);
  }
}

std::vector<Row> price_rows(const config::Resolver& resolver, const std::string& only) {
  std::vector<Row> rows{{"MODEL", "WINDOW", "INPUT", "OUTPUT", ""}};
  for_each_model(resolver, only, [&](std::size_t index, const std::string& id) {
    const config::ProviderConfig& provider = resolver.config().providers[index];
    const config::ModelFacts facts = resolver.facts_of(index, id);
    using providers::PriceKind;
    rows.push_back({provider.name + "/" + id,
                    facts.context.tokens > 0 ? token_count(facts.context.tokens) : "?",
                    price_text(provider, facts.prices, PriceKind::input),
                    price_text(provider, facts.prices, PriceKind::output), note_on(facts)});
  });
  return rows;
}

std::vector<Row> capability_rows(const config::Resolver& resolver, const std::string& only) {
  std::vector<Row> rows{{"MODEL", "WINDOW", "ANSWER"}};
  for (const auto& column : providers::capability_names) rows[0].emplace_back(column.name);
  for_each_model(resolver, only, [&](std::size_t index, const std::string& id) {
    const config::ModelFacts facts = resolver.facts_of(index, id);
    const auto tokens = [](const config::TokenFact& fact) {
      return fact.tokens > 0 ? token_count(fact.tokens) : std::string("?");
    };
    Row row{resolver.config().providers[index].name + "/" + id, tokens(facts.context),
            tokens(facts.output_max)};
    for (const auto& column : providers::capability_names) {
      row.push_back(cell_of(facts.capabilities.of(column.capability)));
    }
    rows.push_back(std::move(row));
  });
  return rows;
}

std::string models_json(const config::Resolver& resolver, const std::string& only) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("models").begin_array();
  for_each_model(resolver, only, [&](std::size_t index, const std::string& id) {
    json.begin_object().member("id", resolver.config().providers[index].name + "/" + id);
    admin::append_facts(json, resolver.facts_of(index, id));
    json.end_object();
  });
  json.end_array().end_object();
  return out + "\n";
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

/// Lays what the providers tell of themselves over `detected`. False, after it was said, when that
/// can't be tried; a provider that doesn't answer is only mentioned.
bool ask_providers(Context& context, const config::Config& config, const std::string& only,
                   config::DetectedModels& detected) {
  constexpr std::chrono::seconds total_max{20};
  Offline offline;
  if (const auto opened = offline.open(config, context.environment); !opened) {
    print_error(opened.error().message + "\n");
    context.exit_code = ExitCode::config;
    return false;
  }
  std::vector<engine::Listing> listings;
  for (std::size_t i = 0; i < config.providers.size(); ++i) {
    auto listing = engine::listing_of(offline.snapshot(), i);
    if (listing && (only.empty() || listing->provider == only)) {
      listings.push_back(*std::move(listing));
    }
  }
  auto answers = engine::list_models(listings, total_max, true);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string& name = listings[i].provider;
    if (answers[i]) {
      auto list = std::make_shared<const config::DetectedList>(*std::move(answers[i]));
      detected.insert_or_assign(name, std::move(list));
    } else {
      print_error(name + ": " + harmless(answers[i].error().message) + "\n");
    }
  }
  return true;
}

/// A fact that the server itself told, not one that the gateway knows otherwise.
bool is_told(json::Value fact) {
  return text_at(fact, {"source"}) == providers::name(providers::FactSource::detection);
}

config::DetectedModel read_told(json::Value entry) {
  config::DetectedModel model;
  model.id = text_at(entry, {"id"});
  const auto tokens = [&](std::string_view name) {
    const auto fact = value_at(entry, {name});
    return fact && is_told(*fact) ? number_at(*fact, {"value"}) : 0;
  };
  model.context_tokens = tokens("context_tokens");
  model.output_tokens_max = tokens("output_tokens_max");
  for (const auto& row : providers::capability_names) {
    const auto fact = value_at(entry, {"capabilities", row.name});
    if (!fact || !is_told(*fact)) continue;
    model.capabilities.say(row.capability, text_at(*fact, {"value"}) == "yes");
  }
  return model;
}

/// Lays over `detected` what the providers have told the running gateway. Where none runs, or it
/// does not answer this caller, nothing changes.
void ask_gateway(const Context& context, const std::string& admin_url,
                 config::DetectedModels& detected) {
  const auto body = ask_admin(admin_access(context, admin_url), "GET", "/api/llm-providers");
  json::Document document;
  if (!body || !document.parse(*body)) return;
  const auto providers = value_at(document.root(), {"providers"});
  if (!providers || !providers->is_array()) return;
  for (const json::Value provider : providers->elements()) {
    const auto models = value_at(provider, {"models"});
    if (number_at(provider, {"detection", "models"}) == 0 || !models || !models->is_array())
      continue;
    std::vector<config::DetectedModel> told;
    for (const json::Value entry : models->elements()) {
      if (is_told(entry)) told.push_back(read_told(entry));
    }
    detected.insert_or_assign(text_at(provider, {"name"}),
                              std::make_shared<const config::DetectedList>(std::move(told)));
  }
}

/// Where a provider is shown without models, and has not been asked.
bool is_anyone_silent(const config::Resolver& resolver, const std::string& only) {
  const auto& all = resolver.config().providers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool is_meant = all[i].enabled && !all[i].mock && (only.empty() || all[i].name == only);
    if (is_meant && resolver.models_of(i).empty()) return true;
  }
  return false;
}

void list_models(Context& context, const Options& options) {
  const std::string& only = options.only;
  config::DetectedModels detected = look_for_servers(context);
  if (!options.is_online) ask_gateway(context, options.admin_url, detected);
  auto config = load_config(context);
  if (!config) return;
  if (options.is_online && !ask_providers(context, *config, only, detected)) return;
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
  if (options.is_json) return print(models_json(*resolver, only));
  if (only.empty()) print("routes\n" + route_lines(*resolver) + "\n");
  const bool is_to_be_asked = !options.is_online && is_anyone_silent(*resolver, only);
  const std::string hint =
      is_to_be_asked ? "Some providers tell their models only when asked: weir models --online\n"
                     : "";
  if (options.with_capabilities) {
    print(table(capability_rows(*resolver, only)));
    return print(dim(hint + std::string(cell_legend)));
  }
  print(table(price_rows(*resolver, only)));
  if (!hint.empty()) print(dim(hint));
  print(dim("Prices in dollars per million tokens, catalog of " +
            std::string(providers::catalog_date()) + ".\n"));
}

}  // namespace

void add_models(Command& app, Context& context) {
  Command command = app.add_subcommand("models", "List what clients can ask for");
  command.footer(examples);
  auto options = std::make_shared<Options>();
  add_admin_options(command, context, options->admin_url);
  command.add_option("provider", options->only, "Of this provider only");
  command.add_flag("--capabilities", options->with_capabilities, "Show what each model can do");
  command.add_flag("--online", options->is_online,
                   "Ask the providers for their lists of models, which is free of charge");
  command.add_flag("--json", options->is_json, "Everything that is known, as JSON");
  command.callback([&context, options] { list_models(context, *options); });
}

}  // namespace weir::cli
