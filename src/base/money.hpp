// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Money as whole nano-dollars: a sum of any number of bills never drifts.
namespace weir {

/// An amount of money in nano-dollars (10⁻⁹ USD).
class NanoUsd {
 public:
  constexpr NanoUsd() = default;
  constexpr explicit NanoUsd(std::int64_t nano) noexcept : nano_(nano) {}

  [[nodiscard]] constexpr std::int64_t count() const noexcept { return nano_; }
  constexpr auto operator<=>(const NanoUsd&) const = default;
  constexpr NanoUsd& operator+=(NanoUsd other) noexcept {
    nano_ += other.nano_;
    return *this;
  }
  constexpr NanoUsd& operator-=(NanoUsd other) noexcept {
    nano_ -= other.nano_;
    return *this;
  }
  friend constexpr NanoUsd operator+(NanoUsd a, NanoUsd b) noexcept { return a += b; }
  friend constexpr NanoUsd operator-(NanoUsd a, NanoUsd b) noexcept { return a -= b; }

 private:
  std::int64_t nano_ = 0;
};

/// Reads dollars written as a plain decimal (`2`, `0.075`, `-1.5`), exactly. Nothing for anything
/// else, for more than nine decimals that count, and beyond ±9.2 billion dollars.
std::optional<NanoUsd> parse_usd(std::string_view text);

/// Reads a number as JSON writes it (`0.0028`, `1.5e-06`), in units of 10^`exponent` dollars, and
/// rounds it half to even to whole nano-dollars. Nothing for anything else, below zero, and from a
/// million dollars.
std::optional<NanoUsd> round_usd(std::string_view number, int exponent = 0);

/// Dollars as a plain decimal without superfluous zeros: `0.0028`.
std::string to_usd_text(NanoUsd amount);

/// What a million tokens cost, from 0 to a million dollars. The bound is what keeps a sum of
/// products within 128 bits.
class TokenPrice {
 public:
  static constexpr std::int64_t nano_max = 1'000'000'000'000'000;

  constexpr TokenPrice() = default;
  static constexpr std::optional<TokenPrice> from_nano_per_million(std::int64_t nano) noexcept {
    if (nano < 0 || nano > nano_max) return std::nullopt;
    return TokenPrice(nano);
  }
  /// Dollars per million tokens, as price lists write it; the limits of `parse_usd` and the class.
  static std::optional<TokenPrice> parse_usd_per_million(std::string_view text);
  /// Dollars for a single unit, a search or a minute of sound: up to one dollar.
  static std::optional<TokenPrice> parse_usd_each(std::string_view text);

  [[nodiscard]] constexpr std::int64_t nano_per_million() const noexcept { return nano_; }
  constexpr auto operator<=>(const TokenPrice&) const = default;

 private:
  constexpr explicit TokenPrice(std::int64_t nano) noexcept : nano_(nano) {}
  std::int64_t nano_ = 0;
};

/// Standard C++ has no name for it, hence the word that keeps -Wpedantic quiet.
__extension__ typedef __int128 Int128;

/// `value` over `divisor`, rounded half to even, so that sums of many bills lean neither way. Both
/// not negative.
constexpr Int128 divide_half_even(Int128 value, Int128 divisor) {
  const Int128 quotient = value / divisor;
  const Int128 twice_rest = 2 * (value % divisor);
  const bool rounds_up = twice_rest > divisor || (twice_rest == divisor && quotient % 2 != 0);
  return quotient + (rounds_up ? 1 : 0);
}

/// The bill of one attempt: products are summed exactly and rounded once, half to even (S-11.3).
/// Rounding each kind of token by itself would make the sum differ from the provider's.
class CostSum {
 public:
  /// Adds `tokens` at `price`. A negative count adds nothing.
  constexpr void add(std::int64_t tokens, TokenPrice price) noexcept {
    if (tokens > 0) products_ += product(tokens, price) * milliseconds_per_minute;
  }
  /// Adds a length of sound at a price per million minutes. A negative length adds nothing.
  constexpr void add_sound(std::int64_t milliseconds, TokenPrice price) noexcept {
    if (milliseconds > 0) products_ += product(milliseconds, price);
  }

  /// The sum in whole nano-dollars; nothing when it reaches 2⁶².
  [[nodiscard]] std::optional<NanoUsd> total() const noexcept;

 private:
  static constexpr Int128 milliseconds_per_minute = 60'000;
  static constexpr Int128 product(std::int64_t count, TokenPrice price) noexcept {
    constexpr Int128 product_max = Int128{1} << 83;  // beyond any total, and far from overflow
    const Int128 exact = static_cast<Int128>(count) * price.nano_per_million();
    return exact < product_max ? exact : product_max;
  }
  /// Nano-dollars times 10⁶ and the milliseconds of a minute.
  Int128 products_ = 0;
};

/// The cost of one kind of token alone; see `CostSum`.
std::optional<NanoUsd> cost(std::int64_t tokens, TokenPrice price) noexcept;

}  // namespace weir
