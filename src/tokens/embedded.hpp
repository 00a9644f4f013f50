// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// The files of data/tokens, part of the program. See data/tokens/README.md for where they are
/// from.
namespace weir::tokens::embedded {

std::string_view o200k_base() noexcept;
std::string_view cl100k_base() noexcept;
std::string_view char_classes() noexcept;

}  // namespace weir::tokens::embedded
