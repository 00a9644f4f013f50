// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// How much memory there is, and how much of it is ours.
namespace weir::server {

/// Memory that this process holds now; 0 when nobody can say.
[[nodiscard]] std::int64_t resident_bytes();

/// Reads a small file of the system; nothing when there is none.
using FileReader = std::function<std::optional<std::string>(const std::string& path)>;

/// The least that the control groups of this process allow, in bytes; nothing where they bound
/// nothing. Source: the kernel's documentation of cgroup v2 (`memory.max`) and v1
/// (`memory.limit_in_bytes`).
[[nodiscard]] std::optional<std::int64_t> cgroup_memory_max(const FileReader& read);

/// What the process may use: that of its control groups, at most that of the machine.
[[nodiscard]] std::int64_t memory_max();

/// Lets the allocator keep a few MiB of what is freed. As it comes, it gives pages back after each
/// large body and takes them again for the next; of a 200 KB prompt's time that was half. Before
/// the first thread starts.
void keep_freed_memory();

/// Lets go of what only the start has needed: freed memory, and the pages of the program and its
/// libraries, of which those still in use come back from the page cache when they are touched.
void give_back_start();

}  // namespace weir::server
