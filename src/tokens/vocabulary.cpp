// SPDX-License-Identifier: Apache-2.0
#include "tokens/vocabulary.hpp"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.hpp"
#include "base/hash.hpp"

namespace weir::tokens {
namespace {

constexpr std::size_t head_bytes = 8;
constexpr std::size_t token_bytes_max = 255;

std::uint64_t load(const char* from, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, size);
  return word;
}

std::uint64_t head_of(std::string_view bytes) {
  return bytes.size() >= head_bytes ? load(bytes.data(), head_bytes)
                                    : load(bytes.data(), bytes.size());
}

/// Of the first eight bytes, the last eight and the length. Text that is all collisions costs a
/// walk among the few tokens that share them.
std::uint64_t hash_of_token(std::uint64_t head, std::string_view bytes) {
  std::uint64_t hash = mixed(head + bytes.size());
  if (bytes.size() <= head_bytes) return hash;
  for (std::size_t at = head_bytes; at + head_bytes < bytes.size(); at += head_bytes) {
    hash = mixed(hash ^ load(bytes.data() + at, head_bytes));
  }
  return mixed(hash ^ load(bytes.data() + bytes.size() - head_bytes, head_bytes));
}

std::vector<char> unpack(std::string_view packed) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  WEIR_ASSERT(size < (1U << 24));  // our own files
  std::vector<char> plain(static_cast<std::size_t>(size));
  const std::size_t got = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
  WEIR_ASSERT(got == plain.size());
  return plain;
}

}  // namespace

Vocabulary::Vocabulary(std::string_view packed) : bytes_(unpack(packed)) {
  // A count, the lengths of all tokens by rank (0 for a rank that none has), their bytes.
  std::uint32_t count = 0;
  WEIR_ASSERT(bytes_.size() >= sizeof(count));
  for (std::size_t i = sizeof(count); i-- > 0;) {
    count = count << 8 | static_cast<unsigned char>(bytes_[i]);
  }
  slots_.resize(std::bit_ceil(std::size_t{count} * 2));
  std::size_t offset = sizeof(count) + count;
  for (Rank rank = 0; rank < count; ++rank) {
    const auto length = static_cast<unsigned char>(bytes_[sizeof(count) + rank]);
    WEIR_ASSERT(offset + length <= bytes_.size());
    if (length > 0) insert(static_cast<std::uint32_t>(offset), length, rank);
    offset += length;
  }
}

void Vocabulary::insert(std::uint32_t offset, std::size_t length, Rank rank) {
  const std::string_view bytes(bytes_.data() + offset, length);
  const std::uint64_t head = head_of(bytes);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash_of_token(head, bytes) & mask;
  while (slots_[at].rank != no_rank) at = (at + 1) & mask;
  slots_[at] = {head, rank, offset << 8 | static_cast<std::uint32_t>(length)};
  ++size_;
}

Vocabulary::Rank Vocabulary::rank(std::string_view bytes) const noexcept {
  if (bytes.size() > token_bytes_max) return no_rank;
  const std::uint64_t head = head_of(bytes);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash_of_token(head, bytes) & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.rank == no_rank) return no_rank;
    if (slot.head != head || (slot.place & 0xFF) != bytes.size()) continue;
    if (bytes.size() <= head_bytes ||
        std::memcmp(bytes_.data() + (slot.place >> 8), bytes.data(), bytes.size()) == 0) {
      return slot.rank;
    }
  }
}

}  // namespace weir::tokens
