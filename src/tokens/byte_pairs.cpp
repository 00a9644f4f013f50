// SPDX-License-Identifier: Apache-2.0
#include "tokens/byte_pairs.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "base/assert.hpp"
#include "base/hash.hpp"

namespace weir::tokens {

PairQueue::PairQueue() : table_(64, no_row) {}

void PairQueue::clear() {
  row_count_ = 0;
  heap_.clear();
  std::fill(table_.begin(), table_.end(), no_row);
}

PairQueue::Row& PairQueue::row_of(Rank rank) {
  const std::size_t mask = table_.size() - 1;
  std::size_t at = mixed(rank) & mask;
  while (table_[at] != no_row && rows_[table_[at]].rank != rank) at = (at + 1) & mask;
  if (table_[at] != no_row) return rows_[table_[at]];
  if (2 * (row_count_ + 1) > table_.size()) {
    grow();
    return row_of(rank);
  }
  table_[at] = static_cast<std::uint32_t>(row_count_++);
  if (rows_.size() < row_count_) rows_.emplace_back();
  Row& row = rows_[row_count_ - 1];
  row.rank = rank;
  row.places.clear();
  row.taken = 0;
  row.is_in_order = true;
  return row;
}

void PairQueue::grow() {
  table_.assign(table_.size() * 2, no_row);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t i = 0; i < row_count_; ++i) {
    std::size_t at = mixed(rows_[i].rank) & mask;
    while (table_[at] != no_row) at = (at + 1) & mask;
    table_[at] = static_cast<std::uint32_t>(i);
  }
}

void PairQueue::add(Pair pair) {
  Row& row = row_of(pair.rank);
  const bool was_empty = row.taken == row.places.size();
  if (was_empty) {
    row.places.clear();
    row.taken = 0;
    row.is_in_order = true;
    const auto index = static_cast<std::uint64_t>(&row - rows_.data());
    heap_.push_back(std::uint64_t{pair.rank} << 32 | index);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  } else if (pair.first < row.places.back()) {
    row.is_in_order = false;
  }
  row.places.push_back(pair.first);
}

bool PairQueue::take(Pair& pair) {
  if (heap_.empty()) return false;
  Row& row = rows_[static_cast<std::uint32_t>(heap_.front())];
  if (!row.is_in_order) {
    std::sort(row.places.begin() + static_cast<std::ptrdiff_t>(row.taken), row.places.end());
    row.is_in_order = true;
  }
  pair = {row.rank, row.places[row.taken++]};
  if (row.taken == row.places.size()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
  return true;
}

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
  queue_.clear();
  for (std::uint32_t i = 0; i < size; ++i) links_[i] = {i + 1, i - 1, Vocabulary::no_rank};
  for (std::uint32_t i = 0; i < size; ++i) add_pair(piece, i);

  std::int64_t tokens = size;
  for (PairQueue::Pair pair{}; queue_.take(pair);) {
    Link& left = links_[pair.first];
    if (left.rank != pair.rank) continue;
    links_[left.next].rank = Vocabulary::no_rank;  // whatever is still in order of it is outdated
    left.next = links_[left.next].next;
    if (left.next < size) links_[left.next].previous = pair.first;
    --tokens;
    add_pair(piece, pair.first);
    if (pair.first > 0) add_pair(piece, left.previous);
  }
  return tokens;
}

/// The pair that begins at `first`, if it is a token.
void BytePairs::add_pair(std::string_view piece, std::uint32_t first) {
  Link& link = links_[first];
  link.rank = Vocabulary::no_rank;
  if (link.next >= piece.size()) return;
  link.rank = vocabulary_.rank(piece.substr(first, links_[link.next].next - first));
  if (link.rank != Vocabulary::no_rank) queue_.add({link.rank, first});
}

}  // namespace weir::tokens
