// SPDX-License-Identifier: Apache-2.0
#include "tokens/byte_pairs.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tokens/embedded.hpp"

namespace weir::tokens {
namespace {

using Rank = Vocabulary::Rank;

const Vocabulary& vocabulary() {
  static const Vocabulary loaded(embedded::cl100k_base());
  return loaded;
}

/// The rule as it is told: the whole piece is searched for the next pair every time.
std::int64_t counted_plainly(const std::string& piece) {
  std::vector<std::string> parts;
  for (const char c : piece) parts.emplace_back(1, c);
  for (;;) {
    Rank best = Vocabulary::no_rank;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const Rank rank = vocabulary().rank(parts[i] + parts[i + 1]);
      if (rank < best) best = rank, at = i;
    }
    if (best == Vocabulary::no_rank) return static_cast<std::int64_t>(parts.size());
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(PairQueue, GivesTheLowestRankAndOfOneRankTheLeftmost) {
  PairQueue queue;
  for (const PairQueue::Pair pair : {PairQueue::Pair{7, 4}, {3, 9}, {7, 1}, {3, 2}}) {
    queue.add(pair);
  }
  const auto take = [&] {
    PairQueue::Pair pair{};
    return queue.take(pair) ? std::pair(pair.rank, pair.first) : std::pair<Rank, std::uint32_t>();
  };
  EXPECT_EQ(take(), std::pair(3U, 2U));
  EXPECT_EQ(take(), std::pair(3U, 9U));
  EXPECT_EQ(take(), std::pair(7U, 1U));
  // What comes between is not waited for by the rest of a row.
  queue.add({5, 8});
  queue.add({7, 3});
  EXPECT_EQ(take(), std::pair(5U, 8U));
  EXPECT_EQ(take(), std::pair(7U, 3U));
  EXPECT_EQ(take(), std::pair(7U, 4U));
  EXPECT_EQ(take(), std::pair(0U, 0U));
}

TEST(PairQueue, KeepsMoreRanksThanItBeganWith) {
  PairQueue queue;
  for (Rank rank = 1000; rank > 0; --rank) queue.add({rank, rank + 5});
  for (Rank rank = 1; rank <= 1000; ++rank) {
    PairQueue::Pair pair{};
    ASSERT_TRUE(queue.take(pair));
    EXPECT_EQ(pair.rank, rank);
    EXPECT_EQ(pair.first, rank + 5);
  }
}

TEST(BytePairs, LongPiecesCountAsASearchFromTheFrontWould) {
  std::mt19937 random(5);  // always the same
  BytePairs pairs(vocabulary());
  for (const std::string alphabet :
       {"a", "ab", "etaoin shrdlu", " \n", "\xE4\xB8\xAD\x96", "=-*"}) {
    for (int round = 0; round < 12; ++round) {
      std::string piece;
      const std::size_t size = 129 + random() % 300;
      while (piece.size() < size) piece += alphabet[random() % alphabet.size()];
      EXPECT_EQ(pairs.count(piece), counted_plainly(piece)) << piece;
    }
  }
}

}  // namespace
}  // namespace weir::tokens
