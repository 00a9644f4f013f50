// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <new>

#include "base/sanitizer.hpp"

/// Memory of things that live as long as a request. A request makes dozens of few sizes; a thread
/// that serves requests keeps those that ended and gives them out again, in less time than the
/// general allocator takes for them: its own caches hold seven of a size, and nothing above a KiB.
namespace weir {
namespace detail {

struct FreePiece {
  FreePiece* next;
};

/// Pieces of one size that nobody has.
struct FreePieces {
  FreePiece* first = nullptr;
  std::size_t room = 0;  ///< how many more are kept
};

// Sizes in steps of 16 bytes up to a KiB and of 128 up to 8 KiB; what is larger is rare.
inline constexpr std::size_t small_step_bytes = 16;
inline constexpr std::size_t small_bytes_max = 1024;
inline constexpr std::size_t large_step_bytes = 128;
inline constexpr std::size_t small_size_last = small_bytes_max / small_step_bytes;
inline constexpr std::size_t piece_bytes_max = 8192;
inline constexpr std::size_t piece_size_count =
    small_size_last + (piece_bytes_max - small_bytes_max) / large_step_bytes + 1;

/// By size. The end of the thread is looked after elsewhere: so they can be reached without a look
/// whether they are there yet.
extern constinit thread_local std::array<FreePieces, piece_size_count> free_pieces;

/// Precondition: not more than `piece_bytes_max`.
constexpr std::size_t piece_size_of(std::size_t bytes) noexcept {
  if (bytes <= small_bytes_max) return (bytes + small_step_bytes - 1) / small_step_bytes;
  return small_size_last + (bytes - small_bytes_max + large_step_bytes - 1) / large_step_bytes;
}
constexpr std::size_t bytes_of_piece(std::size_t size) noexcept {
  if (size == 0) return small_step_bytes;  // what is empty has an address, too
  if (size <= small_size_last) return size * small_step_bytes;
  return small_bytes_max + (size - small_size_last) * large_step_bytes;
}

/// From the general allocator, and back to it. The program's `new` builds on these.
void* take_fresh(std::size_t bytes);
void let_go(void* memory) noexcept;

}  // namespace detail

/// From now on this thread keeps what is given back in it, up to 64 KiB of each size, until it
/// ends.
void keep_memory_of_this_thread() noexcept;

/// At least `bytes`, aligned for any type of ordinary alignment. For any thread.
inline void* take_recycled(std::size_t bytes) {
  if (is_address_sanitized || bytes > detail::piece_bytes_max) return detail::take_fresh(bytes);
  const std::size_t size = detail::piece_size_of(bytes);
  detail::FreePieces& free = detail::free_pieces[size];
  if (free.first == nullptr) return detail::take_fresh(detail::bytes_of_piece(size));
  detail::FreePiece* const piece = free.first;
  free.first = piece->next;
  ++free.room;
  return piece;
}

/// `bytes` is what was asked for. The thread may be another one than that which took it.
inline void give_back(void* memory, std::size_t bytes) noexcept {
  if (is_address_sanitized || bytes > detail::piece_bytes_max) return detail::let_go(memory);
  detail::FreePieces& free = detail::free_pieces[detail::piece_size_of(bytes)];
  if (free.room == 0) return detail::let_go(memory);
  free.first = ::new (memory) detail::FreePiece{free.first};
  --free.room;
}

/// Base of classes whose objects are made with `new`; with a virtual destructor also of those
/// derived from them.
struct Recycled {
  static void* operator new(std::size_t bytes) { return take_recycled(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept {
    give_back(memory, bytes);
  }
};

/// For containers that are made anew for every request.
template <class T>
struct RecyclingAllocator {
  using value_type = T;

  RecyclingAllocator() = default;
  template <class Other>
  explicit RecyclingAllocator(const RecyclingAllocator<Other>& /*other*/) noexcept {}

  T* allocate(std::size_t count) { return static_cast<T*>(take_recycled(count * item_bytes)); }
  void deallocate(T* memory, std::size_t count) noexcept {
    give_back(static_cast<void*>(memory), count * item_bytes);
  }
  bool operator==(const RecyclingAllocator&) const = default;

 private:
  // T may well be a pointer: a deque keeps pointers to its pieces.
  static constexpr std::size_t item_bytes = sizeof(T);  // NOLINT(bugprone-sizeof-expression)
};

}  // namespace weir
