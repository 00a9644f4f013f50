// SPDX-License-Identifier: Apache-2.0
//
// weir models: what clients can ask for, from a running gateway or from the configuration, the
// catalog and what a gateway that runs was told by its providers.

#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "admin/model_view.hpp"
#include "admin/views.hpp"
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
    "  weir models --admin URL        what the gateway running there has\n"
    "  weir models --json             all of it for programs\n"
    "  weir models openai             of one provider only";

/// What is to be shown, as the admin API tells it.
struct Offer {
  std::string providers;
  std::string routes;
  bool is_of_gateway = false;
};

struct Options {
  std::string admin_url;
  std::string only;
  bool with_capabilities = false;
  bool is_json = false;
  bool is_online = false;
};

std::string tokens_text(json::Value model, std::string_view name) {
  const std::int64_t tokens = number_at(model, {name, "value"});
  return tokens > 0 ? token_count(tokens) : "?";
}

std::string price_text(json::Value provider, json::Value model, std::string_view kind) {
  if (text_at(provider, {"local"}) == "true") return "free";
  const std::string price = text_at(model, {"usd_per_million_tokens", kind});
  return price.empty() ? "?" : "$" + price;
}

/// `yes d`: the answer, and by a letter who gives it.
std::string cell_of(json::Value model, std::string_view capability) {
  using providers::FactSource;
  constexpr std::array letters{
      std::pair{FactSource::rule, " r"},      std::pair{FactSource::catalog, " c"},
      std::pair{FactSource::detection, " d"}, std::pair{FactSource::configuration, " f"},
      std::pair{FactSource::learnt, " l"},
  };
  std::string value = text_at(model, {"capabilities", capability, "value"});
  if (value.empty() || value == providers::name(providers::Tri::unknown)) return "?";
  const std::string source = text_at(model, {"capabilities", capability, "source"});
  for (const auto& [known, letter] : letters) {
    if (source == providers::name(known)) return value + letter;
  }
  return value;
}
constexpr std::string_view cell_legend =
    "Who says so: c catalog, d the server when it was asked, f the configuration file, r a rule "
    "for the family, l a refusal.\n";

std::string note_on(json::Value model) {
  std::string notice = text_at(model, {"notice"});
  if (!notice.empty()) return notice;
  const std::string retires = text_at(model, {"retires"});
  return retires.empty() ? std::string() : "retires " + retires;
}

std::string route_lines(json::Value root) {
  std::vector<Row> rows;
  for_each_at(root, {"routes"}, [&](json::Value route) {
    std::string targets;
    for_each_at(route, {"steps"}, [&](json::Value step) {
      for_each_at(step, {"targets"}, [&](json::Value target) {
        if (!targets.empty()) targets += ", ";
        targets += text_at(target, {"name"});
      });
    });
    if (targets.empty()) targets = text_at(route, {"unavailable"});
    if (!targets.empty()) rows.push_back({text_at(route, {"name"}), targets});
  });
  return table(rows, 2);
}

/// Calls `tell` with each provider and model worth listing.
template <class Tell>
void for_each_model(json::Value root, const std::string& only, Tell tell) {
  for_each_at(root, {"providers"}, [&](json::Value provider) {
    const bool is_meant = only.empty() || text_at(provider, {"name"}) == only;
    if (!is_meant || text_at(provider, {"enabled"}) != "true") return;
    for_each_at(provider, {"models"}, [&](json::Value model) { tell(provider, model); });
  });
}

std::string full_name(json::Value provider, json::Value model) {
  return text_at(provider, {"name"}) + "/" + text_at(model, {"id"});
}

std::vector<Row> price_rows(json::Value root, const std::string& only) {
  std::vector<Row> rows{{"MODEL", "WINDOW", "INPUT", "OUTPUT", "FROM", ""}};
  for_each_model(root, only, [&](json::Value provider, json::Value model) {
    rows.push_back({full_name(provider, model), tokens_text(model, "context_tokens"),
                    price_text(provider, model, "input"), price_text(provider, model, "output"),
                    text_at(model, {"source"}), note_on(model)});
  });
  return rows;
}

std::vector<Row> capability_rows(json::Value root, const std::string& only) {
  std::vector<Row> rows{{"MODEL", "WINDOW", "ANSWER"}};
  for (const auto& column : providers::capability_names) rows[0].emplace_back(column.name);
  for_each_model(root, only, [&](json::Value provider, json::Value model) {
    Row row{full_name(provider, model), tokens_text(model, "context_tokens"),
            tokens_text(model, "output_tokens_max")};
    for (const auto& column : providers::capability_names) {
      row.push_back(cell_of(model, column.name));
    }
    rows.push_back(std::move(row));
  });
  return rows;
}

