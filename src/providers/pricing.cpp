// SPDX-License-Identifier: Apache-2.0
#include "providers/pricing.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/hash.hpp"

namespace weir::providers {
namespace {

using enum PriceKind;

/// A kind and its price in batches.
constexpr std::array batch_kinds{std::pair(input, batch_input), std::pair(output, batch_output)};

/// `price` times `part` over `whole`, rounded half to even.
TokenPrice scaled(TokenPrice price, TokenPrice part, TokenPrice whole) {
  if (whole.nano_per_million() == 0) return price;
  const Int128 nano = divide_half_even(Int128{price.nano_per_million()} * part.nano_per_million(),
                                       whole.nano_per_million());
  return TokenPrice::from_nano_per_million(
             static_cast<std::int64_t>(std::min(nano, Int128{TokenPrice::nano_max})))
      .value_or(price);
}

/// Lays `over` on `prices`. A change of the price alone leaves the share that batches save.
void lay_over(const PriceList& over, PriceList& prices) {
  PriceList batch;
  for (const auto& [listed, batched] : batch_kinds) {
    const auto before = prices.stated(listed);
    const auto reduced = prices.stated(batched);
    const auto now = over.stated(listed);
    if (before && reduced && now) batch.set(batched, scaled(*reduced, *now, *before));
  }
  prices = prices.with(batch).with(over);
}

/// Input or output, whichever `kind` is a case of.
PriceKind root_of(PriceKind kind) {
  while (row_of(kind).general != kind) kind = row_of(kind).general;
  return kind;
}

void apply_batch(PriceList& prices) {
  const PriceList listed = prices;
  for (const auto& [root, batched] : batch_kinds) {
    const auto before = listed.stated(root);
    const auto now = listed.stated(batched);
    if (!before || !now) continue;
    for (std::size_t i = 0; i < price_kind_count; ++i) {
      const auto kind = static_cast<PriceKind>(i);
      const auto price = listed.stated(kind);
      const bool is_batch_price = kind == batch_input || kind == batch_output;
      if (price && !is_batch_price && root_of(kind) == root) {
        prices.set(kind, scaled(*price, *now, *before));
      }
    }
  }
}

/// A provider without stated peak hours has the same price all day.
bool is_off_peak(const std::vector<PeakHours>& peak_hours, std::chrono::sys_seconds at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const auto weekday = std::chrono::weekday(day).iso_encoding();
  const auto minute = std::chrono::duration_cast<std::chrono::minutes>(at - day).count();
  const auto holds = [&](const PeakHours& hours) {
    const bool is_day = weekday >= hours.first_weekday && weekday <= hours.last_weekday;
    return is_day && minute >= hours.begin_minute && minute < hours.end_minute;
  };
  return !peak_hours.empty() && std::none_of(peak_hours.begin(), peak_hours.end(), holds);
}

bool holds(const PriceVariant& variant, const PriceBook& book, const PriceConditions& conditions) {
  switch (variant.when) {
    case PriceVariant::When::from_date:
      return conditions.at >= std::chrono::sys_days(std::chrono::days(variant.from_day));
    case PriceVariant::When::off_peak:
      return is_off_peak(book.peak_hours, conditions.at);
    case PriceVariant::When::long_context:
      return conditions.input_tokens > variant.above_tokens;
  }
  return false;
}

/// Every figure of `own` in one text.
std::string text_of(const OwnPrices& own) {
  std::string text;
  const auto append = [&](const PriceList& prices) {
    for (std::size_t i = 0; i < price_kind_count; ++i) {
      const auto price = prices.stated(static_cast<PriceKind>(i));
      if (price) {
        text.append(std::to_string(i)).append("=");
        text.append(std::to_string(price->nano_per_million())).append(";");
      }
    }
  };
  append(own.prices);
  for (const PriceVariant& variant : own.variants) {
    text.append("@").append(std::to_string(static_cast<int>(variant.when)));
    text.append(":").append(std::to_string(variant.above_tokens));
    text.append(":").append(std::to_string(variant.from_day)).append(":");
    append(variant.prices);
  }
  for (const PeakHours& hours : own.peak_hours) {
    for (const int part : {int{hours.first_weekday}, int{hours.last_weekday},
                           int{hours.begin_minute}, int{hours.end_minute}}) {
      text.append("/").append(std::to_string(part));
    }
  }
  return text;
}

std::string version_of(std::string_view base, const OwnPrices& own) {
  std::string version(base);
  if (own.is_empty()) return version;
  std::array<char, 16> digits{};
  const auto hash = static_cast<std::uint32_t>(mixed(hash_of(text_of(own))));
  std::snprintf(digits.data(), digits.size(), "+%08x", hash);
  return version.append(digits.data());
}

/// Sums a bill, and notes what has no price.
class Adder {
 public:
  explicit Adder(const PriceList& prices) : prices_(prices) {}

