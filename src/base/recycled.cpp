// SPDX-License-Identifier: Apache-2.0
#include "base/recycled.hpp"

#include <array>
#include <new>

#include "base/sanitizer.hpp"

namespace weir {
namespace {

constexpr std::size_t step_bytes = 128;
constexpr std::size_t class_count = 64;  // up to 8 KiB; what is larger is rare
constexpr std::size_t kept_bytes_max = std::size_t{256} << 10;  // of each size, for each thread

struct Free {
  Free* next;
};

/// Pieces of one size that nobody has.
struct List {
  Free* first = nullptr;
  std::size_t room = 0;  ///< how many more are kept
};

/// What was given back, by size, in steps of 128 bytes.
class Cache {
 public:
  constexpr Cache() {
    for (std::size_t i = 0; i < class_count; ++i)
      lists_[i].room = kept_bytes_max / ((i + 1) * step_bytes);
  }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache() {
    for (List& list : lists_) {
      while (list.first != nullptr) {
        Free* piece = list.first;
        list.first = piece->next;
        ::operator delete(piece);
      }
    }
  }

  void* take(std::size_t size_class) {
    List& list = lists_[size_class];
    if (list.first == nullptr) return ::operator new((size_class + 1) * step_bytes);
    Free* piece = list.first;
    list.first = piece->next;
    ++list.room;
    return piece;
  }

  void keep(void* memory, std::size_t size_class) noexcept {
    List& list = lists_[size_class];
    if (list.room == 0) return ::operator delete(memory);
    list.first = ::new (memory) Free{list.first};
    --list.room;
  }

 private:
  std::array<List, class_count> lists_;
};

constinit thread_local Cache cache;

/// `class_count` and more: too large to be kept.
std::size_t class_of(std::size_t bytes) { return (bytes - 1) / step_bytes; }

}  // namespace

void* take_recycled(std::size_t bytes) {
  if constexpr (is_address_sanitized) return ::operator new(bytes);
  const std::size_t size_class = class_of(bytes);
  return size_class < class_count ? cache.take(size_class) : ::operator new(bytes);
}

void give_back(void* memory, std::size_t bytes) noexcept {
  if constexpr (is_address_sanitized) return ::operator delete(memory);
  const std::size_t size_class = class_of(bytes);
  if (size_class < class_count) {
    cache.keep(memory, size_class);
  } else {
    ::operator delete(memory);
  }
}

}  // namespace weir
