// SPDX-License-Identifier: Apache-2.0
#include "net/task.hpp"

#include <array>
#include <new>

#include "base/sanitizer.hpp"

namespace weir::net::detail {
namespace {

constexpr std::size_t step_bytes = 128;
constexpr std::size_t class_count = 64;  // frames of up to 8 KiB; larger ones are rare
constexpr std::size_t kept_bytes_max = std::size_t{64} << 10;  // of each size, for each thread

struct FreeFrame {
  FreeFrame* next;
};

/// Frames that ended, by size, in steps of 128 bytes.
class FrameCache {
 public:
  FrameCache() = default;
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;
  ~FrameCache() {
    for (List& list : lists_) {
      while (list.first != nullptr) {
        FreeFrame* frame = list.first;
        list.first = frame->next;
        ::operator delete(frame);
      }
    }
  }

  void* take(std::size_t size_class) {
    List& list = lists_[size_class];
    if (list.first == nullptr) return ::operator new((size_class + 1) * step_bytes);
    FreeFrame* frame = list.first;
    list.first = frame->next;
    --list.count;
    return frame;
  }

  void keep(void* memory, std::size_t size_class) noexcept {
    List& list = lists_[size_class];
    if ((list.count + 1) * (size_class + 1) * step_bytes > kept_bytes_max)
      return ::operator delete(memory);
    list.first = ::new (memory) FreeFrame{list.first};
    ++list.count;
  }

 private:
  struct List {
    FreeFrame* first = nullptr;
    std::size_t count = 0;
  };
  std::array<List, class_count> lists_;
};

thread_local FrameCache cache;

/// `class_count` and more: too large to be kept.
std::size_t class_of(std::size_t bytes) { return (bytes - 1) / step_bytes; }

}  // namespace

void* allocate_frame(std::size_t bytes) {
  const std::size_t size_class = class_of(bytes);
  return !is_address_sanitized && size_class < class_count ? cache.take(size_class)
                                                           : ::operator new(bytes);
}

void release_frame(void* frame, std::size_t bytes) noexcept {
  const std::size_t size_class = class_of(bytes);
  if (!is_address_sanitized && size_class < class_count) {
    cache.keep(frame, size_class);
  } else {
    ::operator delete(frame);
  }
}

}  // namespace weir::net::detail
