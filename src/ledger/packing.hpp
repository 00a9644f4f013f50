// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/spool_files.hpp"
#include "weir/result.hpp"

/// Closed segments take a fifth of their room. They are packed in pieces, each for itself, so that
/// one record of them is read without all the others.
namespace weir::ledger {

/// Segments are not larger: twice as much as can be asked for, since after a crash a segment may
/// grow by the ends of the calls that were under way.
inline constexpr std::size_t segment_bytes_max = std::size_t{1} << 31;

/// The packed form of a closed segment. Precondition: it is not larger than a segment can be.
/// Errors: those of reading it.
Result<std::string> pack(store::ReadableFile& segment);

/// What was packed, or a part of it.
struct Unpacked {
  std::uint64_t offset = 0;  ///< where it stands in the segment
  std::string bytes{};
};
/// Errors of both: `store_unavailable` for what was not packed, or is larger than a segment can be.
Result<Unpacked> unpack(store::ReadableFile& file);
/// The same of the pieces that hold `size` bytes from `offset` on, as far as there are any; of a
/// file that an earlier version packed, all.
Result<Unpacked> unpack_part(store::ReadableFile& file, std::uint64_t offset, std::size_t size);

}  // namespace weir::ledger
