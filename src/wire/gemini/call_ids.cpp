// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/call_ids.hpp"

namespace weir::wire::gemini {
namespace {

constexpr std::string_view prefix = "call_gem";
constexpr int hash_digits = 16;
constexpr int ordinal_digits = 5;

void append_hex(std::string& out, std::uint64_t value, int digits) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
    out.push_back(hex[(value >> shift) & 15U]);
  }
}

}  // namespace

// FNV-1a: ids must differ within one conversation, nobody gains from forging one.
CallIds::CallIds(std::string_view seed, std::uint32_t choice) noexcept
    : hash_(0xcbf29ce484222325U) {
  constexpr std::uint64_t prime = 0x100000001b3U;
  for (const char c : seed) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * prime;
  hash_ = (hash_ ^ choice) * prime;
}

std::string CallIds::next() {
  std::string id(prefix);
  append_hex(id, hash_, hash_digits);
  append_hex(id, ordinal_++, ordinal_digits);
  return id;
}

bool is_made_up_call_id(std::string_view id) noexcept {
  return id.size() == prefix.size() + hash_digits + ordinal_digits && id.starts_with(prefix);
}

}  // namespace weir::wire::gemini
