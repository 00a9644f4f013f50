// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/money.hpp"

/// Price lists as providers write them: dollars by kind of use, and the same under a condition.
namespace weir::providers {

/// Kinds of use that have a price of their own.
enum class PriceKind : std::uint8_t {
  input,
  output,
  cache_read,
  cache_write,
  cache_write_1h,
  batch_input,
  batch_output,
  audio_input,
  audio_output,
  image_input,
  image_output,
  reasoning,
  request,
  search,
  audio_minute,
};

/// What a price is for.
enum class PriceUnit : std::uint8_t { million_tokens, one };

struct PriceKindRow {
  std::string_view name;
  PriceUnit unit = PriceUnit::million_tokens;
  /// The kind whose price holds where this one has none; itself: there is none.
  PriceKind general = PriceKind::input;
};
// clang-format off
inline constexpr std::array price_kinds{
    PriceKindRow{"input",          PriceUnit::million_tokens, PriceKind::input},
    PriceKindRow{"output",         PriceUnit::million_tokens, PriceKind::output},
    PriceKindRow{"cache_read",     PriceUnit::million_tokens, PriceKind::input},
    PriceKindRow{"cache_write",    PriceUnit::million_tokens, PriceKind::input},
    PriceKindRow{"cache_write_1h", PriceUnit::million_tokens, PriceKind::cache_write},
    PriceKindRow{"batch_input",    PriceUnit::million_tokens, PriceKind::input},
    PriceKindRow{"batch_output",   PriceUnit::million_tokens, PriceKind::output},
    PriceKindRow{"audio_input",    PriceUnit::million_tokens, PriceKind::input},
    PriceKindRow{"audio_output",   PriceUnit::million_tokens, PriceKind::output},
    PriceKindRow{"image_input",    PriceUnit::million_tokens, PriceKind::input},
    PriceKindRow{"image_output",   PriceUnit::million_tokens, PriceKind::output},
    PriceKindRow{"reasoning",      PriceUnit::million_tokens, PriceKind::output},
    PriceKindRow{"request",        PriceUnit::one,            PriceKind::request},
    PriceKindRow{"search",         PriceUnit::one,            PriceKind::search},
    PriceKindRow{"audio_minute",   PriceUnit::one,            PriceKind::audio_minute},
};
// clang-format on
inline constexpr std::size_t price_kind_count = price_kinds.size();
constexpr const PriceKindRow& row_of(PriceKind kind) noexcept {
  return price_kinds[static_cast<std::size_t>(kind)];
}
/// Reads dollars in the unit of the kind; nothing for what is no such price.
inline std::optional<TokenPrice> parse_price(PriceKind kind, std::string_view text) {
  return row_of(kind).unit == PriceUnit::one ? TokenPrice::parse_usd_each(text)
                                             : TokenPrice::parse_usd_per_million(text);
}

/// Prices by kind; a kind may be unknown. Those of single units are kept per million as well.
class PriceList {
 public:
  constexpr PriceList() { nano_.fill(unknown); }

  constexpr void set(PriceKind kind, TokenPrice price) noexcept {
    nano_[index(kind)] = price.nano_per_million();
  }
  constexpr void forget(PriceKind kind) noexcept { nano_[index(kind)] = unknown; }
  /// As stated, nothing when unknown.
  [[nodiscard]] constexpr std::optional<TokenPrice> stated(PriceKind kind) const noexcept {
    if (nano_[index(kind)] == unknown) return std::nullopt;
    return TokenPrice::from_nano_per_million(nano_[index(kind)]);
  }
  /// As stated, else the price of the kind it is a special case of (cached input costs what input
  /// costs). Nothing when that is unknown too.
  [[nodiscard]] std::optional<TokenPrice> of(PriceKind kind) const noexcept;
  /// Input and output are both known.
  [[nodiscard]] constexpr bool is_known() const noexcept {
    return nano_[index(PriceKind::input)] != unknown && nano_[index(PriceKind::output)] != unknown;
  }
  [[nodiscard]] bool is_empty() const noexcept { return *this == PriceList(); }
  /// This list with what `other` states put over it.
  [[nodiscard]] PriceList with(const PriceList& other) const noexcept;
  /// This list without the kinds that `other` states.
  [[nodiscard]] PriceList without(const PriceList& other) const noexcept;

  bool operator==(const PriceList&) const = default;

 private:
  static constexpr std::int64_t unknown = -1;
  static constexpr std::size_t index(PriceKind kind) { return static_cast<std::size_t>(kind); }
  std::array<std::int64_t, price_kind_count> nano_;
};

/// A stretch of each of some weekdays, in UTC.
struct PeakHours {
  std::uint8_t first_weekday = 1;  ///< ISO: 1 is Monday
  std::uint8_t last_weekday = 7;
  std::uint16_t begin_minute = 0;  ///< of the day
  std::uint16_t end_minute = 0;    ///< the first one no longer in it
  bool operator==(const PeakHours&) const = default;
};

/// Prices that hold under a condition.
struct PriceVariant {
  /// In the order in which they are laid over each other.
  enum class When : std::uint8_t { from_date, off_peak, long_context };
  When when = When::long_context;
  std::int64_t above_tokens = 0;  ///< long_context: input longer than this
  std::int32_t from_day = 0;      ///< from_date: days since 1970-01-01
  PriceList prices;
  bool operator==(const PriceVariant&) const = default;
};

}  // namespace weir::providers
