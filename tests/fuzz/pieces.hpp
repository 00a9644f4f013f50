// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"

/// How the fuzz targets read their input: single choices from the front, text from the rest.
///
/// The front is plain bytes rather than FuzzedDataProvider, so that a corpus file can be written
/// and read in an editor.
namespace weir::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  /// The next byte; 0 when there is none.
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  /// Everything that was not read.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Calls `take` with pieces of `text` in order: runs of `stride` bytes, the first of `first`.
template <class Take>
void for_each_piece(std::string_view text, std::size_t first, std::size_t stride, Take take) {
  WEIR_ASSERT(stride > 0);
  for (std::size_t size = first; !text.empty(); size = stride) {
    take(text.substr(0, size));
    text.remove_prefix(size < text.size() ? size : text.size());
  }
}

}  // namespace weir::fuzz
