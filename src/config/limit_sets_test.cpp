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
