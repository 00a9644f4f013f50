// SPDX-License-Identifier: Apache-2.0
#include "providers/catalog.hpp"
#include "providers/pricing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "providers/provider_table.hpp"

namespace weir::providers {
namespace {

using std::chrono::hours;
using std::chrono::sys_days;

const Model& model(std::string_view provider, std::string_view id) {
  const FoundModel found = find_model(provider, id);
  EXPECT_TRUE(found) << provider << ' ' << id;
  return *found.model;
}

std::optional<TokenPrice> usd(std::string_view text) {
  return TokenPrice::parse_usd_per_million(text);
}

// Every look-up is a binary search.
TEST(Catalog, IsSortedByProviderAndId) {
  EXPECT_GT(models().size(), 300u);
  EXPECT_TRUE(std::is_sorted(models().begin(), models().end(), [](const Model& a, const Model& b) {
    return std::pair(a.provider.view(), a.id.view()) < std::pair(b.provider.view(), b.id.view());
  }));
  for (const Model& row : models()) {
    const FoundModel found = find_model(row.provider, row.id);
    EXPECT_EQ(found.model, &row);
    EXPECT_EQ(found.match, Match::exact);
    EXPECT_NE(find_provider(row.provider), nullptr);
  }
}

TEST(Catalog, FindsAliasesOnlyAtTheirProvider) {
  const FoundModel found = find_model("anthropic", "claude-haiku-4.5");
  ASSERT_TRUE(found);
  EXPECT_EQ(found.model->id.view(), "claude-haiku-4-5");
  EXPECT_EQ(found.match, Match::alias);
  EXPECT_FALSE(find_model("openai", "claude-haiku-4.5"));
  EXPECT_FALSE(find_model("nobody", "gpt-4o"));
  EXPECT_FALSE(find_model("openai", ""));
}

TEST(Catalog, DescendantsInheritTheirBase) {
  const auto dated = find_model("openai", "gpt-5.6-sol-2026-07-30");
  EXPECT_EQ(dated.model, &model("openai", "gpt-5.6-sol"));
  EXPECT_EQ(dated.match, Match::dated);
  EXPECT_EQ(find_model("anthropic", "claude-opus-5-20260801").model,
            &model("anthropic", "claude-opus-5"));

  const auto tuned = find_model("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc");
  EXPECT_EQ(tuned.model, &model("openai", "gpt-4o-mini"));
  EXPECT_EQ(tuned.match, Match::fine_tuned);
  EXPECT_FALSE(find_model("openai", "ft:nothing:acme"));
  EXPECT_FALSE(find_model("openai", "gpt-5.6-sol-2026-7-30"));

  EXPECT_EQ(find_model("ollama", "qwen3:0.6b").match, Match::variant);
  EXPECT_EQ(find_model("ollama", "qwen3:8b").match, Match::alias);
  EXPECT_EQ(find_model("huggingface", "openai/gpt-oss-120b:fastest").match, Match::variant);
}

// A snapshot is another model than the id it is listed under, and a size at Ollama even more so.
TEST(Catalog, SendsTheListedIdUnlessTheNameAskedForIsMoreExact) {
  const auto sent = [](std::string_view provider, std::string_view asked) {
    return std::string(wire_id(find_model(provider, asked), asked));
  };
  EXPECT_EQ(sent("openai", "gpt-4o"), "gpt-4o");
  EXPECT_EQ(sent("openai", "gpt-4o-2024-11-20"), "gpt-4o-2024-11-20");
  EXPECT_EQ(sent("openai", "gpt-5.6-sol-2026-07-30"), "gpt-5.6-sol-2026-07-30");
  EXPECT_EQ(sent("ollama", "qwen3:14b"), "qwen3:14b");
  EXPECT_EQ(sent("ollama", "mixtral-8x7b"), "mixtral");
  EXPECT_EQ(sent("anthropic", "claude-haiku-4.5"), "claude-haiku-4-5");
  EXPECT_EQ(sent("groq", "gpt-oss-120b"), "openai/gpt-oss-120b");
  EXPECT_EQ(sent("fireworks", "deepseek-r1-0528"), "accounts/fireworks/models/deepseek-r1-0528");
  EXPECT_EQ(sent("mistral", "mistral-large-latest"), "mistral-large-latest");
}

// `:free` at OpenRouter is another price, so it must not inherit the paid one.
TEST(Catalog, SuffixesThatChangeThePriceDoNotInherit) {
  EXPECT_FALSE(find_model("openrouter", "openai/gpt-oss-120b:free"));
}

TEST(Catalog, HoldsThePricesAsWritten) {
  const Model& haiku = model("anthropic", "claude-haiku-4-5");
  EXPECT_EQ(haiku.prices.stated(PriceKind::input), usd("1"));
  EXPECT_EQ(haiku.prices.stated(PriceKind::cache_write), usd("1.25"));
  EXPECT_EQ(haiku.context_tokens, 200'000u);
  EXPECT_EQ(haiku.output_tokens_max, 64'000u);
  EXPECT_TRUE(has(haiku.capabilities, Capability::vision));
  EXPECT_FALSE(has(haiku.capabilities, Capability::audio));
  EXPECT_FALSE(model("openrouter", "openrouter/auto").prices.is_known());
}

TEST(Catalog, AKindWithoutAPriceOfItsOwnCostsWhatItsGeneralKindCosts) {
  const Model& plain = model("azure", "gpt-4");
  EXPECT_FALSE(plain.prices.stated(PriceKind::cache_read));
  EXPECT_EQ(plain.prices.of(PriceKind::cache_read), plain.prices.stated(PriceKind::input));
  EXPECT_EQ(model("groq", "openai/gpt-oss-120b").prices.of(PriceKind::batch_output),
            model("groq", "openai/gpt-oss-120b").prices.stated(PriceKind::output));
  EXPECT_FALSE(model("openrouter", "openrouter/auto").prices.of(PriceKind::cache_read));
}

TEST(Catalog, LongInputHasItsOwnPriceFromTheFirstTokenAboveTheLimit) {
  const Model& luna = model("openai", "gpt-5.6-luna");
  EXPECT_EQ(
      prices_at(price_book(&luna, {}), {.input_tokens = 272'000, .at = {}}).of(PriceKind::input),
      usd("0.2"));
  const PriceList longer = prices_at(price_book(&luna, {}), {.input_tokens = 272'001, .at = {}});
  EXPECT_EQ(longer.of(PriceKind::input), usd("0.4"));
  EXPECT_EQ(longer.of(PriceKind::output), usd("1.8"));
}

TEST(Catalog, AnAnnouncedPriceHoldsFromItsDay) {
  const Model& flash = model("gemini", "gemini-3.8-flash");
  const auto day = sys_days(std::chrono::January / 1 / 2027);
  EXPECT_EQ(
      prices_at(price_book(&flash, {}), {.at = day - std::chrono::seconds(1)}).of(PriceKind::input),
      usd("0.75"));
  EXPECT_EQ(prices_at(price_book(&flash, {}), {.at = day}).of(PriceKind::input), usd("1.5"));
}

TEST(Catalog, DeepSeekIsCheaperOutsideItsPeakHours) {
  const Model& flash = model("deepseek", "deepseek-flash");
  const auto monday = sys_days(std::chrono::November / 23 / 2026);
  const auto input_at = [&](std::chrono::sys_seconds at) {
    return prices_at(price_book(&flash, {}), {.at = at}).of(PriceKind::input);
  };
  EXPECT_EQ(input_at(monday + hours(1) - std::chrono::seconds(1)), usd("0.15"));
  EXPECT_EQ(input_at(monday + hours(1)), usd("0.3"));
  EXPECT_EQ(input_at(monday + hours(4)), usd("0.15"));
  EXPECT_EQ(input_at(monday + hours(7)), usd("0.3"));
  EXPECT_EQ(input_at(monday - hours(22)), usd("0.15")) << "Sunday";
}

TEST(Catalog, BatchPricesTakeThePlacesOfInputAndOutput) {
  const PriceList batch =
      prices_at(price_book(&model("anthropic", "claude-opus-5-5"), {}), {.at = {}, .batch = true});
  EXPECT_EQ(batch.of(PriceKind::input), usd("2"));
  EXPECT_EQ(batch.of(PriceKind::output), usd("10"));
}

TEST(Catalog, AnOldModelNamesItsReplacement) {
  const std::string notice = retirement_notice(model("openai", "o3"));
  EXPECT_EQ(notice, "o3 is deprecated and ends on 2026-12-11; use gpt-5.6-sol instead");
  EXPECT_EQ(retirement_notice(model("anthropic", "claude-opus-5")), "");
}

TEST(Catalog, ABareIdIsOfferedInTheDefaultOrder) {
  const auto offers = providers_offering("gpt-4o");
  ASSERT_GE(offers.size(), 3u);
  EXPECT_EQ(offers[0].model->provider.view(), "azure");
  EXPECT_EQ(offers[1].model->provider.view(), "openai");
  EXPECT_TRUE(providers_offering("no-such-model").empty());
}

TEST(Catalog, SuggestsTheNearestNames) {
  const auto names = nearest_names("claude-sonet-5", 3);
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.front(), "claude-sonnet-5");
  EXPECT_TRUE(nearest_names(std::string(10'000, 'x'), 3).empty());
}

TEST(Catalog, TellsTheEncodersWhatTheyNeed) {
  const auto sol = traits_of(model("openai", "gpt-5.6-sol"));
  EXPECT_TRUE(sol.reasons);
  EXPECT_FALSE(sol.takes_sampling);
  EXPECT_EQ(sol.output_tokens_max, 128'000);
  EXPECT_TRUE(traits_of(model("anthropic", "claude-sonnet-4-5")).takes_prefill);
  EXPECT_FALSE(traits_of(model("anthropic", "claude-opus-4-6")).takes_prefill);
  EXPECT_FALSE(traits_of(model("anthropic", "claude-sonnet-5")).takes_prefill);
  EXPECT_EQ(model("openai", "gpt-6-astra").chat_tools, ChatTools::never);
  EXPECT_TRUE(model("openai", "gpt-5.5-pro").responses_only);
}

}  // namespace
}  // namespace weir::providers
