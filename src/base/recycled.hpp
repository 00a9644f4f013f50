// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Memory of things that live as long as a request. A request makes dozens of few sizes; each
/// thread keeps those that ended and gives them out again, in less time than a general allocator
/// takes for them: its own caches hold seven of a size, and nothing above a KiB.
namespace weir {

/// At least `bytes`, aligned for any type of ordinary alignment. For any thread.
void* take_recycled(std::size_t bytes);
/// `bytes` is what was asked for. The thread may be another one than that which took it.
void give_back(void* memory, std::size_t bytes) noexcept;

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
