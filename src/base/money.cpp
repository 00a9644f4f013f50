// SPDX-License-Identifier: Apache-2.0
#include "base/money.hpp"

#include <limits>

#include "base/ascii.hpp"

namespace weir {
namespace {

constexpr int decimals = 9;
constexpr std::int64_t nano_per_usd = 1'000'000'000;
constexpr Int128 tokens_per_price = 1'000'000;
constexpr Int128 total_max = (Int128{1} << 62) - 1;

/// Rounds half to even, so that sums of many bills lean neither way.
constexpr Int128 divide_half_even(Int128 value, Int128 divisor) {
  const Int128 quotient = value / divisor;
  const Int128 twice_rest = 2 * (value % divisor);
  const bool rounds_up = twice_rest > divisor || (twice_rest == divisor && quotient % 2 != 0);
  return quotient + (rounds_up ? 1 : 0);
}

}  // namespace

std::optional<NanoUsd> parse_usd(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) return std::nullopt;
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  if (whole.size() > 10 || fraction.size() > decimals) return std::nullopt;

  Int128 nano = 0;
  for (const char digit : whole) {
    if (!ascii::is_digit(digit)) return std::nullopt;
    nano = nano * 10 + (digit - '0');
  }
  for (std::size_t i = 0; i < decimals; ++i) {
    const char digit = i < fraction.size() ? fraction[i] : '0';
    if (!ascii::is_digit(digit)) return std::nullopt;
    nano = nano * 10 + (digit - '0');
  }
  if (nano > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return NanoUsd(static_cast<std::int64_t>(is_negative ? -nano : nano));
}

std::string to_usd_text(NanoUsd amount) {
  const Int128 count = amount.count();
  const Int128 magnitude = count < 0 ? -count : count;
  std::string text = count < 0 ? "-" : "";
  text += std::to_string(static_cast<std::int64_t>(magnitude / nano_per_usd));
  std::string fraction = std::to_string(static_cast<std::int64_t>(magnitude % nano_per_usd));
  fraction.insert(0, static_cast<std::size_t>(decimals) - fraction.size(), '0');
  while (fraction.ends_with('0')) fraction.pop_back();
  if (!fraction.empty()) text.append(".").append(fraction);
  return text;
}

std::optional<TokenPrice> TokenPrice::parse_usd_per_million(std::string_view text) {
  const auto amount = parse_usd(text);
  if (!amount) return std::nullopt;
  return from_nano_per_million(amount->count());
}

std::optional<NanoUsd> CostSum::total() const noexcept {
  const Int128 rounded = divide_half_even(products_, tokens_per_price);
  if (rounded > total_max) return std::nullopt;
  return NanoUsd(static_cast<std::int64_t>(rounded));
}

std::optional<NanoUsd> cost(std::int64_t tokens, TokenPrice price) noexcept {
  CostSum sum;
  sum.add(tokens, price);
  return sum.total();
}

}  // namespace weir
