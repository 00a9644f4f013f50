// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "store/spool_files.hpp"
#include "weir/result.hpp"

/// Closed segments take a fifth of their room.
namespace weir::ledger {

/// Segments are not larger.
inline constexpr std::size_t segment_bytes_max = std::size_t{1} << 30;

std::string pack(std::string_view segment);
/// Errors: `store_unavailable` for what was not packed, or is larger than a segment can be.
Result<std::string> unpack(store::ReadableFile& file);

}  // namespace weir::ledger
