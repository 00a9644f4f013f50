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
