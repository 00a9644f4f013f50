// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.hpp"

#include <algorithm>
#include <cstddef>

namespace weir {
namespace {

// The newer interface of OpenSSL looks its algorithm up and allocates for every text, which takes
// longer than to hash a short one; libsodium's doesn't use the processor's instructions.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

std::string_view view_of(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Sha256 begun_with(const std::array<char, SHA256_CBLOCK>& key, char pad) {
  std::array<char, SHA256_CBLOCK> block = key;
  for (char& byte : block) byte = static_cast<char>(byte ^ pad);
  Sha256 hash;
  hash.add({block.data(), block.size()});
  return hash;
}

std::array<char, SHA256_CBLOCK> block_of(std::string_view key) {
  std::array<char, SHA256_CBLOCK> block{};
  Sha256Digest short_key{};
  if (key.size() > block.size()) {
    short_key = Sha256().add(key).finish();
    key = view_of(short_key);
  }
  std::copy(key.begin(), key.end(), block.begin());
  return block;
}

}  // namespace

Sha256::Sha256() : state_{} { SHA256_Init(&state_); }

Sha256& Sha256::add(std::string_view bytes) {
  SHA256_Update(&state_, bytes.data(), bytes.size());
  return *this;
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest{};
  SHA256_Final(digest.data(), &state_);
  return digest;
}

HmacSha256::HmacSha256(std::string_view key)
    : inner_(begun_with(block_of(key), 0x36)), outer_(begun_with(block_of(key), 0x5c)) {}

Sha256Digest HmacSha256::of(std::string_view bytes) const {
  const Sha256Digest inner = Sha256(inner_).add(bytes).finish();
  return Sha256(outer_).add(view_of(inner)).finish();
}

}  // namespace weir
