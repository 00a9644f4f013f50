// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokens/vocabulary.hpp"

namespace weir::tokens {

/// Where pairs of neighbours begin, the lowest rank first and of one rank the leftmost.
///
/// Pairs of one rank stand in one row, and the ranks in a heap: text of few different pairs, which
/// has the most of each, is gone through row by row in the order it stands in memory.
class PairQueue {
 public:
  using Rank = Vocabulary::Rank;
  struct Pair {
    Rank rank;
    std::uint32_t first;
  };

  PairQueue();
  void clear();
  void add(Pair pair);
  /// False when there is none.
  bool take(Pair& pair);

 private:
  struct Row {
    Rank rank = 0;
    std::vector<std::uint32_t> places;
    std::size_t taken = 0;
    bool is_in_order = true;  ///< from `taken` on
  };
  static constexpr std::uint32_t no_row = 0xFFFF'FFFF;

  Row& row_of(Rank rank);
  void grow();

  std::vector<Row> rows_;  ///< used again after `clear`
  std::size_t row_count_ = 0;
  std::vector<std::uint32_t> table_;  ///< of rows by rank, open, a power of two
  std::vector<std::uint64_t> heap_;   ///< a rank and, below, its row; rows that have something left
};

/// Counts the tokens of single pieces of text: joins the two neighbours whose union has the lowest
/// rank, the leftmost of equals first, until no two are a token.
///
/// Short pieces, nearly all, are searched for the next pair from the front every time; long ones
/// keep their pairs in order, so that a piece of n bytes costs n log n at most. Reuses its memory
/// from one piece to the next; one thread at a time.
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

  /// A token that begins at the index of its link.
  struct Link {
    std::uint32_t next;      ///< where the token behind it begins
    std::uint32_t previous;  ///< where the one before it begins
    Rank rank;               ///< of its union with the token behind it
  };

  [[nodiscard]] std::int64_t count_short(std::string_view piece) const;
  std::int64_t count_long(std::string_view piece);
  void add_pair(std::string_view piece, std::uint32_t first);

  const Vocabulary& vocabulary_;
  PairQueue queue_;  ///< a pair is outdated when the link there has another rank by now
  std::vector<Link> links_;
};

}  // namespace weir::tokens
