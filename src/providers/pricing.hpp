// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "providers/catalog.hpp"
#include "providers/price_list.hpp"
#include "wire/canonical.hpp"

/// What an answer costs: the catalog's prices with the operator's over them, under the conditions
/// of the request.
namespace weir::providers {

/// Prices that the operator states for a model.
struct OwnPrices {
  PriceList prices;
  std::vector<PriceVariant> variants;
  std::vector<PeakHours> peak_hours;  ///< outside of which `off_peak` holds
  [[nodiscard]] bool is_empty() const { return prices.is_empty() && variants.empty(); }
  bool operator==(const OwnPrices&) const = default;
};

/// All prices of one target.
struct PriceBook {
  PriceList base;                      ///< while no condition holds
  std::vector<PriceVariant> variants;  ///< in the order they are laid over it
  std::vector<PeakHours> peak_hours;
  bool is_assumed = false;  ///< the model's price is not known; this is its provider's dearest
  /// Names these prices in the ledger: the catalog's date, and a fingerprint of what the operator
  /// states. Equal versions of one model mean equal prices.
  std::string version;

  [[nodiscard]] bool is_known() const noexcept { return base.is_known() && !is_assumed; }
  /// While no condition holds.
  [[nodiscard]] std::optional<TokenPrice> of(PriceKind kind) const noexcept {
    return base.of(kind);
  }
};

/// `listed`, if not null, with `own` over it. Where the operator states a price, no condition of
/// the catalog's changes it.
PriceBook price_book(const Model* listed, const OwnPrices& own);
/// Everything costs nothing, but for what `own` states.
PriceBook free_book(const OwnPrices& own);
/// For a model whose price is not known: the dearest input and output among `provider`'s in the
/// catalog and among `others` (U-5). Unknown where there is none.
PriceBook dearest_book(std::string_view provider, const std::vector<PriceList>& others);

/// Under which conditions a request is priced.
struct PriceConditions {
  std::int64_t input_tokens = 0;
  std::chrono::sys_seconds at{};  ///< wall time, for announced changes and off-peak hours
  bool batch = false;
};

/// The prices in force. With `batch`, the batch prices stand in the places of input and output, and
/// the kinds that are special cases of them are cheaper by the same share.
PriceList prices_at(const PriceBook& book, const PriceConditions& conditions) noexcept;

/// What one answer costs.
struct Bill {
  std::int64_t nanousd = 0;
  bool is_told = false;      ///< the provider stated it with the answer
  bool is_unpriced = false;  ///< a price was assumed, or something has none and was left out
};

/// The price of `usage`, to the nano-dollar (S-11.3); the provider's own figure wins. `conditions`
/// need no `input_tokens`: they are taken from `usage`.
Bill bill(const PriceBook& book, const wire::Usage& usage, PriceConditions conditions) noexcept;

}  // namespace weir::providers
