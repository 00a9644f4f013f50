// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tokens {

/// The tokens of one encoding and their ranks: which two neighbours join first.
///
/// An open hash table. A slot holds a token's first eight bytes, so that asking for most tokens,
/// and for most byte strings that are none, touches one cache line.
class Vocabulary {
 public:
  using Rank = std::uint32_t;
  static constexpr Rank no_rank = std::numeric_limits<Rank>::max();

  /// `packed` is a file of data/tokens. Takes about 30 ms and, for o200k_base, 10 MB.
  explicit Vocabulary(std::string_view packed);

  /// Rank of the token that is `bytes`; `no_rank` when there is none.
  [[nodiscard]] Rank rank(std::string_view bytes) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Slot {
    std::uint64_t head = 0;  ///< the first eight bytes, zeros behind a shorter token
    Rank rank = no_rank;
    std::uint32_t place = 0;  ///< where the token is in `bytes_` << 8 | its length
  };

  void insert(std::uint32_t offset, std::size_t length, Rank rank);

  std::vector<char> bytes_;
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace weir::tokens
