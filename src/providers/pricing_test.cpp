// SPDX-License-Identifier: Apache-2.0
#include "providers/pricing.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace weir::providers {
namespace {

using enum PriceKind;
using std::chrono::hours;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

const Model& model(std::string_view provider, std::string_view id) {
  const FoundModel found = find_model(provider, id);
  EXPECT_TRUE(found) << provider << "/" << id;
  return *found.model;
}

TokenPrice usd(std::string_view text) { return TokenPrice::parse_usd_per_million(text).value(); }

OwnPrices own(std::vector<std::pair<PriceKind, std::string_view>> stated) {
  OwnPrices prices;
  for (const auto& [kind, text] : stated) prices.prices.set(kind, parse_price(kind, text).value());
  return prices;
}

wire::Usage tokens(std::int64_t input, std::int64_t output) {
  wire::Usage usage;
  usage.input = input;
  usage.output = output;
  return usage;
}

const sys_seconds november = sys_days(std::chrono::November / 20 / 2026);

// S-11.3. The sums are done by hand: tokens times the catalog's dollars, in nano-dollars.
TEST(Pricing, BillsEveryKindOfTokenAtItsOwnPrice) {
  struct Case {
    std::string_view name;
    std::string_view provider;
    std::string_view model;
    wire::Usage usage;
    PriceConditions conditions;
    std::int64_t nanousd;
  };
  wire::Usage cached = tokens(200, 300);
  cached.input_cache_read = 1'000;
  wire::Usage written = tokens(10, 20);
  written.input_cache_read = 30;
  written.input_cache_write = 40;
  written.input_cache_write_1h = 50;
  wire::Usage thinking = tokens(100, 10);
  thinking.output_reasoning = 90;
  wire::Usage heard = tokens(1'000, 0);
  heard.input_audio = 400;
  const sys_seconds new_year = sys_days(std::chrono::January / 1 / 2027);
  const sys_seconds monday = sys_days(std::chrono::November / 23 / 2026);
  const Case cases[] = {
      {"plain", "openai", "gpt-5.6-luna", tokens(1'200, 300), {}, 240'000 + 360'000},
      {"cache read", "openai", "gpt-5.6-luna", cached, {}, 40'000 + 20'000 + 360'000},
      {"cache writes of both lifetimes",
       "anthropic",
       "claude-haiku-4-5",
       written,
       {},
       10'000 + 3'000 + 50'000 + 100'000 + 100'000},
      {"reasoning costs what output does",
       "openai",
       "gpt-5.6-luna",
       thinking,
       {},
       20'000 + 120'000},
      {"audio", "gemini", "gemini-2.5-flash", heard, {}, 180'000 + 400'000},
      {"long context from one above",
       "openai",
       "gpt-5.6-luna",
       tokens(272'001, 1),
       {},
       108'800'400 + 1'800},
      {"not yet long", "openai", "gpt-5.6-luna", tokens(272'000, 1), {}, 54'400'000 + 1'200},
      {"announced change",
       "gemini",
       "gemini-3.8-flash",
       tokens(1'000, 1'000),
       {.at = new_year},
       1'500'000 + 7'500'000},
      {"the second before it",
       "gemini",
       "gemini-3.8-flash",
       tokens(1'000, 1'000),
       {.at = new_year - std::chrono::seconds(1)},
       750'000 + 3'750'000},
      {"off-peak",
       "deepseek",
       "deepseek-flash",
       tokens(1'000, 1'000),
       {.at = monday},
       150'000 + 600'000},
      {"peak",
       "deepseek",
       "deepseek-flash",
       tokens(1'000, 1'000),
       {.at = monday + hours(1)},
       300'000 + 1'200'000},
      {"batch", "openai", "gpt-5.6-luna", tokens(1'200, 300), {.batch = true}, 120'000 + 180'000},
      {"cached input in a batch saves both ways",
       "openai",
       "gpt-5.6-luna",
       cached,
       {.batch = true},
       20'000 + 10'000 + 180'000},
      {"a long batch", "openai", "gpt-5.6-luna", tokens(300'000, 0), {.batch = true}, 60'000'000},
      {"a batch after an announced change",
       "gemini",
       "gemini-3.8-flash",
       tokens(1'000, 1'000),
       {.at = new_year, .batch = true},
       750'000 + 3'750'000},
  };
  for (const Case& row : cases) {
    PriceConditions conditions = row.conditions;
    if (conditions.at == sys_seconds()) conditions.at = november;
    const Bill got = bill(price_book(&model(row.provider, row.model), {}), row.usage, conditions);
    EXPECT_EQ(got.nanousd, row.nanousd) << row.name;
    EXPECT_FALSE(got.is_unpriced || got.is_told) << row.name;
  }
}

// S-11.3: one rounding for the whole bill, to even.
TEST(Pricing, RoundsOnceHalfToEven) {
  const OwnPrices prices = own({{input, "0.0005"}, {output, "0.001"}});
  const PriceBook book = price_book(nullptr, prices);
  EXPECT_EQ(bill(book, tokens(1, 0), {}).nanousd, 0);
  EXPECT_EQ(bill(book, tokens(3, 0), {}).nanousd, 2);
  EXPECT_EQ(bill(book, tokens(1, 1), {}).nanousd, 2);
  wire::Usage halves = tokens(1, 0);
  halves.input_cache_read = 1;
  EXPECT_EQ(bill(book, halves, {}).nanousd, 1) << "two halves make a whole";
}

TEST(Pricing, WhatTheOperatorStatesNoConditionOfTheCatalogChanges) {
  const PriceBook book = price_book(&model("openai", "gpt-5.6-luna"), own({{input, "3"}}));
  EXPECT_EQ(bill(book, tokens(300'000, 1'000), {}).nanousd, 900'000'000 + 1'800'000);
}

TEST(Pricing, OwnConditionsHoldLikeTheCatalogs) {
  OwnPrices prices = own({{input, "1"}, {output, "2"}});
  PriceVariant longer{.when = PriceVariant::When::long_context, .above_tokens = 10, .prices = {}};
  longer.prices.set(input, usd("5"));
  PriceVariant night{.when = PriceVariant::When::off_peak, .prices = {}};
  night.prices.set(input, usd("0.5"));
  prices.variants = {longer, night};
  prices.peak_hours = {{.begin_minute = 60, .end_minute = 120}};
  const PriceBook book = price_book(nullptr, prices);
  const auto input_at = [&](std::int64_t count, int hour) {
    return bill(book, tokens(count, 0), {.at = november + hours(hour)}).nanousd;
  };
  EXPECT_EQ(input_at(10, 1), 10'000);
  EXPECT_EQ(input_at(10, 2), 5'000);
  EXPECT_EQ(input_at(11, 2), 55'000) << "the length is laid over the hour";
}

TEST(Pricing, PicturesSoundThoughtsAndUnitsHavePricesOfTheirOwn) {
  const PriceBook book = price_book(nullptr, own({{input, "1"},
                                                  {output, "2"},
                                                  {audio_output, "20"},
                                                  {image_input, "10"},
                                                  {image_output, "40"},
                                                  {reasoning, "3"},
                                                  {request, "0.01"},
                                                  {search, "0.002"},
                                                  {audio_minute, "0.006"}}));
  wire::Usage usage = tokens(100, 100);
  usage.input_image = 40;
  usage.output_audio = 10;
  usage.output_image = 20;
  usage.output_reasoning = 5;
  usage.search_units = 2;
  usage.audio_ms = 30'000;
  EXPECT_EQ(bill(book, usage, {}).nanousd, 60'000 + 400'000 + 70 * 2'000 + 200'000 + 800'000 +
                                               15'000 + 10'000'000 + 4'000'000 + 3'000'000);
}

TEST(Pricing, SharesNeverExceedTheWhole) {
  const PriceBook book = price_book(nullptr, own({{input, "1"}, {output, "1"}}));
  wire::Usage usage = tokens(10, 0);
  usage.input_audio = 50;
  usage.input_image = 50;
  EXPECT_EQ(bill(book, usage, {}).nanousd, 10'000);
}

TEST(Pricing, TheProvidersOwnFigureWins) {
  wire::Usage usage = tokens(1'000, 1'000);
  usage.cost_nanousd = 7;
  const Bill got = bill(price_book(&model("openai", "gpt-5.6-luna"), {}), usage, {});
  EXPECT_EQ(got.nanousd, 7);
  EXPECT_TRUE(got.is_told);
}

// U-5: an unknown model is booked at the dearest of its provider, and says so.
TEST(Pricing, AnUnknownModelCostsWhatTheDearestDoes) {
  PriceList dear;
  dear.set(output, usd("900000"));
  const PriceBook book = dearest_book("openai", {dear});
  for (const Model& other : models_of("openai")) {
    const auto price = other.prices.stated(input);
    if (price && other.status != Status::retired) EXPECT_GE(book.base.of(input), price);
  }
  EXPECT_EQ(book.base.of(output), usd("900000"));
  EXPECT_FALSE(book.is_known());
  EXPECT_TRUE(bill(book, tokens(1, 1), {}).is_unpriced);
  const Bill nothing = bill(dearest_book("custom", {}), tokens(5, 5), {});
  EXPECT_EQ(nothing.nanousd, 0);
  EXPECT_TRUE(nothing.is_unpriced);
}

TEST(Pricing, WhatHasNoPriceIsLeftOutAndSaid) {
  wire::Usage searched;
  searched.search_units = 3;
  EXPECT_TRUE(bill(price_book(&model("openai", "gpt-5.6-luna"), {}), searched, {}).is_unpriced);
  EXPECT_FALSE(bill(free_book({}), searched, {}).is_unpriced);
}

TEST(Pricing, TheVersionNamesThePrices) {
  const Model& luna = model("openai", "gpt-5.6-luna");
  const std::string listed = price_book(&luna, {}).version;
  EXPECT_EQ(listed, catalog_date());
  const std::string one = price_book(&luna, own({{input, "1"}})).version;
  EXPECT_TRUE(one.starts_with(listed + "+")) << one;
  EXPECT_EQ(one, price_book(&luna, own({{input, "1"}})).version);
  EXPECT_NE(one, price_book(&luna, own({{input, "2"}})).version);
  EXPECT_NE(one, price_book(&luna, own({{output, "1"}})).version);
  EXPECT_EQ(free_book({}).version, "free");
}

TEST(Pricing, ASumThatCannotBeIsNoBill) {
  const PriceBook book = price_book(nullptr, own({{input, "1000000"}, {output, "1"}}));
  EXPECT_EQ(bill(book, tokens(std::int64_t{1} << 62, 0), {}).nanousd, 0);
}

}  // namespace
}  // namespace weir::providers
