// SPDX-License-Identifier: Apache-2.0
#include "config/resolve.hpp"

#include <gtest/gtest.h>

#include <string>

#include "config/test_support.hpp"

namespace weir::config {
namespace {

/// Loads a configuration with the keys of several providers in the environment.
Loaded load_with_keys(std::string_view text) {
  return test::load_yaml(text, {{"OPENAI_API_KEY", "o"},
                                {"ANTHROPIC_API_KEY", "a"},
                                {"GROQ_API_KEY", "g"},
                                {"GEMINI_API_KEY", "x"}});
}

std::shared_ptr<const Resolver> resolver_of(std::string_view text, DetectedModels detected = {}) {
  const Loaded loaded = load_with_keys(text);
  EXPECT_TRUE(loaded.ok()) << loaded.report();
  std::vector<Problem> problems;
  return Resolver::make(std::make_shared<const Config>(loaded.config), std::move(detected),
                        problems);
}

/// `priority[openai/a, groq/b] least_cost[...]`, or the error.
std::string shown(const Resolver& resolver, std::string_view name) {
  const auto resolution = resolver.resolve(name);
  if (!resolution) return resolution.error().message;
  std::string text;
  for (const Step& step : (*resolution)->steps) {
    if (!text.empty()) text += " then ";
    for (const Target& target : step.targets) {
      if (&target != &step.targets.front()) text += ", ";
      text += target.name;
    }
  }
  return text;
}

constexpr std::string_view providers = R"(
providers:
  openai: {}
  anthropic: {}
  groq: {}
  local: {type: ollama, base_url: 'http://localhost:11434'}
)";

std::string with(std::string_view more) { return std::string(providers) + std::string(more); }

TEST(Resolve, RoutesTiersAndTasksShareOneNamespace) {
  const auto resolver = resolver_of(
      with("models: {smart: {targets: [openai/gpt-5.6-sol, anthropic/claude-sonnet-5]}}\n"
           "tiers: {reasoning: smart}\n"
           "tasks: {analysis: reasoning}\n"));
  const std::string expected = "openai/gpt-5.6-sol, anthropic/claude-sonnet-5";
  for (const auto* name : {"smart", "reasoning", "analysis"}) {
    EXPECT_EQ(shown(*resolver, name), expected) << name;
  }
  EXPECT_EQ((*resolver->resolve("analysis"))->how, ResolvedBy::task);
  EXPECT_EQ((*resolver->resolve("analysis"))->name, "smart");
}

TEST(Resolve, ARouteGoesOverAModelOfTheSameName) {
  const auto resolver = resolver_of(with("models: {gpt-4o: [anthropic/claude-sonnet-5]}\n"));
  EXPECT_EQ(shown(*resolver, "gpt-4o"), "anthropic/claude-sonnet-5");
  EXPECT_EQ(shown(*resolver, "openai/gpt-4o"), "openai/gpt-4o");
}

TEST(Resolve, ProviderAndModelAlwaysWork) {
  const auto resolver = resolver_of(providers);
  EXPECT_EQ(shown(*resolver, "openai/some-new-model"), "openai/some-new-model");
  EXPECT_EQ(shown(*resolver, "groq/openai/gpt-oss-120b"), "groq/openai/gpt-oss-120b");
  EXPECT_EQ(shown(*resolver, "local/qwen3:8b"), "local/qwen3:8b");
  EXPECT_EQ(shown(*resolver, "mock/error-429"), "mock/error-429");
  EXPECT_EQ((*resolver->resolve("openai/x"))->how, ResolvedBy::provider);
}

TEST(Resolve, ABareIdMeansEveryProviderThatOffersItInTheDefaultOrder) {
  const auto resolver = resolver_of(
      "providers: {groq: {}, openai: {}, backup: {type: openai, api_key: k}, anthropic: {}}");
  EXPECT_EQ(shown(*resolver, "gpt-4o"), "openai/gpt-4o, backup/gpt-4o");
  EXPECT_EQ(shown(*resolver, "gpt-oss-120b"), "groq/openai/gpt-oss-120b") << "an alias";
  EXPECT_EQ(shown(*resolver, "claude-haiku-4.5"), "anthropic/claude-haiku-4-5");
  EXPECT_EQ(shown(*resolver, "gpt-4o-2024-11-20"),
            "openai/gpt-4o-2024-11-20, backup/gpt-4o-2024-11-20");
}

TEST(Resolve, PreferFreeChangesTheOrder) {
  const auto resolver =
      resolver_of("prefer: free\nproviders: {openai: {}, groq: {}, gemini: {}, anthropic: {}}");
  EXPECT_EQ(shown(*resolver, "auto"),
            "groq/openai/gpt-oss-120b, gemini/gemini-3.8-flash, openai/gpt-5.6-terra, "
            "anthropic/claude-sonnet-5-5");
}

TEST(Resolve, AnUnknownNameGetsTheNearestOnes) {
  const auto resolver = resolver_of(with("models: {smart: [openai/gpt-4o]}\n"));
  const auto unknown = resolver->resolve("smrat");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::route_unknown);
  EXPECT_EQ(unknown.error().param, "model");
  EXPECT_NE(unknown.error().message.find("did you mean smart"), std::string::npos);
  EXPECT_NE(shown(*resolver, "claude-sonet-5").find("claude-sonnet-5"), std::string::npos);
  EXPECT_FALSE(resolver->resolve(std::string(100'000, 'x')));
}

TEST(Resolve, AnEmptyNameIsTheDefaultModel) {
  EXPECT_EQ(shown(*resolver_of(with("default_model: openai/gpt-4o\n")), ""), "openai/gpt-4o");
  const auto resolver = resolver_of(providers);
  EXPECT_EQ(shown(*resolver, ""), shown(*resolver, "auto"));
}

TEST(Resolve, MockIsPartOfAutoOnlyWhenWrittenThere) {
  const auto resolver = resolver_of(providers);
  EXPECT_EQ(shown(*resolver, "auto").find("mock"), std::string::npos);
  EXPECT_EQ(shown(*resolver, "mock"), "mock/mock");
  const auto written = resolver_of(with("models: {auto: [openai/gpt-4o, mock]}\n"));
  EXPECT_EQ(shown(*written, "auto"), "openai/gpt-4o, mock/mock");
  const auto alone = resolver_of("threads: 1");
  EXPECT_EQ(shown(*alone, "mock"), "mock/mock");
  EXPECT_NE(shown(*alone, "auto").find("OPENAI_API_KEY"), std::string::npos);
}

TEST(Resolve, WildcardsPassOnWhatTheStarStandsFor) {
  const auto resolver =
      resolver_of(with("models:\n"
                       "  'claude-*': [anthropic/claude-*, openai/gpt-5.6-sol]\n"
                       "  'claude-opus-*': [anthropic/claude-opus-*]\n"
                       "  '*': ['groq/*']\n"
                       "  exact: [openai/gpt-4o]\n"));
  EXPECT_EQ(shown(*resolver, "claude-sonnet-5"), "anthropic/claude-sonnet-5, openai/gpt-5.6-sol");
  EXPECT_EQ(shown(*resolver, "claude-opus-5"), "anthropic/claude-opus-5") << "the longer one";
  EXPECT_EQ(shown(*resolver, "anything"), "groq/anything");
  EXPECT_EQ(shown(*resolver, "exact"), "openai/gpt-4o");
  EXPECT_EQ(shown(*resolver, "claude-"), "groq/claude-") << "a star stands for something";
  EXPECT_EQ((*resolver->resolve("claude-sonnet-5"))->name, "claude-*");
}

TEST(Resolve, ANestedRouteKeepsItsStrategyInsideAPriorityRoute) {
  const auto resolver = resolver_of(with(
      "models:\n"
      "  cheap: {strategy: least_cost, targets: [openai/gpt-4o-mini, groq/openai/gpt-oss-20b]}\n"
      "  all: [anthropic/claude-sonnet-5, cheap, openai/gpt-4o, openai/gpt-4o-mini]\n"
      "  flat: {strategy: round_robin, targets: [cheap, openai/gpt-4o]}\n"));
  EXPECT_EQ(shown(*resolver, "all"),
            "anthropic/claude-sonnet-5 then openai/gpt-4o-mini, groq/openai/gpt-oss-20b then "
            "openai/gpt-4o");
  EXPECT_EQ((*resolver->resolve("all"))->steps[1].strategy, Strategy::least_cost);
  EXPECT_EQ(shown(*resolver, "flat"), "openai/gpt-4o-mini, groq/openai/gpt-oss-20b, openai/gpt-4o");
}

TEST(Resolve, WeightsReachTheTargets) {
  const auto resolver = resolver_of(
      with("models: {split: {strategy: weighted, targets: [{target: openai/gpt-4o, weight: 3},\n"
           "  groq/openai/gpt-oss-20b]}}\n"));
  const auto split = *resolver->resolve("split");
  ASSERT_EQ(split->steps.size(), 1u);
  EXPECT_EQ(split->steps[0].strategy, Strategy::weighted);
  EXPECT_EQ(split->steps[0].targets[0].weight, 3);
  EXPECT_EQ(split->steps[0].targets[1].weight, 1);
}

TEST(Resolve, ALocalServerOffersWhatItWasFoundToHave) {
  const auto asked =
      resolver_of(providers, {{"local", DetectedList::of({"llama3.2:latest", "own-model:7b"})}});
  EXPECT_EQ(shown(*asked, "own-model:7b"), "local/own-model:7b");
  EXPECT_EQ(shown(*asked, "llama3.2"), "local/llama3.2");
  EXPECT_FALSE(asked->resolve("qwen3:8b")) << "it was asked and does not have it";
  const auto not_asked = resolver_of(providers);
  EXPECT_EQ(shown(*not_asked, "qwen3:8b"), "local/qwen3:8b");
  EXPECT_EQ(shown(*asked, "local"), "local/llama3.2:latest");
}

TEST(Resolve, AzureSendsTheDeployment) {
  const auto resolver = resolver_of(
      "providers: {azure: {base_url: 'https://x.openai.azure.com', api_key: k,\n"
      "  deployments: {gpt-4o: prod-4o, gpt-4o-mini: prod-mini}}, openai: {}}");
  EXPECT_EQ(shown(*resolver, "gpt-4o"), "azure/prod-4o, openai/gpt-4o");
  EXPECT_EQ(shown(*resolver, "gpt-4.1"), "openai/gpt-4.1");
  const auto target = (*resolver->resolve("azure/prod-mini"))->steps[0].targets[0];
  EXPECT_EQ(target.model, "prod-mini");
  ASSERT_NE(target.facts.catalog, nullptr) << "the price is that of the model behind it";
  EXPECT_EQ(target.facts.catalog->id.view(), "gpt-4o-mini");
}

TEST(Resolve, TheOperatorsFactsGoOverTheCatalogs) {
  const auto resolver = resolver_of(
      "providers:\n"
      "  openai: {models: {gpt-4o: {alias: four-o, price: {input: 1}, context: 1000,\n"
      "    max_output: 50}}}\n"
      "  local: {type: ollama, base_url: 'http://localhost:11434'}\n");
  const Target target = (*resolver->resolve("four-o"))->steps[0].targets[0];
  EXPECT_EQ(target.name, "openai/gpt-4o");
  EXPECT_EQ(target.facts.prices.of(providers::PriceKind::input),
            TokenPrice::parse_usd_per_million("1"));
  EXPECT_EQ(target.facts.prices.of(providers::PriceKind::output),
            TokenPrice::parse_usd_per_million("10"));
  EXPECT_EQ(target.facts.context.tokens, 1'000);
  EXPECT_EQ(target.facts.traits.output_tokens_max, 50);
  const Target local = (*resolver->resolve("local/anything"))->steps[0].targets[0];
  EXPECT_EQ(local.facts.prices.of(providers::PriceKind::output), TokenPrice());
  EXPECT_EQ(local.facts.capabilities.can(providers::Capability::tools), providers::Tri::unknown);
}

/// What `provider` told, when that is `model` alone.
DetectedModels detected_with(std::string_view provider, DetectedModel model) {
  std::vector<DetectedModel> models;
  models.push_back(std::move(model));
  return {{std::string(provider), std::make_shared<const DetectedList>(std::move(models))}};
}

TEST(ModelFacts, ConfigurationGoesOverDetectionAndThatOverTheCatalog) {
  using providers::Capability;
  using providers::FactSource;
  using Value = providers::CapabilityTable::Value;
  DetectedModel told{.id = "gpt-4o", .context_tokens = 5'000, .output_tokens_max = 500};
  told.capabilities.say(Capability::vision, false);
  told.capabilities.say(Capability::tools, false);
  const auto resolver = resolver_of(
      "providers: {openai: {models: {gpt-4o: {max_output: 50, capabilities: {tools: on}}}}}",
      detected_with("openai", told));
  const ModelFacts facts = resolver->facts_of(0, "gpt-4o");
  EXPECT_EQ(facts.capabilities.of(Capability::tools),
            (Value{providers::Tri::yes, FactSource::configuration}));
  EXPECT_EQ(facts.capabilities.of(Capability::vision),
            (Value{providers::Tri::no, FactSource::detection}));
  EXPECT_EQ(facts.capabilities.of(Capability::json_schema),
            (Value{providers::Tri::yes, FactSource::catalog}));
  EXPECT_EQ(facts.capabilities.of(Capability::several_choices),
            (Value{providers::Tri::yes, FactSource::rule}));
  EXPECT_EQ(facts.context.tokens, 5'000);
  EXPECT_EQ(facts.context.source, FactSource::detection);
  EXPECT_EQ(facts.output_max.tokens, 50);
  EXPECT_EQ(facts.output_max.source, FactSource::configuration);
}

TEST(ModelFacts, FineTunedAndDatedIdsInheritFromTheirBase) {
  const auto resolver = resolver_of("providers: {openai: {}}");
  const ModelFacts base = resolver->facts_of(0, "gpt-4o-mini");
  ASSERT_GT(base.context.tokens, 0);
  for (const char* id :
       {"ft:gpt-4o-mini:org::id", "ft:gpt-4o-mini-2024-07-18:org::id", "gpt-4o-mini-2024-07-18"}) {
    const ModelFacts facts = resolver->facts_of(0, id);
    EXPECT_EQ(facts.capabilities, base.capabilities) << id;
    EXPECT_EQ(facts.context.tokens, base.context.tokens) << id;
  }
}

TEST(DetectedList, OfTheSameIdTheFirstCounts) {
  const DetectedList list({{.id = "b"}, {.id = "a", .context_tokens = 1}, {.id = "a"}});
  ASSERT_EQ(list.models().size(), 2U);
  EXPECT_EQ(list.models()[0].id, "b") << "in the server's order";
  EXPECT_EQ(list.find("a")->context_tokens, 1);
  EXPECT_EQ(list.find("c"), nullptr);
}

TEST(Resolve, SettingsOfTheRouteGoOverTheWhole) {
  const auto resolver =
      resolver_of(with("failover: off\n"
                       "timeouts: {connect: 1s, dns: 1s}\n"
                       "retries: {max_attempts: 4}\n"
                       "models: {r: {targets: [openai/gpt-4o], failover: on, hedge: off,\n"
                       "  timeouts: {connect: 3s}, retries: off, stream_recovery: off}}\n"));
  const auto route = *resolver->resolve("r");
  EXPECT_TRUE(route->failover);
  EXPECT_EQ(route->hedge.mode, Choice::off);
  EXPECT_EQ(route->stream_recovery, Choice::off);
  const Target& target = route->steps[0].targets[0];
  const Timeouts timeouts = timeouts_for(resolver->config(), *route, target);
  EXPECT_EQ(timeouts.in_force(Timeout::connect, false), milliseconds(3'000));
  EXPECT_EQ(timeouts.in_force(Timeout::dns, false), milliseconds(1'000));
  EXPECT_EQ(retries_for(resolver->config(), *route, target).max_attempts, 1);
  const auto plain = *resolver->resolve("openai/gpt-4o");
  EXPECT_FALSE(plain->failover);
  EXPECT_EQ(retries_for(resolver->config(), *plain, target).max_attempts, 4);
}

TEST(Resolve, ListsWhatCanBeAskedFor) {
  const auto names =
      resolver_of(with("models: {smart: [openai/gpt-4o], 'x-*': [openai/*]}\n"))->listed_names();
  const auto has_name = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto* name : {"smart", "auto", "fast", "mock", "openai/gpt-4o"}) {
    EXPECT_TRUE(has_name(name)) << name;
  }
  EXPECT_FALSE(has_name("x-*"));
  EXPECT_FALSE(has_name("anthropic/claude-3-opus-20240229")) << "retired";
}

// ---- refused when the configuration is read -------------------------------------------------

std::string first_problem(std::string_view more) {
  const Loaded loaded = load_with_keys(with(more));
  return loaded.ok() ? "none" : loaded.problems.front().message();
}

TEST(RouteCheck, RefusesATargetThatMeansNothing) {
  const std::string problem = first_problem("models: {a: [openai/gpt-4o, no-such-model-at-all]}\n");
  EXPECT_TRUE(problem.starts_with("weir.yaml:7: models.a.targets[1]: there is no model"))
      << problem;
}

// What a local server has is known only once it was asked, which is after the file was read.
TEST(RouteCheck, TakesBuiltinNamesThatNothingStandsBehindYet) {
  constexpr std::string_view text =
      "providers: {here: {type: vllm, base_url: 'http://127.0.0.1:8000'}}\n"
      "default_model: auto\n"
      "models: {chain: [local, auto], 'any-*': [local]}\n"
      "tiers: {fast: local}\n"
      "tasks: {code: fast}\n";
  const auto before = resolver_of(text);
  ASSERT_NE(before, nullptr);
  for (const auto* name : {"", "auto", "local", "chain", "fast", "code", "any-model"}) {
    const auto resolution = before->resolve(name);
    ASSERT_FALSE(resolution) << name;
    EXPECT_EQ(resolution.error().code, ErrorCode::model_unavailable) << name;
  }
  const auto after = resolver_of(text, {{"here", DetectedList::of({"qwen3"})}});
  for (const auto* name : {"", "auto", "local", "chain", "fast", "code", "any-model"}) {
    EXPECT_EQ(shown(*after, name), "here/qwen3") << name;
  }
  EXPECT_EQ((*after->resolve("code"))->how, ResolvedBy::task);
}

TEST(RouteCheck, RefusesACycle) {
  const std::string problem = first_problem("models: {a: [b], b: [c], c: [a]}\n");
  EXPECT_NE(problem.find("leads back to itself: a -> b -> c -> a"), std::string::npos) << problem;
  EXPECT_NE(first_problem("models: {a: [a]}\n"), "none");
  EXPECT_NE(first_problem("tiers: {a: b, b: a}\n"), "none");
}

TEST(RouteCheck, RefusesAClashOfNames) {
  EXPECT_EQ(first_problem("models: {fast: [openai/gpt-4o]}\ntiers: {fast: openai/gpt-4o}\n"),
            "weir.yaml:8: tiers.fast: the name is taken by models.fast");
}

TEST(RouteCheck, RefusesWhatAWildcardCannotMean) {
  EXPECT_NE(first_problem("models: {'a-*': ['nobody/*']}\n"), "none");
  EXPECT_NE(first_problem("models: {'a-*': ['*']}\n"), "none");
  EXPECT_NE(first_problem("models: {'a-*-*': [openai/gpt-4o]}\n"), "none");
  EXPECT_NE(first_problem("models: {'a-*': [openai/gpt-4o]}\ntiers: {t: 'a-*'}\n"), "none");
  EXPECT_NE(first_problem("models: {a: []}\n"), "none");
}

TEST(RouteCheck, RefusesARouteAmongWeights) {
  EXPECT_NE(first_problem("models: {a: [openai/gpt-4o], b: {strategy: weighted, targets: [a]}}\n"),
            "none");
}

}  // namespace
}  // namespace weir::config