std::string models_json(json::Value root, const std::string& only) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("models").begin_array();
  for_each_model(root, only, [&](json::Value provider, json::Value model) {
    json.begin_object().member("id", full_name(provider, model));
    for (const json::Member member : model.members()) {
      if (!member.key.equals("id")) json.key(member.key.as_string()).raw(member.value.raw());
    }
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

/// Lays over `detected` what the providers have told the gateway whose answer `body` is.
void lay_over_told(std::string_view body, config::DetectedModels& detected) {
  json::Document document;
  if (!document.parse(body)) return;
  for_each_at(document.root(), {"providers"}, [&](json::Value provider) {
    if (number_at(provider, {"detection", "models"}) == 0) return;
    std::vector<config::DetectedModel> told;
    for_each_at(provider, {"models"}, [&](json::Value entry) {
      if (is_told(entry)) told.push_back(read_told(entry));
    });
    detected.insert_or_assign(text_at(provider, {"name"}),
                              std::make_shared<const config::DetectedList>(std::move(told)));
  });
}

/// What the running gateway has. Errors: as of `ask_admin`.
Result<Offer> offer_of_gateway(const GatewayAccess& access) {
  WEIR_TRY_ASSIGN(providers, ask_admin(access, "GET", "/api/llm-providers"));
  WEIR_TRY_ASSIGN(routes, ask_admin(access, "GET", "/api/routes"));
  return Offer{
      .providers = std::move(providers), .routes = std::move(routes), .is_of_gateway = true};
}

/// What the configuration here has; nothing, after it was said why not.
std::optional<Offer> offer_of_configuration(Context& context, const Options& options,
                                            config::DetectedModels detected) {
  auto config = load_config(context);
  if (!config) return std::nullopt;
  if (options.is_online && !ask_providers(context, *config, options.only, detected)) {
    return std::nullopt;
  }
  std::vector<config::Problem> problems;
  const auto resolver = config::Resolver::make(
      std::make_shared<const config::Config>(*std::move(config)), std::move(detected), problems);
  if (!resolver) {
    for (const auto& problem : problems) print_error(problem.message() + "\n");
    context.exit_code = ExitCode::config;
    return std::nullopt;
  }
  return Offer{.providers = admin::models_json(*resolver), .routes = admin::routes_json(*resolver)};
}

/// A gateway that is named is what the question is about, and so is the one that runs here where
/// there is no file to ask about. A file is shown as it is now, with what a gateway that has read
/// it was told by its providers.
std::optional<Offer> find_offer(Context& context, const Options& options) {
  const bool is_named =
      !options.admin_url.empty() || context.environment.get("WEIR_ADMIN_URL").has_value();
  if (options.is_online) return offer_of_configuration(context, options, look_for_servers(context));
  const GatewayAccess access = admin_access(context, options.admin_url);
  auto running = offer_of_gateway(access);
  if (is_named && !running) {
    print_error(running.error().message + "\n");
    context.exit_code = ExitCode::failed;
    return std::nullopt;
  }
  const bool has_file = !config::load(context.load, context.environment).files.empty();
  if (running && (is_named || !has_file)) return *std::move(running);
  config::DetectedModels detected = look_for_servers(context);
  if (running) lay_over_told(running->providers, detected);
  return offer_of_configuration(context, options, std::move(detected));
}

bool has_provider(json::Value root, const std::string& name) {
  bool is_there = false;
  for_each_at(root, {"providers"}, [&](json::Value provider) {
    is_there = is_there || text_at(provider, {"name"}) == name;
  });
  return is_there;
}

/// Where a provider is shown without models, and has not been asked.
bool is_anyone_silent(json::Value root, const std::string& only) {
  bool is_silent = false;
  for_each_at(root, {"providers"}, [&](json::Value provider) {
    if (!only.empty() && text_at(provider, {"name"}) != only) return;
    if (text_at(provider, {"enabled"}) != "true" || text_at(provider, {"mock"}) == "true") return;
    const auto models = value_at(provider, {"models"});
    is_silent = is_silent || !models || models->size() == 0;
  });
  return is_silent;
}

void list_models(Context& context, const Options& options) {
  const std::string& only = options.only;
  const auto offer = find_offer(context, options);
  if (!offer) return;
  json::Document providers;
  json::Document routes;
  if (!providers.parse(offer->providers) || !routes.parse(offer->routes)) {
    print_error("the answer is not one of Weir's admin API\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  const json::Value root = providers.root();
  if (!only.empty() && !has_provider(root, only)) {
    print_error("there is no provider " + only + "\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  if (options.is_json) return print(models_json(root, only));
  if (only.empty()) print("routes\n" + route_lines(routes.root()) + "\n");
  const bool may_be_asked = !options.is_online && !offer->is_of_gateway;
  const bool is_to_be_asked = may_be_asked && is_anyone_silent(root, only);
  const std::string hint =
      is_to_be_asked ? "Some providers tell their models only when asked: weir models --online\n"
                     : "";
  if (options.with_capabilities) {
    print(table(capability_rows(root, only)));
    return print(dim(hint + std::string(cell_legend)));
  }
  print(table(price_rows(root, only)));
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
