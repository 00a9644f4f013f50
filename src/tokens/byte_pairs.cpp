// SPDX-License-Identifier: Apache-2.0
#include "tokens/byte_pairs.hpp"

#include <algorithm>
#include <array>

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
  const auto is_later = [](const Pair& a, const Pair& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.first > b.first;
  };
  links_.resize(size);
  heap_.clear();
  for (std::uint32_t i = 0; i < size; ++i) links_[i] = {i + 1, i - 1, Vocabulary::no_rank};
  for (std::uint32_t i = 0; i < size; ++i) set_rank(piece, i);
  std::make_heap(heap_.begin(), heap_.end(), is_later);

  std::int64_t tokens = size;
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    const Pair pair = heap_.back();
    heap_.pop_back();
    Link& left = links_[pair.first];
    if (left.rank != pair.rank) continue;
    links_[left.next].rank = Vocabulary::no_rank;  // what the heap still has of it is outdated
    left.next = links_[left.next].next;
    if (left.next < size) links_[left.next].previous = pair.first;
    --tokens;
    const auto add = [&](std::uint32_t first) {
      const std::size_t before = heap_.size();
      set_rank(piece, first);
      if (heap_.size() > before) std::push_heap(heap_.begin(), heap_.end(), is_later);
    };
    add(pair.first);
    if (pair.first > 0) add(left.previous);
  }
  return tokens;
}

/// Looks up the pair that begins at `first` and puts it at the end of the heap's memory.
void BytePairs::set_rank(std::string_view piece, std::uint32_t first) {
  Link& link = links_[first];
  link.rank = Vocabulary::no_rank;
  if (link.next >= piece.size()) return;
  link.rank = vocabulary_.rank(piece.substr(first, links_[link.next].next - first));
  if (link.rank != Vocabulary::no_rank) heap_.push_back({link.rank, first});
}

}  // namespace weir::tokens
