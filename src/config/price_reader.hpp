// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/section_reader.hpp"
#include "providers/pricing.hpp"

namespace weir::config {

/// Reads `price:` of a model: a price for each kind, and the maps `long_context`, `price_change`
/// and `off_peak` of prices under a condition.
void read_prices(const Node& node, const std::string& path, SectionReader& reader,
                 providers::OwnPrices& out);

}  // namespace weir::config
