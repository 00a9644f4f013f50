// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ledger/packing.hpp"
#include "ledger/record.hpp"
#include "ledger/segment.hpp"

namespace weir::ledger {

/// Reads the records of one segment in their order, also while it is written.
class SegmentReader {
 public:
  struct Record {
    Frame frame;  ///< until the next call of `next`
    std::uint64_t offset = 0;
  };

  /// Errors: `route_unknown` when there is no such file (any more: it may have another name),
  /// `store_unavailable`.
  static Result<SegmentReader> open(store::SpoolFiles& files, const std::string& folder,
                                    const SegmentName& name);
  /// The same to read the record that begins at `offset`, and nothing before or after it.
  static Result<SegmentReader> open_at(store::SpoolFiles& files, const std::string& folder,
                                       const SegmentName& name, std::uint64_t offset);

  /// Reads on from there. Precondition: a record begins there, or the first one.
  void seek(std::uint64_t offset) { offset_ = std::max<std::uint64_t>(offset, header_bytes); }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

  /// Nothing: nothing was written, or the header is damaged.
  Result<std::optional<SegmentHeader>> header();
  /// Nothing when there is no whole record there (yet).
  Result<std::optional<Record>> next();
  /// Passes over what can't be read, to the next whole record with a sequence number of at least
  /// `sequence`. False: there is none up to the end. Of segments that nobody writes.
  Result<bool> skip_damage(std::uint64_t sequence);
  /// Bytes that were passed over and are not just zeros.
  [[nodiscard]] std::uint64_t bytes_unreadable() const { return bytes_unreadable_; }

 private:
  explicit SegmentReader(std::unique_ptr<store::ReadableFile> file) : file_(std::move(file)) {}
  explicit SegmentReader(Unpacked unpacked);
  /// The bytes at `offset_`, at least `size` of them if the segment has as many.
  Result<std::string_view> look(std::size_t size);
  /// What of them is in the window.
  [[nodiscard]] std::string_view seen() const;
  /// Moves the window to `offset_` and reads it from the file.
  Result<> read_window(std::size_t size);

  std::unique_ptr<store::ReadableFile> file_;  ///< null: all that is asked for is in the window
  std::string room_;                           ///< the window stands at its beginning
  std::size_t window_size_ = 0;
  std::uint64_t window_offset_ = 0;  ///< of the window in the segment
  std::uint64_t offset_ = header_bytes;
  std::uint64_t bytes_unreadable_ = 0;
};

}  // namespace weir::ledger
