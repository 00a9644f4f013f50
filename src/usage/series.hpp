// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "usage/figures.hpp"
#include "weir/error.hpp"

/// How stores write down what sums are told apart by.
namespace weir::usage {

std::string encode_labels(const Labels& labels);
/// Nothing: damaged.
std::optional<Labels> decode_labels(std::string_view bytes);

Error damaged_sums();

}  // namespace weir::usage
