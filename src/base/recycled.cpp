// SPDX-License-Identifier: Apache-2.0
#include "base/recycled.hpp"

#include <array>
#include <new>

#include "base/sanitizer.hpp"

namespace weir {
namespace {

constexpr std::size_t step_bytes = 128;
constexpr std::size_t class_count = 64;  // up to 8 KiB; what is larger is rare
constexpr std::size_t kept_bytes_max = std::size_t{128} << 10;  // of each size, for each thread

struct Free {
  Free* next;
};

/// What was given back, by size, in steps of 128 bytes.
class Cache {
 public:
  Cache() = default;
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
    --list.count;
    return piece;
  }

  void keep(void* memory, std::size_t size_class) noexcept {
    List& list = lists_[size_class];
    if ((list.count + 1) * (size_class + 1) * step_bytes > kept_bytes_max)
      return ::operator delete(memory);
    list.first = ::new (memory) Free{list.first};
    ++list.count;
  }

 private:
  struct List {
    Free* first = nullptr;
    std::size_t count = 0;
  };
  std::array<List, class_count> lists_;
};

thread_local Cache cache;

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
