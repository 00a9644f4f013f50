// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/spool_files.hpp"
#include "weir/result.hpp"

/// The files of the ledger.
///
/// Each thread that makes calls writes one stream of records, in a row of segments. All segments
/// are numbered as they are made, so that those of one stream stand in the order of their numbers.
namespace weir::ledger {

/// Where the ledger lies.
std::string folder_of(std::string_view data_directory);

/// A segment, as its file's name tells.
struct SegmentName {
  enum class State : std::uint8_t {
    open,    ///< is written, or its process ended without a word
    closed,  ///< whole
    packed,  ///< and compressed
  };
  std::uint64_t number = 0;
  std::uint64_t stream = 0;
  State state = State::open;
  std::int64_t closed_ms = 0;  ///< Unix time; nothing in it is younger. Unless open

  [[nodiscard]] std::string text() const;
  static std::optional<SegmentName> parse(std::string_view text);
  bool operator==(const SegmentName&) const = default;
};

/// Those in `folder`, by their numbers. Of a segment that is there twice, since packing it was cut
/// short, the packed one.
Result<std::vector<SegmentName>> list_segments(store::SpoolFiles& files, const std::string& folder);

/// What a segment begins with, once there is something in it.
struct SegmentHeader {
  std::uint64_t number = 0;
  std::uint64_t stream = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t oldest_open = 0;  ///< no segment before this one has an intent of a call that was
                                  ///< under way when this one was begun
  std::int64_t created_ms = 0;    ///< Unix time
  bool operator==(const SegmentHeader&) const = default;
};
inline constexpr std::size_t header_bytes = 64;

/// Precondition: `room` has `header_bytes`.
void write_header(std::span<char> room, const SegmentHeader& header);
/// Nothing: nothing was written yet, or it was damaged.
std::optional<SegmentHeader> read_header(std::string_view bytes);

}  // namespace weir::ledger
