// SPDX-License-Identifier: Apache-2.0
#include "providers/price_list.hpp"

namespace weir::providers {

std::optional<TokenPrice> PriceList::of(PriceKind kind) const noexcept {
  for (;;) {
    if (const auto price = stated(kind)) return price;
    const PriceKind general = row_of(kind).general;
    if (general == kind) return std::nullopt;
    kind = general;
  }
}

PriceList PriceList::with(const PriceList& other) const noexcept {
  PriceList merged = *this;
  for (std::size_t i = 0; i < price_kind_count; ++i) {
    if (other.nano_[i] != unknown) merged.nano_[i] = other.nano_[i];
  }
  return merged;
}

PriceList PriceList::without(const PriceList& other) const noexcept {
  PriceList left = *this;
  for (std::size_t i = 0; i < price_kind_count; ++i) {
    if (other.nano_[i] != unknown) left.nano_[i] = unknown;
  }
  return left;
}

}  // namespace weir::providers
