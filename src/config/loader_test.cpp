// SPDX-License-Identifier: Apache-2.0
#include "config/loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "config/fields.hpp"
#include "config/test_support.hpp"

namespace weir::config {
namespace {

using test::load_yaml;
using test::MemoryFiles;

const ProviderConfig& provider(const Loaded& loaded, std::string_view name) {
  const auto index = loaded.config.find_provider(name);
  EXPECT_TRUE(index) << name << '\n' << loaded.report();
  return loaded.config.providers.at(index.value_or(0));
}

constexpr std::string_view example = R"(
listen: 127.0.0.1:9347
admin: { listen: 127.0.0.1:9348 }
threads: 2
data_dir: ./weir-data
keys: [env:WEIR_KEY]
providers:
  openai:    { type: openai, api_key: env:OPENAI_API_KEY, limits: { requests_per_minute: 5000, tokens_per_minute: 2000000, burst: 100 } }
  anthropic: { type: anthropic, api_key: env:ANTHROPIC_API_KEY }
  local:     { type: ollama, base_url: http://localhost:11434 }
models:
  smart:
    strategy: priority
    targets: [openai/gpt-5.6-sol, anthropic/claude-sonnet-5, local/qwen3:8b]
  cheap:
    strategy: least_cost
    targets: [openai/gpt-5.6-luna, local/qwen3:8b]
tiers: { reasoning: smart, fast: cheap, local: local/qwen3:8b }
tasks: { quick_decision: fast, market_analysis: reasoning }
)";

const Environment example_environment{
    {"WEIR_KEY", "client-key"}, {"OPENAI_API_KEY", "sk-openai"}, {"ANTHROPIC_API_KEY", "sk-ant"}};

TEST(Loader, ReadsTheDocumentedExample) {
  const Loaded loaded = load_yaml(example, example_environment);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const Config& config = loaded.config;
  EXPECT_EQ(config.threads, 2);
  EXPECT_EQ(config.keys.at(0).reveal(), "client-key");
  EXPECT_EQ(provider(loaded, "openai").api_keys.at(0).reveal(), "sk-openai");
  EXPECT_EQ(provider(loaded, "openai").limits.tokens_per_minute, 2'000'000);
  EXPECT_EQ(provider(loaded, "openai").base_url, "https://api.openai.com/v1");
  EXPECT_TRUE(provider(loaded, "local").local);
  EXPECT_EQ(config.models.at(0).targets.size(), 3u);
  EXPECT_EQ(config.models.at(1).strategy, Strategy::least_cost);
  EXPECT_EQ(config.tasks.at(0), (std::pair<std::string, std::string>{"quick_decision", "fast"}));
}

TEST(Loader, TellsWhereEveryValueComesFrom) {
  Environment environment = example_environment;
  environment.set("WEIR_THREADS", "4");
  const Loaded loaded = load_yaml(example, environment);
  EXPECT_EQ(loaded.config.threads, 4);
  EXPECT_EQ(loaded.config.source_of("threads"), "env WEIR_THREADS");
  EXPECT_EQ(loaded.config.source_of("listen"), "weir.yaml:2");
  EXPECT_EQ(loaded.config.source_of("providers.openai.limits.burst"), "weir.yaml:8");
  EXPECT_EQ(loaded.config.source_of("access_log"), "default");
}

TEST(Loader, ReportsEveryProblemWithPlacePathAndNearestName) {
  const Loaded loaded = load_yaml(
      "lisen: 127.0.0.1:1\n"
      "threads: many\n"
      "log: {levle: info}\n"
      "drain_timeout: 25\n"
      "keys: {a: b}\n"
      "providers:\n"
      "  opnai: {api_key: x}\n"
      "  openai: {api_key: env:NOT_SET, timeouts: {conect: 3s, connect: 0, client_headers: 1s}}\n");
  const std::vector<std::string> expected{
      "weir.yaml:1: lisen: unknown key 'lisen' (did you mean listen?)",
      "weir.yaml:2: threads: must be a whole number",
      "weir.yaml:3: log.levle: unknown key 'levle' (did you mean level?)",
      "weir.yaml:4: drain_timeout: must be a duration with a unit, such as 250ms, 30s, 5m or 1h30m",
      "weir.yaml:5: keys: expected a list, found a map",
      "weir.yaml:7: providers.opnai: unknown provider type 'opnai' (did you mean openai?)",
      "weir.yaml:8: providers.openai.api_key: the environment variable NOT_SET is not set",
      "weir.yaml:8: providers.openai.timeouts.conect: unknown key 'conect' (did you mean connect?)",
      "weir.yaml:8: providers.openai.timeouts.connect: must be at least 1ms",
      "weir.yaml:8: providers.openai.timeouts.client_headers: unknown key 'client_headers'",
  };
  std::vector<std::string> found;
  for (const Problem& problem : loaded.problems) found.push_back(problem.message());
  EXPECT_EQ(found, expected);
}

// Whoever corrects a file wants to do it once.
TEST(Loader, ReportsUnknownTargetsTogetherWithOtherProblems) {
  const Loaded loaded = load_yaml(
      "lisen: 127.0.0.1:1\n"
      "tls: {cert: a.pem}\n"
      "providers: {openai: {api_key: env:NOT_SET, timeouts: {connect: 0}}}\n"
      "models:\n"
      "  smart: {targets: [opnai/gpt-4o], stratgy: priority}\n"
      "default_model: smrt\n");
  EXPECT_EQ(loaded.problems.size(), 6U) << loaded.report();
  EXPECT_NE(loaded.report().find("'opnai/gpt-4o'"), std::string::npos) << loaded.report();
}

TEST(Loader, WhatIsUnknownForWantOfASectionIsNoProblemOfItsOwn) {
  const std::string_view broken[] = {
      "provders: {openai: {api_key: k}}\nmodels: {smart: [openai/gpt-4o]}\n",
      "providers: {mine: {type: opnai}}\nmodels: {smart: [gpt-4o]}\n",
      "providers: {openai: {api_key: k}}\nmodels: [smart]\ndefault_model: smart\n",
      "providers: {openai: {api_key: k}}\ntiers: {fast: [a]}\ndefault_model: fast\n",
  };
  for (const std::string_view text : broken) {
    const Loaded loaded = load_yaml(text);
    EXPECT_EQ(loaded.problems.size(), 1U) << text << loaded.report();
  }
}

TEST(Loader, EveryScalarSettingHasAVariable) {
  const Environment environment{{"WEIR_LISTEN", "127.0.0.1:1"},
                                {"WEIR_DEFAULT_MODEL", "mock"},
                                {"WEIR_FAILOVER", "off"},
                                {"WEIR_LIMITS_BODY_BYTES_MAX", "1MiB"},
                                {"WEIR_LOG_LEVEL", "debug"},
                                {"WEIR_TIMEOUTS_CONNECT", "2s"},
                                {"WEIR_RETRIES", "off"},
                                {"WEIR_RETRIES_BACKOFF", "classic"},
                                {"WEIR_PREFER", "free"},
                                {"WEIR_KEYS", "one, two"},
                                {"WEIR_STREAM_EARLY_COMMIT", "off"}};
  const Loaded loaded = config_from_environment(environment, MemoryFiles{});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const Config& config = loaded.config;
  EXPECT_EQ(config.listen, "127.0.0.1:1");
  EXPECT_EQ(config.default_model, "mock");
  EXPECT_FALSE(config.failover);
  EXPECT_EQ(config.limits.body_bytes_max.bytes, 1 << 20);
  EXPECT_EQ(config.log.level, LogLevel::debug);
  EXPECT_EQ(config.timeouts.get(Timeout::connect), milliseconds(2'000));
  EXPECT_EQ(config.retries.enabled, false);
  EXPECT_EQ(config.retries.backoff, Backoff::classic);
  EXPECT_EQ(config.prefer, Prefer::free);
  ASSERT_EQ(config.keys.size(), 2u);
  EXPECT_EQ(config.keys[1].reveal(), "two");
  EXPECT_EQ(config.stream.early_commit.after, std::nullopt);
}

TEST(Loader, BreakersAreSetForTheWholeAndForAProvider) {
  const Environment environment{{"WEIR_PROVIDER_BREAKER_MIN_CALLS", "7"}};
  const Loaded loaded = load_yaml(
      "breaker: {window: 60s, slow_call: 30s}\n"
      "providers:\n"
      "  one: {base_url: http://127.0.0.1:1, breaker: count, provider_breaker: off}\n"
      "  two: {base_url: http://127.0.0.1:2,\n"
      "        breaker: {preset: threshold, open_base: 1m, open_jitter: 5%}}\n"
      "  three: {base_url: http://127.0.0.1:3, breaker: {half_open_permits: 3}}\n",
      environment);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const Config& config = loaded.config;
  const auto of = [&](std::string_view name) {
    return decide(config.breaker.with(provider(loaded, name).breaker), policy::target_breaker());
  };
  EXPECT_EQ(of("one"), policy::breaker_by_count()) << "a preset begins anew";
  policy::BreakerOptions two = policy::breaker_by_threshold();
  two.open_base = milliseconds(60'000);
  two.open_jitter_permille = 50;
  EXPECT_EQ(of("two"), two);
  policy::BreakerOptions three = policy::target_breaker();
  three.window = milliseconds(60'000);
  three.slow_call = milliseconds(30'000);
  three.half_open_permits = 3;
  EXPECT_EQ(of("three"), three);
  const auto endpoint = [&](std::string_view name) {
    return decide(config.provider_breaker.with(provider(loaded, name).provider_breaker),
                  policy::provider_breaker());
  };
  EXPECT_EQ(endpoint("two").min_calls, 7);
  EXPECT_EQ(endpoint("two").consecutive_failures, 10);
  EXPECT_EQ(endpoint("one"), policy::breaker_that_never_opens(policy::provider_breaker()));
  EXPECT_EQ(config.source_of("providers.one.breaker"), "weir.yaml:3");
}

TEST(Loader, CooldownsAreSetForTheWholeAndForAProvider) {
  const Environment environment{{"WEIR_COOLDOWN", "5m"}, {"WEIR_COOLDOWN_AUTH", "2s,3s"}};
  const Loaded loaded = load_yaml(
      "cooldown: {rate_limit: [1s, 2s, 3s], rate_limit_jitter: 0%, length_max: 1h}\n"
      "providers:\n"
      "  one: {base_url: http://127.0.0.1:1}\n"
      "  two: {base_url: http://127.0.0.1:2, cooldown: off}\n"
      "  three: {base_url: http://127.0.0.1:3, cooldown: {quota: 4s, forbidden: 5s, not_found: "
      "6s,\n"
      "          rate_limit: 7s, row_max: 8m, probation_max: 9s, probation_calls: 10}}\n",
      environment);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const Config& config = loaded.config;
  const auto of = [&](std::string_view name) {
    return decide(config.cooldown.with(provider(loaded, name).cooldown));
  };
  const auto s = [](std::int64_t seconds) { return milliseconds(seconds * 1'000); };
  policy::CooldownOptions whole;
  whole.after_error = s(300);
  whole.rate_limit = {{s(1), s(2), s(3), s(3)}, 0};
  whole.auth = {{s(2), s(3), s(3), s(3)}};
  whole.length_max = s(3'600);
  EXPECT_EQ(of("one"), whole);
  policy::CooldownOptions two = whole;
  two.after_error = std::nullopt;
  EXPECT_EQ(of("two"), two);
  policy::CooldownOptions three = whole;
  three.rate_limit.lengths.fill(s(7));
  three.quota.lengths.fill(s(4));
  three.forbidden.lengths.fill(s(5));
  three.not_found.lengths.fill(s(6));
  three.row_max = s(8 * 60);
  three.probation_max = s(9);
  three.probation_in_flight_max = 10;
  EXPECT_EQ(of("three"), three);
  EXPECT_EQ(config.source_of("cooldown.after_error"), "env WEIR_COOLDOWN");
  EXPECT_EQ(decide(CooldownSettings{}), policy::CooldownOptions{});
}

TEST(Loader, ACooldownOfTooManyStepsIsRefused) {
  const Loaded loaded = load_yaml(
      "cooldown: {rate_limit: [1s, 2s, 3s, 4s, 5s], auth: [], quota: 0s}\n"
      "hedging: {delay_min: 2m}\n");
  ASSERT_EQ(loaded.problems.size(), 4U) << loaded.report();
  EXPECT_EQ(loaded.problems[0].message(),
            "weir.yaml:1: cooldown.rate_limit: must be one to four durations");
  EXPECT_EQ(loaded.problems[1].path, "cooldown.auth");
  EXPECT_EQ(loaded.problems[2].path, "cooldown.quota");
  EXPECT_EQ(loaded.problems[3].path, "hedging.delay_min");
}

// What a short form sets is listed with the rest.
TEST(Loader, ShortFormsAreListedAsWhatTheyStandFor) {
  const Loaded loaded =
      load_yaml("retries: off\nbreaker: count\nprovider_breaker: off\ncooldown: 5m\n");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  std::map<std::string, std::string> listed;
  for (const SettingView& view : list_settings(loaded.config)) {
    if (view.source != "default") listed[view.path] = view.value + " " + view.source;
  }
  EXPECT_EQ(listed, (std::map<std::string, std::string>{
                        {"retries.enabled", "off weir.yaml:1"},
                        {"breaker.preset", "count weir.yaml:2"},
                        {"provider_breaker.enabled", "off weir.yaml:3"},
                        {"cooldown.after_error", "5m weir.yaml:4"},
                    }));
}

TEST(Loader, WhatIsNotSetIsListedAsItIsInForce) {
  const Loaded loaded = load_yaml("retries: {backoff: classic}\nbreaker: count\n");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  std::map<std::string, std::string> listed;
  for (const SettingView& view : list_settings(loaded.config)) listed[view.path] = view.value;
  EXPECT_EQ(listed["retries.attempts_per_target"], "5");
  EXPECT_EQ(listed["retries.backoff_base"], "1s");
  EXPECT_EQ(listed["retries.max_attempts"], "") << "that depends on the route";
  EXPECT_EQ(listed["breaker.window"], "1m");
  EXPECT_EQ(listed["provider_breaker.min_calls"], "20");
  EXPECT_EQ(listed["cooldown.after_error"], "off");
  EXPECT_EQ(listed["cooldown.rate_limit"], "5s, 30s, 2m, 10m");
  EXPECT_EQ(listed["cooldown.auth"], "1m, 5m, 1h");
}

TEST(Loader, ABreakerOfAnUnknownKindIsRefused) {
  const Loaded loaded = load_yaml("breaker: often\nprovider_breaker: {failure_rate: 0%}\n");
  ASSERT_EQ(loaded.problems.size(), 2U) << loaded.report();
  EXPECT_EQ(loaded.problems[0].message(),
            "weir.yaml:1: breaker: must be a map, on, off, standard, count or threshold");
  EXPECT_EQ(loaded.problems[1].path, "provider_breaker.failure_rate");
}

// It would have no effect: the budget is one for all routes that lead to the provider.
TEST(Loader, ARetryBudgetOfARouteIsRefused) {
  const Loaded loaded = load_yaml(
      "models: {r: {targets: [mock], retries: {max_attempts: 2, retry_budget_ratio: 10%}}}\n");
  ASSERT_EQ(loaded.problems.size(), 1U) << loaded.report();
  EXPECT_EQ(loaded.problems[0].path, "models.r.retries");
}

TEST(Loader, AWrongVariableIsNamed) {
  const Loaded loaded = config_from_environment({{"WEIR_FAILOVER", "maybe"}}, MemoryFiles{});
  EXPECT_EQ(loaded.report(),
            "env WEIR_FAILOVER: failover: must be one of true, false, on, off, yes, no\n");
}

TEST(Loader, SecretsCanComeFromFiles) {
  const MemoryFiles files{{"/run/key", "sk-from-file\n"}, {"/run/empty", "\n"}};
  const Loaded good = load_yaml("providers: {openai: {api_key: 'file:/run/key'}}", {}, files);
  ASSERT_TRUE(good.ok()) << good.report();
  EXPECT_EQ(provider(good, "openai").api_keys.at(0).reveal(), "sk-from-file");
  EXPECT_FALSE(load_yaml("keys: ['file:/run/none']", {}, files).ok());
  EXPECT_FALSE(load_yaml("keys: ['file:/run/empty']", {}, files).ok());
}

TEST(Loader, AKeyOfAProviderMayHaveLimitsOfItsOwn) {
  const Loaded loaded = load_yaml(
      "providers:\n"
      "  openai:\n"
      "    api_keys:\n"
      "    - sk-first\n"
      "    - {key: env:SECOND, limits: {requests_per_minute: 7}, budget: {daily: 5}}\n",
      {{"SECOND", "sk-second"}});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const ProviderConfig& openai = provider(loaded, "openai");
  ASSERT_EQ(openai.api_keys.size(), 2U);
  EXPECT_EQ(openai.api_keys[1].reveal(), "sk-second");
  ASSERT_EQ(openai.key_settings.size(), 1U);
  EXPECT_EQ(openai.key_settings[0].place, 1U);
  EXPECT_EQ(openai.key_settings[0].limits.requests_per_minute, 7);

  const Loaded wrong = load_yaml(
      "providers:\n"
      "  openai: {api_keys: [{limits: {requests_per_minuet: 7}}, "
      "{key: k, budget: {daily: 1, downgrade: a}}]}\n");
  std::vector<std::string> found;
  for (const Problem& problem : wrong.problems) found.push_back(problem.message());
  EXPECT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0],
            "weir.yaml:2: providers.openai.api_keys[0].limits.requests_per_minuet: unknown key "
            "'requests_per_minuet' (did you mean requests_per_minute?)");
}

TEST(Loader, ATeamNamesItsOrganisationWhichHasLimitsAndBudgetsOnly) {
  const Loaded loaded = load_yaml(
      "teams: {red: {organisation: acme}}\n"
      "organisations: {acme: {limits: {requests_per_minute: 7}, budget: {daily: 5}}}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(loaded.config.teams[0].organisation, "acme");
  EXPECT_EQ(loaded.config.organisations[0].name, "acme");
  EXPECT_EQ(loaded.config.organisations[0].limits.requests_per_minute, 7);

  const Loaded wrong = load_yaml(
      "users: {ann: {organisation: acme}}\n"
      "teams: {red: {organisation: two words}}\n"
      "organisations: {acme: {log_content: 7d}, a b: {},\n"
      "  big: {budget: {daily: 1, time_zone: Mars, downgrade: none}}}\n");
  EXPECT_EQ(wrong.problems.size(), 6U) << wrong.report();
}

TEST(Loader, NoOutputHoldsASecret) {
  const Loaded loaded = load_yaml(
      "keys: [sk-weir-abcdefghijklmnop]\n"
      "providers: {openai: {api_key: sk-openai-abcdefghijklmnop, headers: {x-a: hush-hush-hush}}}");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  for (const SettingView& setting : list_settings(loaded.config)) {
    EXPECT_EQ(setting.value.find("abcdefghijkl"), std::string::npos) << setting.path;
    EXPECT_EQ(setting.value.find("hush"), std::string::npos) << setting.path;
  }
}

TEST(Loader, LaysTheOverlayOfTheStageOverTheFile) {
  const MemoryFiles files{{"weir.yaml", "threads: 1\nlog: {level: info, format: json}\n"},
                          {"weir.production.yaml", "log: {level: warn}\n"}};
  const Loaded loaded = load({}, {{"WEIR_ENV", "production"}}, files);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(loaded.config.threads, 1);
  EXPECT_EQ(loaded.config.log.level, LogLevel::warn);
  EXPECT_EQ(loaded.config.log.format, LogFormat::json);
  EXPECT_EQ(loaded.config.source_of("log.level"), "weir.production.yaml:1");
  EXPECT_EQ(loaded.files, (std::vector<std::string>{"weir.yaml", "weir.production.yaml"}));
  EXPECT_FALSE(load({}, {{"WEIR_ENV", "../etc"}}, files).ok());
}

TEST(Loader, LooksInTheDocumentedPlacesInOrder) {
  const MemoryFiles files{{"/etc/weir/weir.yaml", "threads: 1"},
                          {"/home/u/.config/weir/weir.yaml", "threads: 2"},
                          {"/xdg/weir/weir.json", "{\"threads\": 3}"},
                          {"weir.yaml", "threads: 4"},
                          {"/a.yaml", "threads: 5"},
                          {"/b.yaml", "threads: 6"}};
  const auto threads = [&](const MemoryFiles& in, const LoadOptions& options,
                           const Environment& environment) {
    return load(options, environment, in).config.threads;
  };
  EXPECT_EQ(threads(files, {.config_file = "/b.yaml"}, {{"WEIR_CONFIG", "/a.yaml"}}), 6);
  EXPECT_EQ(threads(files, {}, {{"WEIR_CONFIG", "/a.yaml"}}), 5);
  EXPECT_EQ(threads(files, {}, {{"XDG_CONFIG_HOME", "/xdg"}}), 4);
  const MemoryFiles no_local{{"/etc/weir/weir.yaml", "threads: 1"},
                             {"/home/u/.config/weir/weir.yaml", "threads: 2"},
                             {"/xdg/weir/weir.json", "{\"threads\": 3}"}};
  EXPECT_EQ(threads(no_local, {}, {{"XDG_CONFIG_HOME", "/xdg"}}), 3);
  EXPECT_EQ(threads(no_local, {}, {{"HOME", "/home/u"}}), 2);
  EXPECT_EQ(threads(no_local, {}, {}), 1);
}

TEST(Loader, ANamedFileMustExist) {
  const Loaded loaded = load({.config_file = "/none.yaml"}, {}, MemoryFiles{});
  EXPECT_EQ(loaded.report(), "/none.yaml: there is no such file\n");
}

TEST(Loader, AnEnvFileGivesVariables) {
  const MemoryFiles files{{".env", "OPENAI_API_KEY=sk-env-file\n"}};
  const Loaded loaded = load({.env_file = ".env"}, {}, files);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(provider(loaded, "openai").api_keys.at(0).reveal(), "sk-env-file");
  EXPECT_FALSE(load({.env_file = "gone.env"}, {}, files).ok());
}

TEST(Loader, ChecksWhatOnlyTheWholeTells) {
  EXPECT_FALSE(load_yaml("tls: {cert: a.pem}").ok());
  EXPECT_FALSE(load_yaml("listen: nowhere").ok());
  EXPECT_FALSE(load_yaml("limits: {memory_soft: 95%}").ok());
  EXPECT_FALSE(load_yaml("keys: [abc]\ncors_origins: ['*']").ok());
  EXPECT_FALSE(load_yaml("trusted_proxies: [10.0.0.0/40]").ok());
  EXPECT_TRUE(load_yaml("trusted_proxies: [10.0.0.0/8, '::1']").ok());
  EXPECT_TRUE(load_yaml("admin: {listen: same}").ok());
  EXPECT_FALSE(load_yaml("default_model: no-such-model").ok());
}

// N-2. What was saved from the admin API says so.
TEST(Loader, AnAddressInTheFileMayBePrivateUnlessTheEntrySaysNo) {
  const Loaded loaded = load_yaml(
      "providers:\n"
      "  plain: {base_url: 'http://10.0.0.7'}\n"
      "  said: {base_url: 'http://10.0.0.7', allow_private: true}\n"
      "  saved: {base_url: 'http://10.0.0.7', allow_private: false}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_TRUE(provider(loaded, "plain").address_is_operators);
  EXPECT_TRUE(provider(loaded, "said").address_is_operators);
  EXPECT_FALSE(provider(loaded, "saved").address_is_operators);
}

TEST(Loader, ReadsFactsAboutAProvidersModels) {
  const Loaded loaded = load_yaml(
      "providers:\n"
      "  mine:\n"
      "    base_url: https://llm.example.com\n"
      "    models:\n"
      "      big-1: {alias: [big, bigger], price: {input: 2.5, output: 10}, context: 32000,\n"
      "              capabilities: [chat, tools], timeouts: {first_content: 5m}}\n"
      "    params: {temperature: 0.2, stop: ['a', 'b']}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const ProviderConfig& mine = provider(loaded, "mine");
  EXPECT_EQ(mine.spec->name, "custom");
  EXPECT_EQ(mine.base_url, "https://llm.example.com/v1");
  const ModelOverride* big = mine.find_model("bigger");
  ASSERT_NE(big, nullptr);
  EXPECT_EQ(big->id, "big-1");
  EXPECT_EQ(big->prices.prices.of(providers::PriceKind::input),
            TokenPrice::parse_usd_per_million("2.5"));
  EXPECT_TRUE(has(big->capabilities.yes, providers::Capability::tools));
  EXPECT_TRUE(has(big->capabilities.no, providers::Capability::vision));
  EXPECT_EQ(big->timeouts.get(Timeout::first_content), milliseconds(300'000));
  ASSERT_EQ(mine.params.size(), 2u);
  EXPECT_EQ(mine.params[0].json, "0.2");
  EXPECT_EQ(mine.params[1].json, R"(["a","b"])");

  const Loaded bad = load_yaml(
      "providers: {mine: {base_url: 'https://h', models: {m: {price: {inptu: 1, output: x},\n"
      "  capabilities: [tolls]}}, headers: {Host: evil}, params: {model: x}}}");
  EXPECT_EQ(bad.problems.size(), 5u) << bad.report();
}

TEST(Loader, ReadsPricesOfEveryKindAndUnderConditions) {
  const Loaded loaded = load_yaml(
      "providers:\n"
      "  mine:\n"
      "    base_url: https://llm.example.com\n"
      "    models:\n"
      "      big:\n"
      "        price:\n"
      "          input: 2.5\n"
      "          image_output: 40\n"
      "          reasoning: 12\n"
      "          audio_minute: 0.006\n"
      "          long_context: {above: 200000, input: 5}\n"
      "          price_change: {from: 2027-01-01, input: 3}\n"
      "          off_peak: {from: '16:30', to: '00:30', input: 1.25}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const ModelOverride* big = provider(loaded, "mine").find_model("big");
  ASSERT_NE(big, nullptr);
  const providers::PriceBook book = providers::price_book(nullptr, big->prices);
  const auto input_at = [&](std::int64_t tokens, std::chrono::sys_seconds at) {
    const auto prices = providers::prices_at(book, {.input_tokens = tokens, .at = at});
    return prices.of(providers::PriceKind::input).value().nano_per_million() / 10'000'000;
  };
  const auto day = [](int year, unsigned month) {
    return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / 1);
  };
  using std::chrono::minutes;
  EXPECT_EQ(input_at(1, day(2026, 12) + minutes(16 * 60 + 29)), 250);
  EXPECT_EQ(input_at(1, day(2026, 12) + minutes(16 * 60 + 30)), 125);
  EXPECT_EQ(input_at(1, day(2026, 12) + minutes(29)), 125);
  EXPECT_EQ(input_at(1, day(2026, 12) + minutes(30)), 250);
  EXPECT_EQ(input_at(1, day(2027, 1) + minutes(30)), 300);
  EXPECT_EQ(input_at(200'001, day(2027, 1)), 500);
  EXPECT_EQ(big->prices.prices.of(providers::PriceKind::audio_minute),
            TokenPrice::parse_usd_each("0.006"));

  const Loaded bad = load_yaml(
      "providers: {mine: {base_url: 'https://h', models: {m: {price: {audio_minute: 2,\n"
      "  long_context: {input: 1}, price_change: {from: soon}, off_peak: {from: '25:00', to: x},\n"
      "  long_contxt: {}}}}}}");
  EXPECT_EQ(bad.problems.size(), 5u) << bad.report();
}

// A key goes only to the address it was meant for.
TEST(Loader, AnOwnAddressGetsNoKeyFromTheEnvironment) {
  const Loaded loaded = load_yaml("providers: {openai: {base_url: 'https://proxy.example.com'}}",
                                  {{"OPENAI_API_KEY", "sk-openai"}});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_TRUE(provider(loaded, "openai").api_keys.empty());
}

TEST(Loader, AnEntryWithoutKeyTakesTheOneOfItsType) {
  const Loaded loaded = load_yaml("providers: {main: {type: openai}}",
                                  {{"OPENAI_API_KEY", "sk-openai"}, {"OPENAI_ORG_ID", "org-1"}});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(provider(loaded, "main").api_keys.at(0).reveal(), "sk-openai");
  EXPECT_EQ(provider(loaded, "main").organization, "org-1");
  EXPECT_EQ(loaded.config.source_of("providers.main.api_key"), "env OPENAI_API_KEY");
}

TEST(Loader, MockAndDisabledEntriesNeedNoKey) {
  EXPECT_TRUE(load_yaml("providers: {openai: {mock: true}}").ok());
  EXPECT_TRUE(load_yaml("providers: {openai: {enabled: false}}").ok());
  EXPECT_EQ(load_yaml("providers: {openai: {}}").report(),
            "weir.yaml:1: providers.openai: needs api_key, or OPENAI_API_KEY in the environment\n");
}

TEST(Loader, AForeignDialectBringsItsOwnPathsAndAuthentication) {
  const Loaded loaded = load_yaml(
      "providers:\n"
      "  ds: {type: deepseek, dialect: anthropic, base_url: 'https://api.deepseek.com/anthropic',\n"
      "       api_key: k}\n"
      "  r: {type: custom, dialect: responses, base_url: 'https://h/v1'}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const ProviderConfig& ds = provider(loaded, "ds");
  EXPECT_EQ(ds.spec->name, "deepseek");
  EXPECT_EQ(ds.api->auth, providers::Auth::x_api_key);
  EXPECT_EQ(ds.base_url, "https://api.deepseek.com/anthropic");
  EXPECT_EQ(provider(loaded, "r").api->responses_path, "/responses");
}

// ---- the environment alone ------------------------------------------------------------------

TEST(EnvironmentProviders, AreThoseWithAKeyOrAnAddressInTheDefaultOrder) {
  const Loaded loaded = config_from_environment({{"OLLAMA_URL", "http://gpu:11434"},
                                                 {"GROQ_API_KEY", "g"},
                                                 {"GOOGLE_API_KEY", "x"},
                                                 {"OPENAI_API_KEY", "o"},
                                                 {"VLLM_URL", "http://gpu:8000"},
                                                 {"AZURE_OPENAI_API_KEY", "a"},
                                                 {"AZURE_OPENAI_ENDPOINT", "https://x.example"},
                                                 {"AZURE_OPENAI_DEPLOYMENT", "prod"}},
                                                MemoryFiles{});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  std::vector<std::string> names;
  for (const ProviderConfig& entry : loaded.config.providers) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"azure", "openai", "gemini", "groq", "ollama", "vllm",
                                             "mock"}));
  EXPECT_EQ(provider(loaded, "azure").deployment, "prod");
  EXPECT_EQ(provider(loaded, "azure").base_url, "https://x.example/openai/v1");
  EXPECT_EQ(provider(loaded, "vllm").base_url, "http://gpu:8000/v1");
  EXPECT_EQ(loaded.config.source_of("providers.gemini.api_key"), "env GOOGLE_API_KEY");
}

// A token of the user's may stand there for years without a server.
TEST(EnvironmentProviders, ALocalServerIsThereForItsAddressNotForAKey) {
  const Loaded loaded = config_from_environment(
      {{"HF_TOKEN", "hf_1"}, {"TGI_BASE_URL", "http://10.0.0.1:3000"}}, MemoryFiles{});
  EXPECT_EQ(found_at(loaded.config, provider(loaded, "tgi")), "env TGI_BASE_URL");
  EXPECT_EQ(found_at(loaded.config, provider(loaded, "huggingface")), "env HF_TOKEN");
}

TEST(EnvironmentProviders, AreAddedToAFileOnlyWhenAskedFor) {
  const Environment environment{{"OPENAI_API_KEY", "o"}, {"GROQ_API_KEY", "g"}};
  EXPECT_FALSE(load_yaml("threads: 1", environment).config.find_provider("openai"));
  const Loaded asked =
      load_yaml("env_providers: true\nproviders: {mine: {type: openai}}", environment);
  ASSERT_TRUE(asked.ok()) << asked.report();
  EXPECT_TRUE(asked.config.find_provider("groq"));
  EXPECT_FALSE(asked.config.find_provider("openai")) << "there under the name mine";
}

// I-8: views of the configuration are for more eyes than the proxy's password is.
TEST(ProviderProxy, TakesUserAndPasswordAndShowsNeither) {
  const Loaded loaded = test::load_yaml(
      "providers: {openai: {api_key: k, proxy: 'http://ann:pa55word@proxy.example.com:3128'}}", {});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  for (const SettingView& setting : list_settings(loaded.config)) {
    EXPECT_EQ(setting.value.find("pa55word"), std::string::npos) << setting.path;
    EXPECT_EQ(setting.value.find("ann"), std::string::npos) << setting.path;
    if (setting.path == "providers.openai.proxy") {
      EXPECT_EQ(setting.value, "http://…@proxy.example.com:3128");
    }
  }
  EXPECT_EQ(loaded.config.providers.front().proxy.reveal(),
            "http://ann:pa55word@proxy.example.com:3128");
  const Loaded wrong =
      test::load_yaml("providers: {openai: {api_key: k, proxy: 'ftp://ann:pa55word@p'}}", {});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.report().find("pa55word"), std::string::npos) << wrong.report();
}

TEST(EnvironmentSettings, AMisspeltVariableIsNotedWithTheNearestName) {
  const Loaded loaded = config_from_environment({{"WEIR_LISTN", "127.0.0.1:1"},
                                                 {"WEIR_TIMEOUTS_CONECT", "2s"},
                                                 {"WEIR_RETRIES_MAX_ATEMPTS", "2"},
                                                 {"WEIR_MASTER_KEY_FIL", "/k"},
                                                 {"WEIR_NOTHING_LIKE_IT_AT_ALL", "1"}},
                                                MemoryFiles{});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const auto unread = [](std::string_view name, std::string_view meant) {
    std::string note = "no setting is read from " + std::string(name);
    if (!meant.empty()) note += " (did you mean " + std::string(meant) + "?)";
    return note;
  };
  EXPECT_EQ(loaded.notes, (std::vector<std::string>{
                              unread("WEIR_LISTN", "WEIR_LISTEN"),
                              unread("WEIR_MASTER_KEY_FIL", "WEIR_MASTER_KEY_FILE"),
                              unread("WEIR_NOTHING_LIKE_IT_AT_ALL", ""),
                              unread("WEIR_RETRIES_MAX_ATEMPTS", "WEIR_RETRIES_MAX_ATTEMPTS"),
                              unread("WEIR_TIMEOUTS_CONECT", "WEIR_TIMEOUTS_CONNECT"),
                          }));
}

TEST(EnvironmentSettings, WhatIsReadOrReferredToOrEmptyIsNotNoted) {
  const Loaded loaded =
      test::load_yaml("keys: [env:WEIR_TEAM_KEY]", {{"WEIR_TEAM_KEY", "a"},
                                                    {"WEIR_LISTEN", "127.0.0.1:1"},
                                                    {"WEIR_RETRIES", "off"},
                                                    {"WEIR_TIMEOUTS_DNS", "1s"},
                                                    {"WEIR_URL", "http://a"},
                                                    {"WEIR_PORT_9347_TCP", "b"},
                                                    {"WEIR_SERVICE_HOST", "c"},
                                                    {"WEIR_LISTN", ""}});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(loaded.notes, std::vector<std::string>{});
}

TEST(EnvironmentProviders, AKeyWithoutItsEndpointIsSaidAndLeftOut) {
  const Loaded loaded = config_from_environment({{"AZURE_OPENAI_API_KEY", "a"}}, MemoryFiles{});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_FALSE(loaded.config.find_provider("azure"));
  EXPECT_EQ(loaded.notes.size(), 1u);
}

TEST(EnvironmentProviders, AzuresVersionSelectsTheClassicUrls) {
  const Loaded loaded = config_from_environment({{"AZURE_OPENAI_API_KEY", "a"},
                                                 {"AZURE_OPENAI_ENDPOINT", "https://x.example"},
                                                 {"OPENAI_API_VERSION", "2024-10-21"}},
                                                MemoryFiles{});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(provider(loaded, "azure").base_url, "https://x.example/openai");
  EXPECT_EQ(provider(loaded, "azure").api_version, "2024-10-21");
}

// Users set these variables so that their programs reach us; following them would be a loop.
TEST(NoLoops, OwnAddressesInTheEnvironmentAreDropped) {
  const Loaded loaded = config_from_environment({{"OPENAI_API_KEY", "o"},
                                                 {"OPENAI_BASE_URL", "http://localhost:9347/v1"},
                                                 {"ANTHROPIC_API_KEY", "a"},
                                                 {"ANTHROPIC_BASE_URL", "http://127.0.0.1:9347"},
                                                 {"OLLAMA_HOST", "127.0.0.1:9347"}},
                                                MemoryFiles{});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(provider(loaded, "openai").base_url, "https://api.openai.com/v1");
  EXPECT_EQ(provider(loaded, "anthropic").base_url, "https://api.anthropic.com");
  EXPECT_FALSE(loaded.config.find_provider("ollama"));
}

TEST(Listeners, ClientsAndAdministrationDoNotShareAPortByChance) {
  EXPECT_FALSE(load_yaml("listen: 127.0.0.1:9400\nadmin: {listen: '127.0.0.1:9400'}").ok());
  EXPECT_FALSE(load_yaml("listen: 127.0.0.1:9400\nadmin: {listen: '0.0.0.0:9400'}").ok());
  EXPECT_FALSE(load_yaml("listen: '[::]:9400'\nadmin: {listen: '[::1]:9400'}").ok());
  EXPECT_TRUE(load_yaml("listen: 127.0.0.1:9400\nadmin: {listen: same}").ok());
  EXPECT_TRUE(load_yaml("listen: 127.0.0.1:9400\nadmin: {listen: '127.0.0.1:9401'}").ok());
  EXPECT_TRUE(load_yaml("listen: 127.0.0.1:0\nadmin: {listen: '127.0.0.1:0'}").ok());
}

TEST(NoLoops, AListenerOnAllAddressesIsReachedThroughLoopback) {
  Config config;
  config.listen = "0.0.0.0:9347";
  EXPECT_TRUE(is_own_address(config, "http://localhost:9347/v1"));
  EXPECT_TRUE(is_own_address(config, "http://127.0.0.1:9348"));
  EXPECT_FALSE(is_own_address(config, "http://localhost:9349/v1"));
  EXPECT_FALSE(is_own_address(config, "http://other:9347/v1"));
}

TEST(NoLoops, AFileThatNamesOurOwnAddressIsRefused) {
  EXPECT_FALSE(load_yaml("providers: {a: {type: custom, base_url: 'http://localhost:9347'}}").ok());
}

TEST(LocalServers, AreLookedForOnTheUsualPortsThatAreNotTaken) {
  const Loaded loaded =
      load_yaml("listen: 127.0.0.1:8000\nproviders: {mine: {base_url: 'http://localhost:1234'}}");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  Config config = loaded.config;
  std::vector<std::string> found;
  for (const LocalServer& candidate : local_candidates(config)) {
    found.push_back(candidate.base_url);
  }
  EXPECT_NE(std::find(found.begin(), found.end(), "http://127.0.0.1:11434"), found.end());
  for (const std::string& url : found) {
    EXPECT_EQ(url.find(":8000"), std::string::npos) << "our own port";
    EXPECT_EQ(url.find(":1234"), std::string::npos) << "LM Studio's port is taken by `mine`";
  }
  add_local_provider(config, local_candidates(config).front());
  EXPECT_TRUE(config.find_provider("ollama"));
  EXPECT_EQ(config.source_of("providers.ollama"), "found at http://127.0.0.1:11434");
}

TEST(DataDirectory, FollowsTheHabitsOfTheSystem) {
  Config config;
  const Environment home{{"HOME", "/home/u"}};
  EXPECT_EQ(data_directory(config, home, false), "/home/u/.local/share/weir");
  EXPECT_EQ(data_directory(config, {{"XDG_DATA_HOME", "/d"}}, false), "/d/weir");
  EXPECT_EQ(data_directory(config, home, true), "/var/lib/weir");
  config.data_dir = "./here";
  EXPECT_EQ(data_directory(config, home, true), "./here");
}

// ---- what is made of the settings -----------------------------------------------------------

TEST(RetryPolicy, FollowsTheNumberOfTargets) {
  EXPECT_EQ(decide({}, 1).max_attempts, 3);
  EXPECT_EQ(decide({}, 4).max_attempts, 5);
  EXPECT_EQ(decide({}, 50).max_attempts, 10);
  EXPECT_EQ(decide({.max_attempts = 2}, 4).max_attempts, 2);
}

TEST(RetryPolicy, ClassicAndOffArePresets) {
  const RetryPolicy classic = decide({.backoff = Backoff::classic}, 1);
  EXPECT_FALSE(classic.jitter);
  EXPECT_EQ(classic.attempts_per_target, 5);
  EXPECT_EQ(classic.max_attempts, 5);
  EXPECT_EQ(classic.backoff_base, milliseconds(1'000));
  EXPECT_EQ(classic.max_inline_wait, milliseconds(8'000));
  EXPECT_EQ(decide({.enabled = false, .max_attempts = 5}, 3).max_attempts, 1);
}

TEST(RetryPolicy, R1TheWaitBeforeAnotherTargetIsASetting) {
  EXPECT_EQ(decide({}, 1).failover_jitter, milliseconds(50));
  const RetrySettings none{.failover_jitter = milliseconds(0)};
  EXPECT_EQ(decide(RetrySettings{}.with(none), 1).failover_jitter, milliseconds(0));
}

TEST(TimeoutsTest, AnAttemptMayTakeLongerTheMoreOutputIsAskedFor) {
  Timeouts timeouts;
  EXPECT_EQ(attempt_total(timeouts, false, 0), milliseconds(120'000));
  EXPECT_EQ(attempt_total(timeouts, false, 3'000), milliseconds(160'000));
  EXPECT_EQ(attempt_total(timeouts, false, 1'000'000), milliseconds(540'000));
  EXPECT_EQ(attempt_total(timeouts, true, 0), milliseconds(540'000));
  timeouts.set(Timeout::attempt_total, milliseconds(5'000));
  EXPECT_EQ(attempt_total(timeouts, false, 3'000), milliseconds(5'000));
}

TEST(TimeoutsTest, ReasoningModelsMayThinkLonger) {
  Timeouts timeouts;
  EXPECT_EQ(content_idle(timeouts, false, false), milliseconds(180'000));
  EXPECT_EQ(content_idle(timeouts, false, true), milliseconds(600'000));
  timeouts.set(Timeout::content_idle, milliseconds(1'000));
  EXPECT_EQ(content_idle(timeouts, false, true), milliseconds(1'000));
}

TEST(ReferencePage, NamesEverySettingWithItsDefaultAndVariable) {
  const std::string page = config_reference_markdown();
  EXPECT_NE(page.find("| `listen` | text | `127.0.0.1:9347` | `WEIR_LISTEN` |"), std::string::npos);
  EXPECT_NE(page.find("| `limits.body_bytes_max` | size | `64MiB` |"), std::string::npos);
  EXPECT_NE(page.find("| `connect` | 5s |"), std::string::npos);
  EXPECT_NE(page.find("`limits.requests_per_minute`"), std::string::npos);
}

}  // namespace
}  // namespace weir::config
