// SPDX-License-Identifier: Apache-2.0
#include "server/memory.hpp"

#include <algorithm>
#include <charconv>
#include <span>

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/files.hpp"

namespace weir::server {
namespace {

/// All of them are short.
constexpr std::size_t file_bytes_max = 16 << 10;

/// The number that `text` begins with; nothing for `max` and everything else.
std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

/// The path of the group in the only hierarchy that version 2 has: the line `0::/path`.
std::optional<std::string> group_path(std::string_view groups) {
  constexpr std::string_view prefix = "0::";
  while (!groups.empty()) {
    const std::string_view line = groups.substr(0, groups.find('\n'));
    groups.remove_prefix(std::min(groups.size(), line.size() + 1));
    if (line.starts_with(prefix)) return std::string(line.substr(prefix.size()));
  }
  return std::nullopt;
}

std::int64_t machine_memory() {
  return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::string> read_system_file(const std::string& path) {
  auto text = store::read_file(path, file_bytes_max);
  if (!text) return std::nullopt;
  return *std::move(text);
}

/// Drops the pages of a loaded file that are as the file has them: code and constants.
int drop_pages(dl_phdr_info* file, std::size_t /*size*/, void* /*context*/) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const auto& segment : std::span(file->dlpi_phdr, file->dlpi_phnum)) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = file->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t first = begin - begin % page;
    void* const address = reinterpret_cast<void*>(first);  // NOLINT(performance-no-int-to-ptr)
    ::madvise(address, begin + segment.p_memsz - first, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

std::int64_t resident_bytes() {
  const auto text = read_system_file("/proc/self/statm");
  if (!text) return 0;
  // The second number is the resident pages.
  const std::size_t second = text->find(' ') + 1;
  return number_of(std::string_view(*text).substr(second)).value_or(0) *
         static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::int64_t> cgroup_memory_max(const FileReader& read) {
  const std::string root = "/sys/fs/cgroup";
  std::optional<std::int64_t> least;
  const auto consider = [&](const std::string& file) {
    const auto text = read(file);
    const auto bytes = text ? number_of(*text) : std::nullopt;
    if (bytes && *bytes > 0) least = std::min(least.value_or(*bytes), *bytes);
  };
  // Inside a container the path may be the host's, which is not there; the root is ours then.
  std::string path = group_path(read("/proc/self/cgroup").value_or("")).value_or("");
  while (path.starts_with('/') && path.size() > 1) {
    consider(root + path + "/memory.max");
    path.erase(path.rfind('/'));
  }
  consider(root + "/memory.max");
  consider(root + "/memory/memory.limit_in_bytes");
  return least;
}

std::int64_t memory_max() {
  const std::int64_t machine = machine_memory();
  return std::min(cgroup_memory_max(read_system_file).value_or(machine), machine);
}

void keep_freed_memory() {
  constexpr int kept_bytes = 4 << 20;        // at the end of each thread's heap
  constexpr int mapped_bytes_min = 2 << 20;  // what is larger is mapped for itself, and unmapped
  // There is no other thread yet.
  ::mallopt(M_TRIM_THRESHOLD, kept_bytes);        // NOLINT(concurrency-mt-unsafe)
  ::mallopt(M_MMAP_THRESHOLD, mapped_bytes_min);  // NOLINT(concurrency-mt-unsafe)
}

void give_back_start() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(drop_pages, nullptr);
}

}  // namespace weir::server
