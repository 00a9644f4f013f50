// SPDX-License-Identifier: Apache-2.0
#include "base/money.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/ascii.hpp"

namespace weir {
namespace {

constexpr int decimals = 9;
constexpr std::int64_t nano_per_usd = 1'000'000'000;
constexpr std::int64_t million = 1'000'000;
constexpr Int128 products_per_nano = Int128{million} * 60'000;  // see `CostSum`
constexpr Int128 usd_max = 1'000'000;  // what is dearer is a broken number, not a price
constexpr int exponent_max = 1000;
constexpr Int128 total_max = (Int128{1} << 62) - 1;

std::optional<int> exponent_of(std::string_view text) {
  int value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  if (value < -exponent_max || value > exponent_max) return std::nullopt;
  return value;
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

std::optional<NanoUsd> round_usd(std::string_view number, int exponent) {
  const auto mark = number.find_first_of("eE");
  if (mark != std::string_view::npos) {
    const auto written = exponent_of(number.substr(mark + 1));
    if (!written) return std::nullopt;
    exponent += *written;
  }
  const std::string_view digits = number.substr(0, mark);
  const auto point = digits.find('.');
  const auto whole = static_cast<std::int64_t>(std::min(point, digits.size()));
  // How many of the digits stand before the point, counted in nano-dollars.
  const std::int64_t before = whole + exponent + decimals;
  Int128 nano = 0;
  bool is_half = false;  // the first digit cut off is a five, and none after it counts
  bool is_more = false;
  std::int64_t place = 0;
  for (const char c : digits) {
    if (c == '.' && place == whole) continue;
    if (!ascii::is_digit(c)) return std::nullopt;
    if (place < before) {
      nano = nano * 10 + (c - '0');
      if (nano > usd_max * nano_per_usd) return std::nullopt;
    } else if (place == before) {
      is_half = c == '5';
      is_more = c > '5';
    } else if (c != '0') {
      is_more = is_more || is_half;
      is_half = false;
    }
    ++place;
  }
  if (place == 0) return std::nullopt;
  for (; place < before; ++place) {
    nano *= 10;
    if (nano > usd_max * nano_per_usd) return std::nullopt;
  }
  if (is_more || (is_half && nano % 2 != 0)) ++nano;
  return NanoUsd(static_cast<std::int64_t>(nano));
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

std::optional<TokenPrice> TokenPrice::parse_usd_each(std::string_view text) {
  const auto amount = parse_usd(text);
  if (!amount || amount->count() > nano_max / million) return std::nullopt;
  return from_nano_per_million(amount->count() * million);
}

std::optional<NanoUsd> CostSum::total() const noexcept {
  const Int128 rounded = divide_half_even(products_, products_per_nano);
  if (rounded > total_max) return std::nullopt;
  return NanoUsd(static_cast<std::int64_t>(rounded));
}

std::optional<NanoUsd> cost(std::int64_t tokens, TokenPrice price) noexcept {
  CostSum sum;
  sum.add(tokens, price);
  return sum.total();
}

}  // namespace weir
