// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

/// FNV-1a. For spreading, not against those who want collisions.
constexpr std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 1469598103934665603ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

/// `hash` with every bit of it spread over all others (the finalizer of splitmix64).
constexpr std::uint64_t mixed(std::uint64_t hash) noexcept {
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31U);
}

/// Hash of how a prompt begins: what prompt caches of engines and providers go by.
constexpr std::uint64_t prefix_hash_of(std::string_view prompt) noexcept {
  constexpr std::size_t prefix_bytes = 1024;
  return hash_of(prompt.substr(0, prefix_bytes));
}

}  // namespace weir
