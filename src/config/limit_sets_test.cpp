// SPDX-License-Identifier: Apache-2.0
#include "config/limit_sets.hpp"

#include <gtest/gtest.h>

#include "config/test_support.hpp"

namespace weir::config {
namespace {

ProviderConfig provider(const std::string& name, const std::string& settings) {
  const bool has_key = settings.find("api_key") != std::string::npos;
  const Loaded loaded = test::load_yaml("providers: {" + name + ": {" +
                                        (has_key ? "" : "api_key: a, ") + settings + "}}");
  EXPECT_TRUE(loaded.ok()) << loaded.report();
  const auto place = loaded.config.find_provider(name);
  return place ? loaded.config.providers[*place] : ProviderConfig{};
}

ProviderConfig groq(const std::string& settings) {
  return provider("groq", "plan: free, " + settings);
}

std::int64_t requests_per_minute(const policy::LimitSet& set, bool is_assumed) {
  for (const policy::LimitRule& rule : set.rates) {
    const bool is_it = rule.unit == policy::LimitUnit::requests &&
                       rule.rate.window == std::chrono::minutes(1) && rule.is_assumed == is_assumed;
    if (is_it) return rule.rate.limit;
  }
  return 0;
}

TEST(LimitSets, WhatIsKnownOfAPlanIsTheProvidersWithOneKey) {
  const ProviderConfig one = provider("cohere", "plan: free");
  EXPECT_GT(requests_per_minute(limit_set_of(one), true), 0);
  EXPECT_TRUE(limit_set_of_key(one, 0).is_empty());
}

// They are of several accounts.
TEST(LimitSets, WithSeveralKeysItIsEachKeys) {
  const std::int64_t known =
      requests_per_minute(limit_set_of(provider("cohere", "plan: free")), true);
  const ProviderConfig two =
      provider("cohere", "plan: free, api_keys: [a, {key: b, limits: {requests_per_minute: 7}}]");
  EXPECT_TRUE(limit_set_of(two).is_empty());
  EXPECT_EQ(requests_per_minute(limit_set_of_key(two, 0), true), known);
  EXPECT_EQ(requests_per_minute(limit_set_of_key(two, 1), false), 7);
  EXPECT_EQ(requests_per_minute(limit_set_of_key(two, 1), true), 0) << "the operator's own word";
}

std::vector<std::int64_t> quotas(const policy::LimitSet& set, policy::LimitUnit unit) {
  std::vector<std::int64_t> limits;
  for (const policy::LimitRule& rule : set.rates) {
    if (rule.unit == unit && rule.rate.calendar) limits.push_back(rule.rate.limit);
  }
  return limits;
}

TEST(LimitSets, WhatTheOperatorSaysOfADayGoesOverThePlansWhereverThatDayBegins) {
  const ProviderConfig one =
      groq("api_key: a, limits: {requests_per_day: 7, time_zone: Asia/Kathmandu}");
  EXPECT_EQ(quotas(limit_set_of(one), policy::LimitUnit::requests), std::vector<std::int64_t>{7});
  const policy::LimitSet of_model = limit_set_of_pool(one, "llama-3.3-70b-versatile", 0);
  EXPECT_TRUE(quotas(of_model, policy::LimitUnit::requests).empty());
  EXPECT_EQ(requests_per_minute(of_model, true), 30) << "of which nothing was said";
}

using All = std::vector<std::pair<policy::LimitUnit, std::int64_t>>;

All assumed(const policy::LimitSet& set) {
  All all;
  for (const policy::LimitRule& rule : set.rates) {
    EXPECT_TRUE(rule.is_assumed);
    all.emplace_back(rule.unit, rule.rate.limit);
  }
  return all;
}

// Counted together, one busy model would keep all the others waiting.
TEST(LimitSets, WhereAPlanCountsPerModelEachHasItsRowOrThePlansDefaultAndTheProviderNone) {
  using policy::LimitUnit;
  const ProviderConfig openai = provider("openai", "plan: paid");
  EXPECT_TRUE(limit_set_of(openai).is_empty());
  const auto limits = [&](std::string_view model) {
    return assumed(limit_set_of_pool(openai, limit_pool_of(openai, model), 0));
  };
  EXPECT_EQ(limits("gpt-4o"), (All{{LimitUnit::requests, 500}, {LimitUnit::total_tokens, 30'000}}));
  EXPECT_EQ(limits("text-embedding-3-small"),
            (All{{LimitUnit::requests, 3'000}, {LimitUnit::total_tokens, 1'000'000}}));
  EXPECT_EQ(limits("gpt-6-sol"),
            (All{{LimitUnit::requests, 500}, {LimitUnit::total_tokens, 500'000}}));
  EXPECT_EQ(
      assumed(limit_set_of_pool(provider("cohere", "plan: paid"), "command-a-vision-07-2025", 0)),
      (All{{LimitUnit::requests, 20}, {LimitUnit::requests, 1'000}}));
}

TEST(LimitSets, ASnapshotOfAModelCountsForTheModelAndUnknownModelsTogether) {
  const ProviderConfig openai =
      provider("openai", "plan: paid, models: {my-model: {context: 1000}}");
  EXPECT_EQ(limit_pool_of(openai, "gpt-4o"), "gpt-4o");
  EXPECT_EQ(limit_pool_of(openai, "gpt-4o-2024-08-06"), "gpt-4o");
  EXPECT_EQ(limit_pool_of(openai, "my-model"), "my-model");
  EXPECT_EQ(limit_pool_of(openai, "never-heard-of"), other_models);
  EXPECT_EQ(limit_pool_of(provider("openai", "plan: none"), "gpt-4o"), "");
  EXPECT_EQ(limit_pool_of(provider("cohere", "plan: free"), "command-a-03-2025"), "");
}

TEST(LimitSets, WhereAPlanCountsPerFamilyARowIsOneAndAllOthersAreOne) {
  const ProviderConfig anthropic = provider("anthropic", "plan: paid");
  const std::string_view fable = limit_pool_of(anthropic, "claude-fable-5");
  EXPECT_EQ(fable, "claude-fable-5*");
  EXPECT_EQ(limit_pool_of(anthropic, "claude-fable-5-1"), fable);
  EXPECT_EQ(limit_pool_of(anthropic, "claude-sonnet-5"), other_models);
  EXPECT_TRUE(limit_set_of(anthropic).is_empty());
  const auto answers_of = [&](std::string_view pool) {
    return assumed(limit_set_of_pool(anthropic, pool, 0)).back();
  };
  EXPECT_EQ(answers_of(fable), std::pair(policy::LimitUnit::output_tokens, std::int64_t{100'000}));
  EXPECT_EQ(answers_of(other_models),
            std::pair(policy::LimitUnit::output_tokens, std::int64_t{80'000}));
}

TEST(LimitSets, ThePlanOfAModelIsEachKeysAndGivesWayToTheOperatorsWord) {
  using policy::LimitUnit;
  const ProviderConfig own = provider("openai", "limits: {tokens_per_minute: 2000000}");
  const policy::LimitSet left = limit_set_of_pool(own, "gpt-4o", 0);
  EXPECT_EQ(assumed(left), (All{{LimitUnit::requests, 500}}));
  const ProviderConfig all =
      provider("openai", "limits: {tokens_per_minute: 2000000, requests_per_minute: 9}");
  EXPECT_FALSE(limit_set_of_pool(all, "gpt-4o", 0).is_empty()) << "its headers are about it alone";
  const ProviderConfig two =
      provider("openai", "api_keys: [a, {key: b, limits: {requests_per_minute: 7}}]");
  EXPECT_EQ(assumed(limit_set_of_pool(two, "gpt-4o", 0)).size(), 2U);
  EXPECT_EQ(assumed(limit_set_of_pool(two, "gpt-4o", 1)), (All{{LimitUnit::total_tokens, 30'000}}));
}

// The models that cost are bound by credit, whatever is left of the day's free requests.
TEST(LimitSets, OpenRoutersFreePlanIsAboutItsFreeModelsAlone) {
  const ProviderConfig free = provider("openrouter", "plan: free");
  EXPECT_TRUE(limit_set_of(free).is_empty());
  const std::string_view pool = limit_pool_of(free, "google/gemma-4-31b-it:free");
  EXPECT_EQ(limit_pool_of(free, "never/heard-of:free"), pool);
  EXPECT_EQ(limit_pool_of(free, "openrouter/free"), pool);
  EXPECT_EQ(assumed(limit_set_of_pool(free, pool, 0)),
            (All{{policy::LimitUnit::requests, 20}, {policy::LimitUnit::requests, 50}}));
  EXPECT_EQ(limit_pool_of(free, "openai/gpt-4o"), other_models);
  EXPECT_TRUE(limit_set_of_pool(free, other_models, 0).rates.empty());
}

TEST(LimitSets, WhatTheOperatorSaysOfAModelTakesThePlaceOfWhatItsPlanIsKnownToGrant) {
  using policy::LimitUnit;
  const ProviderConfig openai = provider(
      "openai", "models: {gpt-4o: {limits: {tokens_per_minute: 9000000}}, o3: {context: 1000}}");
  EXPECT_EQ(assumed(limit_set_of_pool(openai, "gpt-4o", 0)), (All{{LimitUnit::requests, 500}}));
  EXPECT_EQ(assumed(limit_set_of_pool(openai, "o3", 0)).size(), 2U);
  const ModelOverride* const own = limited_model(openai, "gpt-4o-2024-08-06");
  ASSERT_NE(own, nullptr) << "a snapshot counts for its model";
  EXPECT_EQ(own->id, "gpt-4o");
  EXPECT_EQ(limited_model(openai, "o3"), nullptr) << "of whose limits nothing is said";
  EXPECT_EQ(limited_model(openai, "never-heard-of"), nullptr);
}

TEST(LimitSets, APlansConcurrencyIsKnownPerModel) {
  const ProviderConfig deepseek = provider("deepseek", "plan: paid");
  EXPECT_EQ(limit_set_of_pool(deepseek, "deepseek-flash", 0).concurrency, 2'500);
  EXPECT_EQ(limit_set_of_pool(deepseek, other_models, 0).concurrency, 500);
}

TEST(LimitSets, APlansSecondHourAndMidnightAreKnown) {
  const policy::LimitSet mistral = limit_set_of(provider("mistral", "plan: free"));
  EXPECT_TRUE(std::any_of(mistral.rates.begin(), mistral.rates.end(),
                          [](const auto& rule) { return rule.rate.burst == 1; }));
  const policy::LimitSet cerebras =
      limit_set_of_pool(provider("cerebras", "plan: free"), other_models, 0);
  EXPECT_TRUE(std::any_of(cerebras.rates.begin(), cerebras.rates.end(), [](const auto& rule) {
    return rule.rate.window == std::chrono::hours(1) && rule.rate.limit == 1'000'000;
  }));
  const policy::LimitSet gemini =
      limit_set_of_pool(provider("gemini", "plan: free"), "gemma-4-31b-it", 0);
  EXPECT_TRUE(std::any_of(gemini.rates.begin(), gemini.rates.end(), [](const auto& rule) {
    return rule.rate.calendar && rule.rate.calendar->zone_name() == "America/Los_Angeles";
  }));
}

TEST(LimitSets, EveryUnitHasEveryTime) {
  const Loaded loaded = test::load_yaml(
      "limits: {input_tokens_per_hour: 1, input_tokens_per_month: 2, output_tokens_per_hour: 3, "
      "output_tokens_per_month: 4}");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const policy::LimitSet set = limit_set_of(loaded.config.rates, {});
  ASSERT_EQ(set.rates.size(), 4U);
  EXPECT_EQ(quotas(set, policy::LimitUnit::input_tokens), std::vector<std::int64_t>{2});
  EXPECT_EQ(quotas(set, policy::LimitUnit::output_tokens), std::vector<std::int64_t>{4});
}

TEST(LimitSets, APlansMonthIsALimitToo) {
  const Loaded loaded = test::load_yaml(
      "providers: {cohere: {plan: free, api_key: a}, mistral: {plan: free, api_key: a}}");
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const auto of = [&](const char* name, policy::LimitUnit unit) {
    return quotas(limit_set_of(loaded.config.providers[*loaded.config.find_provider(name)]), unit);
  };
  EXPECT_EQ(of("cohere", policy::LimitUnit::requests), std::vector<std::int64_t>{1'000});
  EXPECT_EQ(of("mistral", policy::LimitUnit::total_tokens),
            std::vector<std::int64_t>{1'000'000'000});
}

// Limits and cooldowns go by these names.
TEST(LimitSets, NoTwoKeysAreCalledTheSame) {
  const ProviderConfig keys =
      groq("api_keys: [gsk-0123456789-abcdef, gsk-9876543210-abcdef, gsk-0123456789-zyxwvu, a]");
  EXPECT_EQ(keys.key_name(0), "number 1");
  EXPECT_EQ(keys.key_name(1), "number 2");
  EXPECT_EQ(keys.key_name(2), "gsk…xwvu");
  EXPECT_EQ(keys.key_name(3), "number 4");
}

TEST(LimitSets, TheOnlyKeyMayHaveItsOwn) {
  const ProviderConfig one = groq("api_keys: [{key: a, limits: {requests_per_minute: 7}}]");
  EXPECT_EQ(requests_per_minute(limit_set_of_key(one, 0), false), 7);
  EXPECT_EQ(one.key_name(0), "");
}

}  // namespace
}  // namespace weir::config
