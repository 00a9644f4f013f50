// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace weir::net {

/// A piece of memory to read into: 16 KiB, or more where that is asked for. Each thread keeps some
/// of the usual size, so that taking and giving back between two reads costs next to nothing.
class Block {
 public:
  static constexpr std::size_t usual_bytes = 16 * 1024;

  Block() = default;
  /// Of at least `bytes`, not set to anything.
  explicit Block(std::size_t bytes);
  Block(Block&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Block();

  [[nodiscard]] char* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
};

}  // namespace weir::net
