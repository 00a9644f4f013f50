// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

/// A short text that is put together from its parts before it is appended to a string at once: each
/// append costs more than the copy.
template <std::size_t SizeMax>
class TextPiece {
 public:
  static constexpr std::size_t size_max = SizeMax;

  /// Precondition of both: what is there and what comes is `size_max` at most.
  TextPiece& add(std::string_view part) noexcept {
    size_ += part.copy(bytes_.data() + size_, part.size());
    return *this;
  }
  TextPiece& add(char c) noexcept {
    bytes_[size_++] = c;
    return *this;
  }
  void append_to(std::string& out) const { out.append(bytes_.data(), size_); }

 private:
  std::array<char, SizeMax> bytes_;
  std::size_t size_ = 0;
};

}  // namespace weir