  void tokens(std::int64_t count, PriceKind kind) {
    if (count <= 0) return;
    const auto price = prices_.of(kind);
    if (price) sum_.add(count, *price);
    is_incomplete_ = is_incomplete_ || !price;
  }
  /// Sound and searches are often counted beside the tokens that pay for them.
  void units(const wire::Usage& usage) {
    const bool has_tokens = usage.input_total() > 0 || usage.output_total() > 0;
    const auto by_minute = prices_.stated(audio_minute);
    const auto by_search = prices_.stated(search);
    if (by_minute) sum_.add_sound(usage.audio_ms, *by_minute);
    if (by_search) sum_.add(usage.search_units, *by_search);
    const bool is_left_out =
        (usage.audio_ms > 0 && !by_minute) || (usage.search_units > 0 && !by_search);
    is_incomplete_ = is_incomplete_ || (is_left_out && !has_tokens);
  }
  void request() {
    if (const auto price = prices_.stated(PriceKind::request)) sum_.add(1, *price);
  }
  [[nodiscard]] std::int64_t total() const { return sum_.total().value_or(NanoUsd()).count(); }
  [[nodiscard]] bool is_incomplete() const { return is_incomplete_; }

 private:
  const PriceList& prices_;
  CostSum sum_;
  bool is_incomplete_ = false;
};

/// Tokens of one side by what they carry: shares of the whole, whose rest is text.
void add_shares(std::int64_t whole, std::int64_t audio, std::int64_t image, PriceKind text_kind,
                PriceKind audio_kind, PriceKind image_kind, Adder& adder) {
  audio = std::clamp<std::int64_t>(audio, 0, std::max<std::int64_t>(whole, 0));
  image = std::clamp<std::int64_t>(image, 0, std::max<std::int64_t>(whole - audio, 0));
  adder.tokens(whole - audio - image, text_kind);
  adder.tokens(audio, audio_kind);
  adder.tokens(image, image_kind);
}

PriceList all_zero() {
  PriceList list;
  list.set(input, TokenPrice());
  list.set(output, TokenPrice());
  list.set(search, TokenPrice());
  list.set(audio_minute, TokenPrice());
  return list;
}

}  // namespace

PriceBook price_book(const Model* listed, const OwnPrices& own) {
  PriceBook book;
  if (listed != nullptr) {
    book.base = listed->prices;
    for (const PriceVariant& variant : price_variants(*listed)) {
      PriceVariant left = variant;
      left.prices = variant.prices.without(own.prices);
      if (!left.prices.is_empty()) book.variants.push_back(left);
    }
    book.peak_hours = peak_hours_of(listed->provider);
  }
  book.base = book.base.with(own.prices);
  for (const PriceVariant& variant : own.variants) {
    const auto place =
        std::upper_bound(book.variants.begin(), book.variants.end(), variant,
                         [](const auto& a, const auto& b) { return a.when < b.when; });
    book.variants.insert(place, variant);
  }
  if (!own.peak_hours.empty()) book.peak_hours = own.peak_hours;
  book.version = version_of(listed != nullptr ? catalog_date() : "own", own);
  return book;
}

PriceBook free_book(const OwnPrices& own) {
  PriceBook book = price_book(nullptr, own);
  book.base = all_zero().with(own.prices);
  book.version = version_of("free", own);
  return book;
}

PriceBook dearest_book(std::string_view provider, const std::vector<PriceList>& others) {
  PriceBook book;
  book.is_assumed = true;
  book.version = std::string(catalog_date()) + "/dearest";
  const auto raise = [&](const PriceList& prices) {
    for (const PriceKind kind : {input, output}) {
      const auto price = prices.stated(kind);
      const auto highest = book.base.stated(kind);
      if (price && (!highest || *highest < *price)) book.base.set(kind, *price);
    }
  };
  for (const Model& model : models_of(provider)) {
    if (model.status != Status::retired) raise(model.prices);
  }
  for (const PriceList& prices : others) raise(prices);
  return book;
}

PriceList prices_at(const PriceBook& book, const PriceConditions& conditions) noexcept {
  PriceList prices = book.base;
  for (const PriceVariant& variant : book.variants) {
    if (holds(variant, book, conditions)) lay_over(variant.prices, prices);
  }
  if (conditions.batch) apply_batch(prices);
  return prices;
}

Bill bill(const PriceBook& book, const wire::Usage& usage, PriceConditions conditions) noexcept {
  if (usage.cost_nanousd) return {.nanousd = *usage.cost_nanousd, .is_told = true};
  conditions.input_tokens = usage.input_total();
  const PriceList prices = prices_at(book, conditions);
  Adder adder(prices);
  add_shares(usage.input, usage.input_audio, usage.input_image, input, audio_input, image_input,
             adder);
  adder.tokens(usage.input_cache_read, cache_read);
  adder.tokens(usage.input_cache_write, cache_write);
  adder.tokens(usage.input_cache_write_1h, cache_write_1h);
  add_shares(usage.output, usage.output_audio, usage.output_image, output, audio_output,
             image_output, adder);
  adder.tokens(usage.output_reasoning, reasoning);
  adder.units(usage);
  adder.request();
  return {.nanousd = adder.total(), .is_unpriced = book.is_assumed || adder.is_incomplete()};
}

}  // namespace weir::providers
