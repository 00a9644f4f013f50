// SPDX-License-Identifier: Apache-2.0
#include "base/recycled.hpp"

#include <cstdlib>

namespace weir {
namespace {

constexpr std::size_t kept_bytes_max = std::size_t{64} << 10;  // of each size, for each thread

/// Ends what a thread keeps with the thread. What is given back later is let go at once.
class Keeper {
 public:
  ~Keeper() {
    is_over_ = true;
    for (detail::FreePieces& free : detail::free_pieces) {
      free.room = 0;
      while (free.first != nullptr) {
        detail::FreePiece* piece = free.first;
        free.first = piece->next;
        detail::let_go(piece);
      }
    }
  }
  Keeper() = default;
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  void open() noexcept {
    if (is_open_ || is_over_) return;
    is_open_ = true;
    for (std::size_t size = 0; size < detail::free_pieces.size(); ++size) {
      detail::free_pieces[size].room = kept_bytes_max / detail::bytes_of_piece(size);
    }
  }

 private:
  bool is_open_ = false;
  bool is_over_ = false;
};

thread_local Keeper keeper;

}  // namespace

namespace detail {

constinit thread_local std::array<FreePieces, piece_size_count> free_pieces;

void* take_fresh(std::size_t bytes) {
  void* const memory = std::malloc(bytes);
  // That form of `new` is the library's own also where the program has another ordinary one, takes
  // from the same memory, and does what is to be done when there is none.
  constexpr std::align_val_t alignment{alignof(std::max_align_t)};
  return memory != nullptr ? memory : ::operator new(bytes, alignment);
}

void let_go(void* memory) noexcept { std::free(memory); }

}  // namespace detail

void keep_memory_of_this_thread() noexcept { keeper.open(); }

}  // namespace weir
