// SPDX-License-Identifier: Apache-2.0
#include "base/recycled.hpp"

#include <cstddef>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/sanitizer.hpp"

namespace weir {
namespace {

TEST(Recycled, APieceHoldsWhatIsAskedFor) {
  for (std::size_t bytes = 0; bytes <= detail::piece_bytes_max; ++bytes) {
    const std::size_t size = detail::piece_size_of(bytes);
    ASSERT_LT(size, detail::piece_size_count) << bytes;
    ASSERT_GE(detail::bytes_of_piece(size), bytes);
    ASSERT_GE(detail::bytes_of_piece(size), sizeof(detail::FreePiece));
  }
  EXPECT_EQ(detail::piece_size_of(detail::piece_bytes_max), detail::piece_size_count - 1);
}

TEST(Recycled, AThreadThatKeepsGivesOutWhatItGotBack) {
  if (is_address_sanitized) GTEST_SKIP() << "nothing is kept then";
  std::thread([] {
    keep_memory_of_this_thread();
    void* const first = take_recycled(100);
    give_back(first, 100);
    void* const second = take_recycled(97);
    EXPECT_EQ(second, first);
    give_back(second, 97);
  }).join();
}

TEST(Recycled, KeepsSoManyOfASizeAndNoneWithoutBeingAsked) {
  if (is_address_sanitized) GTEST_SKIP() << "nothing is kept then";
  const auto kept_of = [](std::size_t bytes, std::size_t count) {
    std::vector<void*> pieces;
    for (std::size_t i = 0; i < count; ++i) pieces.push_back(take_recycled(bytes));
    for (void* const piece : pieces) give_back(piece, bytes);
    std::size_t kept = 0;
    const auto* piece = detail::free_pieces[detail::piece_size_of(bytes)].first;
    for (; piece != nullptr; piece = piece->next) ++kept;
    return kept;
  };
  std::thread([&] {
    EXPECT_EQ(kept_of(1000, 100), 0U);
    keep_memory_of_this_thread();
    EXPECT_EQ(kept_of(1000, 100), (std::size_t{64} << 10) / 1008);
    EXPECT_EQ(kept_of(detail::piece_bytes_max, 100), 8U);
  }).join();
}

TEST(Recycled, AnotherThreadMayGiveItBack) {
  void* memory = nullptr;
  std::thread([&] {
    keep_memory_of_this_thread();
    memory = take_recycled(500);
    std::memset(memory, 1, 500);
  }).join();
  give_back(memory, 500);
}

}  // namespace
}  // namespace weir
