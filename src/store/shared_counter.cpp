// SPDX-License-Identifier: Apache-2.0
#include "store/shared_counter.hpp"

#include <atomic>
#include <cerrno>
#include <climits>
#include <ctime>
#include <system_error>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "store/descriptor.hpp"

namespace weir::store {
namespace {

Error failed(const std::string& path) {
  return {ErrorCode::store_unavailable,
          "can't use " + path + ": " + std::generic_category().message(errno)};
}

}  // namespace

Result<SharedCounter> SharedCounter::open(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return failed(path);
  // Its length never changes again: who has it in memory must not find its end moved.
  if (::posix_fallocate(file.get(), 0, sizeof(std::uint32_t)) != 0) return failed(path);
  void* const word =
      ::mmap(nullptr, sizeof(std::uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (word == MAP_FAILED) return failed(path);
  return SharedCounter(static_cast<std::uint32_t*>(word));
}

SharedCounter::~SharedCounter() {
  if (word_ != nullptr) ::munmap(word_, sizeof *word_);
}

std::uint32_t SharedCounter::value() const {
  return std::atomic_ref(*word_).load(std::memory_order_acquire);
}

void SharedCounter::advance() {
  std::atomic_ref(*word_).fetch_add(1, std::memory_order_release);
  ::syscall(SYS_futex, word_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void SharedCounter::wait(std::uint32_t seen, std::chrono::milliseconds at_most) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at_most);
  const timespec limit{static_cast<time_t>(seconds.count()),
                       static_cast<long>(std::chrono::nanoseconds(at_most - seconds).count())};
  ::syscall(SYS_futex, word_, FUTEX_WAIT, seen, &limit, nullptr, 0);
}

}  // namespace weir::store
