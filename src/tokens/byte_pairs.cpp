// SPDX-License-Identifier: Apache-2.0
#include "tokens/byte_pairs.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "base/assert.hpp"

namespace weir::tokens {

std::int64_t BytePairs::count(std::string_view piece) {
  WEIR_ASSERT(!piece.empty());
  if (vocabulary_.rank(piece) != Vocabulary::no_rank) return 1;
  if (piece.size() <= short_bytes_max) return count_short(piece);
  std::int64_t tokens = 0;
  for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), piece_bytes_max))) {
    tokens += count_long(piece.substr(0, piece_bytes_max));
  }
  return tokens;
}

std::int64_t BytePairs::count_short(std::string_view piece) const {
  struct Part {
    std::uint32_t begin;
    Rank rank;  ///< of its union with the next part
  };
  std::array<Part, short_bytes_max + 1> parts;  // the last one is the end
  std::size_t last = piece.size();
  const auto rank_at = [&](std::size_t i) {
    if (i + 2 > last) return Vocabulary::no_rank;
    return vocabulary_.rank(piece.substr(parts[i].begin, parts[i + 2].begin - parts[i].begin));
  };
  for (std::size_t i = 0; i <= last; ++i) parts[i].begin = static_cast<std::uint32_t>(i);
  for (std::size_t i = 0; i < last; ++i) parts[i].rank = rank_at(i);
  while (last > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < last; ++i) {
      if (parts[i].rank < parts[best].rank) best = i;
    }
    if (parts[best].rank == Vocabulary::no_rank) break;
    std::copy(parts.data() + best + 2, parts.data() + last + 1, parts.data() + best + 1);
    --last;
    parts[best].rank = rank_at(best);
    if (best > 0) parts[best - 1].rank = rank_at(best - 1);
  }
  return static_cast<std::int64_t>(last);
}

std::int64_t BytePairs::count_long(std::string_view piece) {
  const auto size = static_cast<std::uint32_t>(piece.size());
  links_.resize(size);
  sorted_.clear();
  sorted_taken_ = 0;
  heap_.clear();
  for (std::uint32_t i = 0; i < size; ++i) links_[i] = {i + 1, i - 1, Vocabulary::no_rank};
  for (std::uint32_t i = 0; i < size; ++i) {
    if (const auto pair = rank_pair(piece, i)) sorted_.push_back(*pair);
  }
  std::sort(sorted_.begin(), sorted_.end());

  std::int64_t tokens = size;
  for (Pair pair = 0; take_next(pair);) {
    const auto first = static_cast<std::uint32_t>(pair);
    Link& left = links_[first];
    if (left.rank != pair >> 32) continue;
    links_[left.next].rank = Vocabulary::no_rank;  // whatever is still in order of it is outdated
    left.next = links_[left.next].next;
    if (left.next < size) links_[left.next].previous = first;
    --tokens;
    const auto add = [&](std::uint32_t at) {
      const auto made = rank_pair(piece, at);
      if (!made) return;
      heap_.push_back(*made);
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    };
    add(first);
    if (first > 0) add(left.previous);
  }
  return tokens;
}

/// The pair that begins at `first`, if it is a token.
std::optional<BytePairs::Pair> BytePairs::rank_pair(std::string_view piece, std::uint32_t first) {
  Link& link = links_[first];
  link.rank = Vocabulary::no_rank;
  if (link.next >= piece.size()) return std::nullopt;
  link.rank = vocabulary_.rank(piece.substr(first, links_[link.next].next - first));
  if (link.rank == Vocabulary::no_rank) return std::nullopt;
  return Pair{link.rank} << 32 | first;
}

bool BytePairs::take_next(Pair& pair) {
  const bool has_sorted = sorted_taken_ < sorted_.size();
  if (has_sorted && (heap_.empty() || sorted_[sorted_taken_] < heap_.front())) {
    pair = sorted_[sorted_taken_++];
    return true;
  }
  if (heap_.empty()) return false;
  pair = heap_.front();
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  heap_.pop_back();
  return true;
}

}  // namespace weir::tokens
