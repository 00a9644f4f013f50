// SPDX-License-Identifier: Apache-2.0
#include "net/block.hpp"

#include <algorithm>
#include <array>

#include "base/sanitizer.hpp"

namespace weir::net {
namespace {

/// Blocks of the usual size that nobody uses.
class SpareBlocks {
 public:
  std::unique_ptr<char[]> take() {
    if (count_ > 0) return std::move(blocks_[--count_]);
    return std::make_unique_for_overwrite<char[]>(Block::usual_bytes);
  }
  /// Leaves the block where it is when there are enough.
  void keep(std::unique_ptr<char[]>& block) noexcept {
    if (!is_address_sanitized && count_ < blocks_.size()) blocks_[count_++] = std::move(block);
  }

 private:
  std::array<std::unique_ptr<char[]>, 16> blocks_;
  std::size_t count_ = 0;
};

thread_local SpareBlocks spare;

}  // namespace

Block::Block(std::size_t bytes)
    : data_(bytes <= usual_bytes ? spare.take() : std::make_unique_for_overwrite<char[]>(bytes)),
      size_(std::max(bytes, usual_bytes)) {}

Block::~Block() {
  if (data_ != nullptr && size_ == usual_bytes) spare.keep(data_);
}

}  // namespace weir::net
