// SPDX-License-Identifier: Apache-2.0
#include "config/limit_sets.hpp"

#include <gtest/gtest.h>

#include "config/test_support.hpp"

namespace weir::config {
namespace {

ProviderConfig groq(const std::string& settings) {
  const Loaded loaded = test::load_yaml("providers: {groq: {plan: free, " + settings + "}}");
  EXPECT_TRUE(loaded.ok()) << loaded.report();
  const auto place = loaded.config.find_provider("groq");
  return place ? loaded.config.providers[*place] : ProviderConfig{};
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
  const ProviderConfig one = groq("api_key: a");
  EXPECT_GT(requests_per_minute(limit_set_of(one), true), 0);
  EXPECT_TRUE(limit_set_of_key(one, 0).is_empty());
}

// They are of several accounts.
TEST(LimitSets, WithSeveralKeysItIsEachKeys) {
  const std::int64_t known = requests_per_minute(limit_set_of(groq("api_key: a")), true);
  const ProviderConfig two = groq("api_keys: [a, {key: b, limits: {requests_per_minute: 7}}]");
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
}

ProviderConfig provider(const std::string& name, const std::string& settings) {
  const Loaded loaded =
      test::load_yaml("providers: {" + name + ": {api_key: a, " + settings + "}}");
  EXPECT_TRUE(loaded.ok()) << loaded.report();
  return loaded.config.providers[*loaded.config.find_provider(name)];
}

TEST(LimitSets, OfOneModelIsAddedWhatIsTighterThanThePlan) {
  const auto limits = [](const policy::LimitSet& set) {
    std::vector<std::pair<policy::LimitUnit, std::int64_t>> all;
    for (const policy::LimitRule& rule : set.rates) {
      EXPECT_TRUE(rule.is_assumed);
      all.emplace_back(rule.unit, rule.rate.limit);
    }
    return all;
  };
  using All = std::vector<std::pair<policy::LimitUnit, std::int64_t>>;
  using policy::LimitUnit;
  const ProviderConfig openai = provider("openai", "plan: paid");
  EXPECT_EQ(limits(limit_set_of_model(openai, "gpt-4o")), (All{{LimitUnit::total_tokens, 30'000}}));
  EXPECT_TRUE(limit_set_of_model(openai, "text-embedding-3-small").is_empty()) << "more than that";
  EXPECT_TRUE(limit_set_of_model(openai, "gpt-4o-2").is_empty()) << "another model";
  const ProviderConfig own = provider("openai", "limits: {tokens_per_minute: 2000000}");
  EXPECT_TRUE(limit_set_of_model(own, "gpt-4o").is_empty()) << "the operator's own word";
  EXPECT_TRUE(limit_set_of_model(provider("openai", "plan: none"), "gpt-4o").is_empty());
  EXPECT_EQ(
      limits(limit_set_of_model(provider("cohere", "plan: paid"), "command-a-vision-07-2025")),
      (All{{LimitUnit::requests, 20}, {LimitUnit::requests, 1'000}}));
}

TEST(LimitSets, APlansSecondHourAndMidnightAreKnown) {
  const policy::LimitSet mistral = limit_set_of(provider("mistral", "plan: free"));
  EXPECT_TRUE(std::any_of(mistral.rates.begin(), mistral.rates.end(),
                          [](const auto& rule) { return rule.rate.burst == 1; }));
  const policy::LimitSet cerebras = limit_set_of(provider("cerebras", "plan: free"));
  EXPECT_TRUE(std::any_of(cerebras.rates.begin(), cerebras.rates.end(), [](const auto& rule) {
    return rule.rate.window == std::chrono::hours(1) && rule.rate.limit == 1'000'000;
  }));
  const policy::LimitSet gemini = limit_set_of(provider("gemini", "plan: free"));
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
