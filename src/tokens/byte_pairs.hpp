// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokens/vocabulary.hpp"

namespace weir::tokens {

/// Counts the tokens of single pieces of text: joins the two neighbours whose union has the lowest
/// rank, the leftmost of equals first, until no two are a token.
///
/// Short pieces, nearly all, are searched for the next pair from the front every time; long ones
/// keep their pairs in order, so that a piece of n bytes costs n log n. Reuses its memory from one
/// piece to the next; one thread at a time.
class BytePairs {
 public:
  /// Of a longer piece, each stretch of this size is counted by itself: it bounds the memory (30
  /// bytes for each of the piece), and at worst adds a few tokens for every cut.
  static constexpr std::size_t piece_bytes_max = std::size_t{1} << 20;

  explicit BytePairs(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// Tokens of `piece`, which is not empty.
  std::int64_t count(std::string_view piece);

 private:
  using Rank = Vocabulary::Rank;
  static constexpr std::size_t short_bytes_max = 128;

  /// A rank and, below, where the pair begins: the smallest is next. Outdated when the pair there
  /// has another rank by now.
  using Pair = std::uint64_t;
  /// A token that begins at the index of its link.
  struct Link {
    std::uint32_t next;      ///< where the token behind it begins
    std::uint32_t previous;  ///< where the one before it begins
    Rank rank;               ///< of its union with the token behind it
  };

  [[nodiscard]] std::int64_t count_short(std::string_view piece) const;
  std::int64_t count_long(std::string_view piece);
  std::optional<Pair> rank_pair(std::string_view piece, std::uint32_t first);
  bool take_next(Pair& pair);

  const Vocabulary& vocabulary_;
  std::vector<Pair> sorted_;  ///< the pairs of single bytes
  std::size_t sorted_taken_ = 0;
  std::vector<Pair> heap_;  ///< those that came about since
  std::vector<Link> links_;
};

}  // namespace weir::tokens
